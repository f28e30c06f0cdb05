#!/usr/bin/env python3
"""Servers as functions: the gateway's requests are connections that a program accepts.

usage: test_servers.py MAYFLYD SERVER
SERVER counts its requests and answers each by the count (system/server.c).
"""

import concurrent.futures
import json
import os
import pathlib
import shutil
import sys
import tempfile
import unittest

from gateway import Gateway

MAYFLYD, SERVER = sys.argv.pop(1), os.path.abspath(sys.argv.pop(1))
HTTP = {"mayfly.dev/contract": "http"}


class Servers(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.gateway = Gateway(MAYFLYD)
        cls.gateway.start()
        for how in "events", "threads":
            cls.gateway.deploy(how, SERVER, annotations={**HTTP, "mayfly.dev/port": "8001"},
                               envProcess=f"server {how} 8001 8002")

    @classmethod
    def tearDownClass(cls):
        assert cls.gateway.stop() == 0, cls.gateway.log_text()
        cls.gateway.__exit__()

    def expect(self, answer, length=0):
        self.assertEqual((answer.status, answer.body),
                         (200, b"request 1, %d bytes\n" % length), answer.text)

    def test_requests(self):
        """Each finds a server that has served nobody."""
        for how in "events", "threads":
            for length in 0, 1, 100_000, 3_000_000:
                self.expect(self.gateway.invoke(how, b"x" * length), length)

    def test_side_by_side(self):
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            for answer in pool.map(lambda _: self.gateway.invoke("events"), range(40)):
                self.expect(answer)

    def test_port(self):
        """PORT is set; where nobody listens, nothing is deployed."""
        wanted = {"service": "other", "image": SERVER, "envProcess": "server blocking 8001",
                  "annotations": {**HTTP, "mayfly.dev/port": "8002"}}
        answer = self.gateway.system("POST", "/functions", wanted)
        self.assertEqual(answer.status, 400, answer.text)
        self.gateway.deploy("other", SERVER, annotations=HTTP, envProcess="server blocking")
        self.expect(self.gateway.invoke("other"))

    def contract(self, name):
        function = json.loads(self.gateway.system("GET", f"/function/{name}").text)
        return function["mayfly"]["contract"]

    def test_without_the_contract(self):
        """The gateway finds out that it is a server, also the second time, when there is a snapshot."""
        for name in "plain", "again":
            self.gateway.deploy(name, SERVER, annotations={"mayfly.dev/port": "8001"},
                                envProcess="server events 8002 8001")
            self.expect(self.gateway.invoke(name, b"abc"), 3)
            self.assertEqual(self.contract(name), "http")
        self.gateway.deploy("warm", SERVER, annotations={"mayfly.dev/warm-up": "some bytes"},
                            envProcess="server blocking")
        self.assertEqual(self.gateway.invoke("warm").body, b"request 2, 0 bytes\n")
        self.gateway.deploy("fresh", SERVER, annotations={"mayfly.dev/fresh": "true"},
                            envProcess="server blocking")
        self.expect(self.gateway.invoke("fresh"))

    def test_watchdog(self):
        """An image for of-watchdog with mode=http, whose server has a port of its own."""
        with tempfile.TemporaryDirectory(prefix="mayfly-servers-") as folder:
            root = pathlib.Path(folder)
            for name in "bin", "etc/mayfly":
                (root / name).mkdir(parents=True)
            shutil.copy(SERVER, root / "bin/server")
            (root / "etc/mayfly/function.json").write_text(json.dumps({
                "command": ["fwatchdog"],
                "environment": ["mode=http", "fprocess=/bin/server events 5000", "upstream_url=http://127.0.0.1:5000"]}))
            self.gateway.deploy("watched", root)
        self.expect(self.gateway.invoke("watched", b"abc"), 3)
        self.assertEqual(self.contract("watched"), "http")

    def test_servers_within(self):
        """Who reads standard input is none for the gateway."""
        self.gateway.deploy("beside", SERVER, envProcess="server beside")
        self.assertEqual(self.contract("beside"), "stdio")
        self.assertEqual(self.gateway.invoke("beside", b"x" * 10_000).body, b"listening\n10000 bytes\n")

    def test_with_another_contract(self):
        """It is refused with what to say."""
        answer = self.gateway.system("POST", "/functions", {
            "service": "stdio", "image": SERVER, "envProcess": "server blocking 8001",
            "annotations": {"mayfly.dev/contract": "stdio"}})
        self.assertEqual(answer.status, 400, answer.text)
        self.assertIn("--contract=http", answer.text)


if __name__ == "__main__":
    unittest.main()
