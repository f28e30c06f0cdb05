"""What tests of snapshots and requests share: running the command, which their first argument names, and
a folder for each test."""
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

MAYFLY = pathlib.Path(sys.argv.pop(1)).resolve()
LIMIT = 120  # seconds for one command
SKIP = 77


def mayfly(*arguments, request=b"Ada\n", **variables):
    return subprocess.run([MAYFLY, *map(str, arguments)], input=request, capture_output=True,
                          timeout=LIMIT, env={**os.environ, **variables}, check=False)


def text(data):
    return data.decode(errors="replace")


class WithFolder(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
