#!/usr/bin/env python3
"""Code of clients in a real accelerator host: only for a tenant that may, each client's in a process of
its own, with nothing but its arguments in reach.

usage: test_exec_host.py MAYFLY_ACCELD CLIENT LIBRARY DEPENDENT ESCAPING BLAS_TEST
"""

import ctypes
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import unittest

ACCELD, CLIENT, LIBRARY, DEPENDENT, ESCAPING, BLAS = (pathlib.Path(word) for word in sys.argv[1:])
LIMIT = 60
SANITIZED = os.environ.get("SANITIZED") == "yes"

CONFIG = """
tenants:
  - name: builders
    listen: unix://{folder}/builders.sock
    run-code: true
  - name: guests
    listen: unix://{folder}/guests.sock
"""

EINVAL, EPERM, EAGAIN, ENOSYS, EBACKEND = 22, 1, 11, 38, 71


class Exec(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        cls.folder = pathlib.Path(cls.temporary.name)
        config = cls.folder / "config.yml"
        config.write_text(CONFIG.format(folder=cls.folder))
        reader, writer = os.pipe()
        variables = {**os.environ, "XDG_RUNTIME_DIR": str(cls.folder)}
        variables.pop("VACCEL_PLUGINS", None)
        # Standard error of the host goes to a file: the test looks at what it says.
        cls.log = cls.folder / "log"
        with cls.log.open("w") as log:
            cls.host = subprocess.Popen(
                [ACCELD, "--foreground", f"--socket={cls.folder}/host.sock", f"--config={config}",
                 f"--ready-fd={writer}"], env=variables, pass_fds=[writer], stderr=log)
        os.close(writer)
        with open(reader, encoding="utf-8") as said:
            line = said.readline()
        assert line == "\n", line + cls.log.read_text()

    @classmethod
    def tearDownClass(cls):
        cls.host.terminate()
        cls.host.wait(LIMIT)
        cls.temporary.cleanup()

    def start(self, tenant, *words, **variables):
        return subprocess.Popen(
            [CLIENT, *words], text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            env={**os.environ, "VACCEL_RPC_ADDRESS": f"unix://{self.folder}/{tenant}.sock",
                 "VACCEL_PLUGINS": "", **variables})

    def call(self, tenant, *words, **variables):
        """The lines of a client, as (function, result, number, reason)."""
        client = self.start(tenant, *words, **variables)
        out, _ = client.communicate(timeout=LIMIT)
        lines = []
        for line in out.splitlines():
            if not line.startswith("= "):
                continue  # the log
            function, rest = line[2:].split(": ", 1)
            parts = rest.split(" ", 2)
            number = int(parts[1]) if len(parts) > 2 and parts[1].lstrip("-").isdigit() else None
            reason = parts[2] if number is not None else " ".join(parts[1:])
            lines.append((function, int(parts[0]), number, reason))
        return lines

    def test_functions_are_called(self):
        lines = self.call("builders", "add", "tell_number", "count_calls", "count_calls",
                          "count_up", "fail", "nonesuch", LIBRARY)
        self.assertEqual([line[:3] for line in lines[:5]],
                         [("add", 0, 7), ("tell_number", 0, 42), ("count_calls", 0, 1),
                          ("count_calls", 0, 2),
                          # 1000 is e8 03 00 00, and each byte is counted up.
                          ("count_up", 0, 0x010104e9)])
        self.assertEqual(lines[5][1], EBACKEND)
        self.assertIn("fail() returned 7", lines[5][3])
        self.assertEqual(lines[6][1], ENOSYS)

    def test_libraries_that_need_each_other(self):
        self.assertEqual(self.call("builders", "tell_number", LIBRARY, DEPENDENT)[0][:3],
                         ("tell_number", 0, 42))
        self.assertEqual(self.call("builders", "tell_number", DEPENDENT)[0][1], EINVAL)

    def test_what_is_no_library(self):
        nonsense = self.folder / "nonsense.so"
        nonsense.write_bytes(b"\177ELF and nonsense")
        self.assertEqual(self.call("builders", "add", nonsense)[0][1], EINVAL)
        whole = LIBRARY.read_bytes()
        nonsense.write_bytes(whole[:len(whole) // 2])
        self.assertNotEqual(self.call("builders", "add", nonsense)[0][1], 0)

    def test_without_permission(self):
        for tenant in "guests", "host":
            line = self.call(tenant, "add", LIBRARY)[0]
            self.assertEqual(line[1], EPERM, line)
            self.assertIn("run code", line[3])
            self.assertEqual(self.call(tenant, "add", LIBRARY, BY_PATH="1")[0][1], EPERM)
        # What a plugin for debugging makes up runs nothing.
        line = self.call("guests", "add", LIBRARY, FLAGS="256")[0]
        self.assertEqual(line[1], 0, line)

    def test_a_session_gets_ops_of_several_plugins(self):
        """Its own is onnx, and products of matrices are those of blas."""
        try:
            ctypes.CDLL("libopenblas.so.0")
        except OSError:
            self.skipTest("OpenBLAS is not installed")
        tried = subprocess.run(
            [BLAS], text=True, capture_output=True, timeout=LIMIT, check=False,
            env={**os.environ, "VACCEL_RPC_ADDRESS": f"unix://{self.folder}/host.sock",
                 "VACCEL_PLUGINS": ""})
        self.assertEqual(tried.returncode, 0, tried.stdout + tried.stderr)

    def test_libraries_of_this_machine_are_not_for_clients(self):
        line = self.call("builders", "add", LIBRARY, BY_PATH="1")[0]
        self.assertEqual(line[1], EPERM, line)

    def test_an_end_is_one_clients_own(self):
        other = self.start("builders", *["count_calls"] * 300, LIBRARY)
        for function, told in (("crash", "the code crashed the worker that ran it"),
                               ("leave", "the code ended the worker that ran it (status 3)")):
            lines = self.call("builders", "count_calls", function, "count_calls", LIBRARY)
            self.assertEqual(lines[0][1:3], (0, 1))
            self.assertEqual(lines[1][1], EBACKEND)
            if not SANITIZED:  # which end a process by themselves when it crashes
                self.assertIn(told, lines[1][3])
            # The library is there again, in a new worker.
            self.assertEqual(lines[2][1:3], (0, 1))
        out, _ = other.communicate(timeout=LIMIT)
        self.assertIn("= count_calls: 0 300 \n", out)
        self.assertIsNone(self.host.poll())

    def test_code_that_hangs_is_killed(self):
        start = time.monotonic()
        lines = self.call("builders", "hang", LIBRARY, DEADLINE_MS="300")
        self.assertEqual(lines[0][1], EAGAIN, lines)
        self.assertLess(time.monotonic() - start, 10)

    @unittest.skipIf(SANITIZED, "a build with sanitizers cannot be confined")
    def test_nothing_is_in_reach(self):
        for function, result, _, reason in self.call(
                "builders", "open_file", "list_directory", "make_socket", "start_process",
                "start_thread", "other_names", "kill_parent", ESCAPING):
            self.assertEqual(result, 0, (function, reason))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
