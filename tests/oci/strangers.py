"""What strangers decide, and what other users of the host see: annotations, terminals, and commands that were ended."""
import contextlib
import fcntl
import os
import pathlib
import shutil
import signal
import socket
import stat

from process import console
from steps import until

MARKS = {"io.kubernetes.cri": ("container-type", "sandbox-id"), "io.kubernetes.cri-o": ("ContainerType", "SandboxID")}


def executable(pid):
    try:
        return os.path.basename(os.readlink(f"/proc/{pid}/exe"))
    except OSError:
        return ""


def marked(check, runtime):
    """a container that says that it is a pod's"""
    if not runtime.is_mayfly:
        return
    for prefix, (kind, pod) in MARKS.items():
        for what, more in (("alone", {}), ("of another container", {f"{prefix}.{pod}": "other"}),
                           ("without a name", {f"{prefix}.{pod}": ""})):
            bundle = runtime.bundle().process("sleep", "600")
            bundle.config["annotations"] = {f"{prefix}.{kind}": "sandbox", **more}
            with runtime.create(bundle) as container:
                container.start()
                check(f"{prefix}, {what}: is in a machine", executable(container.pid) == "mayfly-oci", container)
    bundle = runtime.bundle().process("sleep", "600")
    name = runtime.name()
    bundle.config["annotations"] = {"io.kubernetes.cri.container-type": "sandbox", "io.kubernetes.cri.sandbox-id": name,
                                    "io.kubernetes.cri-o.ContainerType": "container"}
    with runtime.create(bundle, name) as container:
        container.start()
        check("two engines that disagree: is in a machine", executable(container.pid) == "mayfly-oci", container)
    if not shutil.which("runc") and not shutil.which("crun"):
        return
    bundle, name = runtime.bundle().process("sleep", "600"), runtime.name()
    bundle.config["annotations"] = {"io.kubernetes.cri.container-type": "sandbox", "io.kubernetes.cri.sandbox-id": name}
    with runtime.create(bundle, name) as container:
        container.start()
        check("a pod's own: is another runtime's", until(lambda: executable(container.pid) == "busybox", 10), container)


def terminals(check, runtime):
    """a terminal"""
    bundle = runtime.bundle().process("cat", terminal=True, user={"uid": 1000, "gid": 1000})
    with console(runtime) as (path, _):
        with runtime.create(bundle, options=("--console-socket", path)) as container:
            status = os.stat(f"/proc/{container.pid}/fd/0")
            check("is no other user's", stat.S_ISCHR(status.st_mode) and status.st_uid == 0
                  and not status.st_mode & stat.S_IROTH, status)


def left_by_the_killed(check, runtime):
    """what a command that was killed left"""
    container = runtime.create(runtime.bundle().process("sleep", "600"))
    folder = pathlib.Path(runtime.root, container.name)
    (folder / "state.json.a1B2c3").write_text("{", encoding="ascii")
    (folder / "config.json.XyZ012").write_text("", encoding="ascii")
    ended = container.delete("--force")
    container.wait(10)
    check("is deleted", ended.status == 0 and not folder.exists(), ended)
    for name in os.listdir(folder) if folder.exists() else ():
        (folder / name).unlink()


def is_locked(folder):
    """Whether a command has the lock of a container."""
    with open(folder / "lock", "rb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def stuck(check, runtime):
    """delete --force"""
    container = runtime.create(runtime.bundle().process("sleep", "600"))
    os.kill(container.pid, signal.SIGSTOP)  # so that `start` waits
    child = os.fork()
    if not child:
        runtime("start", container.name, limit=60)
        os._exit(0)
    until(lambda: is_locked(runtime.root / container.name), 10)
    ended = runtime("delete", "--force", container.name, limit=20)
    check("does not wait for a start that hangs", ended.status == 0, ended)
    os.kill(container.pid, signal.SIGKILL) if ended.status is None else None
    os.waitpid(child, 0)
    container.wait(10)
    container.delete("--force")


def killed_while_paused(check, runtime):
    """kill of a paused one"""
    with runtime.create(runtime.bundle().process("sleep", "600")) as container:
        container.start()
        paused = runtime("pause", container.name)
        ended = container.kill()
        check("ends it", paused.status == 0 and ended.status == 0 and container.wait(10) == 137, ended)


def descriptors(check, runtime):
    """descriptors of an engine"""
    secret = runtime.folder / "secret"
    secret.write_text("engine", encoding="ascii")
    fd = os.open(secret, os.O_RDONLY)
    os.set_inheritable(fd, True)
    os.dup2(fd, 77)
    bundle = runtime.bundle().process("sleep", "600")
    with runtime.create(bundle) as container:
        container.start()
        seen = {}
        for pid in (entry for entry in os.listdir("/proc") if entry.isdigit()):
            try:
                if not executable(pid).startswith("mayfly"):
                    continue
                for number in os.listdir(f"/proc/{pid}/fd"):
                    seen[f"{executable(pid)} {pid} {number}"] = os.readlink(f"/proc/{pid}/fd/{number}")
            except OSError:
                pass
        check("reach nothing of ours", seen and str(secret) not in seen.values(), seen)
    os.close(fd)
    os.close(77)
    secret.unlink()


def group_of_others(check, runtime):
    """a control group that has those of others in it"""
    with runtime.create(runtime.bundle().process("sleep", "600")) as inner:
        inner.start()
        bundle = runtime.bundle().process("sleep", "600")
        bundle.config["linux"]["cgroupsPath"] = "/mayfly-oci"  # where the inner one's is
        with runtime.create(bundle) as outer:
            check("is refused", outer.made.status == 1 or not runtime.is_mayfly, outer)
        check("the other one lives", runtime.status(inner.name) == "running" or not runtime.is_mayfly, inner)


def deaf_console(check, runtime):
    """a console's socket that nobody listens at"""
    path = runtime.folder / f"console{next(runtime.numbers)}"
    with socket.socket(socket.AF_UNIX) as listener, contextlib.ExitStack() as held:
        listener.bind(str(path))
        listener.listen(0)
        with contextlib.suppress(BlockingIOError):  # its queue is full
            for _ in range(8):
                client = held.enter_context(socket.socket(socket.AF_UNIX))
                client.setblocking(False)
                client.connect(str(path))
        with runtime.create(runtime.bundle().process("true", terminal=True), options=("--console-socket", path)) as made:
            check("is given up", made.made.status == 1, made)
    path.unlink()


ALL = (marked, terminals, left_by_the_killed, stuck, killed_while_paused, descriptors, group_of_others,
       deaf_console)
