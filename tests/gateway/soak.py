#!/usr/bin/env python3
"""A gateway under everything at once, while parts of it are killed: each request is answered, and rightly.

usage: soak.py MAYFLYD DEEDS [--time=SECONDS] [--crashes] [--clients=COUNT] [--seed=NUMBER]

Clients call functions in all ways, operators deploy and remove, and every second or two a monitor, the HTTP
worker, the courier, the accelerator host or an unpacker is killed; with --crashes mayflyd itself is, and
started again. A request may fail only if what was killed then explains it. At the end it is quiet again, and
compared with the beginning: descriptors, threads, memory, processes, files. Exits with 1 if anything is wrong.
"""
import argparse
import collections
import http.server
import os
import pathlib
import random
import re
import signal
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "faults"))

from children import adopt_orphans, children, end_hosts, hosts, left_after  # noqa: E402
from directories import PHOTO, Directories  # noqa: E402
from gateway import Gateway, until  # noqa: E402
from soak_clients import start_all  # noqa: E402

SLACK_S = 4  # a function whose monitor was killed may be in a pause, or wait for the next one to be ready
AFTER_S = 180  # calls have six attempts, with pauses of up to 64 s
MEMORY_GROWS = 24 << 20  # of a process, in bytes: caches of the allocator and of SQLite
BASE = {"echo", "events", "slow", "narrow", "idle", "deeds", "crashing", "talker", "teller", "called", "moving",
        "detect"}
PARTS = ("mayflyd", "mayfly-http", "mayfly-courier")
SPAN = re.compile(rb'gateway_function_invocation_total\{function_name="([^"]*)\.openfaas-fn",code="(\d+)"\} (\d+)')


