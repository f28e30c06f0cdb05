#!/usr/bin/env python3
"""An image of Solo5 for spt as a function: deployed as any other, its request in a block device.

usage: test_spt_gateway.py MAYFLYD REQUEST
"""
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "gateway"))
from gateway import Gateway

MAYFLYD, REQUEST = (pathlib.Path(path).resolve() for path in sys.argv[1:3])
del sys.argv[1:]


class Functions(unittest.TestCase):
    def test_function(self):
        with Gateway(MAYFLYD) as gateway:
            gateway.deploy("unikernel", REQUEST)
            for number in range(20):
                answer = gateway.invoke("unikernel", b"hello number %d" % number)
                self.assertEqual((answer.status, answer.text), (200, f"Hello, number {number}\n"))
            said = gateway.system("GET", "/function/unikernel").json()["mayfly"]
            self.assertEqual((said["isolation"], said["way"]), ("process", "direct"))
            # Nothing of one request is found in the next.
            for _ in range(3):
                answer = gateway.invoke("unikernel", b"begin")
                self.assertEqual((answer.status, answer.text[-5:]), (200, " MiB\n"))
            answer = gateway.invoke("unikernel", b"illegal")
            self.assertEqual(answer.status, 500)
            self.assertIn("crashed", answer.text)
            self.assertEqual(gateway.invoke("unikernel", b"hello again").text, "Hello, again\n")

    def test_long_request(self):
        """One that is too long ends, and not the monitor that would serve it."""
        with Gateway(MAYFLYD) as gateway:
            gateway.deploy("unikernel", REQUEST)
            self.assertEqual(gateway.invoke("unikernel", b"hello first").text, "Hello, first\n")
            monitors = gateway.children("mayfly-monitor")
            answer = gateway.invoke("unikernel", bytes(65 << 20))
            self.assertEqual(answer.status, 500)
            self.assertIn("longer than the 64 MiB", answer.text)
            self.assertEqual(gateway.invoke("unikernel", b"hello second").text, "Hello, second\n")
            self.assertEqual(gateway.children("mayfly-monitor"), monitors)


if __name__ == "__main__":
    unittest.main(verbosity=2)
