"""What people do with containerd's own command."""
import re
import time

from rig import STATE, runtime_path
from steps import must, run, until


class Ctr:
    """ctr with one runtime, in containerd's namespace `rig`."""

    def __init__(self, runtime):
        self.runtime = runtime
        self.options = ("--runc-binary", runtime_path(runtime))

    def __call__(self, *words, **options):
        return run("ctr", "-n", "rig", *words, **options)

    def load(self, archives):
        for archive in archives:
            must("ctr", "-n", "rig", "image", "import", archive)

    def run(self, *words, **options):
        return self("run", *self.options, *words, **options)

    def status(self, name):
        found = re.search(rf"^{name}\s+\d+\s+(\w+)", self("task", "ls").out, re.M)
        return found[1] if found else None

    def remove(self, name):
        self("task", "kill", "-s", "9", name)
        until(lambda: self.status(name) in (None, "STOPPED"))
        self("task", "rm", name)
        self("container", "rm", name)


def foreground(check, ctr):
    """run"""
    name = f"run-{ctr.runtime}"
    ended = ctr.run("--rm", "localhost/hello:1", name)
    check("says hello", (ended.status, ended.out) == (0, "hello from a container\n"), ended)
    ended = ctr.run("--rm", "localhost/hello:1", name, "/bin/hello", "42")
    check("gives the status on", ended.status == 42, ended)
    ended = ctr.run("--rm", "--env", "GIVEN=x", "--cwd", "/etc", "localhost/box:1", name, "sh", "-c", "echo $GIVEN; pwd")
    check("environment and directory", ended.out == "x\n/etc\n", ended)
    ended = ctr.run("--rm", "localhost/box:1", name, "/no/such/program")
    check("says what is not there", ended.status != 0 and "no/such/program" in ended.err + ended.out, ended)
    check("and leaves nothing", ctr.status(name) is None and name not in ctr("container", "ls").out,
          ctr("container", "ls"))


def detached(check, ctr):
    """task"""
    name = f"task-{ctr.runtime}"
    ended = ctr.run("-d", "localhost/box:1", name, "sh", "-c",
                    "trap 'exit 3' TERM; while true; do sleep 0.1; done")
    if not check("starts", ended.status == 0 and until(lambda: ctr.status(name) == "RUNNING"), ended):
        return
    ended = ctr("task", "exec", "--exec-id", "one", name, "sh", "-c", "echo inside; exit 7")
    check("exec", (ended.status, ended.out) == (7, "inside\n"), ended)
    ended = ctr("task", "exec", "--exec-id", "two", "--cwd", "/etc", name, "pwd")
    check("exec once more", (ended.status, ended.out) == (0, "/etc\n"), ended)
    ended = ctr("task", "ps", name)
    check("ps", ended.status == 0 and re.search(r"^\d+", ended.out, re.M), ended)
    ended = ctr("task", "metrics", name)
    check("metrics", ended.status == 0 and "memory" in ended.out, ended)
    ended = ctr("task", "pause", name)
    check("pause", ended.status == 0 and ctr.status(name) == "PAUSED", f"{ended} {ctr.status(name)}")
    ended = ctr("task", "resume", name)
    check("resume", ended.status == 0 and ctr.status(name) == "RUNNING", f"{ended} {ctr.status(name)}")
    ended = ctr("task", "rm", name)
    check("a running one is not removed", ended.status != 0, ended)
    time.sleep(0.3)  # for the trap
    ended = ctr("task", "kill", "-s", "SIGTERM", name)
    check("kill", ended.status == 0 and until(lambda: ctr.status(name) == "STOPPED"), f"{ended} {ctr.status(name)}")
    ended = ctr("task", "rm", name)
    check("its status", "code 3\"" in ended.err, ended)
    ended = ctr("container", "rm", name)
    check("rm", ended.status == 0, ended)


def killed(check, ctr):
    """kill"""
    name = f"kill-{ctr.runtime}"
    ctr.run("-d", "localhost/box:1", name, "sleep", "600")
    until(lambda: ctr.status(name) == "RUNNING")
    ended = ctr("task", "kill", "-a", "-s", "SIGKILL", name)
    check("kill --all", ended.status == 0 and until(lambda: ctr.status(name) == "STOPPED"), ended)
    ended = ctr("task", "rm", name)
    check("137", "code 137\"" in ended.err, ended)
    ctr("container", "rm", name)


def shim_killed(check, ctr):
    """crash"""
    name = f"crash-{ctr.runtime}"
    ctr.run("-d", "localhost/box:1", name, "sleep", "600")
    until(lambda: ctr.status(name) == "RUNNING")
    shims = [line.split()[0] for line in run("ps", "-eo", "pid,args").out.splitlines()
             if "containerd-shim-runc-v2" in line and f"-id {name}" in line]
    check("has a shim", len(shims) == 1, shims)
    run("kill", "-9", *shims)
    check("without its shim a container is ended", until(lambda: ctr.status(name) in (None, "STOPPED", "UNKNOWN")),
          ctr.status(name))
    ctr.remove(name)

    def left():
        return [line for line in run("ps", "-eo", "pid,args").out.splitlines() if name in line]

    check("nothing of it is left", until(lambda: not left()), left())


ALL = (foreground, detached, killed, shim_killed)
