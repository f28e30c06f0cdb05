#!/usr/bin/env python3
"""Completion as the shells do it: the scripts in real shells, on terminals, with TAB.

usage: test_completion.py MAYFLY NOOP_PLUGIN FUNCTION...
"""

import json
import os
import pathlib
import pty
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

MAYFLY, NOOP = (pathlib.Path(path).resolve() for path in sys.argv[1:3])
FUNCTIONS = [pathlib.Path(path).name for path in sys.argv[3:]]
del sys.argv[1:]
LIMIT = 60  # seconds for one command

# The command that is typed: it answers the scripts, and else shows what the shell made of the line.
COMMAND = """#!/bin/sh
[ "$1 $2" != "completion words" ] || exec {mayfly} "$@"
printf 'GOT'; printf '<%s>' "$@"; echo END
"""

# What is typed before TAB, and the words that there are then. Each completes in one way only.
CASES = [
    ("doc", ["doctor"]),
    ("run hel", ["run", "hello"]),
    ("snapshot -o x ech", ["snapshot", "-o", "x", "echo"]),
    ("run pho", ["run", "photo.img"]),
    ("run detect fa", ["run", "detect", "face"]),
    ("run classify effi", ["run", "classify", "efficientnet-lite0"]),
    ("run --memory 64M hel", ["run", "--memory", "64M", "hello"]),
    ("run --memory=64M -n 2 hel", ["run", "--memory=64M", "-n", "2", "hello"]),
    ("run --root tr", ["run", "--root", "tree/"]),
    ("run --root=tr", ["run", "--root=tree/"]),
    ("run --isolation pro", ["run", "--isolation", "process"]),
    ("run --isolation=pro", ["run", "--isolation=process"]),
    ("run --rep", ["run", "--repeat="]),
    ("run --block-s", ["run", "--block-sector-size:"]),
    ("run --block:disk=photo.img hel", ["run", "--block:disk=photo.img", "hello"]),
    ("models fe", ["models", "fetch"]),
    ("models fetch onn", ["models", "fetch", "onnxruntime"]),
    ("models remove fa", ["models", "remove", "face"]),
    ("root build tr", ["root", "build", "tree/"]),
    ("help docto", ["help", "doctor"]),
    ("acceld sto", ["acceld", "stop"]),
    ("acceld stop acceld-", ["acceld", "stop", "HOST"]),
    ("completion fi", ["completion", "fish"]),
]

# fish knows no options with names of their own.
NAMED = [
    ("run --block:disk=pho", ["run", "--block:disk=photo.img"]),
    ("run --net:a=x --block:disk=pho", ["run", "--net:a=x", "--block:disk=photo.img"]),
]


