#!/usr/bin/env python3
"""Models of one's own in the store: added, shown, in versions, used by name, removed.

usage: test_models.py MAYFLY CASES
"""

import fcntl
import json
import os
import pathlib
import pty
import subprocess
import sys
import tempfile
import unittest

MAYFLY = pathlib.Path(sys.argv.pop(1)).resolve()
CASES = pathlib.Path(sys.argv.pop(1)).resolve()
CACHE = pathlib.Path(os.environ.get("MAYFLY_CACHE") or
                     pathlib.Path(os.environ.get("XDG_CACHE_HOME") or
                                  pathlib.Path.home() / ".cache") / "mayfly")
ENGINES = {"onnxruntime": "onnxruntime/libonnxruntime.so.1.31.1",
           "tflite": "tflite/libtensorflowlite_c.so"}
LIMIT = 60  # seconds for one command
SKIPPED = 77


class Store(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.cache, runtime = self.folder / "cache", self.folder / "runtime"
        for made in (self.cache, runtime):
            made.mkdir(mode=0o700)
        self.environment = {**os.environ, "MAYFLY_CACHE": str(self.cache),
                            "XDG_RUNTIME_DIR": str(runtime)}
        self.environment |= {f"MAYFLY_{name.upper()}": str(CACHE / path)
                             for name, path in ENGINES.items()}
        self.addCleanup(self.mayfly, "acceld", "stop", "--all")

    def mayfly(self, *arguments, **options):
        return subprocess.run([MAYFLY, *map(str, arguments)], text=True, capture_output=True,
                              timeout=LIMIT, check=False, env=self.environment,
                              **{"stdin": subprocess.DEVNULL, **options})

    def models(self, *arguments, says=""):
        """Does it; or with `says` it must not be possible, and be said so."""
        result = self.mayfly("models", *arguments)
        self.assertEqual(bool(says), bool(result.returncode), result.stderr)
        self.assertIn(says, result.stderr)
        return result.stdout

    def names(self):
        return [model["name"] for model in json.loads(self.models("--json"))["models"]]

    def show(self, name):
        return json.loads(self.models("show", "--json", name))


class Tensors(Store):
    def test_versions(self):
        small, types = CASES / "small.tflite", CASES / "types.tflite"
        self.models("add", small, says="--task tensors")
        shown = self.models("add", small, "--task", "tensors")
        self.assertRegex(shown, r"serving_default_x:0 +float \[any, 4\]")
        self.models("add", small, "--task=tensors", says="there is a model small already")
        for version in ("9", "10"):
            self.models("add", types if version == "10" else small, "--name=small",
                        f"--version={version}", "--task=tensors")
        self.assertEqual(self.names(), ["small", "small@10", "small@9"])
        # The latest one without a version, where 10 is more than 9.
        self.assertEqual((self.show("small")["name"], len(self.show("small")["inputs"])),
                         ("small@10", 3))
        self.assertEqual(len(self.show("small@9")["inputs"]), 2)
        self.models("show", "small@11", says="there is no model small@11")
        self.models("remove", "small@10", "small")
        self.assertEqual(self.show("small")["name"], "small@9")
        self.models("remove", "small@9")
        self.models("remove", "small@9", says="there is no model small@9")
        self.assertEqual(self.names(), [])
        self.assertEqual(list((self.cache / "models").iterdir()), [])

    def test_abandoned(self):
        """What somebody left who was ended goes with the next model; what is worked on stays."""
        models = self.cache / "models"
        held = models / ".aside-held"
        for folder in (held, models / ".aside-abandoned"):
            (folder / "variables").mkdir(parents=True, mode=0o700)
            (folder / "variables/part").write_text("half")
        lock = os.open(held, os.O_RDONLY)
        self.addCleanup(os.close, lock)
        fcntl.flock(lock, fcntl.LOCK_EX)
        self.models("add", CASES / "small.tflite", "--task=tensors")
        self.assertEqual(sorted(path.name for path in models.iterdir()), [".aside-held", "small"])
        self.assertEqual((held / "variables/part").read_text(), "half")
        self.assertEqual(self.names(), ["small"])

    def test_refused(self):
        self.models("add", CASES / "custom.tflite", "--task=tensors", says="Digamma")
        self.models("add", CASES / "nowhere.onnx", says="No such file")
        self.models("add", CASES / "small.tflite", "--task=singing", says="is none of tensors")
        for name in ("../up", "a/b", "a@b", "x" * 70, "-x"):
            self.models("add", CASES / "small.tflite", "--task=tensors", f"--name={name}",
                        says="is no name")
        self.models("show", "small", "--name=x", says="are for add")
        broken = self.folder / "broken.onnx"
        broken.write_bytes(b"this is not a model at all")
        self.models("add", broken, "--task=tensors", says="broken.onnx")
        # One input too many for a picture.
        self.models("add", CASES / "small.tflite", "--task=classify", f"--labels={__file__}",
                    says="this one has 2")
        self.assertEqual(self.names(), [])


class Pictures(Store):
    SETTINGS = ("--set=input_mean=0", "--set=input_scale=0.00392157", "--set=resize=stretch",
                "--set=score_form=softmax")

    def setUp(self):
        super().setUp()
        self.labels = self.folder / "labels.txt"
        self.labels.write_text("dark\nbright\n")
        self.tone = CASES / "tone.onnx"

    def check_photo(self):
        photo = CACHE / "photos/dog.jpg"
        if not photo.exists():
            self.skipTest("no photographs in the cache")
        with open(photo, "rb") as picture:
            result = self.mayfly("run", "classify", "tone", stdin=picture)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn(json.loads(result.stdout)["labels"][0]["label"], ("dark", "bright"))

    def test_options(self):
        add = ("add", self.tone, "--task=classify")
        self.models(*add, says="--labels FILE")
        self.models(*add, f"--labels={self.labels}", says="--set input_scale=")
        self.models(*add, f"--labels={self.labels}", *self.SETTINGS, "--set=nonsense=1",
                    says='unknown key "nonsense"')
        self.labels.write_text("dark\n")
        self.models(*add, f"--labels={self.labels}", *self.SETTINGS, says="has 1 labels")
        self.labels.write_text("dark\nbright\n")
        self.models(*add, f"--labels={self.labels}", *self.SETTINGS)
        self.assertEqual(self.show("tone")["task"], "classify")
        self.check_photo()

    def test_questions(self):
        """At a terminal it asks, and says nothing is missing."""
        answers = ["", "classify", str(self.labels), "", "0.00392157", "", "softmax"]
        terminal, other = pty.openpty()
        child = subprocess.Popen([MAYFLY, "models", "add", self.tone], stdin=other, stdout=other,
                                 stderr=other, env=self.environment, close_fds=True)
        os.close(other)
        said = b""
        try:
            for answer in answers:
                os.write(terminal, answer.encode() + b"\n")
            while chunk := os.read(terminal, 4096):
                said += chunk
        except OSError:
            pass  # its end
        self.assertEqual(child.wait(LIMIT), 0, said.decode())
        os.close(terminal)
        for question in (b"Name [tone]", b"What it is for", b"The scale", b"a softmax"):
            self.assertIn(question, said)
        self.assertEqual(self.show("tone")["task"], "classify")
        description = (self.cache / "models/tone/model.txt").read_text()
        for line in ("input_layout = nchw", "input_size = 32 32", "classes = 2"):
            self.assertIn(line, description)


if __name__ == "__main__":
    for needed in ENGINES.values():
        if not (CACHE / needed).exists():
            print(f"skipped: no {needed} in the cache: run models/fetch.py")
            sys.exit(SKIPPED)
    unittest.main()
