#!/usr/bin/env python3
"""Requests go on while accelerator hosts, their workers and monitors are killed at random moments.

usage: fault_run.py MAYFLY [--time=SECONDS] [--workers=COUNT] [--seed=NUMBER]

Each request is answered, or fails with an error, or its own monitor was killed; none is lost (a
wrong answer, or an end without a word), none hangs, and at the end there are no processes, files or
descriptors that were not there before. Exits with 1 where that does not hold, with 77 where there
are no models.
"""
import argparse
import collections
import dataclasses
import os
import pathlib
import random
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time

from children import adopt_orphans, end_hosts, hosts, left_after, workers
from directories import PHOTO, Directories

SKIPPED = 77
LIMIT_S = 120
CLEAR = re.compile(r"(mayfly|vaccel|detect|classify): .+")
FAILED_OP = "accelerated call failed"


@dataclasses.dataclass
class Load:
    function: str
    repeat: int
    request: bytes
    weight: int
    answer: bytes = b""


class FaultRun:
    def __init__(self, arguments, folder):
        self.arguments = arguments
        self.random = random.Random(arguments.seed)
        self.directories = Directories(folder)
        photo = PHOTO.read_bytes()
        self.loads = [Load("hello", 1, b"Ada\n", 3), Load("hello", 500, b"Ada\n", 1),
                      Load("echo", 20, bytes(range(256)) * 8192, 1), Load("detect", 1, photo, 3),
                      Load("detect", 10, photo, 2), Load("classify", 3, photo, 2)]
        self.isolations = [name for name in ("kvm", "process") if self.can_have(name)]
        self.counts = collections.Counter()
        self.problems = []
        self.lock = threading.Lock()
        self.running = {}  # process -> signal that was sent to it, or None
        self.over = threading.Event()

    def start(self, load, isolation):
        command = [self.arguments.mayfly, "run", f"--isolation={isolation}", "--timeout=60s",
                   f"--repeat={load.repeat}", load.function]
        return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, env=self.directories.environment())

    def can_have(self, isolation):
        process = self.start(Load("hello", 1, b"", 1), isolation)
        process.communicate(b"", timeout=LIMIT_S)
        return process.returncode == 0

    def learn_answers(self):
        for load in self.loads:
            process = self.start(load, self.isolations[0])
            load.answer, said = process.communicate(load.request, timeout=LIMIT_S)
            if process.returncode:
                sys.exit(f"{load.function} does not work: {said.decode()}")

    def problem(self, kind, text):
        with self.lock:
            self.counts[kind] += 1
            self.problems.append(f"{kind}: {text}")
            print(self.problems[-1], flush=True)

    def judge(self, load, isolation, process, output, said):
        """What came of the requests of one run."""
        with self.lock:
            sent = self.running.pop(process)
        lines = said.decode(errors="replace").splitlines()
        what = f"{load.function} x{load.repeat} under {isolation}, status {process.returncode}"
        status = process.returncode
        if sent and status in (-sent, 128 + sent):
            with self.lock:
                self.counts["killed with their monitor"] += load.repeat
            return
        failed = min(load.repeat, sum(FAILED_OP in line for line in lines))
        if status == 0 and not failed:
            if output != load.answer:
                self.problem("lost", f"{what}: wrong answer of {len(output)} bytes")
        elif status not in (1, 124, 125) or not lines or not all(map(CLEAR.match, lines)):
            self.problem("lost", f"{what}: {lines}")
            return
        failed = failed or (1 if status else 0)
        with self.lock:
            # One that took too long, or failed at the host, is the last.
            self.counts["answered"] += load.repeat - failed if status in (0, 1) else 0
            self.counts["failed clearly"] += failed
            self.counts["not begun"] += load.repeat - failed if status not in (0, 1) else 0

    def work(self, generator):
        while not self.over.is_set():
            load = generator.choices(self.loads, [load.weight for load in self.loads])[0]
            isolation = generator.choice(self.isolations)
            with self.lock:  # kill_one() must know it from its beginning
                process = self.start(load, isolation)
                self.running[process] = None
                self.counts["requests"] += load.repeat
                self.counts["runs"] += 1
            try:
                output, said = process.communicate(load.request, timeout=LIMIT_S)
            except subprocess.TimeoutExpired:
                self.problem("hung", f"{load.function} under {isolation}")
                process.kill()
                output, said = process.communicate()
                with self.lock:
                    self.running.pop(process)
                continue
            self.judge(load, isolation, process, output, said)

    def kill_one(self):
        victim = self.random.random()
        with self.lock:
            candidates = [process for process, sent in self.running.items()
                          if not sent and process.poll() is None]
            if victim < 0.4 and candidates:
                process = self.random.choice(candidates)
                number = self.random.choice([signal.SIGKILL, signal.SIGKILL, signal.SIGTERM,
                                             signal.SIGINT])
                self.running[process] = number
                process.send_signal(number)
                self.counts["monitors killed"] += 1
                return
        with self.lock:
            serving = hosts({process.pid for process in self.running})
        for host in serving:
            if victim < 0.7:
                self.kill(host, "hosts killed")
            else:
                for worker in workers(host):
                    self.kill(worker, "workers killed")

    def kill(self, pid, kind):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            return
        with self.lock:
            self.counts[kind] += 1

    def check_leftovers(self):
        left = left_after(5)
        if left:
            self.problem("leaked", f"processes {left}")
        unexpected = self.directories.unexpected()
        if unexpected:
            self.problem("leaked", f"files {unexpected}")
        # A host that is killed in the middle of writing cannot take its file away; a later one
        # does, an hour later.
        cut_off = self.directories.temporary()
        self.counts["files cut off by a kill"] = len(cut_off)
        for file in cut_off:
            os.utime(file, (time.time() - 7200,) * 2)
        process = self.start(next(load for load in self.loads if load.function == "detect"),
                             self.isolations[0])
        process.communicate(PHOTO.read_bytes(), timeout=LIMIT_S)
        end_hosts()
        if self.directories.temporary():
            self.problem("leaked", f"files {self.directories.temporary()}")

    def check_host(self):
        """After the load, one host serves and holds as much as when it was idle."""
        held = []
        for _ in range(2):
            for load in self.loads:
                process = self.start(load, self.isolations[0])
                output, said = process.communicate(load.request, timeout=LIMIT_S)
                if process.returncode or output != load.answer:
                    self.problem("lost", f"{load.function} after the run: {said.decode()}")
            time.sleep(1)
            serving = hosts()
            if len(serving) != 1:
                self.problem("leaked", f"{len(serving)} hosts")
                return
            held.append([len(os.listdir(f"/proc/{pid}/fd"))
                         for pid in (serving[0], *workers(serving[0]))])
        if len(held[0]) != 2 or held[1] > held[0]:
            self.problem("leaked", f"descriptors of the host and its worker: {held}")

    def run(self):
        self.learn_answers()
        workers = [threading.Thread(target=self.work, args=(random.Random(self.random.random()),))
                   for _ in range(self.arguments.workers)]
        end = time.monotonic() + self.arguments.time
        for worker in workers:
            worker.start()
        while time.monotonic() < end:
            time.sleep(self.random.uniform(0.1, 2))
            self.kill_one()
        self.over.set()
        for worker in workers:
            worker.join()
        self.check_host()
        end_hosts()
        self.check_leftovers()
        for name in ("requests", "answered", "failed clearly", "killed with their monitor",
                     "not begun", "lost", "hung", "leaked", "runs", "hosts killed",
                     "workers killed", "monitors killed", "files cut off by a kill"):
            print(f"{name}: {self.counts[name]}")
        return 1 if self.problems else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("mayfly", type=lambda path: pathlib.Path(path).resolve())
    parser.add_argument("--time", type=float, default=600)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    if not PHOTO.exists():
        print(f"{PHOTO} is missing: make models fetches it")
        return SKIPPED
    adopt_orphans()
    with tempfile.TemporaryDirectory() as folder:
        return FaultRun(arguments, folder).run()


sys.exit(main())
