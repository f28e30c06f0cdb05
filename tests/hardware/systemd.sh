#!/bin/sh
# Runs in the emulated machine that systemd rules, as a service that no control group is delegated
# to; after check.sh's check() and cgroups.sh's begin() and finish().
mayfly="/mayfly/mayfly run --isolation=process"

check "not delegated" 125 "$($mayfly --cgroup=self --cpus=0.5 hello </dev/null >$page 2>&1; echo $?)"

begin $top --cgroup=systemd
check "a scope of its own" "mayfly-$broker.scope" "$(basename "$(dirname "$group")")"
# More than in a virtual machine: guest processes have a file for pages that they share.
one_of "its memory" "$group/memory.max" $((512 << 20)) $((1536 << 20))
check "the broker is in it" 1 "$(grep -c "mayfly-$broker.scope/mayfly-broker-" /proc/$broker/cgroup)"
kill -9 $(members mayfly-monitor)
finish "a killed monitor in a scope" 125 "signal 9"
await no find $top -name "mayfly-$broker.scope"
check "the scope is gone" "" "$(find $top -name "mayfly-*.scope")"

begin $top --cpus=0.25
check "processor time in a scope" "25000 100000" "$(cat "$group/cpu.max")"
kill -9 $(members mayfly-monitor)
finish "for processor time" 125 "signal 9"

echo Ada >/tmp/ada
check "a run in a scope" "Hello, Ada!" "$($mayfly --cgroup=systemd hello </tmp/ada)"

# A user, by the user's own manager.
cat >/tmp/as-ada <<END
export MAYFLY_LIBDIR=/mayfly XDG_RUNTIME_DIR=/run/user/1000 HOME=/tmp
exec $mayfly --cgroup=systemd --cpus=0.25 /bin/busybox sleep 5
END
su ada -c "sh /tmp/as-ada" &
await some groups $top
group=$(groups $top)
case $group in
*/ada.service/*/mayfly-*.scope/mayfly-run-*) echo "ok: a user's scope" ;;
*) echo "not ok: a user's scope: '$group'" ;;
esac
check "a user's processor time" "25000 100000" "$(cat "$group/cpu.max")"
wait $!
check "the user's run in a scope" 0 $?
check "nobody's manager" 125 "$(su bob -c "MAYFLY_LIBDIR=/mayfly HOME=/tmp $mayfly --cgroup=systemd hello" </tmp/ada >$page 2>&1; echo $?)"
check "what it says" 1 "$(grep -c "cannot reach the systemd of this user" $page)"

/mayfly/tests/oci/parts/test-oci-cgroup-files
check "files of groups of containers" 0 $?
/mayfly/tests/oci/parts/test-oci-cgroup
check "scopes of containers" 0 $?
