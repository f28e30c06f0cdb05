#!/usr/bin/env python3
"""Responses that last: they come as the program sends them, and keep their machine until they are over.

usage: test_streams.py MAYFLYD STREAM_SERVER
STREAM_SERVER says in its source what it answers (system/stream_server.c).
"""

import asyncio
import concurrent.futures
import http.client
import os
import select
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import unittest

from gateway import LIMIT, Gateway, until

MAYFLYD, SERVER = sys.argv.pop(1), os.path.abspath(sys.argv.pop(1))
TIMEOUT = 2  # seconds that a function may be silent; at least half of them should be more than a host's pause


class Streams(unittest.TestCase):
    isolation = "auto"

    @classmethod
    def setUpClass(cls):
        cls.gateway = Gateway(MAYFLYD)
        cls.gateway.start()
        isolation = {"mayfly.dev/isolation": cls.isolation}
        cls.gateway.deploy("streams", SERVER, annotations={"mayfly.dev/timeout": f"{TIMEOUT}s", **isolation})
        cls.gateway.deploy("patient", SERVER, annotations=isolation)

    @classmethod
    def tearDownClass(cls):
        assert cls.gateway.stop() == 0, cls.gateway.log_text()
        cls.gateway.__exit__()

    def get(self, path, function="streams"):
        connection = http.client.HTTPConnection("127.0.0.1", self.gateway.port, timeout=LIMIT)
        self.addCleanup(connection.close)
        connection.request("GET", f"/function/{function}{path}")
        response = connection.getresponse()
        self.assertEqual(response.status, 200)
        return response

    def test_at_once(self):
        """A part comes though more is to come: else nothing came before a MiB is full."""
        for kind in "sleeps", "computes", "rest":
            response = self.get(f"/{kind}/99", "patient")
            self.assertEqual(response.read(8), b"part 00\n", kind)
            self.assertEqual(response.read(8), b"part 01\n", kind)

    def test_longer_than_the_timeout(self):
        """A stream lasts as long as it says something; each of these is twice as long as a request may take."""
        count = TIMEOUT * 2 * 10
        with concurrent.futures.ThreadPoolExecutor(3) as pool:
            kinds = "sleeps", "computes", "rest"
            for body in pool.map(lambda kind: self.get(f"/{kind}/{count}").read(), kinds):
                self.assertEqual(body, b"".join(b"part %02d\n" % i for i in range(count)))

    def test_silence(self):
        """One that says nothing any more is broken off."""
        response = self.get("/quiet")
        self.assertEqual(response.read(6), b"quiet\n")
        with self.assertRaises(http.client.IncompleteRead):
            response.read()

    def test_slow_reader(self):
        """The program waits for its client, which goes away at last."""
        response = self.get("/flood", "patient")
        self.assertEqual(response.read(3 << 20), b"x" * (3 << 20))
        response.close()
        self.assertEqual(self.get("/rest/2").read(), b"part 00\npart 01\n")


class StreamsByProcess(Streams):
    isolation = "process"


UPGRADE = b"GET /function/%s HTTP/1.1\r\nHost: here\r\nConnection: keep-alive, Upgrade\r\n" \
          b"Upgrade: WebSocket\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n" \
          b"Sec-WebSocket-Version: 13\r\n\r\n"


