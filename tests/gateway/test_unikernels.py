#!/usr/bin/env python3
"""Unikernels as functions: the gateway's requests reach the HTTP server that such a guest has.

usage: test_unikernels.py MAYFLYD SERVER NETWORK CONSOLE
SERVER counts its requests and answers each by the count (kernels/solo5/http_server.c). NETWORK has a network, and
serves nobody by it (kernels/solo5/guest.c). CONSOLE says what comes by its console, and how often something did
(kernels/unikraft/guest.c).
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
MAYFLYD = sys.argv.pop(1)
SERVER, NETWORK, CONSOLE = (os.path.abspath(path) for path in sys.argv[1:4])
del sys.argv[1:4]


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

    def test_by_console(self):
        """Nobody says a contract, and what was found out about a network is of no use."""
        for name, annotations in {"console": {}, "again": {}, "fresh": {"mayfly.dev/fresh": "true"},
                                  "said": {"mayfly.dev/contract": "stdio"}}.items():
            self.gateway.deploy(name, CONSOLE, annotations=annotations, envProcess="kernel echo")
            for body in b"one", b"two" * 100:
                answer = self.gateway.invoke(name, body)
                self.assertEqual((answer.status, answer.body), (200, b"ready\n" + body + b"1"), name)

    def refusal(self, image, annotations, process=""):
        answer = self.gateway.system("POST", "/functions", {
            "service": "refused", "image": image, "envProcess": process, "annotations": annotations})
        self.assertEqual(answer.status, 400, answer.text)
        return answer.text

    def test_refused(self):
        """By the same sentence as where the contract is said."""
        stdio, reuse = {"mayfly.dev/contract": "stdio"}, {"mayfly.dev/reuse": "2"}
        self.assertEqual(self.refusal(NETWORK, {}), self.refusal(NETWORK, stdio))
        self.assertEqual(self.refusal(CONSOLE, reuse, "kernel echo"),
                         self.refusal(CONSOLE, stdio | reuse, "kernel echo"))

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
