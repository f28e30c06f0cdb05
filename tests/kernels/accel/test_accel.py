#!/usr/bin/env python3
"""Unikernels for Solo5 that have work done by an accelerator host: under both targets, by the command and
by the tender.

usage: test_accel.py MAYFLY TENDER CLASSIFY HVT SPT
CLASSIFY is tests/hardware/classify.c, which says what a photograph shows without any guest. Has
accelerator hosts of its own, in run-time directories of their own.
"""
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from concurrent import futures
from unittest import mock

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "gateway"))
from gateway import Gateway

MAYFLY, TENDER, CLASSIFY, HVT, SPT = (pathlib.Path(path).resolve() for path in sys.argv[1:6])
del sys.argv[1:6]
BUILD = MAYFLY.parent
CACHE = pathlib.Path(os.environ.get("MAYFLY_CACHE") or pathlib.Path(
    os.environ.get("XDG_CACHE_HOME") or pathlib.Path(os.environ["HOME"], ".cache"), "mayfly"))
DOG = CACHE / "photos" / "dog.jpg"
CASES = pathlib.Path(__file__).resolve().parents[2] / "onnx" / "cases"
LIMIT = 120  # seconds for one command
EIO, ENODEV, EINVAL, ENOSPC, EBADMSG = 5, 19, 22, 28, 74


def processes(runtime, name):
    """Process ids of the accelerator hosts' processes of that name in this run-time directory."""
    for folder in pathlib.Path("/proc").iterdir():
        try:
            if (folder.name.isdigit() and (folder / "comm").read_text() == name + "\n" and
                    f"XDG_RUNTIME_DIR={runtime}".encode() in
                    (folder / "environ").read_bytes().split(b"\0")):
                yield int(folder.name)
        except OSError:
            continue


def stop_for_a_moment(process):
    """All that the process has started. Whatever it waits for, it begins to wait anew."""
    for task in pathlib.Path("/proc", str(process), "task").iterdir():
        for child in map(int, (task / "children").read_text().split()):
            stop_for_a_moment(child)
            os.kill(child, signal.SIGSTOP)
            for _ in range(LIMIT * 100):
                if pathlib.Path("/proc", str(child), "stat").read_text().rpartition(")")[2][1] == "T":
                    break
                time.sleep(0.01)
            os.kill(child, signal.SIGCONT)


class WithHost(unittest.TestCase):
    image, isolation, target = HVT, "kvm", "hvt"

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.environment = {**os.environ, "XDG_RUNTIME_DIR": folder.name, "MAYFLY_CACHE": str(CACHE)}
        self.addCleanup(self.end_hosts)

    def end_hosts(self):
        for _ in range(500):
            left = [*processes(self.folder, "mayfly-acceld"), *processes(self.folder, "acceld-worker")]
            if not left:
                return
            for process in processes(self.folder, "mayfly-acceld"):
                os.kill(process, signal.SIGTERM)
            time.sleep(0.02)
        self.fail("an accelerator host does not end")

    def run_it(self, *command, request=b""):
        return subprocess.run(list(map(str, command)), input=request, capture_output=True,
                              timeout=LIMIT, env=self.environment, check=False)

    def mayfly(self, *words, options=(), request=b""):
        return self.run_it(MAYFLY, "run", f"--isolation={self.isolation}", *options, self.image, *words,
                           request=request)

    def expect(self, result, status, output):
        self.assertEqual((result.returncode, result.stdout.decode()), (status, output),
                         result.stderr.decode())


