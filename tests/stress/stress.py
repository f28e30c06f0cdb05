#!/usr/bin/env python3
"""Runs the stress programs in a guest for a while each; they check their own results.

usage: stress.py MAYFLY ISOLATION SECONDS GO_SOURCE PROGRAM...

ISOLATION is kvm or process. GO_SOURCE is built on the way where Go is installed. Exits with 77,
saying why, where this machine cannot run the test.
"""
import os
import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "threads"))
from same_as_host import GO_MEMORY, MEMORY, SKIPPED, build_go, why_not  # noqa: E402

SLACK_S = 60  # to start, and to come to an end on a busy machine


def fails(mayfly, isolation, seconds, program, memory):
    result = subprocess.run([mayfly, "run", f"--isolation={isolation}", f"--memory={memory}",
                             f"--timeout={seconds + SLACK_S}s", program, str(seconds)],
                            stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
                            timeout=seconds + 2 * SLACK_S)
    good = (result.stdout, result.returncode) == ("0 failures\n", 0)
    print(f"{isolation}: {os.path.basename(program)}: {'passed' if good else 'failed'}: "
          f"{result.stderr}", end="")
    if not good:
        print(f"  status {result.returncode}, output {result.stdout}")
    return not good


def main():
    mayfly, isolation, seconds, go_source, *programs = sys.argv[1:]
    reason = why_not(mayfly, isolation)
    if reason:
        print(f"skipped: {reason}")
        return SKIPPED
    with tempfile.TemporaryDirectory(prefix="mayfly-stress-") as folder:
        cases = [(program, MEMORY) for program in programs]
        cases += [(program, GO_MEMORY) for program in build_go(folder, pathlib.Path(go_source))]
        return 1 if sum(fails(mayfly, isolation, int(seconds), *case) for case in cases) else 0


if __name__ == "__main__":
    sys.exit(main())
