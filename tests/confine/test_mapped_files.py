#!/usr/bin/env python3
"""Files that a monitor maps, snapshots and root images: what others may write is refused, and one that
is cut off under a monitor ends it with a sentence.

usage: test_mapped_files.py MAYFLY GUEST ISOLATION
GUEST is the program of programs.c.
"""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

MAYFLY, GUEST = (pathlib.Path(sys.argv.pop(1)).resolve() for _ in range(2))
ISOLATION = sys.argv.pop(1)
LIMIT = 60  # seconds for one command
SKIP = 77
BUSYBOX = "/bin/busybox"
OTHER = 12345  # a user that nobody is


# A sanitizer would report SIGBUS itself.
for options in ("ASAN_OPTIONS", "TSAN_OPTIONS"):
    os.environ[options] = f"{os.environ.get(options, '')}:handle_sigbus=0"


def mayfly(verb, *arguments, request=b"x"):
    options = [] if verb == "root" else [f"--isolation={ISOLATION}"]
    return subprocess.run([MAYFLY, verb, *options, *map(str, arguments)], input=request,
                          capture_output=True, timeout=LIMIT, check=False)


class MappedFiles(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="mayfly-mapped-")
        cls.addClassCleanup(folder.cleanup)
        cls.folder = pathlib.Path(folder.name)
        tree = cls.folder / "tree"
        (tree / "etc").mkdir(parents=True)
        shutil.copy(GUEST, tree / "guest")
        if os.access(BUSYBOX, os.X_OK):
            shutil.copy(BUSYBOX, tree / "busybox")
        (tree / "etc" / "hostname").write_bytes(os.urandom(8 << 20))
        cls.image, cls.snapshot = cls.folder / "tree.img", cls.folder / "guest.snap"
        for result in (mayfly("root", "build", tree, "-o", cls.image),
                       mayfly("snapshot", "-o", cls.snapshot, GUEST)):
            assert result.returncode == 0, result.stderr

    def runs(self):
        """How each kind of file is used."""
        return {self.image: [f"--root={self.image}", "/guest"], self.snapshot: [self.snapshot]}

    def check_refused(self, change, undo, *words):
        for file, arguments in self.runs().items():
            change(file)
            try:
                result = mayfly("run", *arguments)
            finally:
                undo(file)
            told = result.stderr.decode()
            self.assertEqual(result.returncode, 125, told)
            for word in words:
                self.assertIn(word, told)
            result = mayfly("run", *arguments)
            self.assertEqual(result.returncode, 0, result.stderr)

    def test_everybody_may_write_it(self):
        for mode in (0o666, 0o602, 0o777):
            self.check_refused(lambda file: file.chmod(mode), lambda file: file.chmod(0o644),
                               "can be written by everybody", "chmod go-w")

    def test_another_user_owns_it(self):
        if os.geteuid():
            self.skipTest("only root gives files away")
        self.check_refused(lambda file: os.chown(file, OTHER, OTHER),
                           lambda file: os.chown(file, 0, 0), "belongs to another user", "copy")

    def test_a_group_may_write_it(self):
        if os.geteuid():
            self.skipTest("only root gives files to other groups")
        def change(file):
            os.chown(file, 0, OTHER)
            file.chmod(0o664)
        def undo(file):
            os.chown(file, 0, 0)
            file.chmod(0o644)
        self.check_refused(change, undo, "can be written by its group", "chmod go-w")

    def test_root_of_a_snapshot(self):
        file = self.folder / "rooted.snap"
        result = mayfly("snapshot", "-o", file, f"--root={self.image}", "/guest")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.image.chmod(0o666)
        result = mayfly("run", file)
        self.image.chmod(0o644)
        self.assertEqual(result.returncode, 125, result.stderr)
        self.assertIn(b"can be written by everybody", result.stderr)
        self.assertEqual(mayfly("run", file).returncode, 0)

    def cut_off(self, file, *arguments):
        """While the monitor waits for its request."""
        with subprocess.Popen([MAYFLY, "run", f"--isolation={ISOLATION}", *map(str, arguments)],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE) as process:
            end = time.monotonic() + LIMIT
            while not self.is_at_work(process.pid) and time.monotonic() < end:
                time.sleep(0.02)
            os.truncate(file, 4096)
            told = process.communicate(b"l" * 100, timeout=LIMIT)[1].decode()
            return process.returncode, told

    @staticmethod
    def is_at_work(pid):
        try:
            for child in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
                for number in os.listdir(f"/proc/{child}/fd"):
                    if "mayfly-window" in os.readlink(f"/proc/{child}/fd/{number}"):
                        return True
        except OSError:
            pass
        return False

    def test_snapshot_that_is_cut_off(self):
        file = self.folder / "cut.snap"
        shutil.copy(self.snapshot, file)
        status, told = self.cut_off(file, file)
        self.assertEqual(status, 125, told)
        self.assertIn("was cut off", told)
        self.assertEqual(told.count("\n"), 1, told)

    def test_root_image_that_is_cut_off(self):
        if not os.access(BUSYBOX, os.X_OK):
            self.skipTest("there is no busybox")
        file = self.folder / "cut.img"
        shutil.copy(self.image, file)
        status, told = self.cut_off(file, f"--root={file}", "/busybox", "cat", "-", "/etc/hostname")
        self.assertEqual(status, 125, told)
        self.assertIn("was cut off", told)
        self.assertEqual(told.count("\n"), 1, told)

    def test_file_that_is_replaced(self):
        """Another file of the same name is none of the monitor's."""
        file = self.folder / "replaced.snap"
        shutil.copy(self.snapshot, file)
        with subprocess.Popen([MAYFLY, "run", f"--isolation={ISOLATION}", file],
                              stdin=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            end = time.monotonic() + LIMIT
            while not self.is_at_work(process.pid) and time.monotonic() < end:
                time.sleep(0.02)
            (self.folder / "new").write_bytes(b"new")
            os.rename(self.folder / "new", file)
            told = process.communicate(b"x", timeout=LIMIT)[1]
            self.assertEqual(process.returncode, 0, told)


def main():
    probe = mayfly("run", GUEST)
    if probe.returncode == 125 and b"cannot be had" in probe.stderr:
        print(probe.stderr.decode(errors="replace"))
        sys.exit(SKIP)
    unittest.main(verbosity=2)


main()
