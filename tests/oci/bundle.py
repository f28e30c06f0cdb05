"""Bundles, and a runtime that is run on them without any engine."""
import copy
import ctypes
import itertools
import json
import os
import pathlib
import shutil
import signal
import subprocess

from steps import COMMAND_S, Ended, until

BUSYBOX = "/bin/busybox"
APPLETS = ("sh", "cat", "echo", "env", "false", "head", "hostname", "id", "kill", "ls", "mkdir", "ln", "pwd", "seq",
           "sleep", "stat", "test", "touch", "true", "ulimit", "umask", "stty", "wc", "dd", "mkfifo", "timeout")
PR_SET_CHILD_SUBREAPER = 36
CONFIG = {
    "ociVersion": "1.0.2",
    "process": {"terminal": False, "user": {"uid": 0, "gid": 0}, "args": ["true"], "env": ["PATH=/bin"], "cwd": "/"},
    "root": {"path": "rootfs", "readonly": False},
    "hostname": "named",
    "mounts": [{"destination": "/proc", "type": "proc", "source": "proc"},
               {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["mode=755"]},
               {"destination": "/dev/pts", "type": "devpts", "source": "devpts",
                "options": ["newinstance", "ptmxmode=0666"]}],
    "linux": {"namespaces": [{"type": kind} for kind in ("mount", "network", "ipc", "uts")]},
}


def adopt_orphans():
    """From now on, what a runtime leaves running is this process' child, as it would be an engine's."""
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")


def reap():
    """Waits for children that have ended and that nobody asks about."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


def fill_root(root):
    for folder in "bin", "etc", "tmp", "dev", "proc", "sys", "data":
        (root / folder).mkdir(parents=True)
    (root / "tmp").chmod(0o1777)
    (root / "etc/passwd").write_text("root:x:0:0::/:/bin/sh\nada:x:1000:1000::/tmp:/bin/sh\n", encoding="ascii")
    (root / "etc/group").write_text("root:x:0:\nada:x:1000:\nplus:x:77:\n", encoding="ascii")
    shutil.copy(BUSYBOX, root / "bin/busybox")
    for applet in APPLETS:
        (root / "bin" / applet).symlink_to("busybox")


class Bundle:
    """A directory with a configuration and a root of its own."""

    def __init__(self, folder):
        self.folder, self.root = folder, folder / "rootfs"
        folder.mkdir()
        fill_root(self.root)
        self.config = copy.deepcopy(CONFIG)

    def process(self, *args, **members):
        """Names the program; other members of "process" as given."""
        self.config["process"].update(args=list(args), **members)
        return self

    def shell(self, text, **members):
        return self.process("sh", "-c", text, **members)

    def write(self):
        text = self.config if isinstance(self.config, str) else json.dumps(self.config)
        (self.folder / "config.json").write_text(text, encoding="utf-8", errors="surrogateescape")
        return self


class Runtime:
    """The runtime under test, with a root for its state and a log; and bundles for it."""

    def __init__(self, program, folder):
        self.program, self.folder = program, folder
        self.is_mayfly = os.path.basename(program) == "mayfly-oci"
        self.root, self.log = folder / "state", folder / "log"
        self.numbers = itertools.count()
        self.environment = dict(os.environ)
        if self.is_mayfly:
            self.environment["MAYFLY_LIBDIR"] = os.path.dirname(program)

    def globals(self):
        return ["--root", str(self.root), "--log", str(self.log), "--log-format", "json"]

    def bundle(self):
        return Bundle(self.folder / f"bundle{next(self.numbers)}")

    def name(self):
        return f"c{next(self.numbers)}"

    def __call__(self, *words, feed=None, streams=None, options=None, directory=None, limit=COMMAND_S):
        """Runs one command to its end. Its output goes into files, which a container may keep open; `streams`
        are others for it. The log is a new one each time."""
        self.log.unlink(missing_ok=True)
        command = [self.program, *(self.globals() if options is None else options), *(str(word) for word in words)]
        out, err = self.folder / "out", self.folder / "err"
        with open(out, "wb") as to, open(err, "wb") as complaints:
            with subprocess.Popen(command, stdin=subprocess.DEVNULL if feed is None else subprocess.PIPE,
                                  stdout=streams or to, stderr=streams or complaints, env=self.environment,
                                  cwd=directory) as process:
                try:
                    process.communicate(feed.encode() if feed is not None else None, limit)
                    status = process.returncode
                except subprocess.TimeoutExpired:
                    process.kill()
                    status = None
        return Ended(command, status, out.read_text(errors="replace"), err.read_text(errors="replace"))

    def log_lines(self):
        return self.log.read_text(errors="replace").splitlines() if self.log.exists() else []

    def create(self, bundle, name=None, options=()):
        return Container(self, bundle.write(), name or self.name(), options)

    def run(self, bundle, *options, feed=None):
        """`run` of a bundle, whose container it deletes."""
        return self("run", "--bundle", bundle.write().folder, *options, self.name(), feed=feed)

    def state(self, name):
        """What `state` says, or None."""
        ended = self("state", name)
        return json.loads(ended.out) if ended.status == 0 else None

    def status(self, name):
        return (self.state(name) or {}).get("status")


class Container:
    """One made by `create`, as an engine does it. Its output goes to a file; its process is this one's child."""

    def __init__(self, runtime, bundle, name, options):
        self.runtime, self.bundle, self.name = runtime, bundle, name
        self.output, self.pid_file = bundle.folder / f"{name}.output", bundle.folder / f"{name}.pid"
        self.exit = None
        with open(self.output, "wb") as output:
            self.made = runtime("create", "--bundle", bundle.folder, "--pid-file", self.pid_file, *options, name,
                                streams=output)
        self.pid = int(self.pid_file.read_text()) if self.made.status == 0 else None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        """Whatever a step left of it goes."""
        self.runtime("delete", "--force", self.name)
        self.wait(10)

    def said(self):
        return self.output.read_text(errors="replace")

    def __str__(self):
        return f"{self.made}\n    said {self.said()[-600:]!r}\n    log {self.runtime.log_lines()}"

    def ended(self):
        """Whether its process has ended; then `exit` is what an engine makes of that."""
        if self.exit is None and self.pid:
            try:
                pid, status = os.waitpid(self.pid, os.WNOHANG)
            except ChildProcessError:
                self.exit = "no child of who created it"
                return True
            if pid:
                code = os.waitstatus_to_exitcode(status)
                self.exit = code if code >= 0 else 128 - code
        return self.exit is not None or not self.pid

    def wait(self, limit=60):
        """The exit status, when it has ended."""
        until(self.ended, limit)
        return self.exit

    def start(self):
        return self.runtime("start", self.name)

    def kill(self, number=signal.SIGKILL):
        return self.runtime("kill", self.name, int(number))

    def delete(self, *options):
        return self.runtime("delete", *options, self.name)


def files_below(folder):
    """All names below a folder, and what each is."""
    found = {}
    for base, folders, files in os.walk(folder):
        for name in folders + files:
            path = os.path.join(base, name)
            status = os.lstat(path)
            found[os.path.relpath(path, folder)] = (status.st_mode, status.st_size, status.st_mtime_ns)
    return found


def host_folder(runtime, name):
    """A folder that belongs to the host: no container may reach it."""
    folder = pathlib.Path(runtime.folder, name)
    folder.mkdir()
    (folder / "secret").write_text("the host's secret\n", encoding="ascii")
    return folder
