#!/usr/bin/env python3
"""Where requests begin and end: programs in a loop, and warm-up. docs/guest-abi.md has the rules.

usage: test_requests.py MAYFLY LOOPS SETTLES ISOLATION
LOOPS and SETTLES are the programs of loops.c and settles.c.
"""

import hashlib
import os
import pathlib
import sys
import unittest

from running import SKIP, WithFolder, mayfly, text

LOOPS, SETTLES = (pathlib.Path(sys.argv.pop(1)).resolve() for _ in range(2))
ISOLATION = sys.argv.pop(1)
BUSYBOX = "/bin/busybox"
COUNT_LINES = 'echo up; while read a; do n=$((n+1)); echo "$n $a"; done; echo over'


class Requests(WithFolder):
    def setUp(self):
        super().setUp()
        self.sample = self.folder / "sample"
        self.sample.write_bytes(b"sample\n")

    def run_program(self, *arguments, **keywords):
        return mayfly("run", f"--isolation={ISOLATION}", *arguments, **keywords)

    def warm(self, *arguments, **keywords):
        return self.run_program(f"--warm-up={self.sample}", *arguments, **keywords)

    def expect(self, result, output, status=0):
        self.assertEqual((result.returncode, result.stdout), (status, output),
                         text(result.stderr))

    def expect_refused(self, result, *words):
        lines = text(result.stderr).strip().splitlines()
        self.assertEqual((result.returncode, result.stdout, len(lines)), (125, b"", 1), lines)
        for word in words:
            self.assertIn(word, lines[0])


class Settling(Requests):
    def test_other_threads_go_on_before_the_snapshot(self):
        for way in ("read", "poll", "select", "epoll"):
            with self.subTest(way):
                self.expect(self.run_program("--repeat=2", SETTLES, way), b"done: Ada\n")

    def test_but_not_for_ever(self):
        for way in ("read", "poll"):
            with self.subTest(way):
                self.expect(self.run_program("--repeat=2", SETTLES, way, "forever"), b"busy: Ada\n")


class Loops(Requests):
    def test_ready_again_ends_a_request(self):
        self.expect(self.run_program(LOOPS, "ready"), b"set up\n1 Ada\n")
        self.expect(self.run_program("--repeat=10", LOOPS, "ready"), b"set up\n1 Ada\n")

    def test_without_ready_the_end_is_an_end(self):
        self.expect(self.run_program(LOOPS), b"set up\n1 Ada\n", status=3)

    def test_whoever_reads_to_the_end_is_not_cut_off(self):
        request = os.urandom(3 << 20)
        self.expect(self.run_program(BUSYBOX, "sha256sum", request=request),
                    hashlib.sha256(request).hexdigest().encode() + b"  -\n")
        self.expect(self.run_program(BUSYBOX, "awk", "{print} END {print NR}", request=b"a\nb\n"),
                    b"a\nb\n2\n")
        self.expect(self.run_program(BUSYBOX, "sh", "-c", COUNT_LINES),
                    b"up\n1 Ada\nover\n")


class WarmUp(Requests):
    def test_the_program_has_served_one_before(self):
        for how in ([], ["ready"]):
            self.expect(self.warm(LOOPS, *how), b"set up\n2 Ada\n")
            self.expect(self.warm("--repeat=10", LOOPS, *how), b"set up\n2 Ada\n")

    def test_a_shell_script(self):
        """Reads a byte at a time; its request ends where it comes for more."""
        self.expect(self.warm(BUSYBOX, "sh", "-c", COUNT_LINES), b"up\n2 Ada\n")
        self.expect(self.warm(BUSYBOX, "sh", "-c", COUNT_LINES, request=b"a\nb\nc\n"),
                    b"up\n2 a\n3 b\n4 c\n")

    def test_an_unanswered_read_finds_the_end(self):
        self.expect(self.warm(BUSYBOX, "sh", "-c", COUNT_LINES, request=b""), b"up\nover\n")
        self.expect(self.warm(LOOPS, request=b""), b"set up\n", status=3)

    def test_long_requests(self):
        request = os.urandom(3 << 20)
        self.sample.write_bytes(os.urandom(2 << 20))
        result = self.warm(BUSYBOX, "cat", request=request)
        self.assertEqual((result.returncode, hashlib.sha256(result.stdout).digest()),
                         (0, hashlib.sha256(request).digest()), text(result.stderr))

    def test_into_a_file(self):
        snapshot = self.folder / "file.snap"
        result = mayfly("snapshot", f"--isolation={ISOLATION}", f"--warm-up={self.sample}", "-o",
                        snapshot, LOOPS)
        self.assertEqual((result.returncode, result.stdout), (0, b""), text(result.stderr))
        self.expect(mayfly("run", snapshot), b"set up\n2 Ada\n")
        self.expect_refused(mayfly("run", f"--warm-up={self.sample}", snapshot), "--warm-up")

    def test_programs_that_serve_one_request_are_refused(self):
        for program in (["sha256sum"], ["sort"], ["true"], ["sh", "-c", "read a; echo $a"]):
            self.expect_refused(self.warm(BUSYBOX, *program), "ended with status 0",
                                "one request after another")

    def test_a_warm_up_that_fails(self):
        result = self.warm("--timeout=300ms", BUSYBOX, "sh", "-c", "read a; while :; do :; done")
        self.assertEqual(result.returncode, 124, text(result.stderr))
        result = self.warm(BUSYBOX, "sh", "-c", "read a; kill -ABRT $$")
        self.assertEqual(result.returncode, 134, text(result.stderr))

    def test_bad_samples(self):
        self.sample.write_bytes(b"")
        self.expect_refused(self.warm(LOOPS), "--warm-up", "is empty")
        self.sample.unlink()
        self.expect_refused(self.warm(LOOPS), "--warm-up", "No such file")


def main():
    probe = mayfly("run", f"--isolation={ISOLATION}", "hello")
    if probe.returncode == 125 and b"cannot be had" in probe.stderr:
        print(text(probe.stderr))
        sys.exit(SKIP)
    unittest.main(verbosity=2)


main()
