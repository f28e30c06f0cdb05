#!/usr/bin/env python3
"""Arguments that are too many, missing or misspelt: of every verb and every example function.

usage: test_arguments.py MAYFLY FUNCTION...
"""

import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

MAYFLY = pathlib.Path(sys.argv[1]).resolve()
FUNCTIONS = [pathlib.Path(path).name for path in sys.argv[2:]]
del sys.argv[1:]
LIMIT = 60  # seconds for one command
BUSYBOX = "/bin/busybox"
MODELS = {"classify", "detect", "annotate"}  # those that take the name of a model


def mayfly(*arguments, cwd=None, **variables):
    return subprocess.run([MAYFLY, *arguments], text=True, capture_output=True, timeout=LIMIT,
                          stdin=subprocess.DEVNULL, cwd=cwd, env={**os.environ, **variables},
                          check=False)


def verbs():
    listing = mayfly("--help").stdout.partition("Verbs:\n")[2].partition("\n\n")[0]
    return [line.split()[0] for line in listing.splitlines() if line[2] != " "]


def words(verb):
    """[(word, what may follow)] of a verb that has verbs of its own."""
    listing = mayfly("help", verb).stdout.partition("What to do:\n")[2].partition("\n\n")[0]
    lines = [line[2:].partition("  ")[0].strip() for line in listing.splitlines()
             if line[2:3] not in ("", " ")]
    return [(line.partition(" ")[0], line.partition(" ")[2]) for line in lines]


class Refusals(unittest.TestCase):
    def refused(self, status, says, *arguments, **options):
        result = mayfly(*arguments, **options)
        self.assertEqual((result.returncode, result.stdout), (status, ""), result.stderr)
        self.assertEqual(result.stderr.count("\n"), 1, result.stderr)
        for text in [says] if isinstance(says, str) else says:
            self.assertIn(text, result.stderr)


class Verbs(Refusals):
    def test_too_many(self):
        tried = 0
        for verb in verbs():
            usage = mayfly("help", verb).stdout.partition("\n")[0].partition("[OPTION...]")[2]
            for word, operands in words(verb) or [("", usage.strip())]:
                if "..." in operands:
                    continue
                given = [word] if word else []
                given += ["one"] * len(operands.split())
                self.refused(2, "superfluous", verb, *given, "superfluous")
                tried += 1
        self.assertGreaterEqual(tried, 10)

    def test_missing(self):
        for verb in ("run", "snapshot", "completion", "root"):
            self.refused(2, "something is missing: give ", verb)
        for verb, word in (("root", "build"), ("root", "python"), ("models", "remove")):
            self.refused(2, f"{word}: something is missing: give ", verb, word)
        self.refused(1, "-o FILE", "root", "build", "/etc")
        self.refused(125, "--output=FILE", "snapshot", "hello")

    def test_misspelt(self):
        for verb in verbs():
            self.refused(2, f"did you mean {verb}?", f"{verb}x")
            self.refused(1, f"did you mean {verb}?", "help", f"{verb}x")
            for word, _ in words(verb):
                self.refused(2, ["is none of", word], verb, f"{word}q")
                self.refused(2, "is none of", verb, "")

    def test_options_of_another_word(self):
        self.refused(1, "--json is for list", "models", "remove", "--json", "x")
        self.refused(1, "--json is for status", "acceld", "stop", "--json")
        self.refused(1, "--all is for stop", "acceld", "--all")
        self.refused(1, "--python is for", "root", "build", "/etc", "-o", "x", "--python=/x")


class Functions(Refusals):
    def test_all_are_told_of(self):
        told = mayfly("help", "run").stdout
        for function in FUNCTIONS:
            self.assertIn(function, told)
            self.assertIn(function, mayfly("run", "nonesuch").stderr)

    def test_too_many(self):
        self.assertLessEqual({"hello", "echo", *MODELS}, set(FUNCTIONS))
        for function in FUNCTIONS:
            given = ["face"] if function in MODELS else []
            self.refused(2, f"{function}: takes ", "run", function, *given, "superfluous")
            self.refused(2, ["options of mayfly run go before", "--repeat=2"], "run", function,
                         *given, "--repeat=2")

    def test_model_that_cannot_be(self):
        for function in MODELS:
            self.refused(2, "no model has such a long name", "run", function, "x" * 100)

    def test_misspelt(self):
        for function in FUNCTIONS:
            self.refused(125, f"did you mean {function}?", "run", f"{function}e")


class Files(Refusals):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        for name in ("photo.img", "look.snap", ".hidden.img"):
            (self.folder / name).write_text("x")
        (self.folder / "program").write_text("x")

    def test_file_that_is_not_there(self):
        for verb in (["run"], ["snapshot", "-o", "out"]):
            for name in ("other.img", "./other", "sub/other.img", "/no/such", "other.snap"):
                self.refused(125, f"there is no file {name}", *verb, name, cwd=self.folder)
            self.refused(125, "did you mean photo.img?", *verb, "foto.img", cwd=self.folder)
            self.refused(125, "did you mean ./look.snap?", *verb, "./lok.snap", cwd=self.folder)
            self.refused(125, f"did you mean {self.folder}/photo.img?", *verb,
                         f"{self.folder}/photo.im")
            self.refused(125, "the directory sub/ is missing", *verb, "sub/x", cwd=self.folder)

    def test_file_that_is_meant(self):
        self.refused(125, ["there is such a file here", "./program"], "run", "program",
                     cwd=self.folder)
        self.refused(125, "which program?", "run", "")

    def test_other_files_that_are_not_there(self):
        for arguments in (["run", "--root", "none.img", "sh"], ["run", "--warm-up=none", "hello"],
                          ["snapshot", "-o", "out", "--root=none.img", "sh"]):
            self.refused(125, ["none", "No such file"], *arguments, cwd=self.folder)
        for arguments in (["build", "none"], ["python", "none"]):
            self.refused(1, "none", "root", *arguments, "-o", "out", cwd=self.folder)

    def test_a_snapshot_takes_no_arguments_any_more(self):
        snapshot = str(self.folder / "hello.snap")
        taken = mayfly("snapshot", "-o", snapshot, "hello")
        self.assertEqual(taken.returncode, 0, taken.stderr)
        self.refused(125, "arguments cannot be given any more", "run", snapshot, "Ada")

    @unittest.skipUnless(os.path.exists(BUSYBOX), "no busybox")
    def test_an_image_passes_them_on(self):
        tree = self.folder / "tree"
        (tree / "etc/mayfly").mkdir(parents=True)
        (tree / "bin").mkdir()
        (tree / "bin/busybox").write_bytes(pathlib.Path(BUSYBOX).read_bytes())
        (tree / "bin/busybox").chmod(0o755)
        (tree / "etc/mayfly/function.json").write_text('{"command": ["/bin/busybox", "echo"]}')
        image = str(self.folder / "echo.img")
        self.assertEqual(mayfly("root", "build", str(tree), "-o", image).returncode, 0)
        self.assertEqual(mayfly("run", image, "a", "b c").stdout, "a b c\n")


if __name__ == "__main__":
    unittest.main()
