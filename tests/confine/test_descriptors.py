#!/usr/bin/env python3
"""Nobody keeps what the starter of Mayfly happened to have open: the command is started with odd
descriptors of every kind, and what its processes have open then is compared with a list.

usage: test_descriptors.py MAYFLY GUEST ISOLATION
GUEST is the program of programs.c.
"""

import contextlib
import ctypes
import os
import pathlib
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

MAYFLY, GUEST = (pathlib.Path(sys.argv.pop(1)).resolve() for _ in range(2))
ISOLATION = sys.argv.pop(1)
LIMIT = 60  # seconds for one command
SETTLED = 10  # seconds for a new process to close what it does not need
SKIP = 77
SOFT_LIMIT = 128

STREAM = r"/dev/null|pipe:|socket:"
MONITOR = {
    "kvm": ["/dev/kvm", r"/proc/\d+/pagemap", "/memfd:mayfly-image", "/memfd:mayfly-window",
            "socket:", "socket:", "socket:", "anon_inode:kvm-vm", r"anon_inode:kvm-vcpu.*"],
    "process": [".*/process_guest", "/memfd:mayfly-image", "/memfd:mayfly-shared",
                "/memfd:mayfly-window", "socket:", "socket:", "socket:", "socket:", "pipe:", "pipe:",
                "pipe:"],
}
WITH_ROOT = ["socket:", "socket:"]
GUEST_PROCESS = ["/memfd:mayfly-shared", "socket:", "pipe:", "pipe:"]
ROOTD = ["socket:", "/dev/null", "pipe:", "/.*", "socket:"]
# Of the accelerator host any number of each.
ACCELD = ["/dev/null", "socket:", "pipe:", "/memfd:.*", r"anon_inode:\[eventpoll\]",
          r"anon_inode:\[eventfd\]", r"anon_inode:\[signalfd\]", r"anon_inode:\[pidfd\]", "pid:",
          r"anon_inode:landlock-ruleset", ".*/mayfly/acceld.*", "/proc/.*", ".*/cgroup.*"]


def system_call(number, *arguments):
    """A descriptor, or None where this machine does not have that kind."""
    result = ctypes.CDLL(None, use_errno=True).syscall(number, *arguments)
    return result if result >= 0 else None


class Odd:
    """Descriptors of every kind, none of which is closed by execve(2)."""

    def __init__(self, folder):
        secret = folder / "secret"
        secret.write_text("secret\n", encoding="ascii")
        os.mkfifo(folder / "fifo")
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(folder / "listener"))
        listener.listen()
        self.objects = [listener, *socket.socketpair(), socket.socket(socket.AF_INET)]
        parameters = ctypes.create_string_buffer(256)
        mask = ctypes.c_uint64(0)
        found = {
            "directory": os.open(folder, os.O_RDONLY | os.O_DIRECTORY),
            "root": os.open("/", os.O_PATH),
            "path": os.open(secret, os.O_PATH),
            "file": os.open(secret, os.O_RDWR),
            "fifo": os.open(folder / "fifo", os.O_RDWR),
            "memfd": os.memfd_create("odd", 0),
            "null": os.open("/dev/null", os.O_RDWR),
            "zero": os.open("/dev/zero", os.O_RDWR),
            "processes": os.open("/proc", os.O_RDONLY | os.O_DIRECTORY),
            "memory": os.open("/proc/self/mem", os.O_RDONLY),
            "pidfd": os.pidfd_open(os.getpid()),
            "eventfd": os.eventfd(0),
            "epoll": system_call(291, 0),
            "inotify": system_call(294, 0),
            "timerfd": system_call(283, 1, 0),
            "signalfd": system_call(289, -1, ctypes.byref(mask), 8, 0),
            "io_uring": system_call(425, 4, parameters),
            "userfaultfd": system_call(323, 1),
            "kvm": os.open("/dev/kvm", os.O_RDWR) if os.access("/dev/kvm", os.W_OK) else None,
            "pipe": os.pipe()[0],
        }
        found |= {f"socket {i}": one.detach() for i, one in enumerate(self.objects)}
        self.kinds = {kind: number for kind, number in found.items() if number is not None}
        for number in self.kinds.values():
            os.set_inheritable(number, True)
        self.identities = {self.identity(os.getpid(), number) for kind, number in self.kinds.items()
                           if kind not in ("null", "kvm")} - {None}

    @staticmethod
    def identity(pid, number):
        """What the descriptor leads to; None where many have the same."""
        try:
            link = os.readlink(f"/proc/{pid}/fd/{number}")
            status = os.stat(f"/proc/{pid}/fd/{number}")
        except OSError:
            return None
        return None if link.startswith("anon_inode") else (status.st_dev, status.st_ino)

    def start(self):
        """In the child: others beyond the limit of descriptors, which is lowered then."""
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        for number in self.kinds.values():
            os.dup2(number, SOFT_LIMIT + 400 + number, inheritable=True)
        resource.setrlimit(resource.RLIMIT_NOFILE, (SOFT_LIMIT, hard))


