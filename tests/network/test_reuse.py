#!/usr/bin/env python3
"""Machines that serve one request after another without a reset between them.

usage: test_reuse.py MAYFLY MAYFLYD SOLO5 LINUX MULTIBOOT NATIVE PLAIN
SOLO5, LINUX and MULTIBOOT have the server of kernels/http/service.c, which counts its requests and answers each
by the count. NATIVE is a program of Linux, and PLAIN a unikernel without a network.
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "gateway"))
from gateway import Gateway

SKIP = 77
if not os.access("/dev/kvm", os.R_OK | os.W_OK):
    print("skipped: /dev/kvm is missing", file=sys.stderr)
    sys.exit(SKIP)
MAYFLY, MAYFLYD, SOLO5, LINUX, MULTIBOOT, NATIVE, PLAIN = (os.path.abspath(path) for path in sys.argv[1:8])
del sys.argv[1:]
LIMIT = 60  # seconds for one command
GUESTS = {"solo5": ("--net:service=http", SOLO5), "linux": ("--net:eth0=http", LINUX, "http"),
          "multiboot": ("--net:eth0=http", MULTIBOOT, "http")}
CRASHED = 128 + 4  # by an invalid instruction


def mayfly(*arguments, path=""):
    return subprocess.run([MAYFLY, *map(str, arguments)], input=f"GET /{path} HTTP/1.1\r\n\r\n".encode(),
                          capture_output=True, timeout=LIMIT, check=False)


class Runs(unittest.TestCase):
    def serve(self, guest, count, *options, path=""):
        """What the last of so many equal requests is answered, and the statistics."""
        result = mayfly("run", f"-n{count}", "--stats=json", *options, *GUESTS[guest], path=path)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(result.stdout.count(b"HTTP/1.1"), 1)
        return int(result.stdout[-1:]), json.loads(result.stderr.splitlines()[-1])

    def test_count(self):
        for guest in GUESTS:
            with self.subTest(guest):
                last, told = self.serve(guest, 9, "--reuse=4")
                self.assertEqual((last, told["requests"], told["machines"]), (1, 9, 3))
                last, told = self.serve(guest, 7, "--reuse=4294967295")
                self.assertEqual((last, told["machines"]), (7, 1))
                last, told = self.serve(guest, 5, "--reuse=1")
                self.assertEqual((last, "machines" in told), (1, False))

    def test_late_response(self):
        """What comes by the connection of before is not the next one's."""
        for guest in GUESTS:
            with self.subTest(guest):
                self.assertEqual(self.serve(guest, 5, "--reuse=100", path="late")[0], 5)

    def test_many(self):
        """A machine holds no more after many requests than after few."""
        few, many = (self.serve("solo5", count, "--reuse=100000")[1] for count in (20, 500))
        self.assertEqual(few["memory_per_slot_bytes"], many["memory_per_slot_bytes"])

    def test_snapshot(self):
        with tempfile.TemporaryDirectory() as folder:
            snapshot = pathlib.Path(folder) / "server.snap"
            result = mayfly("snapshot", "-o", snapshot, *GUESTS["linux"])
            self.assertEqual(result.returncode, 0, result.stderr)
            result = mayfly("run", "-n7", "--reuse=4", "--net:eth0=http", snapshot)
            self.assertEqual((result.returncode, result.stdout[-1:]), (0, b"3"), result.stderr)

    def test_others(self):
        for words in (NATIVE,), ("--net:*=http", NATIVE), (PLAIN,), ("--net:eth0=user", LINUX, "http"):
            result = mayfly("run", "--timeout=5", "--reuse=2", *words)
            self.assertEqual((result.returncode, result.stdout), (125, b""), result.stderr)
            self.assertIn(b"cannot be used again", result.stderr)
        result = mayfly("run", "--reuse=0", *GUESTS["solo5"])
        self.assertEqual(result.returncode, 2, result.stderr)


class Functions(unittest.TestCase):
    """Of the gateway, whose requests differ."""

    @classmethod
    def setUpClass(cls):
        cls.gateway = Gateway(MAYFLYD)
        cls.gateway.start()
        for guest, (_, image, *words) in GUESTS.items():
            cls.gateway.deploy(guest, image, annotations={
                "mayfly.dev/contract": "http", "mayfly.dev/reuse": "6", "mayfly.dev/concurrency": "1",
                "mayfly.dev/timeout": "2s"}, envProcess=" ".join(["server", *words]) if words else "")

    @classmethod
    def tearDownClass(cls):
        assert cls.gateway.stop() == 0, cls.gateway.log_text()
        cls.gateway.__exit__()

    def expect(self, guest, *counts):
        for count in counts:
            answer = self.gateway.invoke(guest)
            self.assertEqual((answer.status, answer.body), (200, b"request %d" % count))

    def test_ends(self):
        """What fails, or takes too long, is the last thing that its machine does."""
        for guest in GUESTS:
            with self.subTest(guest):
                self.expect(guest, 1, 2)
                self.assertEqual(self.gateway.request("GET", f"/function/{guest}/crash").status, 500)
                self.expect(guest, 1, 2, 3)
                if guest == "linux":  # it takes as long as a request may
                    self.assertEqual(self.gateway.request("GET", f"/function/{guest}/hang").status, 504)
                    self.expect(guest, 1)
                self.assertEqual(self.gateway.request("GET", f"/function/{guest}/break").status, 502)
                self.assertEqual(self.gateway.request("GET", f"/function/{guest}/late").body, b"request 1")
                self.expect(guest, 2, 3, 4, 5, 6, 1, 2, 3, 4, 5, 6)

    def test_told(self):
        status = self.gateway.system("GET", "/function/solo5").json()
        self.assertEqual(status["mayfly"]["reuse"], 6)
        self.assertIn("mayfly_function_reused_total", self.gateway.request("GET", "/metrics", auth=True).text)

    def test_refused(self):
        for image, contract in (NATIVE, "stdio"), (NATIVE, "http"), (NATIVE, "auto"):
            answer = self.gateway.system("POST", "/functions", {"service": "other", "image": image, "annotations": {
                "mayfly.dev/contract": contract, "mayfly.dev/reuse": "2"}})
            self.assertEqual(answer.status, 400, answer.text)
            self.assertIn("used again", answer.text)


if __name__ == "__main__":
    unittest.main()
