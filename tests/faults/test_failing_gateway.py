#!/usr/bin/env python3
"""Calls of mayflyd that can fail do, one at a time: nothing hangs, crashes or is silently lost.

usage: test_failing_gateway.py MAYFLYD DEEDS LIBRARY [--points=COUNT]

LIBRARY is failing_calls.c. A gateway with it is started, gets a function, requests, one of them from zero, and
an asynchronous call, and is ended. It may refuse to start, with an error, and requests may fail with a status;
but an asynchronous call that was accepted is run, by the next gateway at the latest, which works as if nothing
had been. The processes that mayflyd starts get no environment, and so no library.
"""
import argparse
import collections
import os
import pathlib
import shutil
import sys
import tempfile
import urllib.error

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "gateway"))

from children import adopt_orphans, end_hosts, left_after  # noqa: E402
from directories import Directories  # noqa: E402
from gateway import Gateway, until  # noqa: E402

LIMIT = 30
SAME_PLACE_MAX = 3
PROGRAM = "mayflyd"
STATUSES = (200, 202, 400, 404, 409, 429, 500, 502, 503, 504, 507)

Point = collections.namedtuple("Point", "program number interrupted call place")


class Bench:
    def __init__(self, arguments, folder):
        self.arguments = arguments
        self.folder = folder
        self.log = pathlib.Path(folder, "calls")
        self.problems = []
        os.environ.update(Directories(folder).environment())

    def problem(self, point, text):
        self.problems.append(f"{point.program} call {point.number}{'i' * point.interrupted} {point.call} at "
                             f"{point.place}: {text}")
        print(self.problems[-1], flush=True)

    def fail(self, what):
        for name in ("MAYFLY_FAIL", "MAYFLY_FAIL_LOG", "MAYFLY_FAIL_OWN", "LD_PRELOAD"):
            os.environ.pop(name, None)
        if what:
            self.log.unlink(missing_ok=True)
            os.environ.update(MAYFLY_FAIL=what, MAYFLY_FAIL_LOG=str(self.log), LD_PRELOAD=self.arguments.library,
                              MAYFLY_FAIL_OWN=str(pathlib.Path(self.arguments.mayflyd).parent))

    def ask(self, gateway, *request, **more):
        """Its status; 0: the connection was lost."""
        try:
            answer = gateway.request(*request, timeout=LIMIT, **more)
        except (urllib.error.URLError, ConnectionError) as error:
            if isinstance(getattr(error, "reason", None), TimeoutError):
                raise TimeoutError from error
            return 0, None
        if answer.status not in STATUSES:
            raise AssertionError(f"status {answer.status}: {answer.text}")
        return answer.status, answer

    def use(self, gateway):
        """All that is asked of the gateway; the asynchronous calls that it accepted."""
        deployment = {"service": "f", "image": self.arguments.deeds, "annotations": {"mayfly.dev/idle": "1s"}}
        self.ask(gateway, "PUT", "/system/functions", deployment, auth=True)
        status, _ = self.ask(gateway, "POST", "/system/functions", deployment, auth=True)
        statuses = [status]
        for path in ("/function/f", "/function/f/more?x=y"):
            status, answer = self.ask(gateway, "POST", path, b"word")
            if status == 200 and b"word POST /" not in answer.body:
                raise AssertionError(f"a wrong answer: {answer.text}")
            statuses.append(status)
        self.ask(gateway, "POST", "/system/scale-function/f", {"serviceName": "f", "replicas": 0}, auth=True)
        status, _ = self.ask(gateway, "POST", "/function/f", b"woken")
        statuses.append(status)
        status, answer = self.ask(gateway, "POST", "/async-function/f", b"later")
        statuses.append(status)
        return statuses, [answer.headers["X-Call-Id"]] if status == 202 else []

    def run(self, state):
        """With the failure."""
        gateway = Gateway(self.arguments.mayflyd, state=state)
        try:
            gateway.start()
        except AssertionError:
            if "error: " not in gateway.log_text() or gateway.process.returncode not in (0, 1):
                raise
            return None, []
        try:
            found = self.use(gateway)
            if gateway.process.poll() is not None and gateway.process.returncode != 1:
                raise AssertionError(f"status {gateway.process.returncode}: {gateway.log_text()}")
            return found
        finally:
            gateway.__exit__()

    def check_next(self, state, calls):
        """And without: whatever was there before, all works."""
        with Gateway(self.arguments.mayflyd, state=state) as gateway:
            known = gateway.system("GET", "/function/f").status == 200
            if calls and not known:
                raise AssertionError("the function is lost")
            if not known:
                gateway.deploy("f", self.arguments.deeds)
            answer = gateway.invoke("f", b"word")
            if answer.status != 200 or b"word POST /" not in answer.body:
                raise AssertionError(f"afterwards: {answer.status} {answer.text}")
            for call in calls:
                until(lambda: gateway.system("GET", f"/calls/{call}").json()["state"] in ("done", "dead"),
                      f"call {call}")
            if gateway.stop():
                raise AssertionError(f"its end: {gateway.log_text()}")

    def points(self):
        self.fail(f"{PROGRAM}:0")
        state = tempfile.mkdtemp(dir=self.folder)
        statuses, _ = self.run(state)
        if statuses != [202, 200, 200, 200, 202]:
            sys.exit(f"it does not work: {statuses}")
        shutil.rmtree(state)
        found, visited = [], collections.Counter()
        for line in self.log.read_text().splitlines():
            name, number, kind, call, place = line.split()
            visited[place] += 1
            if visited[place] <= SAME_PLACE_MAX:
                found += [Point(name, int(number), False, call, place)]
                found += [Point(name, int(number), True, call, place)] * int(kind)
        count = self.arguments.points
        return found[::max(1, len(found) // count)] if count else found

    def visit(self, point):
        state = tempfile.mkdtemp(dir=self.folder)
        try:
            self.fail(f"{point.program}:{point.number}{'i' * point.interrupted}")
            _, calls = self.run(state)
            self.fail(None)
            self.check_next(state, calls)
        except (AssertionError, OSError, ValueError) as error:
            self.problem(point, f"{type(error).__name__}: {error}")
        self.fail(None)
        end_hosts()
        left = left_after(5)
        if left:
            self.problem(point, f"processes are left: {left}")
        shutil.rmtree(state)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("mayflyd", type=os.path.abspath)
    parser.add_argument("deeds", type=os.path.abspath)
    parser.add_argument("library", type=os.path.abspath)
    parser.add_argument("--points", type=int, default=0)
    arguments = parser.parse_args()
    adopt_orphans()
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(arguments, folder)
        points = bench.points()
        for point in points:
            bench.visit(point)
        print(f"{len(points)} failures of calls of {PROGRAM}", flush=True)
        print(f"{len(bench.problems)} problems")
        return 1 if bench.problems else 0


sys.exit(main())