def descriptors(pid):
    found = {}
    for number in os.listdir(f"/proc/{pid}/fd"):
        try:
            found[int(number)] = os.readlink(f"/proc/{pid}/fd/{number}")
        except FileNotFoundError:
            pass
    return found


def children(pid):
    """Of any of its threads."""
    try:
        return [int(child) for task in pathlib.Path(f"/proc/{pid}/task").iterdir()
                for child in (task / "children").read_text().split()]
    except OSError:
        return []


def program_of(pid):
    return os.path.basename(os.readlink(f"/proc/{pid}/exe"))


def matches(pattern, link):
    return re.fullmatch(f"(?:{pattern})" + r"(\[\d+\])?", link)


def unmatched(links, patterns):
    """Links for which there is no pattern left, and patterns that nothing matched."""
    left, odd = list(patterns), []
    for link in links:
        one = next((pattern for pattern in left if matches(pattern, link)), None)
        if one:
            left.remove(one)
        else:
            odd.append(link)
    return odd, left


class Descriptors(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="mayfly-descriptors-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.odd = Odd(self.folder)
        self.addCleanup(lambda: [os.close(number) for number in self.odd.kinds.values()])
        (self.folder / "run").mkdir(mode=0o700)
        self.environment = {**os.environ, "XDG_RUNTIME_DIR": str(self.folder / "run"),
                            "VACCEL_PLUGINS": "noop"}

    def start(self, request, *options, **streams):
        streams = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE,
                   **streams}
        process = subprocess.Popen([MAYFLY, "run", f"--isolation={ISOLATION}", *options],
                                   env=self.environment, close_fds=False,
                                   preexec_fn=self.odd.start, **streams)
        self.addCleanup(self.end, process)
        if process.stdin:
            with contextlib.suppress(BrokenPipeError):  # it may have ended
                process.stdin.write(request)
                process.stdin.close()
        return process

    @staticmethod
    def end(process):
        process.kill()
        process.wait(LIMIT)
        for stream in (process.stdout, process.stderr):
            if stream:
                stream.close()

    def wait_for(self, find):
        """What `find` finds when it finds something."""
        end = time.monotonic() + LIMIT
        while not (found := find()):
            self.assertLess(time.monotonic(), end)
            time.sleep(0.01)
        return found

    def find_monitor(self, broker):
        """When it is at work, it has a window, and a machine or a guest process."""
        for child in children(broker):
            try:
                links = descriptors(child).values()
                guests = [guest for guest in children(child) if program_of(guest) == "process_guest"]
            except PermissionError:
                self.skipTest("processes in other namespaces cannot be looked into here")
            except OSError:
                continue
            window = any(link.startswith("/memfd:mayfly-window") for link in links)
            if window and (guests if ISOLATION == "process" else
                           any("kvm-vcpu" in link for link in links)):
                return child
        return None

    def check(self, pid, patterns):
        links = [link.removesuffix(" (deleted)") for link in descriptors(pid).values()]
        odd, left = unmatched(links, patterns)
        self.assertEqual((odd, left), ([], []), f"{program_of(pid)} has {sorted(links)}")
        self.check_identities(pid)

    def check_identities(self, pid):
        for number in descriptors(pid):
            self.assertNotIn(Odd.identity(pid, number), self.odd.identities,
                             descriptors(pid).get(number))

    def settle(self, pid, patterns):
        """A new process closes first what it does not need."""
        end = time.monotonic() + SETTLED
        while True:
            try:
                return self.check(pid, patterns)
            except AssertionError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.05)

    def check_monitor(self, broker, *more):
        monitor = self.wait_for(lambda: self.find_monitor(broker))
        self.settle(monitor, [STREAM, STREAM, STREAM, *MONITOR[ISOLATION], *more])
        self.wait_for(lambda: self.check_guests(monitor))

    def check_guests(self, monitor):
        """False where one ended meanwhile, as that of the set-up does: then those that are there now count."""
        try:
            for guest in children(monitor):
                self.settle(guest, GUEST_PROCESS)
        except (FileNotFoundError, ProcessLookupError):
            return False
        return True

    def test_monitor(self):
        process = self.start(b"w", "--timeout=60s", GUEST)
        self.check_monitor(process.pid)

    def test_monitor_that_writes_files(self):
        statistics, trace = self.folder / "statistics", self.folder / "trace"
        process = self.start(b"w", "--timeout=60s", f"--stats={statistics}", f"--trace={trace}",
                             GUEST)
        self.check_monitor(process.pid, str(trace))

    def test_server_of_a_root(self):
        root = self.folder / "root"
        root.mkdir()
        shutil.copy(GUEST, root / "guest")
        process = self.start(b"w", "--timeout=60s", f"--root={root}", "/guest")
        self.check_monitor(process.pid, *WITH_ROOT)
        servers = [child for child in children(process.pid) if program_of(child) == "mayfly-rootd"]
        self.assertEqual(len(servers), 1)
        self.settle(servers[0], ROOTD)

    def accelerator_hosts(self):
        """All processes of the one in our run-time directory: supervisor and workers."""
        wanted = f"XDG_RUNTIME_DIR={self.folder / 'run'}".encode()
        found = []
        for folder in pathlib.Path("/proc").iterdir():
            try:
                if folder.name.isdigit() and b"acceld" in (folder / "cmdline").read_bytes() and \
                        wanted in (folder / "environ").read_bytes().split(b"\0"):
                    found.append(int(folder.name))
            except OSError:
                continue
        return found

    def settle_host(self, host):
        """A new process closes first what it does not need."""
        end = time.monotonic() + SETTLED
        while True:
            links = [link.removesuffix(" (deleted)") for link in descriptors(host).values()]
            odd = [link for link in links if not any(matches(pattern, link) for pattern in ACCELD)]
            if not odd or time.monotonic() > end:
                break
            time.sleep(0.05)
        self.assertEqual(odd, [], f"{program_of(host)} has {sorted(links)}")
        self.check_identities(host)

    def test_accelerator_host(self):
        process = self.start(b"a", "--timeout=60s", GUEST)
        told = process.stderr.read()
        self.assertEqual(process.wait(LIMIT), 0, told)
        hosts = self.accelerator_hosts()
        try:
            self.assertGreaterEqual(len(hosts), 2, told)
            for host in hosts:
                self.settle_host(host)
        finally:
            for host in hosts:
                try:
                    os.kill(host, signal.SIGTERM)
                except ProcessLookupError:
                    pass

    def test_streams_that_are_none(self):
        """A directory would be a way into the file system; a path as well."""
        for flags, why in ((os.O_RDONLY | os.O_DIRECTORY, b"is a directory"),
                           (os.O_PATH, b"is a directory"), (None, b"is a path (O_PATH)")):
            place = self.folder if flags is not None else self.folder / "secret"
            for stream in ("stdin", "stdout", "stderr"):
                number = os.open(place, os.O_PATH if flags is None else flags)
                process = self.start(b"x", GUEST, **{stream: number})
                told = process.stderr.read() if process.stderr else None
                os.close(number)
                self.assertEqual(process.wait(LIMIT), 125, told)
                if told is not None:
                    self.assertIn(why, told)

    def test_streams_that_are_closed_or_odd(self):
        """Closed ones are no others' files; odd ones are what they are."""
        for closed in ("0<&-", "1>&-", "0<&- 1>&-", "0<&- 1>&- 2>&-"):
            result = subprocess.run(
                ["sh", "-c", f'"$@" {closed}', "sh", MAYFLY, "run", f"--isolation={ISOLATION}",
                 GUEST], env=self.environment, capture_output=True, timeout=LIMIT, check=False)
            self.assertIn(result.returncode, (0, 1, 125), result.stderr)
        for kind in ("memfd", "eventfd", "epoll", "timerfd", "zero", "socket 3", "pidfd", "inotify"):
            if kind in self.odd.kinds:
                process = self.start(b"", "--timeout=300ms", GUEST, stdin=self.odd.kinds[kind])
                self.assertIn(process.wait(LIMIT), (0, 1, 124, 125), process.stderr.read())


def main():
    probe = subprocess.run([MAYFLY, "run", f"--isolation={ISOLATION}", GUEST], input=b"x",
                           capture_output=True, timeout=LIMIT, check=False)
    if probe.returncode == 125 and b"cannot be had" in probe.stderr:
        print(probe.stderr.decode(errors="replace"))
        sys.exit(SKIP)
    unittest.main(verbosity=2)


main()
