#!/usr/bin/env python3
"""Nobody reads what a run writes, or nobody writes what it reads: it ends at its deadline all the
same.

usage: test_unread.py MAYFLY ACCELD ISOLATION
Exits with 77, saying why, where this machine cannot run the test.
"""

import contextlib
import fcntl
import os
import pathlib
import pty
import select
import subprocess
import sys
import tempfile
import termios
import unittest

MAYFLY, ACCELD = (pathlib.Path(sys.argv.pop(1)).resolve() for _ in range(2))
ISOLATION = sys.argv.pop(1)
BUSYBOX = "/bin/busybox"
TIMEOUT = "--timeout=1s"
LIMIT = 60  # seconds, which only a run that hangs takes
SKIP = 77
DEADLINE, FAILED, SEGV = 124, 125, 128 + 11

SHELL = (BUSYBOX, "sh", "-c")
NOISE = "read a; while :; do echo noise >&2; done"
WORDS = "read a; while :; do echo words; done"
CRASH = "read a; kill -SEGV $$"
QUIET = "read a; exit 3"


def fill(descriptor):
    """Writes until nothing more is taken."""
    os.set_blocking(descriptor, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(descriptor, b"x")
    os.set_blocking(descriptor, True)


class Unread(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def hold(self, *descriptors):
        for descriptor in descriptors:
            self.addCleanup(os.close, descriptor)

    def full_pipe(self):
        reader, writer = os.pipe()
        self.hold(reader, writer)
        fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
        fill(writer)
        return writer

    def full_terminal(self):
        """With a byte of room, which is not enough for the end of a line."""
        master, slave = pty.openpty()
        self.hold(master, slave)
        fill(slave)
        os.read(master, 1)
        return slave

    def stopped_terminal(self):
        master, slave = pty.openpty()
        self.hold(master, slave)
        termios.tcflow(slave, termios.TCOOFF)
        self.addCleanup(termios.tcflow, slave, termios.TCOON)
        return slave

    def fifo(self):
        path = self.folder / "fifo"
        os.mkfifo(path)
        reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        writer = os.open(path, os.O_WRONLY)
        self.hold(reader, writer)
        fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
        fill(writer)
        return path

    def start(self, *arguments, verb="run", **streams):
        streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL,
                   "stderr": subprocess.DEVNULL, **streams}
        command = [MAYFLY, verb, f"--isolation={ISOLATION}", TIMEOUT, *arguments]
        return subprocess.Popen([str(word) for word in command], **streams)

    def end(self, process):
        """Its status; not by run(), which waits for ever for what cannot be killed."""
        try:
            return process.wait(LIMIT)
        except subprocess.TimeoutExpired:
            process.kill()
            raise

    def status(self, *arguments, **keywords):
        return self.end(self.start(*arguments, **keywords))

    def expect_for_outputs(self, stream, program, status):
        """The same for each kind of output that takes nothing; side by side, as all wait."""
        outputs = {
            "pipe": self.full_pipe(),
            "full terminal": self.full_terminal(),
            "stopped terminal": self.stopped_terminal(),
        }
        processes = {name: self.start(*SHELL, program, **{stream: output})
                     for name, output in outputs.items()}
        found = {name: self.end(process) for name, process in processes.items()}
        self.assertEqual(found, dict.fromkeys(outputs, status))

    def test_log(self):
        self.expect_for_outputs("stderr", NOISE, DEADLINE)

    def test_response(self):
        self.expect_for_outputs("stdout", WORDS, DEADLINE)

    def test_crash_report(self):
        self.expect_for_outputs("stderr", CRASH, SEGV)

    def test_log_of_one_request_of_many(self):
        self.assertEqual(self.status("--repeat=3", *SHELL, NOISE, stderr=self.full_pipe()),
                         DEADLINE)

    def test_trace(self):
        """A trace of little is written at the end, for which nothing is stopped any more."""
        runs = [self.start("--trace", *SHELL, QUIET, stderr=self.full_pipe()),
                self.start("--trace", *SHELL, WORDS, stderr=self.full_pipe()),
                self.start(f"--trace={self.fifo()}", *SHELL, NOISE)]
        self.assertEqual([self.end(run) for run in runs], [3, DEADLINE, DEADLINE])

    def test_statistics(self):
        """The program's status is told first: it says more."""
        fifo = self.fifo()
        runs = [self.start("--stats", *SHELL, QUIET, stderr=self.full_pipe()),
                self.start(f"--stats={fifo}", *SHELL, QUIET),
                self.start(f"--stats={fifo}", *SHELL, "read a; exit 0")]
        self.assertEqual([self.end(run) for run in runs], [3, 3, FAILED])

    def test_errors_of_the_command(self):
        output = self.full_pipe()
        self.assertEqual(self.status(self.folder / "nothing", stderr=output), FAILED)

    def test_snapshot(self):
        file = self.folder / "file.snap"
        self.assertEqual(self.status("-o", file, *SHELL, "while :; do echo noise >&2; done",
                                     verb="snapshot", stderr=self.full_pipe()), DEADLINE)
        self.assertFalse(file.exists())

    def test_input_that_never_comes(self):
        reader, writer = os.pipe()
        self.hold(reader, writer)
        runs = [self.start(*SHELL, QUIET, stdin=reader),
                self.start("--repeat=2", *SHELL, QUIET, stdin=reader)]
        self.assertEqual([self.end(run) for run in runs], [DEADLINE, DEADLINE])

    def test_who_shares_the_descriptor_does_not_notice(self):
        reader, writer = os.pipe()
        self.hold(reader, writer)
        self.assertEqual(self.status(*SHELL, QUIET, stderr=writer, stdout=writer), 3)
        self.assertTrue(os.get_blocking(writer))

    def test_log_of_the_accelerator_host(self):
        reader, writer = os.pipe()
        environment = {**os.environ, "MAYFLY_LOG": "debug", "XDG_RUNTIME_DIR": str(self.folder),
                       "VACCEL_PLUGINS": ""}
        host = subprocess.Popen([ACCELD, "--foreground", f"--ready-fd={writer}"],
                                pass_fds=[writer], stderr=self.full_pipe(), env=environment)
        os.close(writer)
        self.hold(reader)
        try:
            self.assertTrue(select.select([reader], [], [], LIMIT)[0])
            self.assertEqual(os.read(reader, 1), b"\n")
        finally:
            host.terminate()
            self.end(host)


if __name__ == "__main__":
    check = subprocess.run([MAYFLY, "run", f"--isolation={ISOLATION}", BUSYBOX, "true"],
                           stdin=subprocess.DEVNULL, capture_output=True, check=False)
    if check.returncode:
        print(f"skipped: {check.stderr.decode()}")
        sys.exit(SKIP)
    unittest.main()
