#!/usr/bin/env python3
"""However a request ends, what its program wrote before is delivered: under one isolation, in a
clone, in a program without a snapshot, in the last of many requests, and from a snapshot file.

usage: test_ends.py MAYFLY ENDS ISOLATION
ENDS is the program of ends.c.
"""

import concurrent.futures
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
import unittest

MAYFLY, ENDS = (pathlib.Path(sys.argv.pop(1)).resolve() for _ in range(2))
ISOLATION = sys.argv.pop(1)
LIMIT = 120  # seconds for one command
SKIP = 77
MIB = 1 << 20
DEADLINE = 124

# The ways to end, each with its status.
FALLS = {
    "exit": 7,
    "last-thread": 0,
    "abort": 128 + signal.SIGABRT,
    "sigkill": 128 + signal.SIGKILL,
    "sigterm": 128 + signal.SIGTERM,
    "timer": 128 + signal.SIGALRM,
    "null": 128 + signal.SIGSEGV,
    "stack": 128 + signal.SIGSEGV,
    "divide": 128 + signal.SIGFPE,
    "invalid": 128 + signal.SIGILL,
    "halt": 128 + signal.SIGSEGV,
    "port": 128 + signal.SIGSEGV,
    "trap": 128 + signal.SIGTRAP,
    "forbidden-call": None,  # whatever the machine makes of it
    "handler": 128 + signal.SIGSEGV,
    "frame": 128 + signal.SIGSEGV,
    "library-os": None,
    "memory": 128 + signal.SIGKILL,
    "deadlock": 128 + signal.SIGKILL,
}
STOPS = ["spin", "calls", "sleep", "wait"]  # at the deadline
SIZES = [(8, 1), (MIB, 3), (3 * MIB + 8, 1), (1, 3000)]


def written(size, times):
    return b"".join(bytes([ord("a") + i % 26]) * size for i in range(times))


def run(*arguments, request=b"x"):
    return subprocess.run([MAYFLY, "run", f"--isolation={ISOLATION}", *map(str, arguments)],
                          input=request, capture_output=True, timeout=LIMIT, check=False)


def run_into_deadline(*arguments, **keywords):
    """One that is long enough for the program to get there, and for us to read what it wrote, however
    busy the machine is."""
    for limit in ("400ms", "4s", "40s"):
        result = run(f"--timeout={limit}", *arguments, **keywords)
        if b"written" in result.stderr and b"cannot write the response" not in result.stderr:
            break
    return result


