#!/bin/sh
# Runs in an emulated guest with a vsock, which has neither plugins nor models: what do the photographs show,
# by the accelerator host that vsock reaches? The host of this test compares.
export PATH=/bin VACCEL_LOG_LEVEL=1

say() { # NAME VACCEL_RPC_ADDRESS PHOTO…
	name=$1 address=$2
	shift 2
	answer=$(VACCEL_RPC_ADDRESS=$address /classify "$@" 2>&1)
	status=$?
	echo "$name: $(echo "$answer" | tr '\n' '|') exit $status"
}

/echo 1024 &
say own vsock://2:2048 /dog.jpg /large.jpg
wait $!
echo "echo: exit $?"
say alone "" /dog.jpg
say nobody vsock://2:2049 /dog.jpg
say again vsock://2:2048 /dog.jpg
