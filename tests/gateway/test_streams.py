#!/usr/bin/env python3
"""Responses that last: they come as the program sends them, and keep their machine until they are over.

usage: test_streams.py MAYFLYD STREAM_SERVER
STREAM_SERVER says in its source what it answers (system/stream_server.c).
"""

import concurrent.futures
import http.client
import os
import select
import socket
import sys
import unittest

from gateway import LIMIT, Gateway, until

MAYFLYD, SERVER = sys.argv.pop(1), os.path.abspath(sys.argv.pop(1))
TIMEOUT = 2  # seconds that a function may be silent; at least half of them should be more than a host's pause


class Streams(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.gateway = Gateway(MAYFLYD)
        cls.gateway.start()
        cls.gateway.deploy("streams", SERVER, annotations={"mayfly.dev/timeout": f"{TIMEOUT}s"})
        cls.gateway.deploy("patient", SERVER)

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


if __name__ == "__main__":
    unittest.main()
