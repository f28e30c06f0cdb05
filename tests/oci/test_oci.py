#!/usr/bin/env python3
"""An OCI runtime on bundles, without any engine: does it do what the specification asks for?

usage: test_oci.py RUNTIME PART [--only=WORD]

PART: lifecycle, process, commands, hooks, bad, hostile, strangers, serving or faulty. RUNTIME is mayfly-oci; crun can
be given, too, to see whether a step asks for what others do. Runs in namespaces of its own; status 77 where there can
be none.
"""
import argparse
import importlib
import os
import pathlib
import sys
import traceback

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

import bundle  # noqa: E402
import left  # noqa: E402
import place  # noqa: E402
from compiled import SKIPPED  # noqa: E402
from known import KNOWN  # noqa: E402
from steps import Steps, must, run  # noqa: E402

FOLDER = pathlib.Path("/run/oci")
PARTS = {"lifecycle": "lifecycle", "process": "process", "commands": "commands", "hooks": "hooks", "bad": "bad_input",
         "hostile": "hostile", "strangers": "strangers", "faulty": "faulty",
         "serving": "serving"}


def why_not():
    if os.geteuid() != 0:
        return "a runtime of containers needs root"
    if not os.path.exists(bundle.BUSYBOX):
        return f"{bundle.BUSYBOX} is not installed"
    tried = run("unshare", *place.NAMESPACES, "sh", "-c", "mount -t tmpfs test /run")
    if tried.status != 0:
        return f"no namespaces here: {tried.err.strip()}"
    return place.why_no_groups()


def prepare():
    """Empty places, so that what is left there is seen."""
    must("mount", "--make-rprivate", "/")
    for folder in left.FOLDERS:
        must("mount", "-t", "tmpfs", "-o", "mode=1777", "test", folder)
    place.mount_groups()
    must("ip", "link", "set", "lo", "up") if run("ip", "-V").status == 0 else None
    FOLDER.mkdir()
    bundle.adopt_orphans()


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("runtime")
    parser.add_argument("part", choices=PARTS)
    parser.add_argument("--only", default="")
    arguments = parser.parse_args()
    if place.INSIDE not in os.environ:
        reason = why_not()
        if reason:
            print(f"skipped: {reason}")
            return SKIPPED
        return place.enter(__file__, sys.argv[1:], place.make_groups())
    place.be_init()
    program = os.path.abspath(arguments.runtime)
    prepare()
    runtime = bundle.Runtime(program, FOLDER)
    runtime.run(runtime.bundle())  # makes what a runtime keeps for all containers
    steps = Steps(arguments.only, KNOWN if runtime.is_mayfly else None)
    before = left.Left(runtime)

    def checked(step):
        def whole(check, *rest):
            try:
                step(check, *rest)
            except Exception:  # pylint: disable=broad-except
                check("ends", False, traceback.format_exc())
            bundle.reap()
            before.check(check)
        whole.__doc__ = step.__doc__
        return whole

    steps.walk(arguments.part, [checked(step) for step in importlib.import_module(PARTS[arguments.part]).ALL], runtime)
    return steps.tell(arguments.part)


sys.exit(main())