class Completed(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = pathlib.Path(folder.name)
        work, programs = cls.folder / "work", cls.folder / "bin"
        (work / "tree").mkdir(parents=True)
        programs.mkdir()
        (work / "photo.img").touch()
        (programs / "mayfly").write_text(COMMAND.format(mayfly=MAYFLY))
        (programs / "mayfly").chmod(0o755)
        for name, task in (("face", "detect"), ("efficientnet-lite0", "classify")):
            model = cls.folder / "cache/models" / name
            model.mkdir(parents=True)
            (model / "model.txt").write_text(f"task = {task}\n")
        (cls.folder / "run").mkdir(mode=0o700)
        cls.environment = {"PATH": f"{programs}:/usr/bin:/bin", "TERM": "xterm", "LANG": "C.UTF-8",
                           "HOME": str(cls.folder), "XDG_RUNTIME_DIR": str(cls.folder / "run"),
                           "MAYFLY_CACHE": str(cls.folder / "cache"), "VACCEL_PLUGINS": str(NOOP)}
        for name in ("LD_LIBRARY_PATH", "ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS"):
            if name in os.environ:
                cls.environment[name] = os.environ[name]
        cls.mayfly("run", "classify")  # starts the host
        cls.addClassCleanup(cls.mayfly, "acceld", "stop", "--all")
        cls.host = json.loads(cls.mayfly("acceld", "--json").stdout)["hosts"][0]["name"]

    @classmethod
    def mayfly(cls, *arguments):
        return subprocess.run([MAYFLY, *arguments], text=True, capture_output=True, timeout=LIMIT,
                              stdin=subprocess.DEVNULL, env=cls.environment, check=False)

    def cases(self):
        for typed, words in CASES:
            yield typed, [word.replace("HOST", self.host) for word in words]

    def complete_all(self, shell, setup):
        """Types the lines into an interactive shell."""
        if not shutil.which(shell[0]):
            self.skipTest(f"{shell[0]} is not installed")
        script = self.folder / f"script.{shell[0]}"
        script.write_text(self.mayfly("completion", shell[0]).stdout)
        process, terminal = pty.fork()
        if not process:
            os.chdir(self.folder / "work")
            os.execvpe(shell[0], shell, self.environment)
        try:
            said = Said(terminal)
            os.write(terminal, f"{setup.format(script=script)}; echo SE''T\n".encode())
            said.wait_for(rb"SET\r")
            for typed, words in [*self.cases(), *NAMED]:
                os.write(terminal, f"mayfly {typed}\t\n".encode())
                got = said.wait_for(rb"GOT(<.*?>)END").group(1).decode()
                # zsh takes a slash, = or : at the end away when the line is entered.
                self.assertEqual([word.rstrip("/=:") for word in re.findall("<(.*?)>", got)],
                                 [word.rstrip("/=:") for word in words], typed)
        finally:
            os.kill(process, signal.SIGKILL)
            os.waitpid(process, 0)
            os.close(terminal)

    def test_bash(self):
        self.complete_all(["bash", "--norc", "--noprofile", "-i"], "source {script}")

    def test_zsh(self):
        self.complete_all(["zsh", "-f", "-i"], "autoload -Uz compinit; compinit -u -D; source {script}")

    @unittest.skipUnless(shutil.which("fish"), "fish is not installed")
    def test_fish(self):
        script = self.folder / "script.fish"
        script.write_text(self.mayfly("completion", "fish").stdout)
        for typed, words in self.cases():
            result = subprocess.run(
                ["fish", "-N", "-c", f"source {script}; complete -C 'mayfly {typed}'"], text=True,
                capture_output=True, timeout=LIMIT, env=self.environment, cwd=self.folder / "work",
                check=True)
            found = [line.partition("\t")[0] for line in result.stdout.splitlines()]
            self.assertEqual(result.stderr, "", typed)
            self.assertIn(words[-1].rstrip("="), [word.rstrip("=") for word in found], typed)

    def test_words(self):
        words = lambda *kind: self.mayfly("completion", "words", *kind).stdout.split()
        self.assertEqual(sorted(words("functions")), sorted(FUNCTIONS))
        self.assertEqual(words("models"), ["efficientnet-lite0", "face"])
        self.assertEqual(words("arguments", "detect"), ["face"])
        self.assertEqual(words("arguments", "classify"), ["efficientnet-lite0"])
        self.assertEqual(words("arguments", "hello"), [])
        self.assertEqual(words("hosts"), [self.host])
        self.assertIn("doctor", words("verbs"))
        known = self.mayfly("models", "fetch", "nonesuch").stderr.rpartition("known are ")[2]
        self.assertEqual(sorted(words("fetched")), sorted(known.strip().split(", ")))
        self.assertNotEqual(self.mayfly("completion", "words", "nonesuch").returncode, 0)


class Said:
    """What a terminal showed and was not looked at yet."""

    def __init__(self, terminal):
        self.terminal, self.text = terminal, b""

    def wait_for(self, pattern):
        deadline = time.monotonic() + LIMIT
        while not (found := re.search(pattern, self.text)):
            if not select.select([self.terminal], [], [], max(0, deadline - time.monotonic()))[0]:
                raise TimeoutError(f"{pattern} does not come after {self.text!r}")
            self.text += os.read(self.terminal, 65536)
        self.text = self.text[found.end():]
        return found


if __name__ == "__main__":
    unittest.main()