class Ends(unittest.TestCase):
    def expect(self, result, status, output):
        told = result.stderr.decode(errors="replace")
        if status is not None:
            self.assertEqual(result.returncode, status, told)
        self.assertIn("written\n", told)
        self.assertEqual((len(result.stdout), result.stdout == output), (len(output), True), told)

    def each(self, cases):
        """Cases are options, what ends is to do, the way it ends, and whether it is late."""
        def one(case):
            options, size, times, how, late = case
            if how in STOPS:
                return run_into_deadline(*options, ENDS, size, times, how, *late)
            return run("--memory=64M", *options, ENDS, size, times, how, *late)

        with concurrent.futures.ThreadPoolExecutor(3) as pool:
            for case, result in zip(cases, pool.map(one, cases)):
                with self.subTest(case=case):
                    _, size, times, how, _ = case
                    self.expect(result, FALLS.get(how, DEADLINE), written(size, times))

    def test_in_a_clone(self):
        self.each([([], 8, 1, how, ["late"]) for how in [*FALLS, *STOPS]])

    def test_without_a_snapshot(self):
        self.each([([], 3 * MIB + 8, 1, how, []) for how in [*FALLS, *STOPS]])

    def test_the_last_of_many(self):
        """That which ends badly is the last one."""
        self.each([(["--repeat=3"], MIB // 2 + 1, 3, how, ["late"]) for how in [*FALLS, *STOPS]])

    def test_sizes(self):
        self.each([([], size, times, how, late) for size, times in SIZES
                   for how in ("null", "spin") for late in (["late"], [])])

    def test_from_snapshot_files(self):
        with tempfile.TemporaryDirectory(prefix="mayfly-ends-") as folder:
            for how in ("null", "abort", "spin", "exit"):
                file = pathlib.Path(folder, how)
                subprocess.run([MAYFLY, "snapshot", f"--isolation={ISOLATION}", "-o", file, ENDS,
                                "1000000", "2", how, "late"], check=True, timeout=LIMIT)
                status = {"spin": DEADLINE, "exit": 7, "abort": 134, "null": 139}[how]
                for options in ([], ["--repeat=2"]):
                    serve = run_into_deadline if how == "spin" else run
                    self.expect(serve(*options, file), status,
                                written(1000000, 2))

    def test_limit_of_the_response(self):
        """As a file's limit: all that fits."""
        for size, options in ((8, []), (2 * MIB, []), (8, ["--repeat=3"])):
            for late in (["late"], []):
                result = run("--response-limit=5000000", *options, ENDS, size, 1, "limit", *late)
                expected = (written(size, 1) + b"l" * 5000000)[:5000000]
                self.expect(result, 128 + signal.SIGXFSZ, expected)
                self.assertIn(b"--response-limit", result.stderr)

    def test_reader_that_takes_its_time(self):
        """The rest is on its way a little longer than the program may run."""
        for limit in (0.5, 5, 50):
            with subprocess.Popen([MAYFLY, "run", f"--isolation={ISOLATION}",
                                   f"--timeout={int(limit * 1000)}ms", ENDS, str(MIB // 2), "2",
                                   "spin", "late"], stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
                told = process.stderr.readline()
                time.sleep(limit + 0.1)
                output = process.stdout.read()
                self.assertEqual(process.wait(LIMIT), DEADLINE)
            if told == b"written\n":
                break
        self.assertTrue(output == written(MIB // 2, 2), len(output))

    def test_reader_that_does_not_read(self):
        """A request that fell is told of, and the reader is not waited for."""
        for arguments, status in ((["--timeout=300ms", ENDS, MIB, "1", "spin"], DEADLINE),
                                  (["--timeout=3s", ENDS, MIB, "1", "null"], 139)):
            reader, writer = os.pipe()
            try:
                result = subprocess.run(
                    [MAYFLY, "run", f"--isolation={ISOLATION}", *map(str, arguments)],
                    stdin=subprocess.DEVNULL, stdout=writer, stderr=subprocess.PIPE,
                    timeout=LIMIT, check=False)
            finally:
                os.close(reader)
                os.close(writer)
            self.assertEqual(result.returncode, status, result.stderr)

    def test_reader_that_goes_away(self):
        """One that fell is told of; one that ended well is as any program that SIGPIPE ends."""
        for how, expected in (("null", 139), ("spin", DEADLINE), ("exit", 141)):
            for options in ([], ["--repeat=2"]):
                reader, writer = os.pipe()
                os.close(reader)
                limit = "400ms" if how == "spin" else "60s"
                result = subprocess.run(
                    [MAYFLY, "run", f"--isolation={ISOLATION}", f"--timeout={limit}", *options, ENDS,
                     "8", "1", how, "late"], stdin=subprocess.DEVNULL, stdout=writer,
                    stderr=subprocess.PIPE, timeout=LIMIT, check=False)
                os.close(writer)
                self.assertEqual(result.returncode, expected, result.stderr)
                self.assertEqual(b"ends" in result.stderr, how != "exit", result.stderr)

    def test_machine_that_is_killed(self):
        """From outside; a virtual machine is no process of its own."""
        if ISOLATION != "process":
            self.skipTest("a guest is no process")
        with subprocess.Popen([MAYFLY, "run", f"--isolation={ISOLATION}", "--timeout=60s", ENDS,
                               "100", "3", "spin", "late"], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            self.assertEqual(process.stderr.readline(), b"written\n")
            self.kill_guest(process.pid)
            output, told = process.communicate(timeout=LIMIT)
        self.assertEqual((process.returncode, output), (137, written(100, 3)), told)

    def kill_guest(self, pid):
        """The process that has no child in turn. A guest process is a child of its slot's thread."""
        while children := [child for task in pathlib.Path(f"/proc/{pid}/task").iterdir()
                           for child in (task / "children").read_text().split()]:
            pid = int(children[0])
        os.kill(pid, signal.SIGKILL)


def main():
    probe = run(ENDS, 1, 1, "exit")
    if probe.returncode == 125 and b"cannot be had" in probe.stderr:
        print(probe.stderr.decode(errors="replace"))
        sys.exit(SKIP)
    unittest.main(verbosity=2)


main()
