#!/usr/bin/env python3
"""Single operators at random, sent to an accelerator host as models of a client, beside another
client that asks for the objects in a photograph all the time.

usage: fuzz.py BUILD [--time=SECONDS] [--seed=N] [--only=NUMBER] [--keep=DIRECTORY]

Fails where the worker that all share is another one at the end, where the other client's work fails,
or where an op is answered later than a second after its deadline.
"""

import argparse
import collections
import contextlib
import os
import pathlib
import random
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))
import acceld_host  # noqa: E402
from generate import Generator  # noqa: E402

CACHE = pathlib.Path(os.environ.get("MAYFLY_CACHE") or pathlib.Path(
    os.environ.get("XDG_CACHE_HOME") or pathlib.Path(os.environ["HOME"], ".cache"), "mayfly"))
CLIENTS = 2
LIMITS_MS = (100, 300, 1000)
GRACE_MS = 1000
START_S = 20


class Host:
    def __init__(self, build, folder, options):
        self.socket, self.log = folder / "acceld.sock", folder / "acceld.log"
        self.process = acceld_host.start(build, folder, *options)

    def shared_worker(self):
        """The process that serves all clients: of the supervisor's children the first."""
        pid = self.process.pid
        for _ in range(10 * START_S):
            for child in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
                with contextlib.suppress(OSError):
                    if pathlib.Path(f"/proc/{child}/comm").read_text() == "acceld-worker\n":
                        return int(child)
            time.sleep(0.1)
        return None

    def end(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()


class Fuzz:
    def __init__(self, arguments, folder):
        self.arguments, self.generator = arguments, Generator()
        self.client = arguments.build / "tests/operators/operator_client"
        self.host = Host(arguments.build, folder, arguments.host_option)
        self.worker = self.host.shared_worker()
        self.end = time.monotonic() + arguments.time
        self.lock, self.next = threading.Lock(), 0
        self.counts, self.faults, self.worst_ms = collections.Counter(), [], 0.0
        self.operators = set()

    def numbers(self):
        while time.monotonic() < self.end:
            with self.lock:
                number, self.next = self.next, self.next + 1
            if self.arguments.only is not None:
                if number:
                    return
                number = self.arguments.only
            yield number

    def fault(self, number, case, what):
        with self.lock:
            self.faults.append(f"case {number} ({case.operator}): {what}")
            print(self.faults[-1], flush=True)
        if self.arguments.keep:
            self.arguments.keep.mkdir(exist_ok=True)
            (self.arguments.keep / f"{number}.onnx").write_bytes(case.model)

    def judge(self, number, case, limit_ms, line):
        registered, load, load_us, run, run_us, last = map(int, line.split())
        with self.lock:
            self.operators.add(case.operator)
            self.counts["cases"] += 1
            self.counts["models that were loaded"] += registered > 0 and load == 0
            self.counts["runs with a result"] += registered > 0 and load == 0 and run == 0
            self.counts["ended connections"] += last < 0
            over_ms = max(load_us, run_us) / 1000 - limit_ms
            self.worst_ms = max(self.worst_ms, over_ms)
        if over_ms > GRACE_MS:
            self.fault(number, case, f"answered {over_ms:.0f} ms after its deadline")
        worker = self.host.shared_worker() if last < 0 else self.worker
        if worker != self.worker:
            self.fault(number, case, f"or another one at that time: worker {self.worker} died")
            self.worker = worker

    def send_cases(self):
        chance = random.Random()
        while time.monotonic() < self.end:
            with subprocess.Popen([self.client, "run", self.host.socket], stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE) as client:
                for number in self.numbers():
                    case = self.generator.case(self.arguments.seed, number)
                    if not case:
                        self.counts["not made"] += 1
                        continue
                    limit_ms = chance.choice(LIMITS_MS)
                    client.stdin.write(pack(case, limit_ms))
                    client.stdin.flush()
                    line = client.stdout.readline()
                    if not line and not self.end:
                        break
                    if not line:
                        self.fault(number, case, "the client could not connect any more")
                        break
                    self.judge(number, case, limit_ms, line)
                client.stdin.close()
            if self.arguments.only is not None or (self.faults and self.arguments.stop):
                self.end = 0

    def run(self):
        with subprocess.Popen([self.client, "detect", self.host.socket, CACHE / "photos/dog.jpg"],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
            threads = [threading.Thread(target=self.send_cases) for _ in range(CLIENTS)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            with contextlib.suppress(BrokenPipeError):
                other.stdin.close()
            said = other.stdout.read().split()
        if self.host.shared_worker() != self.worker:
            self.faults.append("the shared worker died")
        self.host.end()
        self.report(said, other.returncode)

    def report(self, said, status):
        for what, count in self.counts.items():
            print(f"{count:9} {what}")
        print(f"{len(self.operators):9} operators and versions of {len(self.generator.names)}")
        print(f"{self.worst_ms:9.0f} ms after its deadline, the latest answer")
        if said:
            count, failures, median_us, late_us = map(int, said)
            print(f"{count:9} detections beside them, {failures} failed, median "
                  f"{median_us / 1000:.1f} ms, 99th percentile {late_us / 1000:.1f} ms")
        if status or not said:
            self.faults.append("the other client's work failed")
        print(f"{len(self.faults):9} faults")


def pack(case, limit_ms):
    parts = [struct.pack("=IIII", limit_ms, case.outputs, len(case.model), len(case.inputs)),
             case.model]
    for kind, shape, data in case.inputs:
        parts += [struct.pack("=III", kind, len(shape), len(data)),
                  struct.pack(f"={len(shape)}q", *shape), data]
    return b"".join(parts)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--time", type=float, default=30)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--only", type=int, help="this case alone")
    parser.add_argument("--stop", action="store_true", help="at the first fault")
    parser.add_argument("--keep", type=pathlib.Path, help="write models that found faults there")
    parser.add_argument("--host-option", action="append", default=[])
    arguments = parser.parse_args()
    arguments.build = arguments.build.resolve()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    print(f"seed {arguments.seed}, {arguments.time:.0f} s", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        fuzz = Fuzz(arguments, pathlib.Path(folder))
        try:
            fuzz.run()
        finally:
            fuzz.end = 0
            fuzz.host.end()
    sys.exit(1 if fuzz.faults else 0)


if __name__ == "__main__":
    main()
