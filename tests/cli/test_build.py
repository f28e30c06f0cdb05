#!/usr/bin/env python3
"""mayfly build: C and Python, and what is neither.

usage: test_build.py MAYFLY SOURCES
SOURCES is the folder of the example functions.
"""

import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

MAYFLY, SOURCES = (pathlib.Path(sys.argv.pop(1)).resolve() for _ in range(2))
LIMIT = 120  # seconds for one command


class Build(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def mayfly(self, *words, request=b""):
        return subprocess.run([MAYFLY, *map(str, words)], input=request, capture_output=True, timeout=LIMIT,
                              cwd=self.folder, check=False)

    def built(self, *words):
        result = self.mayfly("build", *words)
        self.assertEqual(result.returncode, 0, result.stderr.decode())
        return result

    def refused(self, *words):
        result = self.mayfly("build", *words)
        self.assertNotEqual(result.returncode, 0, words)
        return result.stderr.decode()

    def source(self, name, text=""):
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        return path

    def runs(self, program, response, request=b"Bob"):
        result = self.mayfly("run", program, request=request)
        self.assertEqual((result.returncode, result.stdout), (0, response), result.stderr.decode())

    def test_c(self):
        (self.folder / "greeting").mkdir()
        for folder in (self.folder, self.folder / "greeting"):
            shutil.copy(SOURCES / "request.h", folder)
        shutil.copy(SOURCES / "hello.c", self.folder / "greeting")
        self.built("greeting")
        self.runs("./greeting.elf", b"Hello, Bob!\n")
        self.built("-o", "greeting/program", "greeting")
        self.runs("greeting/program", b"Hello, Bob!\n")
        (self.folder / "greeting.elf").unlink()
        (self.folder / "greeting.elf").mkdir()
        self.assertIn("greeting.elf is a directory", self.refused("greeting"))
        # What follows is the compiler's.
        self.source("two/one.c", "int number(void);\nint main(void) { return number() - NUMBER; }\n")
        self.source("two/two.c", "int number(void) { return 7; }\n")
        for words in (["-DNUMBER=7"], ["--", "-DNUMBER=7"]):
            self.built("-o", "seven", "two", *words)
            self.runs("./seven", b"")
        self.assertIn("NUMBER", self.refused("-o", "seven", "two"))
        single = shutil.copy(SOURCES / "hello.c", self.folder / "hi.c")
        self.built(single)
        self.runs("./hi", b"Hello, Bob!\n")

    def test_handler_in_c(self):
        shutil.copy(SOURCES / "hello-http.c", self.folder / "hello-http.c")
        self.built("hello-http.c")
        self.assertTrue((self.folder / "hello-http").exists())

    def test_python(self):
        self.source("upper/handler.py", "def handle(request):\n    return request.upper()\n")
        self.built("upper")
        self.runs("./upper.img", b"BOB")

    def test_neither(self):
        self.source("none/readme")
        self.source("docker/Dockerfile")
        self.source("both/handler.py")
        self.source("both/main.c")
        for words, sentence in ((["none"], "neither handler.py nor C files"), (["none/readme"], "neither Python"),
                                (["docker"], "docker or podman"), (["both"], "has both"),
                                (["nowhere"], "No such file"), (["both/handler.py", "-O3"], "mean nothing"),
                                (["--handler", "both/main.c"], "are for Python"), ([], "")):
            self.assertIn(sentence, self.refused(*words), words)


unittest.main(verbosity=2)
