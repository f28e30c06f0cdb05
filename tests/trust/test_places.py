#!/usr/bin/env python3
"""Nothing is taken from where others could have put it: each place that code, models or sockets come
from, with a wrong owner and with a wrong mode.

usage: test_places.py MAYFLY MODELS
"""

import contextlib
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

MAYFLY, MODELS = pathlib.Path(sys.argv.pop(1)).resolve(), pathlib.Path(sys.argv.pop(1)).resolve()
sys.path.insert(0, str(MODELS))
import trust  # pylint: disable=wrong-import-position

BUILD = MAYFLY.parent
CACHE = pathlib.Path(os.environ.get("MAYFLY_CACHE") or pathlib.Path(
    os.environ.get("XDG_CACHE_HOME") or pathlib.Path(os.environ["HOME"], ".cache"), "mayfly"))
LIBRARY = "onnxruntime/libonnxruntime.so.1.31.1"
SOMEBODY = 54321  # no user has that number
REFUSAL = "is not taken"
SKIP = 77


@contextlib.contextmanager
def owned_by_another(path):
    os.chown(path, SOMEBODY, 0, follow_symlinks=False)
    try:
        yield "belongs to another user"
    finally:
        os.chown(path, 0, 0, follow_symlinks=False)


@contextlib.contextmanager
def writable_by_others(path):
    mode = path.stat().st_mode
    path.chmod(mode | 0o002)
    try:
        yield "can be written by everybody"
    finally:
        path.chmod(mode)


@contextlib.contextmanager
def writable_by_a_group(path):
    mode = path.stat().st_mode
    os.chown(path, 0, SOMEBODY)
    path.chmod(mode | 0o020)
    try:
        yield "can be written by its group"
    finally:
        os.chown(path, 0, 0)
        path.chmod(mode)


FAULTS = (owned_by_another, writable_by_others, writable_by_a_group)


