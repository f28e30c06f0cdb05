#!/usr/bin/env python3
"""Functions that ask for accelerated work, under one isolation: right answers, and clear failures.

usage: test_accelerated.py MAYFLY ISOLATION TENSORS ONNX
TENSORS is the function of tensors.c; ONNX has small models in cases/.
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
TENSORS = pathlib.Path(sys.argv.pop(1)).resolve()
CASES = pathlib.Path(sys.argv.pop(1), "cases")
CACHE = pathlib.Path(os.environ.get("MAYFLY_CACHE") or pathlib.Path(
    os.environ.get("XDG_CACHE_HOME") or pathlib.Path(os.environ["HOME"], ".cache"), "mayfly"))
DOG = CACHE / "photos" / "dog.jpg"
LIMIT = 120  # seconds for one command
SKIP = 77


def hosts(runtime, workers=False):
    """Process ids of the accelerator hosts that serve in this run-time directory, of their workers, or
    (None) of all their processes."""
    for folder in pathlib.Path("/proc").iterdir():
        try:
            if (folder.name.isdigit() and
                    b"mayfly-acceld" in (folder / "cmdline").read_bytes() and
                    (workers is None or (folder / "comm").read_text() ==
                     ("acceld-worker\n" if workers else "mayfly-acceld\n")) and
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
            if not list(hosts(self.runtime, None)):
                return
            time.sleep(0.01)
        self.fail("an accelerator host does not end")

    def run_function(self, *arguments, request=b"", cache=None):
        environment = {**self.environment, "MAYFLY_CACHE": str(cache or CACHE)}
        return subprocess.run([MAYFLY, "run", f"--isolation={ISOLATION}", *arguments],
                              input=request, capture_output=True, timeout=LIMIT, env=environment,
                              check=False)

    def expect_failure(self, result, *words, status=1, lines=1):
        """It says what went wrong, and once."""
        log = result.stderr.decode(errors="replace")
        self.assertEqual((result.returncode, result.stdout), (status, b""), log)
        self.assertEqual(log.count("\n"), lines, log + self.host_log())
        for word in words:
            self.assertIn(word, log)

    def host_log(self):
        return "".join(log.read_text(encoding="utf-8")
                       for log in sorted(pathlib.Path(self.runtime, "mayfly").glob("acceld*.log")))

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
                "downloads", "optim*", "roots", "hardware-kernel", ".staging"))
            optimized = cache / "optimized"
            optimized.mkdir()
            old, young = optimized / "old.AbCdEf", optimized / "young.AbCdEf"
            for file in (old, young):
                file.write_text("cut off", encoding="utf-8")
            os.utime(old, (time.time() - 7200,) * 2)
            result = self.run_function("detect", request=DOG.read_bytes(), cache=cache)
            self.assertEqual(result.returncode, 0, result.stderr)
            for _ in range(600):  # in the background, a moment later
                if list(optimized.glob("*.sha256")):
                    break
                time.sleep(0.1)
            self.assertTrue(list(optimized.glob("*.onnx")), self.host_log())
            self.assertEqual((old.exists(), young.exists()), (False, True))
            self.end_hosts()  # which write there

    def test_clones_answer_alike(self):
        once = self.run_function("detect", request=DOG.read_bytes()).stdout
        again = self.run_function("--repeat=5", "detect", request=DOG.read_bytes()).stdout
        self.assertEqual(once, again)

    def test_each_command_gets_its_settings(self):
        """Also while the host of a command with other settings lives."""
        self.assertIn("dog", self.objects())
        self.environment["MAYFLY_MODEL_DETECT"] = "face"
        self.assertNotIn("dog", self.objects())
        del self.environment["MAYFLY_MODEL_DETECT"]
        self.assertIn("dog", self.objects())
        self.assertEqual(len(list(hosts(self.runtime))), 2)
        # A cache without models, and with the engine.
        with tempfile.TemporaryDirectory() as cache:
            shutil.copytree(CACHE / "onnxruntime", pathlib.Path(cache, "onnxruntime"))
            for name in CACHE.glob("manifest*"):
                shutil.copy(name, cache)
            result = self.run_function("detect", request=DOG.read_bytes(), cache=cache)
            self.expect_failure(result, "model ssd is not installed")

    def test_labels_of_the_dog_photo(self):
        result = self.run_function("classify", request=DOG.read_bytes())
        labels = [found["label"] for found in json.loads(result.stdout)["labels"]]
        self.assertTrue({"malamute", "German shepherd"} & set(labels), labels)

    def test_orientations(self):
        """A photograph that lies on its side is looked at, and drawn into, as people see it."""
        photo = DOG.read_bytes()
        for orientation in (3, 6, 8):
            exif = b"MM\0*\0\0\0\x08\0\1\1\x12\0\3\0\0\0\1\0%c\0\0\0\0\0\0" % orientation
            turned = photo[:2] + b"\xff\xe1" + (len(exif) + 8).to_bytes(2, "big") + b"Exif\0\0" \
                + exif + photo[2:]
            drawn = self.run_function("annotate", request=turned)
            self.assertEqual(drawn.returncode, 0, drawn.stderr)
            width, height = (int.from_bytes(drawn.stdout[at:at + 4], "big") for at in (16, 20))
            self.assertEqual(width < height, orientation > 4)
            # What was drawn has no orientation any more: where it shows the same, it was turned.
            found = [json.loads(self.run_function("detect", request=request).stdout)["objects"]
                     for request in (turned, drawn.stdout)]
            self.assertEqual(found[0][0]["label"], found[1][0]["label"])
            for one, other in zip(found[0][0]["box"], found[1][0]["box"]):
                self.assertAlmostEqual(one, other, delta=0.1)

    def test_labels_that_are_no_text(self):
        """Of a model made by hand: Latin-1, and cut in the middle of a character."""
        with tempfile.TemporaryDirectory() as folder:
            cache = pathlib.Path(folder, "cache")
            shutil.copytree(CACHE, cache, ignore=shutil.ignore_patterns(
                "downloads", "optim*", "roots", "hardware-kernel", ".staging"))
            shutil.copytree(cache / "models" / "efficientnet-lite0", cache / "models" / "own",
                            ignore=shutil.ignore_patterns("recipe"))
            labels = b"".join(b"Gr\xfcn %d\n" % i if i % 2 else b"x" * 62 + b"\xc3\xbc%d\n" % i
                              for i in range(1000))
            file = cache / "models" / "own" / "labels.txt"
            file.unlink()
            file.write_bytes(labels)
            self.environment["MAYFLY_MODEL_CLASSIFY"] = "own"
            result = self.run_function("classify", request=DOG.read_bytes(), cache=cache)
            self.assertEqual(result.returncode, 0, result.stderr.decode() + self.host_log())
            found = json.loads(result.stdout)["labels"]
            self.assertEqual(len(found), 5)
            for label in found:
                odd = label["class"] % 2
                self.assertEqual(label["label"],
                                 f"Gr\ufffdn {label['class']}" if odd else "x" * 62)
            self.end_hosts()  # which may keep an optimised model in the folder

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
        for name, wanted in (("efficientnet-lite0", 0), ("face", 1)):
            result = self.run_function("classify", name, request=DOG.read_bytes())
            self.assertEqual(result.returncode, wanted, result.stderr)
        self.assertIn(b"model face is for detect, not for classify", result.stderr)
        other = self.run_function("annotate", "face", request=DOG.read_bytes())
        usual = self.run_function("annotate", request=DOG.read_bytes())
        self.assertEqual((other.returncode, usual.returncode), (0, 0))
        self.assertNotEqual(other.stdout, usual.stdout)

    def test_tensors(self):
        """Models of the function's own: scalars, and outputs by name beside some that are odd."""
        for case, words, wanted in (
                ("scalar_out", ["y", "2", "3"], "rank 0, 4 bytes: 21"),
                ("string_second", ["y", "2", "3"], "rank 2, 24 bytes: 1 2 3"),
                ("skl_lr_strlabel", ["probabilities", "1", "4"], "rank 2, 12 bytes:"),
                ("skl_lr_zipmap", ["output_probability", "1", "4"], "rank 2, 12 bytes:")):
            request = (CASES / f"{case}.onnx").read_bytes()
            result = self.run_function(TENSORS, *words, request=request)
            self.assertEqual(result.returncode, 0, result.stderr.decode() + self.host_log())
            self.assertIn(wanted, result.stdout.decode())

    def test_many_functions_share_one_host(self):
        threads = [threading.Thread(target=self.objects) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(LIMIT)
        self.assertEqual(len(list(hosts(self.runtime))), 1)


class Failures(WithHost):
    def test_no_picture(self):
        for function in ("detect", "classify", "annotate"):
            for request in (b"", b"not a picture", b"P6 1 1 255", b"\xff\xd8", b"\x89PNG\r\n\x1a\n"):
                self.expect_failure(self.run_function(function, request=request), "JPEG or PNG",
                                    "" if request else "the picture is empty")
        self.assertIn("dog", self.objects())

    def test_too_large_a_picture(self):
        """100 MB fit neither the function's memory nor, with more of it, the window."""
        request = b"\xff\xd8" + bytes(100_000_000)
        # And Mayfly tells how much it had asked for.
        self.expect_failure(self.run_function("detect", request=request), "--memory", "mayfly: ",
                            lines=2)
        self.expect_failure(self.run_function("--memory=1G", "detect", request=request), "61 MiB")
        self.assertIn("dog", self.objects())

    def test_tensors_that_cannot_be_given(self):
        """What is said of them arrives as a whole."""
        for case, words, says in (
                ("string_second", ["s", "2", "3"],
                 "output s is text, which cannot be given: ask by name for others, of y, s (text)"),
                ("scalar_out", ["z", "2", "3"], 'the model has no output "z", it has y'),
                ("scalar_out", ["y", "2", "2"], "input x wants 3 in dimension 1, not 2"),
                ("flood", ["y", "count", str(17 << 20)], "and may have 63963136"),
                ("no model", ["y", "1"], "ONNX")):
            request = CASES / f"{case}.onnx"
            result = self.run_function("--memory=256M", TENSORS, *words,
                                       request=request.read_bytes() if request.exists() else b"x")
            self.expect_failure(result, says)

    def test_unknown_model(self):
        """It is said which ones there are, and nothing is to be fetched that cannot be."""
        for function in ("detect", "classify", "annotate"):
            result = self.run_function(function, "nosuchmodel", request=b"x")
            self.expect_failure(result, "no model nosuchmodel: installed are", "ssd", "face")
            self.assertNotIn(b"fetch", result.stderr)
        self.expect_failure(self.run_function("detect", "fase", request=b"x"), "did you mean face?")
        self.expect_failure(self.run_function("detect", "../ssd", request=b"x"), "../ssd",
                            "mayfly models")

    def test_nothing_installed(self):
        with tempfile.TemporaryDirectory() as cache:
            for function in ("detect", "classify", "annotate"):
                self.expect_failure(
                    self.run_function(function, request=DOG.read_bytes(), cache=cache),
                    "is not installed", "mayfly models fetch")

    def test_no_plugin(self):
        for plugin in ("nosuch", "/nonexistent.so", "/etc/passwd"):
            self.environment["VACCEL_PLUGINS"] = plugin
            self.expect_failure(self.run_function("detect", request=b"x"),
                                f"VACCEL_PLUGINS={plugin}")

    def test_no_host(self):
        """Of the parts of Mayfly, the accelerator host is missing."""
        alone = pathlib.Path(self.runtime, "alone")
        alone.mkdir()
        shutil.copy2(MAYFLY, alone)
        for part in ("guest", "monitor", "functions"):
            (alone / part).symlink_to(MAYFLY.parent / part)
        result = subprocess.run([alone / MAYFLY.name, "run", f"--isolation={ISOLATION}", "detect"],
                                input=b"x", capture_output=True, timeout=LIMIT,
                                env=self.environment, check=False)
        self.expect_failure(result, "mayfly-acceld is missing", "run make")

    def test_broken_host(self):
        for script, says in (("exit 3", "it said nothing"), ("kill -9 $$", "killed by signal 9"),
                             ("echo no luck >&2; echo more >&2; exit 1", "no luck")):
            self.install_host(f"#!/bin/sh\n{script}\n")
            self.expect_failure(self.run_function("detect", request=b"x"), "mayfly-acceld", says)
        self.install_host("")
        self.expect_failure(self.run_function("detect", request=b"x"), "Exec format error")

    def test_no_run_time_directory(self):
        self.environment["XDG_RUNTIME_DIR"] = "/nonexistent"
        self.expect_failure(self.run_function("detect", request=b"x"), "/nonexistent/mayfly",
                            "set XDG_RUNTIME_DIR")
        self.environment["XDG_RUNTIME_DIR"] = self.runtime
        pathlib.Path(self.runtime, "mayfly").mkdir()
        pathlib.Path(self.runtime, "mayfly").chmod(0o755)
        self.expect_failure(self.run_function("detect", request=b"x"), "mode 0700")

    def start_host(self, *options):
        """Starts one with options of its own; it detaches itself."""
        subprocess.run([MAYFLY.parent / "acceld" / "mayfly-acceld", *options], timeout=LIMIT,
                       env={**self.environment, "MAYFLY_CACHE": str(CACHE)}, check=True)

    def test_too_many_connections(self):
        self.start_host("--connections=1")
        command = [MAYFLY, "run", f"--isolation={ISOLATION}", "detect"]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, env=self.environment) as first:
            # It has read all it gets once its pipe is empty: it is connected then.
            first.stdin.write(bytes(1 << 20))
            first.stdin.flush()
            self.expect_failure(self.run_function("detect", request=b"x"), "--connections")
            first.communicate(timeout=LIMIT)

    def test_limits_of_the_host(self):
        self.start_host("--op-limit=5ms")
        self.expect_failure(self.run_function("detect", request=DOG.read_bytes()), "deadline")
        self.end_hosts()
        program = (MAYFLY.parent / "acceld" / "mayfly-acceld").read_bytes()
        if b"__asan_init" in program or b"__tsan_init" in program:
            return # sanitizers end a process that has no memory left for them
        self.start_host("--memory=64M")
        self.expect_failure(self.run_function("detect", request=DOG.read_bytes()), "memory")

    def test_corrupt_model(self):
        with tempfile.TemporaryDirectory() as folder:
            cache = pathlib.Path(folder, "cache")
            shutil.copytree(CACHE, cache, ignore=shutil.ignore_patterns(
                "downloads", "optim*", "roots", "hardware-kernel", ".staging"))
            model = cache / "models" / "ssd" / "model.onnx"
            content = bytearray(model.read_bytes())
            content[len(content) // 2] ^= 0xff
            model.chmod(0o644)
            model.write_bytes(content)
            self.expect_failure(
                self.run_function("detect", request=DOG.read_bytes(), cache=cache), "ssd")
        self.end_hosts()
        self.assertIn("dog", self.objects())

    def serving(self, killed=None):
        """The host that serves and its worker, another one than `killed`; waits for them. (What a
        host forks is called as it is until it says what it is, and a rival soon ends.)"""
        for _ in range(200):
            there, workers = list(hosts(self.runtime)), list(hosts(self.runtime, True))
            if len(there) == len(workers) == 1 and workers[0] != killed:
                return there[0], workers[0]
            time.sleep(0.1)
        self.fail(f"one host should serve: {there}, {workers}")

    def test_killed_host_in_the_middle_of_an_op(self):
        """Requests go on while the host or its worker is killed: some fail clearly, none hangs, the
        next works."""
        self.objects()
        command = [MAYFLY, "run", f"--isolation={ISOLATION}", "--repeat=100000", "detect"]
        with open(DOG, "rb") as request, subprocess.Popen(
                command, stdin=request, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                env=self.environment) as process:
            try:
                # More than once: between two requests there is no op that could fail.
                for workers in (False, True, False, True):
                    time.sleep(1)
                    before = self.serving()
                    os.kill(before[workers], signal.SIGKILL)
                    time.sleep(1)
                    if process.poll() is not None:
                        self.fail(f"ended: {process.stderr.read()[-2000:]}")
                    after = self.serving(before[1])
                    self.assertEqual(after[0] == before[0], workers)
            finally:
                process.kill()
            self.assertIn(b"accelerated call failed", process.stderr.read())
        self.assertIn("dog", self.objects())

    def expect_deadline(self, *arguments, says, **keywords):
        """Within the deadline of a second, plus what a busy machine needs."""
        begin = time.monotonic()
        result = self.run_function("--timeout=1s", *arguments, request=DOG.read_bytes(), **keywords)
        self.assertLess(time.monotonic() - begin, 6)
        self.expect_failure(result, "took longer than 1 s", "--timeout", says, status=124)

    def install_host(self, script):
        host = pathlib.Path(self.runtime, "acceld", "mayfly-acceld")
        host.parent.mkdir(exist_ok=True)
        host.write_text(script, encoding="utf-8")
        host.chmod(0o755)
        self.environment["MAYFLY_LIBDIR"] = self.runtime

    def test_stopped_host(self):
        """It costs no request more than its deadline; also one that only restores its sessions."""
        self.objects()
        snapshot = pathlib.Path(self.runtime, "detect.snap")
        taken = subprocess.run(
            [MAYFLY, "snapshot", f"--isolation={ISOLATION}", "-o", snapshot, "detect"],
            capture_output=True, timeout=LIMIT, env=self.environment, check=False)
        self.assertEqual(taken.returncode, 0, taken.stderr)
        for process in hosts(self.runtime, workers=True):
            os.kill(process, signal.SIGSTOP)
        try:
            for program in ("detect", snapshot):
                self.expect_deadline(program, says="does not answer")
        finally:
            for process in hosts(self.runtime, workers=True):
                os.kill(process, signal.SIGCONT)
        for program in ("detect", snapshot):
            result = self.run_function(program, request=DOG.read_bytes())
            self.assertIn(b"bicycle", result.stdout, result.stderr)

    def test_host_that_does_not_start(self):
        """Nor does one that hangs while it starts."""
        self.install_host("#!/bin/sh\nexec sleep 60\n")
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
