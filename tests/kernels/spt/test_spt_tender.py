#!/usr/bin/env python3
"""Images of Solo5 for spt, by the command and by its tender: what they print, how they end, and what
is said of images and devices that are not as they should be.

usage: test_spt_tender.py MAYFLY TENDER PLAIN DEVICES REQUEST
The last three are guest.c with other manifests.
"""
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import unittest

MAYFLY, TENDER, PLAIN, DEVICES, REQUEST = (pathlib.Path(path).resolve() for path in sys.argv[1:6])
del sys.argv[1:]
HVT = TENDER.with_name("solo5-hvt")
LIMIT = 60  # seconds for one command
ABI_TARGET, ABI_VERSION = 20, 24  # in the note, which is the first thing that is loaded


class WithFolder(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.tender = self.folder / "solo5-spt"  # as it is installed
        self.tender.symlink_to(TENDER)

    def run_it(self, *command, request=b""):
        return subprocess.run(list(map(str, command)), input=request, capture_output=True,
                              timeout=LIMIT, check=False)

    def mayfly(self, *arguments, request=b""):
        return self.run_it(MAYFLY, "run", *arguments, request=request)

    def expect(self, result, status, output=b"", says=""):
        self.assertEqual((result.returncode, result.stdout), (status, output), result.stderr)
        self.assertIn(says.encode(), result.stderr)


class Guests(WithFolder):
    def test_hello(self):
        for command in ([MAYFLY, "run"], [MAYFLY, "run", "--isolation=process"], [self.tender]):
            self.expect(self.run_it(*command, PLAIN, "hello", "to", "you"), 0, b"Hello, to you\n")

    def test_what_holds_it(self):
        """Nobody chose, and it says what was taken."""
        result = self.mayfly("--stats=json", PLAIN, "exit", 0)
        figures = json.loads(result.stderr)
        self.assertEqual((figures["isolation"], figures["way"]), ("process", "direct"))
        environment = os.environ | {"MAYFLY_LOG": "info"}
        result = subprocess.run([MAYFLY, "run", PLAIN, "exit", "0"], capture_output=True, timeout=LIMIT, check=False,
                                env=environment)
        self.assertIn(b"no virtual machine, and is held in by process isolation", result.stderr)
        self.assertIn(b"isolation is process (direct)", result.stderr)

    def test_status(self):
        for status in (0, 7, 255):
            self.expect(self.mayfly(PLAIN, "exit", status), status)
            self.expect(self.run_it(self.tender, PLAIN, "exit", status), status)

    def test_crashes(self):
        cases = {"write-text": signal.SIGSEGV, "run-data": signal.SIGSEGV,
                 "run-heap": signal.SIGSEGV, "illegal": signal.SIGILL,
                 "call 39 0 0 0 0 0 0": signal.SIGSYS}
        for deed, number in cases.items():
            with self.subTest(deed):
                self.expect(self.mayfly(PLAIN, deed), 128 + number, b"", "crashed: ")
                self.expect(self.run_it(self.tender, PLAIN, deed), -number, b"", "crashed: ")

    def test_memory(self):
        self.expect(self.mayfly("--memory=64M", PLAIN, "begin"), 0, b"64 MiB\n")
        self.expect(self.run_it(self.tender, PLAIN, "begin"), 0, b"512 MiB\n")
        self.expect(self.run_it(self.tender, "--mem=32", PLAIN, "begin"), 0, b"32 MiB\n")

    def test_executable_heap(self):
        self.expect(self.run_it(self.tender, "--x-exec-heap", PLAIN, "run-heap"), 0, b"executed\n")
        self.expect(self.run_it(self.tender, "--x-exec-heap", PLAIN, "write-text"),
                    -signal.SIGSEGV, b"", "crashed: ")
        result = self.run_it(HVT, "--x-exec-heap", PLAIN)
        self.assertIn(b"unknown option", result.stderr)

    def test_inherited_personality(self):
        """Readable memory cannot be executed either where the starter says that it can."""
        result = self.run_it("setarch", "-X", MAYFLY, "run", PLAIN, "run-heap")
        self.expect(result, 128 + signal.SIGSEGV, b"", "crashed: ")

    def test_deadline(self):
        for deed, output in (("spin", b"spinning\n"), ("hang", b"")):
            self.expect(self.mayfly("--timeout=300ms", PLAIN, deed), 124, output, "it took longer")

    def test_output_that_nobody_reads(self):
        result = self.run_it("sh", "-c", f"{MAYFLY} run {PLAIN} flood 1000 | head -c 10")
        self.assertEqual(result.stdout, b"abcdefghij")


class Devices(WithFolder):
    def test_request(self):
        self.expect(self.mayfly(REQUEST, request=b"hello request"), 0, b"Hello, request\n")
        result = self.mayfly("--repeat=50", REQUEST, request=b"begin")
        self.expect(result, 0, b"128 MiB\n")

    def test_large_request(self):
        result = self.mayfly(REQUEST, request=bytes(65 << 20))
        self.expect(result, 128 + signal.SIGXFSZ, b"", "longer than the 64 MiB")

    def test_read_only(self):
        """The request is no place to write to."""
        result = self.mayfly(REQUEST, request=b"call 18 4 0 512 0 0 0")
        self.expect(result, 128 + signal.SIGSYS, b"", "a system call that it may not make")

    def test_missing(self):
        says = "its manifest has the block device disk: say what is behind it by --block:disk=FILE"
        self.expect(self.mayfly(DEVICES), 125, b"", says)
        self.expect(self.run_it(self.tender, DEVICES), 1, b"", says)
        disk = self.folder / "disk"
        disk.write_bytes(bytes(1024))
        result = self.mayfly(f"--block:disk={disk}", "--net:wire=nonesuch0", DEVICES)
        self.expect(result, 125, b"", "nonesuch0")


class Images(WithFolder):
    def changed(self, offset, *values):
        data = bytearray(PLAIN.read_bytes())
        for at, value in enumerate(values):
            data[0x1000 + offset + 4 * at:0x1000 + offset + 4 * at + 4] = value.to_bytes(4, "little")
        path = self.folder / "image"
        path.write_bytes(data)
        return path

    def test_wrong_places(self):
        if os.access("/dev/kvm", os.R_OK | os.W_OK):
            self.expect(self.mayfly("--isolation=kvm", PLAIN, "hello"), 125, b"",
                        "isolation kvm cannot run it, process can")
        self.expect(self.run_it(HVT, PLAIN, "hello"), 1, b"", "for the target hvt")
        image = self.changed(ABI_TARGET, 1)
        self.expect(self.run_it(self.tender, image), 1, b"", "for the target spt")
        self.expect(self.mayfly("--isolation=process", image), 125, b"",
                    "isolation process cannot run it, kvm can")

    def test_wrong_images(self):
        self.expect(self.mayfly(self.changed(ABI_VERSION, 1)), 125, b"", "version 1 of the ABI")
        self.expect(self.mayfly(self.changed(0x28 + 24, 2)), 125, b"", "manifest is of version 2")
        self.expect(self.mayfly(self.changed(0x28 + 24, 1, 99)), 125, b"", "99 entries")
        short = self.folder / "short"
        short.write_bytes(PLAIN.read_bytes()[:0x2100])
        self.expect(self.mayfly(short), 125, b"", "it is cut off")

    def test_no_snapshot(self):
        result = self.run_it(MAYFLY, "snapshot", "-o", self.folder / "file.snap", PLAIN, "hello")
        self.expect(result, 125, b"", "starts afresh for each request: there is nothing to take a snapshot of")
        self.assertFalse((self.folder / "file.snap").exists())

    def test_no_warm_up(self):
        request = self.folder / "request"
        request.write_bytes(b"x")
        self.expect(self.mayfly(f"--warm-up={request}", PLAIN, "hello"), 125, b"",
                    "there is nothing to warm up")


if __name__ == "__main__":
    unittest.main(verbosity=2)