class Places(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.stack = contextlib.ExitStack()
        # Not in /tmp itself: the way there is to be broken, too.
        cls.base = pathlib.Path(cls.stack.enter_context(tempfile.TemporaryDirectory()), "base")
        cls.cache, cls.run_dir = cls.base / "cache", cls.base / "run"
        for folder in (cls.base, cls.cache, cls.run_dir):
            folder.mkdir(mode=0o755)
        for part in ("onnxruntime", "models/ssd"):
            shutil.copytree(CACHE / part, cls.cache / part)
        shutil.copy(CACHE / "manifest.sha256", cls.cache)
        cls.photo = (CACHE / "photos/dog.jpg").read_bytes()
        cls.environment = {"PATH": "/usr/bin:/bin", "HOME": str(cls.base),
                           "MAYFLY_CACHE": str(cls.cache), "XDG_RUNTIME_DIR": str(cls.run_dir)}

    @classmethod
    def tearDownClass(cls):
        cls.stack.close()

    def tearDown(self):
        self.end_host()

    def of_host(self, suffix):
        """Files of hosts: those with other settings than the default's have longer names."""
        return sorted((self.run_dir / "mayfly").glob(f"acceld*{suffix}"))

    def end_host(self, keep_files=False):
        """This test's accelerator hosts are those that have a lock there."""
        locks = [str(lock) for lock in self.of_host(".lock")]
        for folder in pathlib.Path("/proc").iterdir():
            with contextlib.suppress(OSError):
                if (folder.name.isdigit() and b"mayfly-acceld" in (folder / "cmdline").read_bytes()
                        and any(os.readlink(fd) in locks for fd in (folder / "fd").iterdir())):
                    os.kill(int(folder.name), signal.SIGTERM)
        for _ in range(500):
            if not self.of_host(".sock"):
                break
            time.sleep(0.01)
        if not keep_files:
            shutil.rmtree(self.run_dir / "mayfly", ignore_errors=True)

    def run_mayfly(self, *words, **variables):
        return subprocess.run([MAYFLY, *words], input=self.photo, capture_output=True, timeout=60,
                              env={**self.environment, **variables}, check=False)

    def detect(self, **variables):
        return self.run_mayfly("run", "detect", **variables)

    def check_works(self, **variables):
        result = self.detect(**variables)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn(b"dog", result.stdout)

    def check_refused(self, result, fault):
        said = result.stderr.decode()
        self.assertNotEqual(result.returncode, 0, said)
        self.assertEqual(result.stdout, b"")
        self.assertIn(REFUSAL, said)
        self.assertIn(fault, said)

    def check_place(self, path, attempt, faults=(owned_by_another, writable_by_a_group)):
        for spoil in faults:
            with self.subTest(place=path.name, fault=spoil.__name__), spoil(path) as fault:
                self.check_refused(attempt(), fault)

    def test_engine_and_models(self):
        """One host for all: what it could not take it looks at again with the next op."""
        folder = self.cache / "onnxruntime"
        for place in (self.base, self.cache, folder, self.cache / LIBRARY,
                      self.cache / "manifest.sha256"):
            # The run-time directory is below the first.
            self.check_place(place, self.detect)
        chosen = self.base / "libchosen.so"
        chosen.symlink_to(self.cache / LIBRARY)
        self.check_place(chosen, self.detect_chosen, (owned_by_another,))
        self.check_place(self.cache / LIBRARY, self.detect_chosen)
        model = self.cache / "models/ssd"
        for place in (model.parent, model, model / "model.onnx", model / "model.txt",
                      model / "labels.txt"):
            self.check_place(place, self.detect)
        self.check_works()

    def detect_chosen(self):
        self.end_host()
        return self.detect(MAYFLY_ONNXRUNTIME=str(self.base / "libchosen.so"))

    def test_a_manifest_that_is_missing(self):
        manifest = self.cache / "manifest.sha256"
        whole = manifest.read_text()
        self.addCleanup(manifest.write_text, whole)
        manifest.unlink()
        self.assertIn(b"run \"mayfly models fetch\"", self.detect().stderr)
        # Of a fetched model each file is listed; one that somebody made has no recipe.
        for name in ("model.onnx", "labels.txt"):
            manifest.write_text("".join(line for line in whole.splitlines(True)
                                        if f"models/ssd/{name}" not in line))
            result = self.detect()
            self.assertNotEqual(result.returncode, 0)
            self.assertIn(f"{name} in the cache is not in its manifest.sha256".encode(),
                          result.stderr)
        recipe = self.cache / "models/ssd/recipe"
        self.addCleanup(recipe.write_bytes, recipe.read_bytes())
        recipe.unlink()
        self.check_works()

    def test_optimised_models(self):
        folder = self.cache / "optimized"
        shutil.rmtree(folder, ignore_errors=True)  # what other tests left
        folder.mkdir()
        for spoil in FAULTS:
            with spoil(folder):
                self.check_works(MAYFLY_LOG="warn")
                self.assertEqual(list(folder.iterdir()), [])
                self.assertIn("optimised models are not kept", self.of_host(".log")[0].read_text())
            self.end_host()
        self.check_works()
        for _ in range(600):  # in the background, a moment later
            if list(folder.iterdir()):
                break
            time.sleep(0.1)
        self.assertTrue(list(folder.iterdir()))

    def test_run_time_directory(self):
        self.check_place(self.run_dir, self.detect)
        private = self.run_dir / "mayfly"
        private.mkdir(mode=0o700, exist_ok=True)
        for spoil in FAULTS:
            with spoil(private):
                result = self.detect()
                self.assertNotEqual(result.returncode, 0)
                self.assertIn(b"must be a directory of yours with mode 0700", result.stderr)
        self.check_works()
        self.end_host(keep_files=True)
        for file in (*self.of_host(".log"), *self.of_host(".lock")):
            self.check_place(file, self.detect)
        self.check_works()

    def test_who_listens(self):
        self.check_works()
        path = self.of_host(".sock")[0]
        self.end_host(keep_files=True)
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
            listener.bind(str(path))
            os.seteuid(SOMEBODY)
            listener.listen()
            os.seteuid(0)
            result = self.detect()
        self.assertNotEqual(result.returncode, 0)
        self.assertIn(f"belongs to user {SOMEBODY}, and not to you".encode(), result.stderr)

    def test_parts(self):
        """MAYFLY_LIBDIR: plugins, hosts, servers and functions."""
        parts = self.base / "parts"
        for part in ("acceld/mayfly-acceld", "rootd/mayfly-rootd", "functions/detect",
                     "plugins/onnx/libvaccel-onnx.so"):
            (parts / part).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(BUILD / part, parts / part)
        root = self.base / "root"
        root.mkdir()
        attempts = {
            "acceld/mayfly-acceld": self.detect,
            "functions/detect": self.detect,
            "rootd/mayfly-rootd": lambda **more: self.run_mayfly(
                "run", f"--root={root}", "/none", **more),
        }
        for part, attempt in attempts.items():
            for place in (parts, (parts / part).parent, parts / part):
                self.check_place(place, lambda do=attempt: do(MAYFLY_LIBDIR=str(parts)))

    def test_plugins(self):
        plugin = self.base / "libvaccel-noop.so"
        shutil.copy(BUILD / "plugins/noop/libvaccel-noop.so", plugin)
        for spoil in FAULTS:
            with spoil(plugin) as fault:
                result = self.detect(VACCEL_PLUGINS=str(plugin))
                self.assertNotEqual(result.returncode, 0)
                self.assertIn(b"VACCEL_PLUGINS", result.stderr)
                self.assertIn(fault, self.of_host(".log")[0].read_text())
        result = self.detect(VACCEL_PLUGINS=str(plugin))
        self.assertEqual(result.returncode, 0, result.stderr)

    def test_fetching(self):
        self.check_place(self.cache, lambda: self.run_mayfly("models", "fetch"))
        self.check_place(self.cache / "manifest.sha256",
                         lambda: self.run_mayfly("models", "fetch"))
        self.assertIsNone(trust.distrust(self.cache / "models/ssd/model.onnx"))
        for spoil in FAULTS:
            with spoil(self.cache / "models/ssd/model.onnx") as fault:
                self.assertIn(fault, trust.distrust(self.cache / "models/ssd/model.onnx"))
                listed = self.run_mayfly("models", "fetch", "ssd", PIP_RETRIES="0", http_proxy="no",
                                         https_proxy="no", PIP_NO_INDEX="1")
                self.assertNotIn(b"everything is there", listed.stdout)

    def test_doctor(self):
        for spoil in FAULTS:
            with spoil(self.cache) as fault:
                self.assertIn(fault, self.run_mayfly("doctor").stdout.decode())


if __name__ == "__main__":
    if os.geteuid():
        print("skipped: giving files to others needs root")
        sys.exit(SKIP)
    if not (CACHE / LIBRARY).exists() or not (CACHE / "models/ssd").exists():
        print("skipped: models are not installed: run mayfly models fetch")
        sys.exit(SKIP)
    unittest.main(verbosity=2)