class Peer:
    """Takes callbacks; one in twenty it refuses."""

    def __init__(self, soak):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                refuse = random.random() < 0.05
                if not refuse:
                    soak.hear_callback(dict(self.headers), body)
                self.send_response(503 if refuse else 200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


def is_alive(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


class Soak:
    def __init__(self, arguments):
        self.arguments = arguments
        self.deeds = os.path.abspath(arguments.deeds)
        self.photo = PHOTO.read_bytes() if PHOTO.exists() else None
        self.random = random.Random(arguments.seed)
        self.lock, self.over = threading.Lock(), threading.Event()
        self.counts = collections.Counter()
        self.answers = collections.defaultdict(collections.Counter)  # kind: statuses
        self.by_function = collections.Counter()  # (function, status)
        self.kills = []  # (what, begun, ended)
        self.accepted, self.told = {}, {}
        self.problems = []
        self.gateway, self.authorization = None, ""
        self.peer = Peer(self)

    # ── what is noted ───────────────────────────────────────────────────────────────────────────

    def problem(self, kind, text):
        with self.lock:
            self.problems.append(f"{kind}: {text}")
            self.counts[f"PROBLEM {kind}"] += 1
            if len(self.problems) <= 60:
                print(f"{time.monotonic() - self.begun:7.1f} {self.problems[-1]}", flush=True)

    def count(self, what, number=1):
        with self.lock:
            self.counts[what] += number

    def was_killed(self, kinds, begun, slack=0.3):
        """Whether one of these was killed after `begun`, or shortly before."""
        with self.lock:
            return any(what in kinds and (ended is None or ended + slack >= begun)
                       for what, _, ended in self.kills)

    def judge(self, kind, function, status, expected, right, begun, body):
        with self.lock:
            self.answers[kind][status] += 1
            self.by_function[function, status] += 1
        if not right:
            self.problem("wrong", f"{kind} of {function}: {status} {body[:100]}")
        if expected:
            return
        if status in (502, 503, 504) and self.was_killed(("monitor", "mayflyd"), begun, SLACK_S):
            return
        if kind == "photograph" and status == 500 and self.was_killed(("acceld", "monitor"), begun, SLACK_S):
            return
        self.problem("status", f"{kind} of {function}: {status} {body[:300]} "
                               f"after {time.monotonic() - begun:.2f} s")

    def judge_lost(self, kind, function, begun, text):
        with self.lock:
            self.answers[kind]["lost"] += 1
        # An answer that has begun is broken off when its machine is lost.
        cut = text.startswith("IncompleteRead") and self.was_killed(("monitor",), begun, SLACK_S)
        if not cut and not self.was_killed(("http", "mayflyd"), begun):
            self.problem("lost", f"{kind} of {function}: {text} after {time.monotonic() - begun:.2f} s")

    def accept(self, token, call):
        with self.lock:
            self.accepted[token] = call

    def hear_callback(self, headers, body):
        status = headers.get("X-Function-Status")
        with self.lock:
            self.counts[f"callbacks of {status}"] += 1
            self.told[headers["X-Call-Id"]] = (status, body)

    # ── killing ─────────────────────────────────────────────────────────────────────────────────

    def victims(self, what):
        names = {"http": "mayfly-http", "courier": "mayfly-courier", "monitor": "mayfly-monitor",
                 "unpacker": "mayfly-unpacker"}
        return hosts({self.gateway.process.pid}) if what == "acceld" else self.gateway.children(names[what])

    def kill_one(self):
        if self.arguments.crashes:
            what = "mayflyd"
        else:
            what = self.random.choice(["monitor", "monitor", "monitor", "http", "courier", "acceld", "unpacker"])
        found = [] if what == "mayflyd" else self.victims(what)
        if what == "monitor" and found and self.random.random() < 0.7:
            found = [self.random.choice(found)]
        if what != "mayflyd" and not found:
            return
        with self.lock:
            self.kills.append((what, time.monotonic(), None))
        if what == "mayflyd":
            self.gateway.kill()
            self.gateway.start()
        for pid in found:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        # Until then it may take a connection.
        until(lambda: not any(map(is_alive, found)), "the end of what was killed")
        with self.lock:
            self.kills[-1] = (*self.kills[-1][:2], time.monotonic())
            self.counts[f"killed: {what}"] += max(1, len(found))

    # ── the beginning and the end ───────────────────────────────────────────────────────────────

    def deploy(self):
        def add(name, image=self.deeds, **annotations):
            more = {"secrets": ["word"]} if name == "teller" else {}
            annotations.setdefault("mayfly.dev/idle", "2s")
            self.gateway.deploy(name, image, envVars={"GREETING": "hi"}, annotations=annotations, **more)
        self.gateway.system("POST", "/secrets", {"name": "word", "value": "xyzzy"})
        add("echo", "echo")
        add("events", **{"mayfly.dev/stream": "true"})
        add("slow", **{"mayfly.dev/timeout": "300ms"})
        add("narrow", **{"mayfly.dev/concurrency": "1", "mayfly.dev/queue": "2"})
        add("idle", **{"mayfly.dev/idle": "1s"})
        for name in ("deeds", "crashing", "talker", "teller", "called"):
            add(name)
        self.gateway.deploy("moving", self.deeds, envVars={"GREETING": "r0"},
                            annotations={"mayfly.dev/idle": "2s"})
        if self.photo:
            add("detect", "detect")

    def functions(self):
        return sorted(entry["name"] for entry in self.gateway.system("GET", "/functions").json())

    def sweep(self):
        """Removes what operators could not, as they had lost their connections."""
        for name in self.functions():
            if name not in BASE:
                self.gateway.system("DELETE", "/functions", {"functionName": name})
        for secret in self.gateway.system("GET", "/secrets").json():
            if secret["name"] != "word":
                self.gateway.system("DELETE", "/secrets", {"name": secret["name"]})

    def process_figures(self, pid):
        links = collections.Counter()
        for fd in os.listdir(f"/proc/{pid}/fd"):
            try:
                target = os.readlink(f"/proc/{pid}/fd/{fd}")
            except OSError:
                continue
            links[re.sub(r"[\[:].*|\d{2,}", "", target)] += 1
        rollup = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
        return {"descriptors": links, "threads": len(os.listdir(f"/proc/{pid}/task")),
                "memory": int(re.search(r"^Pss:\s+(\d+)", rollup, re.M)[1]) << 10,
                "maps": len(pathlib.Path(f"/proc/{pid}/maps").read_text().splitlines())}

    def figures(self):
        """What there is when it is quiet."""
        gateway = self.gateway
        self.sweep()
        until(lambda: not gateway.children("mayfly-monitor"), "functions at zero")
        until(lambda: gateway.children("mayfly-http") and gateway.children("mayfly-courier"), "the parts")
        until(lambda: b"mayfly_requests_in_flight 1\n" in
              gateway.request("GET", "/metrics", auth=True).body, "the end of all requests")
        time.sleep(2)  # once a second the gateway tidies up
        pids = [gateway.process.pid, gateway.children("mayfly-http")[0], gateway.children("mayfly-courier")[0]]
        found = {part: self.process_figures(pid) for part, pid in zip(PARTS, pids)}
        found["files"] = sorted(str(path.relative_to(gateway.state)) for path in gateway.state.rglob("*"))
        found["processes"] = sorted(name for name in children({gateway.process.pid}).values())
        found["zombies"] = self.zombies()
        return found

    def zombies(self):
        listed = pathlib.Path(f"/proc/{self.gateway.process.pid}/task").glob("*/children")
        states = [pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
                  for file in listed for pid in file.read_text().split()]
        return states.count("Z")

    def compare(self, before, after):
        for part in PARTS:
            old, new = before[part], after[part]
            print(f"{part}: {sum(old['descriptors'].values())} → {sum(new['descriptors'].values())} descriptors, "
                  f"{old['threads']} → {new['threads']} threads, {old['maps']} → {new['maps']} mappings, "
                  f"{old['memory'] >> 10} → {new['memory'] >> 10} KiB")
            more = new["descriptors"] - old["descriptors"]
            if sum(more.values()) > 0:
                self.problem("leaked", f"descriptors of {part}: {dict(more)}")
            if new["threads"] > old["threads"] + 2:
                self.problem("leaked", f"threads of {part}")
            if new["memory"] > old["memory"] + MEMORY_GROWS:
                self.problem("leaked", f"memory of {part}: {new['memory'] - old['memory']} bytes")
        if after["zombies"]:
            self.problem("leaked", f"{after['zombies']} zombies")
        more = set(after["processes"]) - {"mayfly-acceld", "acceld-worker", "acceld-zygote"}
        if more:
            self.problem("leaked", f"processes {more}")
        print(f"files: {len(before['files'])} → {len(after['files'])}")
        more = {path for path in set(after["files"]) - set(before["files"]) if not path.startswith("images/")}
        if more:
            self.problem("leaked", f"files {sorted(more)[:20]}")

    def check_images(self):
        """Images that no revision needs go at the next start. Each function has one, and "moving" ten."""
        images = self.gateway.state / "images"
        try:
            until(lambda: len(list(images.iterdir())) <= len(BASE) + 9, "images that go", 20)
        except AssertionError:
            self.problem("leaked", f"images {sorted(path.name for path in images.iterdir())}")

    def check_calls(self):
        def missing():
            with self.lock:
                return {token: call for token, call in self.accepted.items() if call not in self.told}
        end = time.monotonic() + AFTER_S
        while missing() and time.monotonic() < end:
            time.sleep(0.2)
        for token, call in missing().items():
            self.problem("call lost", f"{call} {self.gateway.system('GET', f'/calls/{call}').text}")
        for token, call in self.accepted.items():
            status, body = self.told.get(call, (None, b""))
            if status == "200" and body.split()[:2] != [b"hi", token.encode()]:
                self.problem("wrong", f"callback of {call}: {body[:100]} instead of {token}")
            elif status not in (None, "200", "502", "503", "504"):
                self.problem("status", f"callback of {call}: {status}")

    def check_metrics(self):
        """What clients saw was counted, but for what was under way when an HTTP worker was killed."""
        counted = {(name.decode(), int(code)): int(number) for name, code, number in
                   SPAN.findall(self.gateway.request("GET", "/metrics", auth=True).body)}
        lost = self.counts["killed: http"] * (self.arguments.clients + 3)
        for (function, status), number in self.by_function.items():
            if status == 200 and function in ("echo", "deeds", "slow", "talker", "crashing") and \
                    counted.get((function, status), 0) + lost < number:
                self.problem("metrics", f"{function} answered {status} {number} times, and counted "
                                        f"{counted.get((function, status))}")

    def run(self):
        self.begun = time.monotonic()
        with Gateway(self.arguments.mayflyd, "--callbacks-loopback") as self.gateway:
            self.authorization = self.gateway.authorization
            self.deploy()
            self.work(min(5, self.arguments.time / 4), False)
            before = self.figures()
            self.work(self.arguments.time, True)
            self.check_calls()
            if not self.arguments.crashes:
                self.check_metrics()
            after = self.figures()
            self.compare(before, after)
            listed = self.functions()
            if self.gateway.stop():
                self.problem("end", f"status {self.gateway.process.returncode}")
            self.gateway.start()
            if self.functions() != listed:
                self.problem("restart", f"{listed} before, {self.functions()} after")
            self.check_images()
            for name in listed:
                if self.gateway.invoke(name, b"x").status not in (200, 500, 504):
                    self.problem("restart", f"{name} does not answer")
            if self.gateway.stop():
                self.problem("end", f"status {self.gateway.process.returncode}")
            if self.problems or os.environ.get("SOAK_LOG"):
                print(self.gateway.log_text()[-6000:])
        end_hosts()
        left = left_after(10)
        if left:
            self.problem("leaked", f"processes at the end: {left}")
        self.report()
        return 1 if self.problems else 0

    def work(self, seconds, killing):
        self.over.clear()
        threads = start_all(self, self.arguments.clients, 3)
        end = time.monotonic() + seconds
        try:
            while time.monotonic() < end:
                time.sleep(self.random.uniform(0.3, 2.5) if killing else 0.1)
                if killing:
                    self.kill_one()
        finally:
            self.over.set()
            for thread in threads:
                thread.join()

    def report(self):
        for kind, statuses in sorted(self.answers.items()):
            print(f"{kind}: " + ", ".join(f"{number} × {status}" for status, number in statuses.most_common()))
        total = sum(sum(statuses.values()) for statuses in self.answers.values())
        print(f"{total} requests, {len(self.accepted)} asynchronous calls accepted")
        for what, number in sorted(self.counts.items()):
            print(f"{what}: {number}")
        print(f"{len(self.problems)} problems")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("mayflyd")
    parser.add_argument("deeds")
    parser.add_argument("--time", type=float, default=600)
    parser.add_argument("--crashes", action="store_true")
    parser.add_argument("--clients", type=int, default=8)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    adopt_orphans()
    with tempfile.TemporaryDirectory() as folder:
        os.environ.update(Directories(folder).environment())
        return Soak(arguments).run()


sys.exit(main())
