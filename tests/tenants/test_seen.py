#!/usr/bin/env python3
"""What there is to see of an accelerator host: mayfly accel ls and top, and metrics for Prometheus.

usage: test_seen.py BUILD MAYFLY NOOP_PLUGIN
"""
import contextlib
import http.client
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))
import acceld_host  # noqa: E402
from ports import reserve_port  # noqa: E402

BUILD, MAYFLY, PLUGIN = (pathlib.Path(word).resolve() for word in sys.argv[1:4])
NOOPS = 40
PHASES = {"queue", "input", "compute", "output"}
SAMPLE = re.compile(r'([a-z_]+)(?:\{(.*)\})? (\S+)')
LABEL = re.compile(r'([a-z_]+)="((?:[^"\\]|\\.)*)"')


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=10)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(10)
        self.sock.connect(str(self.path))


def parse(text):
    """Samples as (name, labels, value), of the text format of Prometheus; each has a HELP and a TYPE
    before it."""
    samples, types = [], {}
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert name not in types, f"{name} is described twice"
            types[name] = kind
        elif not line.startswith("# HELP "):
            name, labels, value = SAMPLE.fullmatch(line).groups()
            base = re.sub("_(bucket|sum|count)$", "", name) if name not in types else name
            assert base in types, f"{name} has no type"
            assert name.endswith("_total") == (types[base] == "counter"), name
            samples.append((name, dict(LABEL.findall(labels or "")), float(value)))
    return samples


