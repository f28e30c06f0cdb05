"""The processes that come from this one: children, and who lost its parent on the way."""
import ctypes
import os
import pathlib
import signal
import time

PR_SET_CHILD_SUBREAPER = 36
HOST = "mayfly-acceld"
# Forked by their host, and named by what they are. Children of this process where they lost that.
WORKER = b"acceld-worker"
FORKED = (WORKER, b"acceld-zygote", b"acceld-tenant", b"acceld-optimise")


def adopt_orphans():
    """Whoever loses its parent becomes a child of this process."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def children(known=()):
    """Process ids and names of children that are not `known`; those that have ended are reaped, so
    `known` are those for whose status somebody else waits."""
    found = {}
    for task in pathlib.Path("/proc/self/task").iterdir():
        try:
            listed = (task / "children").read_text().split()
        except OSError:
            continue  # a thread that has just ended
        for pid in map(int, listed):
            if pid in known:
                continue
            try:
                name = pathlib.Path(f"/proc/{pid}/comm").read_bytes().strip()
                if name not in FORKED:
                    name = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0]
                stat = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
            except OSError:
                continue
            if stat.rpartition(")")[2].split()[0] == "Z":
                try:
                    os.waitpid(pid, os.WNOHANG)
                except ChildProcessError:
                    pass
            else:
                found[pid] = pathlib.Path(name.decode()).name
    return found


def hosts(known=()):
    return [pid for pid, name in children(known).items() if name == HOST]


def workers(host):
    """The workers of an accelerator host: one, or none for a moment."""
    try:
        forked = pathlib.Path(f"/proc/{host}/task/{host}/children").read_text().split()
        return [int(pid) for pid in forked
                if pathlib.Path(f"/proc/{pid}/comm").read_bytes().strip() == WORKER]
    except OSError:
        return []


def end_hosts():
    """Ends the accelerator hosts that runs have left."""
    for patience in range(500):
        serving = hosts()
        if not serving:
            return
        for pid in serving:
            os.kill(pid, signal.SIGTERM if patience < 300 else signal.SIGKILL)
        time.sleep(0.01)


def left_after(seconds):
    """The children but hosts that are still there after so long."""
    end = time.monotonic() + seconds
    while True:
        left = {pid: name for pid, name in children().items() if name != HOST}
        if not left or time.monotonic() > end:
            return left
        time.sleep(0.01)
