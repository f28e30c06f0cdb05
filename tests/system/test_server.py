#!/usr/bin/env python3
"""Servers as they are in machines: a request is a connection that a clone accepts.

usage: test_server.py MAYFLY SERVER ISOLATION
SERVER is the program of server.c.
"""
import fcntl
import os
import pathlib
import select
import subprocess
import sys
import tempfile
import time
import unittest

MAYFLY, SERVER = (pathlib.Path(sys.argv.pop(1)).resolve() for _ in range(2))
ISOLATION = sys.argv.pop(1)
LIMIT = 120  # seconds for one command
HTTP = "--net:*=http"


def request(body=b""):
    return b"POST / HTTP/1.1\r\nHost: here\r\nConnection: close\r\n" \
           b"Content-Length: %d\r\n\r\n%s" % (len(body), body)


def response(body):
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


def command(verb, *arguments, given=b""):
    return subprocess.run([MAYFLY, verb, f"--isolation={ISOLATION}", *map(str, arguments)],
                          input=given, capture_output=True, timeout=LIMIT, check=False)


class Servers(unittest.TestCase):
    def expect(self, result, body, status=0):
        self.assertEqual((result.returncode, result.stdout), (status, body and response(body)),
                         result.stderr.decode(errors="replace"))

    def test_each_kind(self):
        """Each request finds a server that has served nobody."""
        for how in "blocking", "events", "threads":
            for body in b"", b"hello", os.urandom(100_000), os.urandom(5 << 20):
                with self.subTest(how=how, length=len(body)):
                    self.expect(command("run", "--repeat=3", HTTP, SERVER, how, given=request(body)),
                                b"request 1, %d bytes\n" % len(body))

    def test_ends_of_responses(self):
        """A server that keeps its connections, and goes on behind the response."""
        for asked, expected in {
                "POST /": response(b"request 1, 0 bytes\n"),
                "HEAD /": b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n",
                "GET /chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                               b"5\r\nhello\r\n0\r\nTrailer: a\r\n\r\n",
                "GET /nothing": b"HTTP/1.1 204 No Content\r\n\r\n",
                "GET /unchanged": b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n",
                "GET /later": b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        }.items():
            with self.subTest(asked=asked):
                given = b"%s HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n" % asked.encode()
                result = command("run", "--repeat=3", HTTP, SERVER, "kept", given=given)
                self.assertEqual((result.returncode, result.stdout), (0, expected), result.stderr)

    def test_bodies(self):
        """--http: a body goes in, and a body comes out."""
        for how in "blocking", "kept":
            for body in b"", b"hello", os.urandom(3 << 20):
                result = command("run", "--http", "--repeat=2", SERVER, how, given=body)
                self.assertEqual((result.returncode, result.stdout),
                                 (0, b"request 1, %d bytes\n" % len(body)), result.stderr)
        result = command("run", "--http=8002", SERVER, "events", "8001", "8002", given=b"abc")
        self.assertEqual((result.returncode, result.stdout), (0, b"request 1, 3 bytes\n"), result.stderr)
        self.assertIn(b"server 1\n", result.stderr)
        result = command("run", "--http", SERVER, "missing", given=b"abc")
        self.assertEqual((result.returncode, result.stdout), (1, b"request 1, 3 bytes\n"), result.stderr)
        self.assertIn(b"answered 404", result.stderr)
        result = command("run", "--http", SERVER, "twice", given=b"abc")
        self.assertEqual((result.returncode, result.stdout), (1, b"request 1, 3 bytes\n"), result.stderr)
        self.assertIn(b"sent an HTTP response that is not sound", result.stderr)
        result = command("run", "--http", SERVER, "exits", given=b"abc")
        self.assertEqual((result.returncode, result.stdout), (3, b""), result.stderr)
        self.assertIn(b"--http: '0' is no port", command("run", "--http=0", SERVER).stderr)
        with tempfile.TemporaryDirectory(prefix="mayfly-server-") as folder:
            file, warm_up = os.path.join(folder, "server.snap"), os.path.join(folder, "warm-up")
            pathlib.Path(warm_up).write_bytes(b"warm")
            made = command("snapshot", "--http", f"--warm-up={warm_up}", "-o", file, SERVER, "kept")
            self.assertEqual(made.returncode, 0, made.stderr)
            result = command("run", "--http", file, given=b"abc")
            self.assertEqual((result.returncode, result.stdout), (0, b"request 2, 3 bytes\n"), result.stderr)

    def test_slow_reader(self):
        """--http: whoever takes the body may take it slowly."""
        reader, writer = os.pipe()
        fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)  # it is full where there is anything
        with subprocess.Popen([MAYFLY, "run", f"--isolation={ISOLATION}", "--http", SERVER, "large"],
                              stdin=subprocess.DEVNULL, stdout=writer) as run, open(reader, "rb") as output:
            os.close(writer)
            select.select([output], [], [], LIMIT)
            time.sleep(0.1)
            body = output.read()
        self.assertEqual((run.returncode, body), (0, b"request 1, 0 bytes\n" + b" " * (1 << 20)))

    def test_output(self):
        """What a server writes to standard output is in the log."""
        result = command("run", HTTP, SERVER, "blocking", given=request())
        self.expect(result, b"request 1, 0 bytes\n")
        self.assertIn(b"listening\n", result.stderr)

    def test_from_a_snapshot(self):
        with tempfile.TemporaryDirectory(prefix="mayfly-server-") as folder:
            file = os.path.join(folder, "server.snap")
            made = command("snapshot", HTTP, "-o", file, SERVER, "events")
            self.assertEqual(made.returncode, 0, made.stderr)
            self.expect(command("run", "--repeat=5", file, given=request(b"abc")),
                        b"request 1, 3 bytes\n")

    def test_warm_up(self):
        with tempfile.NamedTemporaryFile(prefix="mayfly-warm-") as file:
            file.write(request(b"warm"))
            file.flush()
            for how in "blocking", "kept":
                self.expect(command("run", f"--warm-up={file.name}", "--repeat=3", HTTP, SERVER, how,
                                    given=request(b"abc")), b"request 2, 3 bytes\n")

    def test_port(self):
        for port, place in (8001, 0), (8002, 1):
            result = command("run", f"{HTTP},port={port}", SERVER, "events", "8001", "8002",
                             given=request())
            self.expect(result, b"request 1, 0 bytes\n")
            self.assertIn(b"server %d\n" % place, result.stderr)
        self.expect(command("run", f"{HTTP},port=8003", SERVER, "blocking", given=request()),
                    b"request 1, 0 bytes\n")  # by $PORT
        result = command("run", f"{HTTP},port=81", SERVER, "blocking", "80", given=request())
        self.assertEqual(result.returncode, 137)
        self.assertIn(b"a guest has no network", result.stderr)

    def test_no_answer(self):
        result = command("run", HTTP, SERVER, "silent", given=request())
        self.expect(result, b"", 137)
        self.assertIn(b"its response is not over", result.stderr)
        self.expect(command("run", HTTP, SERVER, "exits", given=request()), b"", 3)

    def test_servers_within(self):
        """Who reads standard input first gets the request there, and no connection from outside."""
        result = command("run", HTTP, SERVER, "beside", given=b"x" * 10_000)
        self.assertEqual((result.returncode, result.stdout), (0, b"listening\n10000 bytes\n"), result.stderr)

    def test_other_networks(self):
        result = command("run", "--net:*=user", SERVER, "blocking", given=request())
        self.assertEqual(result.returncode, 125)
        self.assertIn(b"a program has none but http", result.stderr)


if __name__ == "__main__":
    unittest.main()
