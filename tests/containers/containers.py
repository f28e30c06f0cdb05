#!/usr/bin/python3
"""Real engines run containers with Mayfly as their runtime, after crun has shown that all of it can be done here.

usage: containers.py BUILD [--runtime=NAME]... [--only=WORD]

podman, containerd with its own command, and containerd's CRI, each in namespaces of its own that end with it.
Prints `containers: N passed, N failed`; status 77 where it cannot be done here, with the reason.
"""
import argparse
import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

import cri_steps  # noqa: E402
import ctr_steps  # noqa: E402
import images  # noqa: E402
from known import KNOWN  # noqa: E402
import place  # noqa: E402
import podman_steps  # noqa: E402
import rig  # noqa: E402
from steps import Steps, run, until  # noqa: E402

SKIPPED = 77
RUNTIMES = ("crun", "mayfly-oci")


def read_arguments():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("build", type=lambda path: pathlib.Path(path).resolve())
    parser.add_argument("--runtime", action="append", choices=("crun", "runc", "mayfly-oci"))
    parser.add_argument("--only", default="")
    return parser.parse_args()


def nothing_left(steps, name, before):
    """Compares mounts, control groups and processes with those from before the runtime's first container."""
    for what, look in ("mounts", rig.mounts), ("control groups", rig.cgroups), ("processes", place.processes):
        until(lambda look=look, what=what: look() == before[what], 10)
        now = look()
        steps.check(f"{name}: leaves no {what}", now == before[what],
                    f"more: {sorted(set(now) - set(before[what]))}")


def walk_all(steps, runtime, archives):
    def look():
        return {"mounts": rig.mounts(), "control groups": rig.cgroups(), "processes": place.processes()}

    podman = podman_steps.Podman(runtime)
    podman.load(archives)
    podman.run("localhost/hello:1")  # makes what podman keeps
    before = look()
    steps.walk(f"podman, {runtime}", podman_steps.ALL, podman)
    nothing_left(steps, f"podman, {runtime}", before)
    with rig.Containerd([runtime]) as containerd:
        ctr = ctr_steps.Ctr(runtime)
        ctr.load(archives)
        ctr.run("--rm", "localhost/hello:1", "first")
        before = look()
        steps.walk(f"ctr, {runtime}", ctr_steps.ALL, ctr)
        nothing_left(steps, f"ctr, {runtime}", before)
        cri_steps.load(archives)
        steps.walk(f"CRI, {runtime}", cri_steps.ALL, cri_steps.connect(), runtime)
        nothing_left(steps, f"CRI, {runtime}", before)
        if steps.failed:
            print("\n".join(containerd.complaints()))


def main():
    arguments = read_arguments()
    if place.INSIDE not in os.environ:
        reason = rig.why_not()
        if reason:
            print(f"containers: skipped: {reason}")
            return SKIPPED
        return place.enter(__file__, sys.argv[1:], place.make_groups())
    place.be_init()
    state = rig.prepare(arguments.build)
    hello = state / "hello"
    made = run("cc", "-O2", "-static", "-o", hello, pathlib.Path(__file__).with_name("hello.c"))
    if made.status != 0:
        sys.exit(str(made))
    archives = list(images.Images(state, hello).all())
    steps = Steps(arguments.only, KNOWN)
    for runtime in arguments.runtime or RUNTIMES:
        walk_all(steps, runtime, archives)
    return steps.tell("containers")


sys.exit(main())
