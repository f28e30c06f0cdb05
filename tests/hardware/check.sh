#!/bin/sh
# Runs in the emulated machine, as its only program: does Mayfly hold on a processor with SVM, where
# SYSCALL enters ring 0, and on a kernel without PAGEMAP_SCAN? Prints a line for each check.
export MAYFLY_LIBDIR=/mayfly
mayfly="/mayfly/mayfly run --isolation=kvm"

check() { # NAME WANTED GOT
	if [ "$2" = "$3" ]; then
		echo "ok: $1"
	else
		echo "not ok: $1: wanted '$2', got '$3'"
	fi
}

# The exit status of a deed, and the words of its report in between.
falls() { # DEED STATUS WORDS [TIMEOUT]
	report=$(echo x | $mayfly --timeout="${4:-60s}" /mayfly/tests/system/deeds "$1" 2>&1)
	check "$1: status" "$2" "$?"
	case $report in
	*"$3"*) echo "ok: $1: report" ;;
	*) echo "not ok: $1: no '$3' in: $report" ;;
	esac
}

uname -r
check "a library OS beside a program" "$(echo abc | busybox sha256sum)" \
	"$(echo abc | $mayfly /bin/busybox sha256sum)"
check "clones" "Hello, Ada!" "$(echo Ada | $mayfly --repeat=200 hello)"
check "nothing stays" "clean" "$(echo x | $mayfly --repeat=20 /mayfly/tests/system/deeds traces 2>&1 | tail -n 1)"
falls null 139 "page fault reading 0 (a null pointer) at read_null"
falls write-code 139 "page fault writing"
falls execute-data 139 "page fault executing"
falls stack 139 "below the stack: it overflowed"
falls divide 136 "division error at divide_by_zero"
falls invalid 132 "invalid instruction"
falls halt 139 "general protection fault"
falls spin 124 "--timeout" 3s
/mayfly/tests/monitor/test_isolation kvm
check "small guests" 0 $?
/mayfly/tests/monitor/test_page_area kvm
check "the mapping area" 0 $?
/mayfly/tests/monitor/test_root_pages kvm
check "large pages of a root image" 0 $?
/mayfly/tests/monitor/test_raw /mayfly/tests/monitor/raw-guest.img
check "devices, and a virtual CPU in a snapshot" 0 $?
/mayfly/tests/kernels/torture/test_torture /mayfly/tests/kernels/torture/torture /mayfly/torture.txt
check "what a kernel sees of its processor" 0 $?
/mayfly/tests/kernels/hostile/test_hostile_kernels /mayfly/tests/kernels/hostile/hostile_kernel
check "kernels that attack" 0 $?
/mayfly/tests/kernels/test_kernel
check "kernels in ring 0" 0 $?
/mayfly/tests/kernels/test_virtio_guest
check "a kernel with virtio devices" 0 $?
. /both_ways.sh
# Last: QEMU 7.2 keeps the watchpoints of a guest's debug registers behind the guest's end, and fails an
# assertion where the frame of an exception is written to one (cpu_check_watchpoint()).
/mayfly/tests/kernels/test_kernel_attacks
check "hostile kernels in ring 0" 0 $?
. /cgroups.sh
