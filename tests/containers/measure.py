#!/usr/bin/env python3
"""Measures how long a container takes that says hello, by mayfly-oci, crun and runc, which take turns.

usage: measure.py BUILD [ROUNDS]

The same bundle for all, as `runc spec` makes it, with a limit of memory. For each: create, start and the end of its
process; the same with delete; all of it by one `run`; and that without the limit. In namespaces and control groups of
its own. Times are of commands as a whole, from before posix_spawn() until its process was waited for; and of
processors, with all that was waited for, which hardly depends on what else the machine has to do.
"""
import json
import os
import pathlib
import resource
import shutil
import statistics
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "oci"))

import place  # noqa: E402
from bundle import adopt_orphans  # noqa: E402
from steps import must  # noqa: E402

FOLDER = pathlib.Path("/run/measure")
ROUNDS = 200
LIMIT = 256 << 20  # bytes
KINDS = ("create, start, exit", "and delete", "run", "run, no limit of memory")


class Watch:
    """Wall and processor time in ms since it was made."""

    def __init__(self):
        self.wall, self.processor = self.read()

    @staticmethod
    def read():
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return time.monotonic_ns() / 1e6, (used.ru_utime + used.ru_stime) * 1e3

    def times(self):
        wall, processor = self.read()
        return wall - self.wall, processor - self.processor


class Measured:
    """A runtime, and the times of each kind."""

    def __init__(self, program, bundles, quiet):
        self.name, self.program, self.bundles, self.quiet = os.path.basename(program), program, bundles, quiet
        self.environment = {**os.environ, "MAYFLY_LIBDIR": os.path.dirname(program)}
        self.root = FOLDER / f"state-{self.name}"
        self.pid_file = FOLDER / f"pid-{self.name}"
        self.count = 0
        self.forget()

    def forget(self):
        self.times = {kind: [] for kind in KINDS}

    def command(self, *words):
        to = [(os.POSIX_SPAWN_DUP2, self.quiet, descriptor) for descriptor in (0, 1, 2)]
        pid = os.posix_spawn(self.program, [self.program, "--root", str(self.root), *words], self.environment,
                             file_actions=to)
        if os.waitpid(pid, 0)[1]:
            sys.exit(f"{self.name} failed: {' '.join(words)}")

    def once(self):
        self.count += 1
        name = f"c{self.count}"
        watch = Watch()
        self.command("create", "--bundle", self.bundles[0], "--pid-file", str(self.pid_file), name)
        self.command("start", name)
        if os.waitpid(int(self.pid_file.read_text(encoding="ascii")), 0)[1]:
            sys.exit(f"{self.name}: the container failed")
        self.times[KINDS[0]].append(watch.times())
        self.command("delete", name)
        self.times[KINDS[1]].append(watch.times())
        for kind, bundle in zip(KINDS[2:], self.bundles):
            watch = Watch()
            self.command("run", "--bundle", bundle, f"{name}r")
            self.times[kind].append(watch.times())


def make_bundle(name, hello, limit):
    bundle = FOLDER / name
    (bundle / "rootfs").mkdir(parents=True)
    must("cc", "-O2", "-static", "-o", bundle / "rootfs/hello", hello)
    must("runc", "spec", "--bundle", bundle)
    path = bundle / "config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    config["process"].update(terminal=False, args=["/hello"])
    if limit:
        config["linux"]["resources"]["memory"] = {"limit": limit}
    path.write_text(json.dumps(config), encoding="utf-8")
    return str(bundle)


def machine():
    words = pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8")
    model = next(line.partition(": ")[2] for line in words.splitlines() if line.startswith("model name"))
    load = "/".join(f"{value:.1f}" for value in os.getloadavg())
    return f"{model}, {os.cpu_count()} cores, Linux {os.uname().release}, load {load}"


def quantile(times, part):
    return sorted(times)[min(len(times) - 1, int(len(times) * part))]


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    if place.INSIDE not in os.environ:
        reason = place.why_no_groups()
        if reason or os.geteuid() != 0:
            sys.exit(f"cannot be measured here: {reason or 'it needs root'}")
        return place.enter(__file__, sys.argv[1:], place.make_groups())
    place.be_init()
    build = os.path.abspath(sys.argv[1])
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else ROUNDS
    must("mount", "--make-rprivate", "/")
    must("mount", "-t", "tmpfs", "measure", "/run")
    place.mount_groups()
    FOLDER.mkdir()
    adopt_orphans()
    hello = pathlib.Path(__file__).with_name("hello.c")
    bundles = [make_bundle("limited", hello, LIMIT), make_bundle("unlimited", hello, None)]
    quiet = os.open("/dev/null", os.O_RDWR)
    programs = [f"{build}/mayfly-oci", *filter(None, map(shutil.which, ("crun", "runc")))]
    runtimes = [Measured(program, bundles, quiet) for program in programs]
    print(f"{machine()}; {rounds} rounds; {time.strftime('%Y-%m-%d %H:%M UTC', time.gmtime())}\n")
    for number in range(rounds + 2):
        for turn in range(len(runtimes)):
            runtimes[(number + turn) % len(runtimes)].once()
        if number == 1:  # the first two do not count
            for runtime in runtimes:
                runtime.forget()
    print("| | | p50 | p90 | least | of processors, p50 |\n|---|---|---:|---:|---:|---:|")
    for kind in KINDS:
        for runtime in runtimes:
            walls, processors = zip(*runtime.times[kind])
            print(f"| {kind} | {runtime.name} | {statistics.median(walls):.1f} ms | {quantile(walls, 0.9):.1f} ms | "
                  f"{min(walls):.1f} ms | {statistics.median(processors):.1f} ms |")
    return 0


sys.exit(main())
