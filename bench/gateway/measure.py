#!/usr/bin/env python3
"""Measures the gateway, and adds the figures to those of mayfly_bench.

usage: measure.py BUILD RESULTS.json [--rounds=COUNT] [--only=NAME] [--watchdog=FILE]
RESULTS.json is there already. In each round all that is compared takes its turn; a figure is the median of
the rounds'. --only: those parts whose name begins so, with "gateway" and a dash before it.
"""

import concurrent.futures
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
from programs import (PLAIN_CGROUP, TOP, Gateway, Load, Program, cache, make_bundle,  # noqa: E402
                      memory_of, run_json, until)

UNDER_WAY = 64  # requests, where a server is to do as much as it can
SECONDS = "2s"
BODIES = ((1, 20), (10, 8), (100, 3))  # megabytes, and how often in a round
AT_ZERO = 1000
LIVE = 200
QUANTILES = ("min_ns", "p50_ns", "p90_ns", "p99_ns")


def median_of(rounds, key):
    return statistics.median(one[key] for one in rounds)


class Bench:
    def __init__(self, build, results, rounds, folder, watchdog):
        self.build, self.results, self.rounds = build, results, rounds
        self.folder, self.watchdog = folder, watchdog
        self.load = Load(build)
        self.gateway = None
        self.deployed = set()

    # What comes out.

    def add_row(self, name, title, rounds, samples):
        row = {"name": name, "group": "gateway", "title": title, "samples": samples}
        row.update({key: median_of(rounds, key) for key in QUANTILES})
        row["p50_low_ns"] = min(one["p50_ns"] for one in rounds)
        row["p50_high_ns"] = max(one["p50_ns"] for one in rounds)
        self.results["rows"].append(row)
        return row

    def add_check(self, title, unit, wanted, values):
        """`values`: one of each round, or one alone."""
        measured = statistics.median(values)
        several = len(values) > 1
        self.results["checks"].append({
            "title": title, "unit": unit, "wanted": wanted, "measured": measured,
            "low": min(values) if several else 0, "high": max(values) if several else 0,
            "held": measured <= wanted})

    def leave_out(self, name, reason):
        self.results["left_out"].append({"name": f"gateway-{name}", "reason": str(reason)})

    # Functions.

    def deploy(self, name, image=None, **more):
        if name not in self.deployed:
            self.gateway.deploy(name, image or name, **more)
            self.deployed.add(name)
        return f"/function/{name}"

    def pack(self, name, source):
        image = self.folder / f"{name}.img"
        if not image.exists():
            result = subprocess.run([self.build / "mayfly", "root", "python", source, "-o", image],
                                    capture_output=True, text=True, check=False)
            if result.returncode:
                raise OSError(result.stderr.strip().splitlines()[-1])
        return image

    def deploy_python(self, name):
        sources = {"words": TOP / "functions/python/words", "numpy": TOP / "bench/gateway/numpy"}
        return self.deploy(name, self.pack(name, sources[name]),
                           labels={"com.openfaas.scale.max": "100"})

    def ask(self, path, **options):
        return self.load(self.gateway.port, path, **options)

    def rest(self, *names):
        """To zero, as operators scale by hand."""
        for name in names:
            self.gateway.system("POST", f"/scale-function/{name}", {"serviceName": name, "replicas": 0})
        until(lambda: not self.gateway.children("mayfly-monitor"), "zero")

    # Parts.

    def make_servers(self):
        """Name, title, port, path, what stops it."""
        hello = self.build / "functions/hello"
        baseline = self.build / "bench/baseline"
        servers = [("hello", "hello in a machine of its own", self.gateway.port, self.deploy("hello"), None)]
        bundle = make_bundle(self.folder, hello)
        for name, title, command in (
                ("alone", "the HTTP layer, which answers by itself", (baseline,)),
                ("process", "hello by fork + exec, behind the same layer", (baseline, hello)),
                ("watchdog", "hello behind a watchdog like OpenFaaS' (Go)",
                 (self.watchdog, hello) if self.watchdog else None),
                ("crun", "hello by crun run, behind the same layer",
                 (*PLAIN_CGROUP, baseline, "/usr/bin/crun", "--cgroup-manager=disabled", "run",
                  "--bundle", bundle, "%"))):
            if not command:
                self.leave_out(name, "no program was given by --watchdog")
                continue
            program = None
            try:
                program = Program(*command)
                self.load(program.port, requests=4)
                servers.append((name, title, program.port, "/", program))
            except OSError as problem:
                self.leave_out(name, problem)
                if program:
                    program.stop()
        return servers

    def measure_servers(self):
        servers = self.make_servers()
        most = {server[0]: [] for server in servers}
        half = {server[0]: [] for server in servers}
        try:
            for turn in range(-1, self.rounds):
                for name, _, port, path, _ in servers:
                    told = self.load(port, path, connections=UNDER_WAY, duration=SECONDS)
                    if turn >= 0:
                        most[name].append(told)
            for _ in range(self.rounds):
                for name, _, port, path, _ in servers:
                    rate = max(1, round(median_of(most[name], "rate") / 2))
                    half[name].append(self.load(port, path, connections=UNDER_WAY, rate=rate,
                                                duration=SECONDS))
        finally:
            for *_, program in servers:
                if program:
                    program.stop()
        for name, title, *_ in servers:
            row = self.add_row(f"gateway-{name}", f"{title}, at half of its most", half[name],
                               sum(one["served"] for one in half[name]))
            row["most_per_second"] = median_of(most[name], "rate")
        self.add_check("hello over HTTP, 64 under way: time for each", "us", 1e6 / 12000,
                       [1e6 / one["rate"] for one in most["hello"]])
        self.add_check("hello over HTTP, at half of that", "us", 250,
                       [one["p50_ns"] / 1e3 for one in half["hello"]])
        self.add_check("the same, p99", "us", 2000, [one["p99_ns"] / 1e3 for one in half["hello"]])

    def measure_python(self):
        """One client, which asks again when it has its answer."""
        bodies = {"words": self.folder / "words.json", "numpy": self.folder / "number"}
        bodies["words"].write_text('{"text": "a rose is a rose is a rose", "least": 2}')
        bodies["numpy"].write_text("7")
        kinds = (("words", "Python with json, re, hashlib", 400, "application/json"),
                 ("numpy", "Python with numpy", 500, "text/plain"))
        told = {}
        for name, *_ in kinds:
            path = self.deploy_python(name)
            self.ask(path, requests=100, body=bodies[name])
            told[name] = []
        for _ in range(self.rounds):
            for name, _, _, kind in kinds:
                told[name].append(self.ask(f"/function/{name}", requests=500, body=bodies[name],
                                           type=kind))
        for name, title, wanted, _ in kinds:
            self.add_row(f"gateway-{name}", f"{title}, one client", told[name], 500 * self.rounds)
            self.add_check(f"{title}, over HTTP", "us", wanted,
                           [one["p50_ns"] / 1e3 for one in told[name]])

    def measure_detect(self):
        photo = cache() / "photos/dog.jpg"
        threads = os.cpu_count()
        path = self.deploy("detect")
        self.ask(path, requests=2 * threads, connections=threads, body=photo)
        over, inside = [], []
        for _ in range(self.rounds):
            over.append(self.ask(path, connections=threads, body=photo, duration="4s"))
            inside.append(run_json(self.build / "bench/detect_threads", threads, 4, photo))
        self.add_row("gateway-detect", f"detect, {threads} clients", over,
                     sum(one["served"] for one in over))
        self.add_check(f"detect over HTTP, {threads} clients / in-process, {threads} threads: time for each",
                       "", 1 / 0.95, [two["rate"] / one["rate"] for one, two in zip(over, inside)])

    def measure_bodies(self):
        path = self.deploy("drain", self.build / "bench/drain")
        sink = Program(self.build / "bench/sink")
        told = {size: ([], []) for size, _ in BODIES}
        try:
            self.ask(path, requests=3, zeros=3000000)
            for _ in range(self.rounds):
                for size, count in BODIES:
                    zeros = size * 1000000
                    told[size][0].append(self.ask(path, requests=count, zeros=zeros))
                    told[size][1].append(self.load(sink.port, requests=count, zeros=zeros))
        finally:
            sink.stop()
        for size, count in BODIES:
            function, socket = told[size]
            samples = count * self.rounds
            self.add_row(f"gateway-body-{size}", f"{size} MB to a function that reads them", function, samples)
            self.add_row(f"gateway-socket-{size}", "the same through a socket", socket, samples)
            self.add_check(f"{size} MB to a function / through a socket", "", 1.3,
                           [one["p50_ns"] / two["p50_ns"] for one, two in zip(function, socket)])

    def measure_burst(self):
        path = self.deploy_python("numpy")
        body = self.folder / "number"
        body.write_text("7")
        told = []
        for _ in range(self.rounds):
            self.rest("numpy")
            self.ask(path, requests=1, body=body)
            time.sleep(1.5)  # what was learned of its memory is used from the next look on
            told.append(self.ask(path, requests=100, connections=100, body=body))
        self.add_row("gateway-burst", "100 at once of Python with numpy, one warm slot", told,
                     100 * self.rounds)
        self.add_check("the last of 100 at once, Python with numpy, one warm slot", "us", 250e3,
                       [one["max_ns"] / 1e3 for one in told])

    def measure_zero(self):
        titles = {"hello": "hello", "words": "Python with json, re, hashlib", "numpy": "Python with numpy"}
        body = self.folder / "number"
        body.write_text("7")
        told = {name: [] for name in titles}
        self.deploy("hello")
        self.deploy_python("words")
        self.deploy_python("numpy")
        for turn in range(-1, 5 * self.rounds):
            for name in titles:
                self.rest(*titles)
                one = self.ask(f"/function/{name}", requests=1, body=body)
                if turn >= 0:
                    told[name].append(one["p50_ns"])
        for name, title in titles.items():
            times = sorted(told[name])
            quantiles = [times[round(part * (len(times) - 1))] for part in (0, 0.5, 0.9, 0.99)]
            self.add_row(f"gateway-zero-{name}", f"{title}, from zero", [dict(zip(QUANTILES, quantiles))],
                         len(times))
            self.add_check(f"{title}, from zero", "us", 20e3, [quantiles[1] / 1e3])

    def measure_many(self):
        """What functions cost that nobody calls, and machines that wait."""
        gateway = self.gateway
        names = [f"hello-{i}" for i in range(AT_ZERO)]
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda name: self.deploy(name, "hello"), names))
            self.rest(*names)
            own = [gateway.process.pid, *gateway.children("mayfly-http"),
                   *gateway.children("mayfly-courier")]
            zero = memory_of(own)
            list(pool.map(gateway.invoke, names[:LIVE]))
        monitors = gateway.children("mayfly-monitor")
        live = memory_of(own + monitors)
        self.results.setdefault("gateway", []).extend([
            {"title": f"{AT_ZERO} functions deployed, none live", "bytes": zero},
            {"title": f"{len(monitors)} of them live", "bytes": live}])
        self.add_check(f"memory of {AT_ZERO} functions at zero", "MB", 200, [zero / 1e6])

    def measure_up(self):
        told = []
        for _ in range(self.rounds):
            with tempfile.TemporaryDirectory(prefix="mayfly-up-") as state:
                began = time.monotonic()
                process = subprocess.Popen(
                    [self.build / "mayfly", "up", f"--state={state}/state", "--listen=127.0.0.1:0"],
                    stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
                serving = process.stdout.readline()
                took = time.monotonic() - began
                process.terminate()
                process.communicate(timeout=60)
                if "serves at" not in serving:
                    raise OSError("mayfly up does not serve")
                told.append(took * 1e6)
        self.add_check("mayfly up, until it serves", "us", 1e6, told)

    def run(self, only):
        parts = {"servers": self.measure_servers, "python": self.measure_python,
                 "detect": self.measure_detect, "bodies": self.measure_bodies,
                 "burst": self.measure_burst, "zero": self.measure_zero, "many": self.measure_many,
                 "up": self.measure_up}
        for name, measure in parts.items():
            whole = f"gateway-{name}"
            if only and not whole.startswith(only):
                continue
            print(f"bench: {whole}, load {os.getloadavg()[0]:.1f}", file=sys.stderr)
            with Gateway(self.build / "mayflyd") as self.gateway:
                self.deployed = set()
                try:
                    measure()
                except (OSError, AssertionError) as problem:
                    self.leave_out(name, problem)


def main():
    words = [word for word in sys.argv[1:] if not word.startswith("--")]
    options = dict(word[2:].partition("=")[::2] for word in sys.argv[1:] if word.startswith("--"))
    if len(words) != 2 or options.keys() - {"rounds", "only", "watchdog"}:
        sys.exit(__doc__.strip())
    build, file = pathlib.Path(words[0]).resolve(), pathlib.Path(words[1])
    os.environ["MAYFLY_LIBDIR"] = str(build)
    results = json.loads(file.read_text())
    with tempfile.TemporaryDirectory(prefix="mayfly-bench-") as folder:
        Bench(build, results, int(options.get("rounds", 3)), pathlib.Path(folder),
              options.get("watchdog")).run(options.get("only", ""))
    file.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