class Upgrades(unittest.TestCase):
    """The server of these answers by 101 and sends back what comes, until there is a NUL among it."""

    @classmethod
    def setUpClass(cls):
        cls.gateway = Gateway(MAYFLYD)
        cls.gateway.start()
        cls.gateway.deploy("socket", SERVER)
        cls.gateway.deploy("short", SERVER, annotations={"mayfly.dev/timeout": f"{TIMEOUT}s"})

    @classmethod
    def tearDownClass(cls):
        assert cls.gateway.stop() == 0, cls.gateway.log_text()
        cls.gateway.__exit__()

    def connect(self, data):
        connection = socket.create_connection(("127.0.0.1", self.gateway.port), timeout=LIMIT)
        self.addCleanup(connection.close)
        connection.sendall(data)
        file = connection.makefile("rb")
        self.addCleanup(file.close)
        status = int(file.readline().split()[1])
        headers = dict(line.rstrip(b"\r\n").lower().split(b": ", 1) for line in iter(file.readline, b"\r\n"))
        return status, headers, connection, file

    def upgrade(self, function=b"socket/", behind=b""):
        status, headers, connection, file = self.connect(UPGRADE % function + behind)
        self.assertEqual((status, headers[b"upgrade"], headers[b"connection"]),
                         (101, b"websocket", b"upgrade"))
        self.assertEqual((headers[b"sec-websocket-accept"], file.read(5)), (b"none", b"hello"))
        return connection, file

    def test_echo(self):
        connection, file = self.upgrade()
        for length in 1, 1000, 100_000:
            data = b"x" * length
            connection.sendall(data)
            self.assertEqual(file.read(length), data)
        connection.sendall(b"end\0")
        self.assertEqual(file.read(), b"end\0")

    def test_at_once(self):
        """What comes behind the request belongs to it."""
        connection, file = self.upgrade(behind=b"early")
        self.assertEqual(file.read(5), b"early")
        connection.sendall(b"\0")
        self.assertEqual(file.read(), b"\0")

    def test_many(self):
        """Each has a machine of its own."""
        ends = [self.upgrade() for _ in range(5)]
        for i, (connection, _) in enumerate(ends):
            connection.sendall(b"number %d" % i)
        for i, (connection, file) in enumerate(ends):
            self.assertEqual(file.read(8), b"number %d" % i)
        for connection, file in ends:
            connection.sendall(b"\0")
            self.assertEqual(file.read(), b"\0")

    def test_slow_client(self):
        """One that sends and does not read is not taken from for ever; then all comes back."""
        asyncio.run(self.send_first())

    async def send_first(self):
        data = os.urandom(16 << 20)
        reader, writer = await asyncio.open_connection("127.0.0.1", self.gateway.port)
        writer.write(UPGRADE % b"socket/")
        await asyncio.wait_for(reader.readuntil(b"\r\n\r\nhello"), LIMIT)
        writer.write(data.replace(b"\0", b"0"))
        await asyncio.sleep(1)
        self.assertGreater(writer.transport.get_write_buffer_size(), 0)
        came = await asyncio.wait_for(reader.readexactly(len(data)), LIMIT)
        self.assertEqual(came, data.replace(b"\0", b"0"))
        writer.transport.abort()

    def test_longer_than_the_timeout(self):
        """It lasts as long as bytes come or go, and no longer."""
        connection, file = self.upgrade(b"short/")
        for i in range(TIMEOUT * 4):
            connection.sendall(b"%8d" % i)
            self.assertEqual(file.read(8), b"%8d" % i)
            self.assertEqual(select.select([connection], [], [], 0.5), ([], [], []))
        self.assertEqual(file.read(), b"")

    def test_client_goes(self):
        """Its machine is free then."""
        self.gateway.deploy("single", SERVER, annotations={"mayfly.dev/concurrency": "1"})
        for _ in range(3):
            connection, file = self.upgrade(b"single/")
            file.close()
            connection.close()

    def test_no_upgrade(self):
        """The function says no; or nobody has asked; or not soundly."""
        status, _, _, file = self.connect(UPGRADE % b"socket/refuse")
        self.assertEqual((status, file.read(3)), (426, b"no\n"))
        status, _, _, _ = self.connect(b"GET /function/socket/asks HTTP/1.1\r\nHost: here\r\n\r\n")
        self.assertEqual(status, 502)
        for old, new in ((b"Upgrade: WebSocket", b"Upgrade: h2c"), (b", Upgrade", b""), (b"GET", b"PUT"),
                         (b"HTTP/1.1", b"HTTP/1.0")):
            status, _, _, file = self.connect((UPGRADE % b"socket/rest/1").replace(old, new))
            self.assertEqual(status, 200, new)

    def test_other_contracts(self):
        """A program that reads standard input answers as ever."""
        self.gateway.deploy("echo", "echo")
        status, _, _, _ = self.connect(UPGRADE % b"echo")
        self.assertEqual(status, 200)

    def test_log(self):
        """It is counted by its status."""
        connection, file = self.upgrade()
        connection.sendall(b"\0")
        file.read()
        until(lambda: 'code="101"' in self.gateway.request("GET", "/metrics", auth=True).text, "the metrics")


@unittest.skipUnless(shutil.which("openssl"), "no openssl to make a certificate")
class Tls(unittest.TestCase):
    def test_no_upgrade(self):
        """By TLS there are no WebSockets: the function sees a usual request."""
        with tempfile.TemporaryDirectory(prefix="mayfly-tls-") as folder:
            certificate, key = f"{folder}/certificate", f"{folder}/key"
            subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                            "-keyout", key, "-out", certificate, "-subj", "/CN=localhost", "-days", "2",
                            "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
            context = ssl.create_default_context(cafile=certificate)
            with Gateway(MAYFLYD, f"--tls-cert={certificate}", f"--tls-key={key}", context=context) as gateway:
                gateway.deploy("socket", SERVER)
                plain = socket.create_connection(("127.0.0.1", gateway.port), timeout=LIMIT)
                with context.wrap_socket(plain, server_hostname="127.0.0.1") as connection:
                    connection.sendall(UPGRADE % b"socket/rest/1")
                    self.assertRegex(connection.recv(1000), b"^HTTP/1.1 200 OK\r\n")


if __name__ == "__main__":
    unittest.main()
