#!/usr/bin/env python3
"""How much a tenant of the accelerator host that asks for little notices of hostile ones.

usage: measure.py BUILD [--hostile=COUNT] [--connections=N] [--ops=COUNT] [--rounds=N] [--pause=MS]

Alone and beside them by turns, all on two processors. Fails where an op of the light one fails, or
where its 99th percentile is not below twice the one that it has alone.
"""

import argparse
import os
import pathlib
import signal
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))
import acceld_host  # noqa: E402

CACHE = pathlib.Path(os.environ.get("MAYFLY_CACHE") or pathlib.Path(
    os.environ.get("XDG_CACHE_HOME") or pathlib.Path(os.environ["HOME"], ".cache"), "mayfly"))
PHOTO = CACHE / "photos/dog.jpg"
PROCESSORS = 2
SETTLE_S = 2


def percentile(times, share):
    return sorted(times)[min(len(times) - 1, int(len(times) * share))] / 1000


class Measurement:
    def __init__(self, arguments, folder):
        self.arguments, self.socket = arguments, folder / "acceld.sock"
        self.program = arguments.build / "tests/tenants/tenant"
        self.failures = 0

    def light(self, ops):
        result = subprocess.run(
            [self.program, "light", self.socket, PHOTO, str(ops), str(self.arguments.pause)],
            capture_output=True, text=True, check=False, timeout=600)
        lines = result.stdout.splitlines()
        if len(lines) != 2:
            raise SystemExit(f"the light tenant failed: {result.stderr}")
        self.failures += int(lines[1])
        return [int(word) for word in lines[0].split()]

    def beside_hostile(self, ops):
        hostile = [subprocess.Popen(  # pylint: disable=consider-using-with
            [self.program, "hostile", self.socket, PHOTO, str(self.arguments.connections),
             *self.arguments.way])
            for _ in range(self.arguments.hostile)]
        try:
            time.sleep(SETTLE_S)
            return self.light(ops)
        finally:
            for process in hostile:
                process.send_signal(signal.SIGKILL)
                process.wait()
            time.sleep(SETTLE_S)

    def run(self):
        self.light(5)  # loads the model
        alone, beside = [], []
        for _ in range(self.arguments.rounds):
            alone += self.light(self.arguments.ops)
            beside += self.beside_hostile(self.arguments.ops)
        for what, times in (("alone", alone), (f"beside {self.arguments.hostile}", beside)):
            print(f"{what:12} {len(times)} ops: median {statistics.median(times) / 1000:7.1f} ms, "
                  f"99th percentile {percentile(times, 0.99):7.1f} ms, "
                  f"longest {max(times) / 1000:7.1f} ms")
        ratio = percentile(beside, 0.99) / percentile(alone, 0.99)
        print(f"the 99th percentile is {ratio:.2f} times the one alone; {self.failures} ops failed")
        return ratio < 2 and not self.failures


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--hostile", type=int, default=2)
    parser.add_argument("--connections", type=int, default=16, help="of each hostile tenant, with ops")
    parser.add_argument("--way", action="append", default=[],
                        help="the one way to be hostile, beside ops: deadlines, memory, sessions, "
                        "threads, models; all where it is not given")
    parser.add_argument("--ops", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--pause", type=int, default=50, help="between ops of the light one, ms")
    arguments = parser.parse_args()
    arguments.build = arguments.build.resolve()
    os.sched_setaffinity(0, set(sorted(os.sched_getaffinity(0))[:PROCESSORS]))
    with tempfile.TemporaryDirectory() as folder:
        host = acceld_host.start(arguments.build, pathlib.Path(folder), MAYFLY_LOG="error")
        try:
            good = Measurement(arguments, pathlib.Path(folder)).run()
        finally:
            host.terminate()
            host.wait()
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