class Seen(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        folder = pathlib.Path(cls.folder.name)
        cls.socket, cls.metrics = folder / "acceld.sock", folder / "metrics.sock"
        cls.host = acceld_host.start(BUILD, folder, f"--metrics=unix://{cls.metrics}",
                                     VACCEL_PLUGINS=str(PLUGIN))
        cls.client = subprocess.Popen([BUILD / "tests/tenants/tenant", "noops", cls.socket, str(NOOPS)],
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert int(cls.client.stdout.readline()) == NOOPS

    @classmethod
    def tearDownClass(cls):
        cls.client.stdin.close()
        assert cls.client.wait() == 0
        cls.client.stdout.close()
        cls.host.terminate()
        cls.host.wait()
        cls.folder.cleanup()

    def accel(self, *words, status=0):
        result = subprocess.run([MAYFLY, "accel", f"--socket={self.socket}", *words],
                                capture_output=True, text=True, check=False)
        self.assertEqual(result.returncode, status, result.stderr)
        return result.stdout if not status else result.stderr

    def get(self, path="/metrics", method="GET"):
        connection = UnixConnection(self.metrics)
        connection.request(method, path)
        with contextlib.closing(connection):
            answer = connection.getresponse()
            return answer, answer.read().decode()

    def test_ls(self):
        told = json.loads(self.accel("--json", "ls"))
        tenants = [each for each in told["tenants"] if each["process"] == self.client.pid]
        self.assertEqual(len(tenants), 1)
        self.assertEqual(tenants[0] | {"memory": 0}, {
            "name": "default", "process": self.client.pid, "weight": 100, "connections": 1,
            "sessions": 1, "resources": 0, "sent_models": 0, "ops_in_flight": 0, "memory": 0,
            "model_memory": 0})
        self.assertEqual(told["models"], [])
        text = self.accel()
        self.assertIn("TENANT", text)
        self.assertIn(str(self.client.pid), text)
        self.assertIn("--once is for top", self.accel("--once", "ls", status=1))

    def test_top(self):
        told = json.loads(self.accel("--json", "--once", "top"))
        noops = [each for each in told["ops"] if each["op"] == "NOOP"]
        self.assertEqual(len(noops), 1)
        self.assertEqual((noops[0]["count"], noops[0]["errors"]), (NOOPS + 1, 1))
        self.assertEqual(set(noops[0]["phases"]), PHASES)
        for phase in noops[0]["phases"].values():
            self.assertEqual(sum(phase["buckets"]), NOOPS + 1)
        self.assertRegex(self.accel("--once", "top"), r"(?m)^NOOP +default +- ")

    def test_missing(self):
        result = subprocess.run([MAYFLY, "accel", f"--socket={self.socket}.not"],
                                capture_output=True, text=True, check=False)
        self.assertEqual(result.returncode, 1)
        self.assertIn("no accelerator host runs", result.stderr)

    def test_metrics(self):
        answer, text = self.get()
        self.assertEqual(answer.status, 200)
        self.assertTrue(answer.headers["Content-Type"].startswith("text/plain; version=0.0.4"))
        samples = parse(text)
        self.assertIn(("mayfly_accel_up", {}, 1.0), samples)
        noop = {"tenant": "default", "model": "", "op": "NOOP"}
        self.assertIn(("mayfly_accel_ops_total", noop, NOOPS + 1.0), samples)
        self.assertIn(("mayfly_accel_op_errors_total", noop, 1.0), samples)
        for phase in PHASES:
            labels = noop | {"phase": phase}
            buckets = [(float(found["le"]), value) for name, found, value in samples
                       if name == "mayfly_accel_op_seconds_bucket"
                       and found == labels | {"le": found.get("le")}]
            self.assertEqual(len(buckets), 20)
            self.assertEqual(buckets, sorted(buckets))
            self.assertEqual([value for _, value in buckets], sorted(value for _, value in buckets))
            self.assertEqual(buckets[-1], (float("inf"), NOOPS + 1.0))
            self.assertIn(("mayfly_accel_op_seconds_count", labels, NOOPS + 1.0), samples)
        seconds = [value for name, found, value in samples
                   if name == "mayfly_accel_op_seconds_sum" and found == noop | {"phase": "compute"}]
        self.assertTrue(0 < seconds[0] < 10)

    def test_requests(self):
        self.assertEqual(self.get("/")[0].status, 404)
        self.assertEqual(self.get(method="POST")[0].status, 405)
        self.assertEqual(self.get(method="HEAD")[1], "")

    def test_key(self):
        """Only this user can read it."""
        key = pathlib.Path(f"{self.socket}.key")
        self.assertEqual(key.stat().st_mode & 0o777, 0o600)
        self.assertEqual(len(key.read_bytes()), 16)

    def find(self, parent, name):
        """The child of that name; None: there is none."""
        children = subprocess.run(["ps", "-o", "pid=,comm=", "--ppid", str(parent)],
                                  capture_output=True, text=True, check=False).stdout.split("\n")
        return next((int(line.split()[0]) for line in children if name in line), None)

    def server(self):
        return self.find(self.find(self.host.pid, "acceld-keeper"), "acceld-metrics")

    def test_restart(self):
        """Strangers that bring the server down do not keep it down."""
        self.get()
        before = self.server()
        os.kill(before, signal.SIGKILL)
        self.assertEqual(self.get()[0].status, 200)
        self.assertNotIn(self.server(), (before, None))

    @unittest.skipUnless(os.environ.get("SANITIZE", "none") in ("none", "undefined"),
                         "a build with sanitizers cannot be confined")
    def test_rights(self):
        """The process that strangers talk to has a filter, and opens no files."""
        self.get()
        status = pathlib.Path(f"/proc/{self.server()}/status").read_text(encoding="utf-8")
        self.assertIn("Seccomp:\t2\n", status)
        self.assertIn("CapEff:\t0000000000000000\n", status)


class Log(unittest.TestCase):
    def test_json(self):
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            host = acceld_host.start(BUILD, folder, "--log-format=json", VACCEL_PLUGINS=str(PLUGIN),
                                     MAYFLY_LOG="info")
            subprocess.run([BUILD / "tests/tenants/tenant", "noops", folder / "acceld.sock", "1"],
                           stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True)
            host.terminate()
            host.wait()
            lines = [json.loads(line) for line in (folder / "acceld.log").read_text().splitlines()
                     if line.startswith("{")]
        self.assertTrue(lines)
        for line in lines:
            self.assertRegex(line["time"], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
            self.assertEqual(line["program"], "mayfly-acceld")
        failed = [line for line in lines if line.get("op") == "NOOP"]
        self.assertEqual(len(failed), 1)
        self.assertEqual((failed[0]["tenant"], failed[0]["session"]), ("default", 2))
        self.assertIn("NOOP fails with", failed[0]["message"])


class Tcp(unittest.TestCase):
    def test_tcp(self):
        port = reserve_port()
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            host = acceld_host.start(BUILD, folder, f"--metrics=tcp://127.0.0.1:{port}",
                                     VACCEL_PLUGINS=str(PLUGIN))
            url = f"http://127.0.0.1:{port}/metrics"
            with urllib.request.urlopen(url, timeout=10) as answer:
                self.assertIn(("mayfly_accel_up", {}, 1.0), parse(answer.read().decode()))
            # The next worker has another key: metrics find it.
            worker = subprocess.run(["ps", "-o", "pid=,comm=", "--ppid", str(host.pid)],
                                    capture_output=True, text=True, check=True).stdout
            worker = next(int(line.split()[0]) for line in worker.split("\n") if "acceld-worker" in line)
            os.kill(worker, 9)
            samples = []
            for _ in range(200):
                with urllib.request.urlopen(url, timeout=10) as answer:
                    samples = parse(answer.read().decode())
                if ("mayfly_accel_up", {}, 1.0) in samples:
                    break
                time.sleep(0.1)
            self.assertIn(("mayfly_accel_up", {}, 1.0), samples)
            host.terminate()
            host.wait()
            with self.assertRaises(OSError):
                for _ in range(200):
                    urllib.request.urlopen(url, timeout=10).close()
                    time.sleep(0.1)

    def test_bad_addresses(self):
        for address in ("nonsense", "vsock://2:1", "unix://@name", "tcp://127.0.0.1:99999",
                        "unix:///nowhere/there/metrics.sock"):
            with tempfile.TemporaryDirectory() as name:
                result = subprocess.run(
                    [BUILD / "acceld/mayfly-acceld", "--foreground", f"--socket={name}/acceld.sock",
                     f"--metrics={address}"], capture_output=True, text=True, check=False, timeout=20)
                self.assertEqual(result.returncode, 1, address)
                self.assertIn("--metrics", result.stderr)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
