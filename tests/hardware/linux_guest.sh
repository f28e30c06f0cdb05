#!/bin/sh
# Runs in the emulated machine with SVM: Mayfly boots the machine's own kernel as its guest, which runs
# linux_inner.sh. Its vsock leads through this machine to the accelerator host of the host. The host of
# this test compares.
export PATH=/bin MAYFLY_LIBDIR=/mayfly

tunctl -t tap0 >/dev/null
ip address add 10.0.0.1/24 dev tap0
ip link set tap0 up
seq 100000 | head -c 65536 >/tmp/disk
echo "disk: $(sha256sum </tmp/disk)"
/relay /tmp/v.sock_2048 2048 &
run="/mayfly/mayfly run --isolation=kvm --timeout=100s --memory=160M"
inner="$run --initrd=/inner --block:disk=/tmp/disk --net:net=tap0 --vsock=/tmp/v.sock"
$inner /vmlinuz quiet </dev/null
echo "ended: $?"
head -c 2000000 /vmlinuz >/tmp/cut
echo "cut off: $($run /tmp/cut 2>&1)"
$run --memory=20M /vmlinuz 2>&1 | sed 's/^/too large: /'
own=/mayfly/tests/hardware/pvh-kernel
echo "own kernel: $($run $own hello 2>&1 </dev/null) $?"