class Guests:
    """Both targets are to say the same."""

    def test_photograph(self):
        """The same answer as without a guest, again and again."""
        if not DOG.exists():
            self.skipTest("there are no models: mayfly models add")
        environment = {**os.environ,
                       "VACCEL_PLUGINS": str(BUILD / "plugins" / "onnx" / "libvaccel-onnx.so")}
        wanted = subprocess.run([CLASSIFY, DOG], capture_output=True, timeout=LIMIT, env=environment,
                                check=True).stdout.decode()
        self.assertGreater(wanted.count("\n"), 3, wanted)
        self.expect(self.mayfly(request=DOG.read_bytes()), 0, wanted)
        self.expect(self.mayfly(options=["--repeat=3"], request=DOG.read_bytes()), 0, wanted)

    def test_no_photograph(self):
        if not DOG.exists():
            self.skipTest("there are no models: mayfly models add")
        result = self.mayfly(request=b"no picture")
        self.assertEqual(result.returncode, 1, result.stderr)
        self.assertRegex(result.stdout.decode(), rf"classify: -{EINVAL} .*JPEG")

    def test_model(self):
        """A model that the guest sends sums up 1 to 6; the answer is the bits of 21.0."""
        if not DOG.exists():
            self.skipTest("there is no ONNX Runtime: mayfly models add")
        model = (CASES / "scalar_out.onnx").read_bytes()
        result = self.mayfly("model", request=model)
        said = result.stdout.decode().split("\n")
        self.assertEqual((result.returncode, said[:2]), (0, ["send: 0", f"no room: -{ENOSPC}"]), result)
        self.assertEqual(said[2:5], ["4 bytes", "run: 0", f"{0x41a80000} of type 7 and rank 0"])
        self.assertEqual(said[5:], ["close: 0", ""])

    def test_requests_know_nothing_of_each_other(self):
        """Neither sessions nor messages: each one's first session has the same number."""
        self.environment["VACCEL_PLUGINS"] = "noop"
        for options in ([], ["--block:accel=@accelerator"]):
            self.expect(self.mayfly("sessions", options=["--repeat=5", *options]), 0, "1\n")
        self.expect(self.mayfly("before", options=["--repeat=5"]), 0, "0\n1\n")

    def test_smeared_device(self):
        """Whatever a request writes to it, where no message lies as well, the next one finds nothing of."""
        self.expect(self.mayfly("smear", options=["--repeat=4"]), 0, "0\n")

    def test_nonsense(self):
        """Messages that are none are refused, and the next one is served."""
        self.environment["VACCEL_PLUGINS"] = "noop"
        said = {"nothing": 0, "op": -EINVAL, "again": 0, "session": 0}
        said |= dict.fromkeys(("half", "many", "long", "beyond", "odd", "three bytes"), -EBADMSG)
        result = self.mayfly("nonsense")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(dict(line.split(": ") for line in result.stdout.decode().splitlines()),
                         {name: str(number) for name, number in said.items()})

    def test_long_message(self):
        self.expect(self.mayfly("long"), 0, f"long: -{ENOSPC}\n")

    def test_deadline(self):
        self.environment["VACCEL_PLUGINS"] = "mbench"
        self.expect(self.mayfly("spend", request=b"1"), 0, "spend: 0\nafter: 0\n")
        result = self.mayfly("spend", options=["--timeout=500ms"], request=b"60000")
        self.assertEqual(result.returncode, 124, result.stderr)

    def test_host_that_dies(self):
        """The call fails, also where its guest was stopped meanwhile, and the next one has another host."""
        self.environment["VACCEL_PLUGINS"] = "mbench"
        with subprocess.Popen([MAYFLY, "run", f"--isolation={self.isolation}", self.image, "spend"],
                              env=self.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE) as process:
            process.stdin.write(b"60000")
            process.stdin.close()
            process.stdin = None
            workers = []
            for _ in range(LIMIT * 10):  # until one is busy
                workers = [worker for worker in processes(self.folder, "acceld-worker")
                           if self.is_busy(worker)]
                if workers:
                    break
                time.sleep(0.1)
            self.assertEqual(len(workers), 1)
            stop_for_a_moment(process.pid)
            os.kill(workers[0], signal.SIGKILL)
            said, log = process.communicate(timeout=LIMIT)
        self.assertEqual(said.decode(), f"spend: -{EIO}\nafter: 0\n", log)

    @staticmethod
    def is_busy(process):
        """Whether it has computed for as long as no start takes."""
        fields = pathlib.Path("/proc", str(process), "stat").read_text(encoding="utf-8").rpartition(")")[2]
        return int(fields.split()[11]) > os.sysconf("SC_CLK_TCK")

    def test_no_host(self):
        """Where none can be reached, the guest is told."""
        path = self.folder / ("a" * 120)
        path.mkdir()
        self.environment["XDG_RUNTIME_DIR"] = str(path)
        result = self.mayfly()
        self.assertEqual((result.returncode, result.stdout), (1, b"session: -%d\n" % ENODEV),
                         result.stderr)

    def disk(self):
        path = self.folder / "disk"
        path.write_bytes(bytes(1 << 20))
        return path

    def tender(self, *options):
        tender = self.folder / f"solo5-{self.target}"  # as it is installed
        if not tender.is_symlink():
            tender.symlink_to(TENDER.with_name(tender.name))
        return self.run_it(tender, f"--block:request={self.disk()}", *options, self.image)

    def test_tender(self):
        """It reaches no host, and the guest is told."""
        self.expect(self.tender(), 1, f"session: -{ENODEV}\n")

    def test_file_in_its_place(self):
        for options in ((), ("--block-sector-size:accel=32768",)):
            self.expect(self.tender(f"--block:accel={self.disk()}", *options), 1,
                        f"open: -{ENODEV}\n")
        self.assertEqual(self.disk().read_bytes(), bytes(1 << 20))

    def test_other_block_size(self):
        result = self.mayfly(options=["--block-sector-size:accel=512"])
        self.assertEqual(result.returncode, 125)
        self.assertIn(b"the accelerator host's device has blocks of 32768 bytes", result.stderr)

    def test_gateway(self):
        if not DOG.exists():
            self.skipTest("there are no models: mayfly models add")
        wanted = self.mayfly(request=DOG.read_bytes()).stdout.decode()
        with mock.patch.dict(os.environ, self.environment), Gateway(TENDER.with_name("mayflyd")) as gateway:
            gateway.deploy("unikernel", self.image)
            # Beside each other, and one after the other.
            with futures.ThreadPoolExecutor(4) as pool:
                for answer in pool.map(lambda _: gateway.invoke("unikernel", DOG.read_bytes()), range(8)):
                    self.assertEqual((answer.status, answer.text), (200, wanted))


class Hvt(Guests, WithHost):
    def test_outside(self):
        """What is neither head nor message is not there."""
        self.expect(self.mayfly("outside"), 0, "3\n3\n")
        self.expect(self.mayfly("odd"), 0, "3\n")

    def test_snapshot(self):
        """A session of the set-up's is there in each clone, also when the host is another one."""
        self.environment["VACCEL_PLUGINS"] = "mbench"
        path = self.folder / "file.snap"
        self.expect(self.run_it(MAYFLY, "snapshot", "-o", path, self.image, "spend"), 0, "")
        for _ in range(2):
            result = self.run_it(MAYFLY, "run", "--repeat=2", path, request=b"1")
            self.expect(result, 0, "spend: 0\nafter: 0\n")
            self.end_hosts()


class Spt(Guests, WithHost):
    image, isolation, target = SPT, "process", "spt"

    def test_outside(self):
        self.expect(self.mayfly("outside"), 0, "0\n0\n")
        self.assertEqual(self.mayfly("odd").returncode, 128 + signal.SIGSYS)


if __name__ == "__main__":
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        del Hvt
    unittest.main()
