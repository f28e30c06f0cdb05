#!/usr/bin/env python3
"""Guests of the kind solo5, by the command and by its tender: what they print, how they end, and what
is left of one request in the next.

usage: test_solo5.py MAYFLY TENDER PLAIN BLOCK REQUEST NET
The last four are guest.c with other manifests.
"""
import contextlib
import os
import pathlib
import select
import socket
import subprocess
import sys
import tempfile
import time
import unittest
from unittest import mock

MAYFLY, TENDER, PLAIN, BLOCK, REQUEST, NET = (pathlib.Path(path).resolve() for path in sys.argv[1:7])
del sys.argv[1:7]
LIMIT = 60  # seconds for one command
SKIP = 77
PAGE_FAULT = 14
READS, WRITES, EXECUTES, FORBIDDEN = 0, 2, 16, 1  # bits of a page fault's error code


def run(*command, request=b""):
    return subprocess.run(list(map(str, command)), input=request, capture_output=True, timeout=LIMIT,
                          check=False)


def mayfly(*arguments, request=b""):
    return run(MAYFLY, "run", "--isolation=kvm", *arguments, request=request)


class WithFolder(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def expect(self, result, status, output=b"", says=""):
        self.assertEqual((result.returncode, result.stdout), (status, output), result.stderr)
        self.assertIn(says.encode(), result.stderr)

    def snapshot(self, *arguments):
        path = self.folder / "file.snap"
        self.expect(run(MAYFLY, "snapshot", "-o", path, *arguments), 0)
        return path


class Guests(WithFolder):
    """Both ways are to say the same."""

    def both(self, *arguments, status=0, output=b"", says=""):
        for command in ([MAYFLY, "run", "--isolation=kvm"], [TENDER]):
            self.expect(run(*command, *arguments), status, output, says)

    def test_hello(self):
        self.both(PLAIN, "hello", output=b"Hello from ring 0\n")

    def test_arguments(self):
        self.both(PLAIN, "arguments", "a", "b c", "--solo5:quiet",
                  output=b"arguments a b c --solo5:quiet")

    def test_status(self):
        self.both(PLAIN, "status", status=77)

    def test_exceptions(self):
        self.both(PLAIN, "breakpoint", output=b"breakpoint\n")

    def test_vectors(self):
        self.expect(mayfly("--memory=64M", PLAIN, "float"), 0, b"%d\n" % (32 << 20))
        self.expect(run(TENDER, "--mem=64", PLAIN, "float"), 0, b"%d\n" % (32 << 20))

    def test_many_calls(self):
        """Calls that are made without an exit change nothing but what they answer."""
        self.both(PLAIN, "many", output=b"many\n")

    def test_nonsense_in_the_box(self):
        """What the guest does to the page of its calls costs nobody else anything."""
        for command in ([MAYFLY, "run", "--isolation=kvm", "--timeout=60s"], [TENDER]):
            result = run(*command, PLAIN, "disturb")
            if result.returncode or result.stdout != b"calm\n":
                self.assertIn(b"not within its memory", result.stderr)
        self.expect(mayfly("--timeout=500ms", PLAIN, "spin"), 124, b"", "it took longer")
        result = mayfly("--timeout=500ms", PLAIN, "disturb-for-ever")
        self.assertTrue(b"it took longer" in result.stderr or
                        b"not within its memory" in result.stderr, result.stderr)
        self.both(PLAIN, "many", output=b"many\n")

    def test_protection(self):
        """Code cannot be written, data cannot be executed, and the first pages are not there."""
        memory = 512 << 20
        cases = {"zero": (WRITES, 8), "tables": (WRITES, 0x2000),
                 "boot": (WRITES | FORBIDDEN, 0x10000), "text": (WRITES | FORBIDDEN, None),
                 "constant": (WRITES | FORBIDDEN, None), "data": (EXECUTES | FORBIDDEN, None),
                 "rodata": (EXECUTES | FORBIDDEN, None),
                 "heap": (EXECUTES | FORBIDDEN, memory // 2), "beyond": (WRITES, memory)}
        for deed, (code, address) in cases.items():
            with self.subTest(deed):
                result = run(TENDER, PLAIN, deed)
                self.assertEqual(result.returncode, PAGE_FAULT, result.stderr)
                lines = result.stdout.decode().splitlines()
                self.assertEqual(lines[0], f"page fault {code}")
                if address is not None:
                    self.assertEqual(lines[1], f"at {address}")

    def test_time(self):
        before = time.time_ns()
        result = run(TENDER, PLAIN, "time")
        said = result.stdout.decode().split("\n")
        self.assertEqual((result.returncode, said[0]), (0, "slept"), result.stdout + result.stderr)
        self.assertTrue(before <= int(said[1]) <= time.time_ns())

    def test_offences(self):
        cases = {"outside": "which are not within its memory", "edge": "not within its memory",
                 "long": "a hypercall has 17 bytes", "box": "not within its memory",
                 "box-end": "not within its memory", "box-begin": "not within its memory", "wraps": "a hypercall has 2 bytes",
                 "number": "port 0x509", "port": "port 0x502", "in": "port 0x501",
                 "hlt": "it halts its processor", "fault": "crashed: "}
        for deed, says in cases.items():
            with self.subTest(deed):
                result = mayfly(PLAIN, deed)
                self.assertGreater(result.returncode, 128)
                self.assertIn(says, result.stderr.decode())
                self.expect(run(TENDER, PLAIN, deed), 1, b"", says)

    def test_output_comes_at_once(self):
        """What is said while it boots is there before it is ready, which it never is."""
        command = [MAYFLY, "run", "--isolation=kvm", "--timeout=100s", PLAIN, "says"]
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as process:
            try:
                self.assertTrue(select.select([process.stdout], [], [], LIMIT)[0])
                self.assertEqual(os.read(process.stdout.fileno(), 100), b"before\n")
                self.assertIsNone(process.poll())
            finally:
                process.terminate()

    def test_deadline(self):
        for deed in ("spin", "sleep"):
            self.expect(mayfly("--timeout=300ms", PLAIN, deed), 124, b"", "it took longer")


class Blocks(WithFolder):
    def disk(self, size, mode=0o600):
        path = self.folder / "disk"
        path.write_bytes(bytes(size))
        path.chmod(mode)
        return path

    def test_disk(self):
        for block, size in ((512, 20 * 512), (4096, 5 * 4096)):
            path = self.disk(size)
            self.expect(mayfly(f"--block:disk={path}", f"--block-sector-size:disk={block}", BLOCK,
                               "disk"), 0, b"%d\ndisk is good\n" % size)
            data = path.read_bytes()
            self.assertEqual([data[at] for at in range(0, size, block)],
                             list(range(size // block)))
        path = self.disk(1024)
        self.expect(run(TENDER, f"--block:disk={path}", BLOCK, "disk"), 0, b"1024\ndisk is good\n")

    def test_missing(self):
        result = mayfly(BLOCK, "disk")
        self.assertIn(b"its manifest has the block device disk: say what is behind it by "
                      b"--block:disk=FILE", result.stderr)
        self.assertEqual(result.returncode, 125)
        self.assertEqual(run(TENDER, BLOCK, "disk").returncode, 1)

    def test_others_have_no_devices(self):
        result = mayfly("--block:disk=/dev/null", "hello")
        self.assertIn(b"which has no devices", result.stderr)


class Requests(WithFolder):
    def test_request(self):
        for request in (b"", b"Ada", os.urandom(512), os.urandom(100001)):
            self.expect(mayfly(REQUEST, "echo", request=request), 0, b"ready\n1\n" + request)

    def test_least(self):
        self.expect(mayfly("--repeat=20", REQUEST, "answer", request=b"Ada"), 0, b"Ada")

    def test_clones_are_fresh(self):
        """What one request counts, the next does not find."""
        self.expect(mayfly("--repeat=50", REQUEST, "echo", request=b"Bob"), 0, b"ready\n1\nBob")

    def test_snapshot(self):
        path = self.snapshot(REQUEST, "echo")
        for request in (b"Ada", b"Bob" * 1000):
            self.expect(run(MAYFLY, "run", path, request=request), 0, b"ready\n1\n" + request)

    def test_large_request(self):
        request = bytes(65 << 20)
        result = mayfly(REQUEST, "echo", request=request)
        self.assertIn(b"longer than the 64 MiB", result.stderr)

    def test_snapshot_at_poll(self):
        path = self.snapshot(PLAIN, "random")
        said = [run(MAYFLY, "run", path).stdout.decode().split() for _ in range(3)]
        self.assertEqual(len({random for random, _ in said}), 3)
        times = [int(wall) for _, wall in said]
        self.assertTrue(times[0] < times[1] < times[2] <= time.time_ns())

    def test_a_snapshot_names_no_file(self):
        disk = self.folder / "disk"
        disk.write_bytes(bytes(1024))
        path = self.snapshot(f"--block:disk={disk}", BLOCK, "sleeps")
        result = run(MAYFLY, "run", path)
        self.assertIn(b"--block:disk=FILE", result.stderr)
        self.expect(run(MAYFLY, "run", f"--block:disk={disk}", path), 0, b"awake\n")
        disk.write_bytes(bytes(2048))
        result = run(MAYFLY, "run", f"--block:disk={disk}", path)
        self.assertIn(b"device disk has another size", result.stderr)

    def test_damaged_snapshots(self):
        whole = self.snapshot(REQUEST, "echo").read_bytes()
        broken = self.folder / "broken.snap"
        for at in range(0, 4096, 97):
            broken.write_bytes(whole[:at] + bytes([whole[at] ^ 0x55]) + whole[at + 1:])
            result = run(MAYFLY, "run", broken)
            self.assertNotEqual(result.returncode, 0)
            self.assertTrue(result.stderr)


class Networks(WithFolder):
    """Over sockets with a packet for each frame."""

    FRAME = bytes(range(6)) + b"\x02ABCDE" + b"\x08\x00" + b"payload"
    ECHO = b"\x02ABCDE" + bytes(range(6)) + b"\x08\x00" + b"payload"

    def talk(self, *command):
        """Starts a guest, exchanges frames with it, and returns how it ended."""
        ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with ours:
            ours.settimeout(LIMIT)
            with its:
                guest = subprocess.Popen([*map(str, command), f"--net:net=@{its.fileno()}", NET, "frames"],
                                         stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                         stderr=subprocess.PIPE, pass_fds=[its.fileno()])
            self.assertEqual(guest.stdout.readline(), b"1500\n")
            # What comes before its request begins is lost, as on any cable.
            ours.settimeout(0.1)
            for _ in range(10 * LIMIT):
                ours.send(self.FRAME)
                with contextlib.suppress(TimeoutError):
                    self.assertEqual(ours.recv(65536), self.ECHO)
                    break
            ours.settimeout(LIMIT)
            for number in range(1, 100):
                ours.send(self.FRAME + bytes([number]) * number)
                answer = ours.recv(65536)
                while answer == self.ECHO:  # one that came late
                    answer = ours.recv(65536)
                self.assertEqual(answer, self.ECHO + bytes([number]) * number)
            ours.send(bytes(14) + b"q")
            output, errors = guest.communicate(timeout=LIMIT)
        self.assertEqual((guest.returncode, output), (0, b""), errors)

    def test_frames(self):
        self.talk(TENDER)
        self.talk(MAYFLY, "run", "--isolation=kvm")

    def test_addresses(self):
        """Each clone has another one, unless the user gives one."""
        ours, its = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with ours, its:
            said = set()
            path = self.folder / "file.snap"
            for command in ([MAYFLY, "snapshot", "-o", path], [MAYFLY, "run"], [MAYFLY, "run"]):
                program = [path] if command[1] == "run" else [NET, "mac"]
                result = subprocess.run([*map(str, command), f"--net:net=@{its.fileno()}",
                                         *map(str, program)], capture_output=True, timeout=LIMIT,
                                        pass_fds=[its.fileno()], stdin=subprocess.DEVNULL,
                                        check=False)
                self.assertEqual(result.returncode, 0, result.stderr)
                said.add(result.stdout)
            said.remove(b"")
            self.assertEqual(len(said), 2)
            for output in said:
                first, *rest = map(int, output.split())
                self.assertEqual((first & 3, len(rest)), (2, 5))
            result = subprocess.run([TENDER, f"--net:net=@{its.fileno()}",
                                     "--net-mac:net=02:00:00:01:02:ff", NET, "mac"], timeout=LIMIT,
                                    capture_output=True, pass_fds=[its.fileno()], check=False)
            self.assertEqual(result.stdout, b"2\n0\n0\n1\n2\n255\n", result.stderr)


class Deployed(WithFolder):
    def test_deployed(self):
        """Through a gateway the request is behind the device, and the console is the response."""
        home = {**os.environ, "HOME": str(self.folder), "XDG_RUNTIME_DIR": str(self.folder),
                "XDG_CONFIG_HOME": str(self.folder / "config"),
                "XDG_STATE_HOME": str(self.folder / "state")}
        for name in ("OPENFAAS_URL", "MAYFLY_GATEWAY"):
            home.pop(name, None)
        command = lambda *words, request=b"": subprocess.run(
            [MAYFLY, *map(str, words)], input=request, capture_output=True, timeout=LIMIT, env=home,
            check=False)
        with subprocess.Popen([MAYFLY, "up", "--listen=127.0.0.1:0"], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=home) as gateway:
            try:
                self.assertIn(b"The gateway serves at", gateway.stdout.readline())
                self.expect(command("deploy", "least", REQUEST), 0,
                            output=mock.ANY)
                for request in (b"Ada", b"Bob"):
                    self.expect(command("invoke", "least", request=request), 0, request)
                refused = command("deploy", "disk", BLOCK)
                self.assertNotEqual(refused.returncode, 0)
                self.assertIn(b"--block:disk=FILE", refused.stderr)
            finally:
                gateway.terminate()


class CommandLine(unittest.TestCase):
    """The tender's, as others call it."""

    def test_help(self):
        result = run(TENDER, "--help")
        self.assertEqual(result.returncode, 1)
        self.assertIn(b"--block:NAME=FILE", result.stderr)
        result = run(TENDER, "--version")
        self.assertEqual(result.returncode, 0)
        self.assertIn(b"ABI version 2", result.stderr)

    def test_errors(self):
        cases = {("--mem=x", PLAIN): "--mem: 'x'", ("--mem=0", PLAIN): "out of range",
                 (): "which image", ("--nonsense", PLAIN): "unknown option",
                 ("--block:a", PLAIN): "--block:NAME=FILE",
                 ("--block:a=/dev/null", PLAIN): "no block device a",
                 ("/nonexistent",): "/nonexistent", (sys.executable,): "Solo5",
                 ("--net:net=nonesuch0", NET): "nonesuch0", (NET,): "--net:net=TAP"}
        for words, says in cases.items():
            with self.subTest(words):
                result = run(TENDER, *words)
                self.assertEqual(result.returncode, 1)
                self.assertIn(says, result.stderr.decode())

    def test_options_end(self):
        result = run(TENDER, "--mem=8", "--", PLAIN, "arguments", "--mem=9", "--")
        self.assertEqual(result.stdout, b"arguments --mem=9 --")


def main():
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        print("/dev/kvm cannot be used here")
        return SKIP
    unittest.main(verbosity=2)
    return 0


if __name__ == "__main__":
    sys.exit(main())
