#!/usr/bin/env python3
"""What an HTTP worker that was taken over can do to its supervisor: be ended, and no more.

usage: test_worker_taken_over.py MAYFLYD WORKER DEEDS
"""

import os
import pathlib
import re
import shutil
import socket
import sys
import tempfile
import unittest

from gateway import LIMIT, Gateway, until

MAYFLYD, WORKER, DEEDS = (os.path.abspath(sys.argv.pop(1)) for _ in range(3))
OPTIONS = ["--memory=64M", "--connections=100"]
MEMORY = 768 << 20  # that the supervisor may need in all


class WorkerTakenOverTest(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="mayfly-taken-over-"))
        self.addCleanup(shutil.rmtree, self.folder)
        with Gateway(MAYFLYD, state=self.folder / "state") as gateway:
            gateway.deploy("deeds", DEEDS)
        place = self.folder / "parts/gateway/worker"
        place.mkdir(parents=True)
        shutil.copy(WORKER, place / "mayfly-http")
        own = os.environ.get("MAYFLY_LIBDIR")
        os.environ["MAYFLY_LIBDIR"] = str(self.folder / "parts")
        try:
            self.gateway = self.enterContext(
                Gateway(MAYFLYD, *OPTIONS, state=self.folder / "state"))
            # Asked to end, it would give its worker 30 s, which this one would take.
            self.addCleanup(self.gateway.kill)
        finally:
            os.environ["MAYFLY_LIBDIR"] = own

    def attack(self, name):
        """Returns when the worker was ended."""
        connection = socket.create_connection(("127.0.0.1", self.gateway.port), 15)
        self.addCleanup(connection.close)
        try:
            connection.sendall(name.encode() + b"\n")
            while connection.recv(64):
                pass
        except ConnectionResetError:
            pass

    def arenas(self):
        maps = pathlib.Path(f"/proc/{self.gateway.process.pid}/maps").read_text()
        return maps.count("/memfd:mayfly-arena")

    def is_alive(self):
        self.assertIsNone(self.gateway.process.poll(), self.gateway.log_text())

    def attack_and_end(self, *names):
        arenas = until(self.arenas, "a worker")
        for name in names:
            with self.subTest(name):
                before = self.gateway.children("mayfly-http")
                self.attack(name)
                until(lambda before=before: self.gateway.children("mayfly-http") not in ([], before),
                      "the next worker")
                self.is_alive()
        # What the dead ones had is not kept.
        until(lambda: self.arenas() == arenas, f"{arenas} arenas instead of {self.arenas()}", 20)

    def test_nonsense(self):
        self.attack_and_end("offset", "head", "record", "number", "kind")

    def test_what_is_not_there(self):
        self.attack_and_end("block", "finished", "status", "body")

    def test_what_is_shared(self):
        self.attack_and_end("sockets", "sockets", "kind")

    def test_floods(self):
        self.attack_and_end("pieces", "questions")
        self.assertIn("more of a body than it may", self.gateway.log_text())
        self.assertIn("more calls than it can have connections", self.gateway.log_text())

    @unittest.skipIf(os.environ.get("SANITIZE", "none") != "none", "a sanitizer takes more")
    def test_memory(self):
        self.attack_and_end("memory")
        status = pathlib.Path(f"/proc/{self.gateway.process.pid}/status").read_text()
        most = int(re.search(r"^VmHWM:\s+(\d+) kB$", status, re.M)[1]) << 10
        self.assertLess(most, MEMORY)


if __name__ == "__main__":
    unittest.main()
