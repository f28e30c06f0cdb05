"""A place of a test's own: namespaces, and control groups below one that goes with it.

The process namespace ends whatever the test started, and what is compared before and after is the test's
own only, on a machine that has other work.
"""
import os
import pathlib
import signal
import subprocess
import sys

from steps import must, until

INSIDE = "MAYFLY_TEST_PLACE"
CGROUPS = pathlib.Path("/sys/fs/cgroup")
NAMESPACES = ("--mount", "--net", "--pid", "--uts", "--ipc", "--cgroup", "--fork", "--kill-child", "--mount-proc")
OPTIONS_OF_MOUNTS = {"rw", "ro", "xattr", "clone_children", "noprefix", "cpuset_v2_mode"}


def hierarchies():
    """The mounted hierarchies of control groups of version 1, by their options."""
    lines = [line.split() for line in pathlib.Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()]
    return {",".join(option for option in line[-1].split(",") if option not in OPTIONS_OF_MOUNTS):
            pathlib.Path(line[4]) for line in lines if line[line.index("-") + 1] == "cgroup"}


def make_groups():
    """Makes a group in each hierarchy. Returns them."""
    groups = []
    for mount in hierarchies().values():
        groups.append(mount / f"mayfly-test-{os.getpid()}")
        groups[-1].mkdir()
        for name in "cpuset.cpus", "cpuset.mems":  # empty ones, and nothing can enter
            if (mount / name).exists():
                (groups[-1] / name).write_text((mount / name).read_text(encoding="ascii"), encoding="ascii")
    return groups


def remove_groups(groups):
    for group in groups:
        for folder, _, _ in os.walk(group):  # what is frozen cannot be killed
            frozen = pathlib.Path(folder, "freezer.state")
            if frozen.exists():
                frozen.write_text("THAWED", encoding="ascii")
        for folder, _, _ in os.walk(group, topdown=False):
            until(lambda folder=folder: removed(folder), 5)


def removed(folder):
    try:
        os.rmdir(folder)
    except OSError:  # what was killed has not left yet
        return not os.path.exists(folder)
    return True


def why_no_groups():
    """The reason why a test can have no control groups of its own, or None."""
    if not hierarchies():
        return "this machine has no control groups of version 1"
    groups = []
    try:
        groups = make_groups()
    except OSError as error:
        return f"no control groups can be made: {error}"
    finally:
        remove_groups(groups)
    return None


def enter(script, arguments, groups):
    """Runs the script again with the same arguments in namespaces, and in the groups. Returns its status."""
    def join():
        for group in groups:
            (group / "cgroup.procs").write_text("0", encoding="ascii")

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # a test that takes too long cleans up, too
    try:
        return subprocess.run(["unshare", *NAMESPACES, os.path.abspath(script), *arguments],
                              env={**os.environ, INSIDE: "1"}, check=False, preexec_fn=join).returncode
    finally:
        remove_groups(groups)


def be_init():
    """Forks; the parent, process 1 of the namespace, reaps orphans until the child has ended."""
    child = os.fork()
    while child:
        ended, status = os.wait()
        if ended == child:
            os._exit(os.waitstatus_to_exitcode(status) & 0xff)


def mount_groups():
    """Mounts the hierarchies without version 2 beside them, which crun would refuse. The groups of this process
    are their roots."""
    options = hierarchies()
    must("umount", "-R", "-l", CGROUPS)
    must("mount", "-t", "tmpfs", "groups", CGROUPS)
    for option in options:
        place = CGROUPS / option.removeprefix("name=")
        place.mkdir()
        must("mount", "-t", "cgroup", "-o", f"none,{option}" if "=" in option else option, "group", place)


def cgroups():
    """All control groups that are there."""
    return sorted(folder for folder, _, _ in os.walk(CGROUPS))


def mounts():
    """Mount points, each as often as it is mounted."""
    lines = pathlib.Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()
    return sorted(line.split()[4] for line in lines)


def processes():
    """Command lines of all processes here but this one."""
    found = []
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().split(b"\0")
            if int(folder.name) != os.getpid() and words[0]:
                found.append(b" ".join(words).decode(errors="replace").strip())
        except OSError:
            pass  # it ended meanwhile
    return sorted(found)
