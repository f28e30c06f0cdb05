#!/usr/bin/env python3
"""Functions that ask for accelerated work, under one isolation: right answers, and clear failures.

usage: test_accelerated.py MAYFLY ISOLATION
Has an accelerator host of its own, in a run-time directory of its own.
"""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest

MAYFLY = pathlib.Path(sys.argv.pop(1)).resolve()
ISOLATION = sys.argv.pop(1)
CACHE = pathlib.Path(os.environ.get("MAYFLY_CACHE") or pathlib.Path(
    os.environ.get("XDG_CACHE_HOME") or pathlib.Path(os.environ["HOME"], ".cache"), "mayfly"))
DOG = CACHE / "photos" / "dog.jpg"
LIMIT = 120  # seconds for one command
SKIP = 77


def hosts(runtime):
    """Process ids of the accelerator hosts that serve in this run-time directory."""
    for folder in pathlib.Path("/proc").iterdir():
        try:
            if (folder.name.isdigit() and
                    b"mayfly-acceld" in (folder / "cmdline").read_bytes() and
                    f"XDG_RUNTIME_DIR={runtime}".encode() in
                    (folder / "environ").read_bytes().split(b"\0")):
                yield int(folder.name)
        except OSError:
            continue


class WithHost(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.runtime = folder.name
        self.environment = {**os.environ, "XDG_RUNTIME_DIR": self.runtime}
        self.addCleanup(self.end_hosts)

    def end_hosts(self):
        """Ends them and waits until they are gone."""
        for process in hosts(self.runtime):
            os.kill(process, signal.SIGTERM)
        for _ in range(500):
            if not list(hosts(self.runtime)):
                return
            time.sleep(0.01)
        self.fail("an accelerator host does not end")

    def run_function(self, *arguments, request=b"", cache=None):
        environment = {**self.environment, "MAYFLY_CACHE": str(cache or CACHE)}
        return subprocess.run([MAYFLY, "run", f"--isolation={ISOLATION}", *arguments],
                              input=request, capture_output=True, timeout=LIMIT, env=environment,
                              check=False)

    def expect_failure(self, result, *words):
        log = result.stderr.decode(errors="replace")
        self.assertEqual((result.returncode, result.stdout), (1, b""), log)
        for word in words:
            self.assertIn(word, log + self.host_log())

    def assert_one_line(self, log, *words):
        """Whoever reads it wants to know what went wrong, once."""
        text = log.decode(errors="replace")
        self.assertEqual(text.count("\n"), 1, text + self.host_log())
        for word in words:
            self.assertIn(word, text)

    def host_log(self):
        log = pathlib.Path(self.runtime, "mayfly", "acceld.log")
        return log.read_text(encoding="utf-8") if log.exists() else ""

    def objects(self, *options, request=None):
        result = self.run_function(*options, "detect", request=request or DOG.read_bytes())
        self.assertEqual(result.returncode, 0, result.stderr.decode() + self.host_log())
        return {found["label"] for found in json.loads(result.stdout)["objects"]
                if found["score"] > 0.5}


class Answers(WithHost):
    def test_objects_in_the_dog_photo(self):
        found = self.objects()
        self.assertLessEqual({"dog", "bicycle"}, found)
        self.assertTrue(found & {"car", "truck"}, found)

    def test_optimised_models_are_kept(self):
        """Beside them, what somebody began to write an hour ago goes."""
        with tempfile.TemporaryDirectory() as folder:
            cache = pathlib.Path(folder, "cache")
            shutil.copytree(CACHE, cache, ignore=shutil.ignore_patterns(
                "downloads", "optim*", "roots", "hardware-kernel"))
            optimized = cache / "optimized"
            optimized.mkdir()
            old, young = optimized / "old.AbCdEf", optimized / "young.AbCdEf"
            for file in (old, young):
                file.write_text("cut off", encoding="utf-8")
            os.utime(old, (time.time() - 7200,) * 2)
            result = self.run_function("detect", request=DOG.read_bytes(), cache=cache)
            self.assertEqual(result.returncode, 0, result.stderr)
            self.assertTrue(list(optimized.glob("*.onnx")), self.host_log())
            self.assertEqual((old.exists(), young.exists()), (False, True))

    def test_clones_answer_alike(self):
        once = self.run_function("detect", request=DOG.read_bytes()).stdout
        again = self.run_function("--repeat=5", "detect", request=DOG.read_bytes()).stdout
        self.assertEqual(once, again)

    def test_labels_of_the_dog_photo(self):
        result = self.run_function("classify", request=DOG.read_bytes())
        labels = [found["label"] for found in json.loads(result.stdout)["labels"]]
        self.assertTrue({"malamute", "German shepherd"} & set(labels), labels)

    def test_annotated_picture(self):
        result = self.run_function("annotate", request=DOG.read_bytes())
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(result.stdout[:8], b"\x89PNG\r\n\x1a\n")
        # A PNG is a request too, and shows the same.
        self.assertLessEqual({"dog", "bicycle"}, self.objects(request=result.stdout))

    def test_model_by_name(self):
        person = (CACHE / "photos" / "person.jpg").read_bytes()
        result = self.run_function("detect", "face", request=person)
        self.assertEqual(result.returncode, 0, result.stderr.decode() + self.host_log())
        self.assertIn("objects", json.loads(result.stdout))

    def test_many_functions_share_one_host(self):
        threads = [threading.Thread(target=self.objects) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(LIMIT)
        self.assertEqual(len(list(hosts(self.runtime))), 1)


class Failures(WithHost):
    def test_no_picture(self):
        self.expect_failure(self.run_function("detect", request=b"not a picture"), "detect:")
        self.expect_failure(self.run_function("detect", request=b""), "detect:")
        self.expect_failure(self.run_function("annotate", request=b"P6 1 1 255"), "no JPEG or PNG")
        for function in ("detect", "classify"):
            self.assertIn(b"no JPEG or PNG", self.run_function(function, request=b"x").stderr)
        self.assertIn("dog", self.objects())

    def test_too_large_a_picture(self):
        """100 MB fit neither the function's memory nor, with more of it, the window."""
        request = b"\xff\xd8" + bytes(100_000_000)
        self.expect_failure(self.run_function("detect", request=request), "--memory")
        self.expect_failure(self.run_function("--memory=1G", "detect", request=request), "detect:")
        self.assertIn("dog", self.objects())

    def test_unknown_model(self):
        self.expect_failure(self.run_function("detect", "nosuchmodel", request=b"x"), "nosuchmodel")
        self.assertIn(b"mayfly models fetch",
                      self.run_function("detect", "nosuchmodel", request=b"x").stderr)

    def test_corrupt_model(self):
        with tempfile.TemporaryDirectory() as folder:
            cache = pathlib.Path(folder, "cache")
            shutil.copytree(CACHE, cache, ignore=shutil.ignore_patterns("downloads", "optim*"))
            model = cache / "models" / "ssd" / "model.onnx"
            content = bytearray(model.read_bytes())
            content[len(content) // 2] ^= 0xff
            model.chmod(0o644)
            model.write_bytes(content)
            self.expect_failure(
                self.run_function("detect", request=DOG.read_bytes(), cache=cache), "ssd")
        self.end_hosts()
        self.assertIn("dog", self.objects())

    def test_killed_host_in_the_middle_of_an_op(self):
        """Requests go on while the host is killed: some fail clearly, none hangs, the next works."""
        self.objects()
        command = [MAYFLY, "run", f"--isolation={ISOLATION}", "--repeat=100000", "detect"]
        with open(DOG, "rb") as request, subprocess.Popen(
                command, stdin=request, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                env=self.environment) as process:
            try:
                # More than once: between two requests there is no op that could fail.
                for _ in range(4):
                    time.sleep(1)
                    killed = list(hosts(self.runtime))
                    self.assertEqual(len(killed), 1)
                    os.kill(killed[0], signal.SIGKILL)
                    time.sleep(1)
                    self.assertIsNone(process.poll(), "the monitor should have gone on")
                    serving = list(hosts(self.runtime))
                    self.assertEqual(len(serving), 1, "a new host should serve")
                    self.assertNotEqual(serving, killed)
            finally:
                process.kill()
            self.assertIn(b"accelerated call failed", process.stderr.read())
        self.assertIn("dog", self.objects())

    def expect_deadline(self, *arguments, says, **keywords):
        """Within the deadline of a second, plus what a busy machine needs."""
        begin = time.monotonic()
        result = self.run_function("--timeout=1s", *arguments, request=DOG.read_bytes(), **keywords)
        self.assertLess(time.monotonic() - begin, 6)
        self.assertEqual((result.returncode, result.stdout), (124, b""), result.stderr)
        self.assert_one_line(result.stderr, "took longer than 1 s", "--timeout", says)

    def test_stopped_host(self):
        """It costs no request more than its deadline; also one that only restores its sessions."""
        self.objects()
        snapshot = pathlib.Path(self.runtime, "detect.snap")
        taken = subprocess.run(
            [MAYFLY, "snapshot", f"--isolation={ISOLATION}", "-o", snapshot, "detect"],
            capture_output=True, timeout=LIMIT, env=self.environment, check=False)
        self.assertEqual(taken.returncode, 0, taken.stderr)
        for process in hosts(self.runtime):
            os.kill(process, signal.SIGSTOP)
        try:
            for program in ("detect", snapshot):
                self.expect_deadline(program, says="does not answer")
        finally:
            for process in hosts(self.runtime):
                os.kill(process, signal.SIGCONT)
        for program in ("detect", snapshot):
            result = self.run_function(program, request=DOG.read_bytes())
            self.assertIn(b"bicycle", result.stdout, result.stderr)

    def test_host_that_does_not_start(self):
        """Nor does one that hangs while it starts."""
        host = pathlib.Path(self.runtime, "acceld", "mayfly-acceld")
        host.parent.mkdir()
        host.write_text("#!/bin/sh\nexec sleep 60\n", encoding="utf-8")
        host.chmod(0o755)
        self.environment["MAYFLY_LIBDIR"] = self.runtime
        self.expect_deadline("detect", says="did not start in time")

    def test_deadline_ends_an_op(self):
        result = self.run_function("--timeout=5ms", "detect", request=DOG.read_bytes())
        self.assertEqual(result.returncode, 124, result.stderr)
        self.assertIn("dog", self.objects())


def main():
    if not DOG.exists():
        print(f"{DOG} is missing: make models fetches it")
        sys.exit(SKIP)
    probe = subprocess.run([MAYFLY, "run", f"--isolation={ISOLATION}", "hello"], input=b"",
                           capture_output=True, timeout=LIMIT, check=False)
    if b"cannot be had" in probe.stderr:
        print(probe.stderr.decode())
        sys.exit(SKIP)
    unittest.main(verbosity=2)


main()
