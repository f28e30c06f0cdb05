#!/usr/bin/env python3
"""Requests to the HTTP server of a unikernel, from the command line.

usage: test_http.py MAYFLY SERVER
SERVER counts its requests and answers each by the count (kernels/solo5/http_server.c).
"""

import array
import fcntl
import os
import pathlib
import subprocess
import sys
import tempfile
import termios
import time
import unittest

SKIP = 77
if not os.access("/dev/kvm", os.R_OK | os.W_OK):
    print("skipped: /dev/kvm is missing", file=sys.stderr)
    sys.exit(SKIP)
MAYFLY, SERVER = (os.path.abspath(path) for path in sys.argv[1:3])
del sys.argv[1:]
LIMIT = 60  # seconds for one command
REQUEST = b"GET / HTTP/1.1\r\nHost: here\r\n\r\n"
RESPONSE = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nrequest 1"


def mayfly(*arguments, request=REQUEST):
    return subprocess.run([MAYFLY, *map(str, arguments)], input=request, capture_output=True, timeout=LIMIT,
                          check=False)


def until_read(pipe):
    """Waits until all that was written to it has been read."""
    left = array.array("i", [1])
    while left[0]:
        fcntl.ioctl(pipe, termios.FIONREAD, left)
        time.sleep(0.001)


class Http(unittest.TestCase):
    def expect(self, result):
        self.assertEqual((result.returncode, result.stdout), (0, RESPONSE), result.stderr)

    def test_request(self):
        self.expect(mayfly("run", "--net:service=http", SERVER))
        self.expect(mayfly("run", "--net:service=http,port=8080,guest=10.0.0.2", SERVER))
        self.expect(mayfly("run", "--net:service=http", "--net-mac:service=02:00:00:00:00:01", SERVER))

    def test_clones(self):
        self.expect(mayfly("run", "-n", "1000", "--net:service=http", SERVER))

    def test_warm_up(self):
        with tempfile.NamedTemporaryFile() as warm_up:
            warm_up.write(REQUEST)
            warm_up.flush()
            result = mayfly("run", "-n", "10", f"--warm-up={warm_up.name}", "--net:service=http", SERVER)
        self.assertEqual((result.returncode, result.stdout), (0, RESPONSE[:-1] + b"2"), result.stderr)

    def test_long_request(self):
        head = b"POST / HTTP/1.1\r\nContent-Length: 300000\r\n"
        self.expect(mayfly("run", "--net:service=http", SERVER, request=head + b"x" * 300000 + b"\r\n\r\n"))

    def test_head(self):
        """What it is answered has no body, whatever its server sends."""
        head = b"HEAD" + REQUEST[3:]
        for options in (), ("-n", "10"):
            result = mayfly("run", *options, "--net:service=http", SERVER, request=head)
            self.assertEqual((result.returncode, result.stdout), (0, RESPONSE[:-9]), result.stderr)

    def test_parts(self):
        """How a request begins is said by its first part alone."""
        for first, second in (b"POST / HTTP/1.1\r\nContent-Length: 5\r\n", b"HEAD \r\n\r\n"), (b"HEAD ", REQUEST[4:]):
            with subprocess.Popen([MAYFLY, "run", "--net:service=http", SERVER], stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE) as run:
                run.stdin.write(first)
                run.stdin.flush()
                until_read(run.stdin)
                output, _ = run.communicate(second, timeout=LIMIT)
            self.assertEqual((run.returncode, output), (0, RESPONSE[:-9] if first == b"HEAD " else RESPONSE))

    def test_snapshot(self):
        with tempfile.TemporaryDirectory() as folder:
            snapshot = pathlib.Path(folder) / "server.snap"
            result = mayfly("snapshot", "-o", snapshot, "--net:service=http", SERVER)
            self.assertEqual(result.returncode, 0, result.stderr)
            self.expect(mayfly("run", "-n", "10", "--net:service=http", snapshot))

    def test_nobody_listens(self):
        result = mayfly("run", "--timeout=1", "--net:service=http,port=81", SERVER)
        self.assertEqual((result.returncode, result.stdout), (124, b""), result.stderr)


if __name__ == "__main__":
    unittest.main()
