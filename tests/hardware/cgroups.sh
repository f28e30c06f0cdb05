#!/bin/sh
# Runs in the emulated machine after check.sh, which has check(): are monitors held by a control
# group, where it may be made, and what is left of it afterwards?
mayfly="/mayfly/mayfly run --isolation=kvm"
top=/sys/fs/cgroup
page=/tmp/said

# The groups of runs that there are below $1.
groups() {
	find "$1" -type d -name 'mayfly-run-*'
}

# Waits for what a command says to be something, or nothing where $1 is "no"; 30 s at most.
await() { # WANTED COMMAND...
	wanted=$1
	shift
	for _ in $(seq 300); do
		said=$("$@" 2>/dev/null)
		case $wanted in
		no) [ -z "$said" ] && return ;;
		*) [ -n "$said" ] && return ;;
		esac
		usleep 100000
	done
}

# Starts a run that waits, in $place with options, and sets $group and $broker.
begin() { # PLACE OPTION...
	place=$1
	shift
	$mayfly --timeout=10m "$@" /bin/busybox sleep 600 2>$page &
	broker=$!
	await some groups "$place"
	group=$(groups "$place")
	await some cat "$group/cgroup.procs"
}

# The processes of $group that run the program $1.
members() {
	for pid in $(cat "$group/cgroup.procs"); do
		[ "$(cat /proc/$pid/comm)" = "$1" ] && echo $pid
	done
}

# Waits for the run's end, whose status and words are to be these, and for its group's end.
finish() { # NAME STATUS WORDS
	wait $broker
	check "$1: status" "$2" "$?"
	case $(cat $page) in
	*"$3"*) echo "ok: $1: report" ;;
	*) echo "not ok: $1: no '$3' in: $(cat $page)" ;;
	esac
	check "$1: the group is gone" "" "$(groups $top)"
}

refused() { # NAME WORDS OPTION...
	name=$1
	words=$2
	shift 2
	said=$($mayfly "$@" hello 2>&1 </dev/null)
	check "$name: status" 125 "$?"
	case $said in
	*"$words"*) echo "ok: $name: report" ;;
	*) echo "not ok: $name: no '$words' in: $said" ;;
	esac
}

one_of() { # NAME FILE LEAST MOST
	value=$(cat "$2")
	if [ "$value" -ge "$3" ] && [ "$value" -le "$4" ]; then
		echo "ok: $1"
	else
		echo "not ok: $1: $2 is $value"
	fi
}

check "doctor" "ok" "$(/mayfly/mayfly doctor | awk '$2 == "cgroup_limits" { print $1 }')"

# Somebody passes processor time on, too.
echo +cpu >$top/cgroup.subtree_control
/mayfly/tests/confine/test_cgroup
check "groups" 0 $?
/mayfly/tests/oci/parts/test-oci-cgroup-files
check "files of groups of containers" 0 $?
/mayfly/tests/oci/parts/test-oci-cgroup
check "groups of containers" 0 $?

begin $top
one_of "memory" "$group/memory.max" $((512 << 20)) $((1024 << 20))
one_of "processes" "$group/pids.max" 4 64
check "all at once" 1 "$(cat "$group/memory.oom.group")"
check "no processor time asked for" "max 100000" "$(cat "$group/cpu.max")"
check "the broker is outside" "0::/" "$(cat /proc/$broker/cgroup)"
kill -9 $(members mayfly-monitor)
finish "a killed monitor" 125 "signal 9"

# The wall is behind all that guests can do, and what may be written into a tmpfs.
for isolation in kvm process; do
	echo x | $mayfly --isolation=$isolation --repeat=2 --memory=32M --timeout=2m \
		/mayfly/tests/system/deeds exhaust
	check "guests that use all their memory: $isolation" 3 $?
done
begin $top >/tmp/response
one_of "a response in memory" "$group/memory.max" $((1536 << 20)) $((2048 << 20))
kill -9 $(members mayfly-monitor)
finish "a response that does not come" 125 "signal 9"

begin $top
echo 64K >"$group/memory.max"
finish "too much memory" 125 "(memory.max)"

begin $top
kill -9 $broker
wait $broker
await no cat "$group/cgroup.procs"
check "a killed broker leaves its group" "$group" "$(groups $top)"
check "the next run" "Hello, Ada!" "$(echo Ada | $mayfly hello)"
check "it cleans up" "" "$(groups $top)"

begin $top --isolation=process
await some members process_guest
check "a guest process is held, too" 1 "$(members process_guest | grep -c .)"
kill -9 $(members mayfly-monitor)
finish "a killed monitor of processes" 125 "signal 9"

begin $top --root=/
check "so is the server of a root" 1 "$(members mayfly-rootd | grep -c .)"
kill -9 $(members mayfly-monitor)
finish "a killed monitor with a root" 125 "signal 9"

mkdir $top/named $top/full
begin $top/named --cgroup=$top/named --cpus=0.25
check "processor time" "25000 100000" "$(cat "$group/cpu.max")"
kill -9 $(members mayfly-monitor)
finish "in a named group" 125 "signal 9"
sleep 100 &
echo $! >$top/full/cgroup.procs
refused "a group with processes" "there are processes in it" --cgroup=$top/full
refused "a group that is none" "is no control group" --cgroup=/tmp
refused "no group at all" "No such file" --cgroup=$top/nothing

# Alone in a group, Mayfly moves out of it; with others it is left as it is.
mkdir $top/own
sh -c "echo 0 >$top/own/cgroup.procs; exec $mayfly /bin/busybox sleep 3" &
await some groups $top/own
check "a group of its own" 1 "$(groups $top/own | grep -c .)"
wait $!
check "it served" 0 $?
mkdir $top/self
echo Ada >/tmp/ada
said=$(sh -c "echo 0 >$top/self/cgroup.procs; exec $mayfly --cgroup=self hello" </tmp/ada)
check "the same by its name" "Hello, Ada!" "$said"
mkdir $top/shared
check "a group with others" "Hello, Ada!" "$(sh -c "echo 0 >$top/shared/cgroup.procs;
	echo Ada | $mayfly hello; true")"
check "nothing is left there" "" "$(find $top/shared -mindepth 1 -type d)"

# A group that was given to a user.
mkdir /etc $top/users
echo "ada:x:1000:1000::/tmp:/bin/sh" >/etc/passwd
chmod 666 /dev/kvm
chown ada $top/users $top/users/cgroup.procs $top/users/cgroup.subtree_control
cat >/tmp/as-ada <<END
mkdir $top/users/shell
echo 0 >$top/users/shell/cgroup.procs
$mayfly /bin/busybox sleep 3
END
(
	echo 0 >$top/users/cgroup.procs
	exec su ada -c "sh /tmp/as-ada"
) &
await some groups $top/users
group=$(groups $top/users)
one_of "a user's memory" "$group/memory.max" $((512 << 20)) $((1024 << 20))
wait $!
check "the user's run" 0 $?
check "the user's group is gone" "" "$(groups $top)"
