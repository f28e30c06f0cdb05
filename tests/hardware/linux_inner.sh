#!/bin/busybox sh
# The first program of a Linux kernel that runs in Mayfly, in the emulated machine.
/bin/busybox --install -s /bin
export PATH=/bin VACCEL_LOG_LEVEL=1
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devices /dev
echo "inner: $(uname -r)"
for module in $(cat /modules/list); do insmod /modules/$module.ko; done
echo "inner disk: $(sha256sum </dev/vda)"
ip address add 10.0.0.2/24 dev eth0
ip link set eth0 up
ping -c 3 -i 0.2 -W 5 10.0.0.1 | sed -n 's/^\([0-9]* packets.*\)/inner ping: \1/p'
dd if=/dev/hwrng bs=16 count=1 2>/dev/null | wc -c | sed 's/^/inner randomness: /'
answer=$(VACCEL_RPC_ADDRESS=vsock://2:2048 /classify /dog.jpg 2>&1)
status=$?
echo "inner own: $(echo "$answer" | tr '\n' '|') exit $status"
poweroff -f
