#!/usr/bin/env python3
"""Unikernels as functions: the gateway's requests reach the HTTP server that such a guest has.

usage: test_unikernels.py MAYFLYD SERVER
SERVER counts its requests and answers each by the count (kernels/solo5/http_server.c).
"""

import concurrent.futures
import os
import sys
import unittest

from gateway import Gateway

SKIP = 77
if not os.access("/dev/kvm", os.R_OK | os.W_OK):
    print("skipped: /dev/kvm is missing", file=sys.stderr)
    sys.exit(SKIP)
MAYFLYD, SERVER = sys.argv.pop(1), os.path.abspath(sys.argv.pop(1))


class Unikernels(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.gateway = Gateway(MAYFLYD)
        cls.gateway.start()
        cls.gateway.deploy("server", SERVER, annotations={"mayfly.dev/contract": "http"})

    @classmethod
    def tearDownClass(cls):
        assert cls.gateway.stop() == 0, cls.gateway.log_text()
        cls.gateway.__exit__()

    def expect(self, answer):
        self.assertEqual((answer.status, answer.body), (200, b"request 1"))

    def test_requests(self):
        """Each finds a server that has served nobody."""
        for _ in range(20):
            self.expect(self.gateway.invoke("server"))

    def test_bodies(self):
        for length in 0, 1, 1460, 100_000:
            self.expect(self.gateway.invoke("server", b"x" * length))

    def test_side_by_side(self):
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            for answer in pool.map(lambda _: self.gateway.invoke("server"), range(40)):
                self.expect(answer)

    def test_without_the_contract(self):
        self.gateway.deploy("found", SERVER)
        self.expect(self.gateway.invoke("found"))

    def test_port(self):
        """Where nobody listens, nothing is deployed."""
        with Gateway(MAYFLYD, "--setup-timeout=2") as gateway:
            wanted = {"service": "other", "image": SERVER, "annotations": {"mayfly.dev/contract": "http"}}
            for port, status in ("81", 400), ("0", 400), ("8080", 202):
                wanted["annotations"]["mayfly.dev/port"] = port
                answer = gateway.system("POST", "/functions", wanted)
                self.assertEqual(answer.status, status, answer.text)
            self.expect(gateway.invoke("other"))


if __name__ == "__main__":
    unittest.main()
