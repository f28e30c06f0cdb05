#!/usr/bin/env python3
"""How programs in Python end in an image of `mayfly root python`: with the output and status that the
same interpreter has on the host, in every isolation.

usage: test_ends.py MAYFLY
Exits with 77, saying why, where this machine cannot run the test.
"""

import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

MAYFLY = pathlib.Path(sys.argv.pop(1)).resolve()
PYTHON = "/usr/bin/python3"
LIMIT = 300  # seconds for one command
SKIP = 77

# Each program reads its request first, which is what the snapshot is taken at.
READ = "import atexit, io, os, sys\nrequest = sys.stdin.read()\n"
ENDS = {
    "the last line": "print('end')\nprint('log', file=sys.stderr)",
    "much that was not flushed": "print('a' * 3000000)",
    "a status": "print('end')\nsys.exit(3)",
    "a status that does not fit": "raise SystemExit(300)",
    "a message": "print('end')\nsys.exit('wrong')",
    "no status": "print('end')\nsys.exit()",
    "a status that was caught": "try: sys.exit(3)\nexcept SystemExit as end: print(end.code)",
    "an exception": "print('end')\n1 / 0",
    "an exception, and a hook for it":
        "def hook(*what):\n    print('hook', what[0])\nsys.excepthook = hook\n1 / 0",
    "an exception, and a hook that exits":
        "def hook(*what):\n    sys.exit(5)\nsys.excepthook = hook\n1 / 0",
    "an interrupt": "print('end')\nraise KeyboardInterrupt",
    "at once": "print('lost')\nos._exit(7)",
    "handlers": "for i in range(3): atexit.register(print, i)\nprint('end')",
    "a handler that fails": "atexit.register(lambda: 1 / 0)\natexit.register(print, 1)\nsys.exit(2)",
    "a handler that exits": "atexit.register(sys.exit, 9)\nprint('end')\nsys.exit(2)",
    "handlers that the program calls":
        "atexit.register(print, 'handler')\natexit._run_exitfuncs()\nimport json\nprint(json.dumps(1))\n"
        "sys.exit(4)",
    "no handlers any more": "atexit.register(print, 'handler')\natexit._clear()\nprint('end')",
    "threads": "import threading, time\n"
               "def late():\n    time.sleep(0.05)\n    print('late')\n    atexit.register(print, 'last')\n"
               "threading.Thread(target=late).start()\n"
               "threading.Thread(target=threading.Event().wait, daemon=True).start()\nprint('end')",
    "a pool of threads": "import concurrent.futures\n"
                         "pool = concurrent.futures.ThreadPoolExecutor(2)\n"
                         "[pool.submit(print, 'task') for i in range(3)]\nprint('end', flush=True)",
    "a loop of events": "import asyncio\nasync def main():\n    await asyncio.sleep(0)\n    sys.exit(6)\n"
                        "asyncio.run(main())",
    "multiprocessing": "import multiprocessing.util\n"
                       "multiprocessing.util.Finalize(None, print, ['done'], exitpriority=1)\nprint('end')",
    "logging, tempfile, weakref":
        "import logging, logging.handlers, tempfile, weakref\n"
        "target = logging.StreamHandler(sys.stdout)\n"
        "logging.getLogger().addHandler(logging.handlers.MemoryHandler(9, target=target))\n"
        "logging.warning('kept')\nfolder = tempfile.TemporaryDirectory()\n"
        "class Thing: pass\nthing = Thing()\nweakref.finalize(thing, print, 'gone')\nprint('end')",
    "a writer on its descriptor": "out = open(1, 'w', closefd=False)\nout.write('written')",
    "a writer within an object":
        "class Thing:\n    def __init__(self):\n        self.out = io.TextIOWrapper(sys.stdout.buffer)\n"
        "thing = Thing()\nthing.out.write('written')\nprint('end')",
    "an archive": "import zipfile\nout = zipfile.ZipFile(sys.stdout.buffer, 'w')\n"
                  "out.writestr(zipfile.ZipInfo('name'), request)",
    "another standard output":
        "sys.stdout = io.TextIOWrapper(sys.stdout.buffer, encoding='utf-16')\nprint('end')",
    "output in C": "import ctypes\nctypes.CDLL(None).printf(b'printed')",
    "standard output closed": "print('end')\nsys.stdout.close()",
    "output that fails": "os.close(1)\nprint('lost')",
    "objects with __del__":
        "def say(what): print(what, len(sys.modules) > 9)\n"
        "class Thing:\n    def __init__(self): self.itself = self\n    def __del__(self): say('gone')\n"
        "things = [Thing(), Thing()]\nprint('end')",
    "a function in its middle":
        "def say(): print('finally')\ndef numbers():\n    try: yield 1\n    finally: say()\n"
        "left = numbers()\nnext(left)\nprint('end')",
    "odd modules": "sys.modules['odd'] = object()\nsys.modules['none'] = None\n"
                   "class Odd:\n    def __getattr__(self, name): raise KeyError(name)\n"
                   "sys.modules['odder'] = Odd()\nprint('end')\nsys.exit(3)",
    "another interpreter": "import _xxsubinterpreters as others\nother = others.create()\n"
                           "others.run_string(other, 'import json')\nothers.destroy(other)\n"
                           "import json\nprint(json.dumps(1))\nsys.exit(3)",
}
# What an object does that a library's module holds, when Python destroys it, and a library in C.
HELD = READ + """
import ctypes, json
library = ctypes.CDLL(None)
library.__cxa_atexit.argtypes, library.strdup.restype = [ctypes.c_void_p] * 3, ctypes.c_void_p
library.__cxa_atexit(ctypes.cast(library.puts, ctypes.c_void_p), library.strdup(b"handler"), None)
class Thing:
    def __del__(self): print("destroyed")
Thing.__module__ = "json"
json.thing = Thing()
print("end")
sys.exit(3)
"""


