#!/usr/bin/env python3
"""Every call that can fail does, one at a time: no run hangs, lies, crashes or leaves anything.

usage: test_failing_calls.py MAYFLY LIBRARY ISOLATION [--points=COUNT] [--function=NAME]

LIBRARY is failing_calls.c. A run with it counts the calls that a program makes; then there is a run
for each of them (for COUNT of them, evenly spread), in which it fails, and where it can be, one in
which it is interrupted. Each run ends with its answer, or with another status and an error; the run
after it, in which nothing fails, answers. Exits with 77, saying why, where this cannot be tested.
"""
import argparse
import collections
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import time

from children import adopt_orphans, end_hosts, left_after
from directories import PHOTO, Directories

SKIPPED = 77
LIMIT_S = 60  # for one run; nothing takes so long but what hangs
PLUGIN_RETRY_S = 1.1  # a host looks for a missing plugin once a second
# What a run may say: the command, the accelerator host, or the function itself.
LINE = re.compile(r"(mayfly|mayfly-monitor|mayfly-acceld|vaccel|detect): .+")
SAME_PLACE_MAX = 10
LINES_MAX = 8  # four for each of two requests

Point = collections.namedtuple("Point", "program number interrupted call place")


def greets(output):
    return output == b"Hello, Ada!\n"


def finds_the_dog(output):
    return any(found["label"] == "dog" for found in json.loads(output)["objects"])


FUNCTIONS = {
    "hello": (lambda: b"Ada\n", greets, ["mayfly", "mayfly-monitor"]),
    "detect": (PHOTO.read_bytes, finds_the_dog,
               ["mayfly", "mayfly-monitor", "mayfly-acceld"]),
}


class Bench:
    """One function under one isolation, in directories of its own."""

    def __init__(self, arguments, function, folder):
        self.arguments = arguments
        self.function = function
        request, self.is_answer, self.programs = FUNCTIONS[function]
        self.request = request()
        self.directories = Directories(folder)
        self.log = pathlib.Path(folder, "calls")
        self.problems = []

    def run(self, fail=None):
        environment = self.directories.environment()
        if fail:
            self.log.unlink(missing_ok=True)
            environment.update(MAYFLY_FAIL=fail, MAYFLY_FAIL_LOG=str(self.log),
                               MAYFLY_FAIL_OWN=str(self.arguments.mayfly.parent),
                               LD_PRELOAD=str(self.arguments.library))
        command = [self.arguments.mayfly, "run", f"--isolation={self.arguments.isolation}",
                   "--repeat=2", "--timeout=20s", self.function]
        return subprocess.run(command, input=self.request, capture_output=True, timeout=LIMIT_S,
                              env=environment, check=False)

    def points(self, program):
        """The calls that `program` makes in a run."""
        end_hosts()
        result = self.run(f"{program}:0")
        if result.returncode or not self.is_answer(result.stdout):
            sys.exit(f"{self.function} does not work: {result.stderr.decode()}")
        end_hosts()
        found, visited = [], collections.Counter()
        for line in self.log.read_text().splitlines():
            name, number, kind, call, place = line.split()
            visited[name, place] += 1
            if visited[name, place] > SAME_PLACE_MAX:
                continue  # one of many parts of a file
            found += [Point(name, int(number), False, call, place)]
            found += [Point(name, int(number), True, call, place)] * int(kind)
        count = self.arguments.points
        return found[::max(1, len(found) // count)] if count else found

    def problem(self, point, text):
        self.problems += [f"{self.function}: {point.program} call {point.number}"
                          f"{'i' if point.interrupted else ''} {point.call} at {point.place}: "
                          f"{text}"]
        print(self.problems[-1], flush=True)

    def check(self, point, result):
        said = result.stderr.decode(errors="replace").splitlines()
        if result.returncode == 0:
            if not self.is_answer(result.stdout):
                self.problem(point, f"status 0 and a wrong answer: {result.stdout[:100]}")
        elif result.returncode < 0 or result.returncode > 128:
            self.problem(point, f"status {result.returncode}: {said}")
        elif not said or not all(map(LINE.match, said)) or len(said) > LINES_MAX:
            self.problem(point, f"status {result.returncode}, no clear error: {said}")
        if point.interrupted and point.program == "mayfly" and result.returncode:
            self.problem(point, f"an interrupted call failed: {said}")

    def check_leftovers(self, point):
        left = left_after(2)
        if left:
            self.problem(point, f"processes are left: {left}")
        # A host that is ended while it keeps an optimised model leaves its file for a later one to remove.
        files = self.directories.unexpected() | {
            file for file in self.directories.temporary() if file.parent.name != "optimized"}
        if files:
            self.problem(point, f"files are left: {files}")
            for file in self.directories.temporary():
                file.unlink()

    def visit(self, point):
        end_hosts()
        try:
            result = self.run(f"{point.program}:{point.number}{'i' * point.interrupted}")
            self.check(point, result)
        except subprocess.TimeoutExpired:
            self.problem(point, "it hangs")
        # The number of calls varies: one that was not reached is not to fail in the next run.
        if not self.log.exists() or not self.log.stat().st_size:
            end_hosts()
        self.check_leftovers(point)
        try:
            result = self.run()
            if result.returncode and b"no plugin that runs models" in result.stderr:
                time.sleep(PLUGIN_RETRY_S)
                result = self.run()
            if result.returncode or not self.is_answer(result.stdout):
                self.problem(point, f"the next run fails: {result.stderr.decode()}")
        except subprocess.TimeoutExpired:
            self.problem(point, "the next run hangs")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("mayfly", type=pathlib.Path)
    parser.add_argument("library", type=pathlib.Path)
    parser.add_argument("isolation")
    parser.add_argument("--points", type=int, default=0)
    parser.add_argument("--function", choices=FUNCTIONS, action="append")
    arguments = parser.parse_args()
    arguments.mayfly, arguments.library = (path.resolve()
                                           for path in (arguments.mayfly, arguments.library))
    probe = subprocess.run([arguments.mayfly, "run", f"--isolation={arguments.isolation}", "hello"],
                           input=b"", capture_output=True, timeout=LIMIT_S, check=False)
    if b"cannot be had" in probe.stderr:
        print(probe.stderr.decode())
        return SKIPPED
    adopt_orphans()
    problems = []
    for function in arguments.function or FUNCTIONS:
        if function == "detect" and not PHOTO.exists():
            print("detect is left out: make models fetches what it needs")
            continue
        with tempfile.TemporaryDirectory() as folder:
            bench = Bench(arguments, function, folder)
            for program in bench.programs:
                points = bench.points(program)
                for point in points:
                    bench.visit(point)
                print(f"{function}: {len(points)} failures of calls of {program}", flush=True)
            end_hosts()
            problems += bench.problems
    print(f"{len(problems)} problems")
    return 1 if problems else 0


sys.exit(main())