def command(*words, given=b""):
    return subprocess.run([MAYFLY, *map(str, words)], input=given, capture_output=True,
                          timeout=LIMIT, check=False)


def text(data):
    """Without what differs: where objects are, and what Mayfly says of a signal."""
    shown = re.sub(r"0x[0-9a-f]{9,}", "0x...", data.decode(errors="replace"))
    return re.sub(r"mayfly: error: python3 ended itself by signal 2.*\n", "", shown)


class Ends(unittest.TestCase):
    image = None
    isolations = []

    def guest(self, isolation, *words, given=b"request", options=()):
        done = command("run", f"--isolation={isolation}", *options, "--root", self.image, "python3",
                       *words, given=given)
        return text(done.stdout), text(done.stderr), done.returncode

    def same_as_host(self, *words, given=b"request", variables=None):
        host = subprocess.run([PYTHON, *words], input=given, capture_output=True, timeout=LIMIT,
                              check=False, cwd="/", env=variables or {})
        status = host.returncode if host.returncode >= 0 else 128 - host.returncode
        options = [f"--env={name}={value}" for name, value in (variables or {}).items()]
        for isolation in self.isolations:
            with self.subTest(isolation=isolation):
                self.assertEqual(self.guest(isolation, *words, given=given, options=options),
                                 (text(host.stdout), text(host.stderr), status))

    def test_ends(self):
        for name, script in ENDS.items():
            with self.subTest(name):
                self.same_as_host("-c", READ + script)

    def test_interactive(self):
        """The program is over when what is typed is."""
        self.same_as_host("-i", "-c", "a = 2", given=b"print(a)\n1 / 0\n")
        self.same_as_host("-c", "a = 2", given=b"print(a)\n", variables={"PYTHONINSPECT": "1"})

    def test_program_as_request(self):
        self.same_as_host("-", given=b"print('end')\nraise SystemExit(4)\n")

    def test_libraries(self):
        """They are not destroyed, unless the environment asks for that."""
        for isolation in self.isolations:
            with self.subTest(isolation=isolation):
                self.assertEqual(self.guest(isolation, "-c", HELD), ("end\n", "", 3))
                full = self.guest(isolation, "-c", HELD, options=["--env=MAYFLY_FULL_END=1"])
                self.assertEqual(full, ("end\ndestroyed\nhandler\n", "", 3))


def main():
    if not os.path.exists(PYTHON):
        print(f"skipped: {PYTHON} is not installed")
        sys.exit(SKIP)
    for isolation in ("kvm", "process"):
        probe = command("run", f"--isolation={isolation}", "hello", given=b"Ada\n")
        if probe.returncode == 0:
            Ends.isolations.append(isolation)
        else:
            print(f"{isolation} is left out: {text(probe.stderr)}")
    with tempfile.TemporaryDirectory(dir=MAYFLY.parent, prefix="test-ends-") as name:
        function, Ends.image = (pathlib.Path(name, file) for file in ("upper.py", "upper.img"))
        function.write_text("def handle(request):\n    return request.upper()\n")
        built = command("root", "python", function, "-o", Ends.image)
        print(text(built.stdout), text(built.stderr))
        sys.exit(not unittest.main(exit=False, verbosity=2).result.wasSuccessful())


main()
