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

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))
import compiled  # noqa: E402

MEMORY = "512M"
SLACK_S = 60  # to start, and to come to an end on a busy machine
TOLD_MAX = 20  # lines of what a program says


def failures(mayfly, isolation, seconds, program):
    # Processes begin programs: those are files.
    root = ["--root=/"] if os.path.basename(program).startswith("processes") else []
    result = subprocess.run([mayfly, "run", f"--isolation={isolation}", f"--memory={MEMORY}", *root,
                             f"--timeout={seconds + SLACK_S}s", os.path.abspath(program), str(seconds)],
                            stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
                            timeout=seconds + 2 * SLACK_S)
    good = (result.stdout, result.returncode) == ("0 failures\n", 0)
    told = result.stderr.splitlines()
    print(f"{isolation}: {os.path.basename(program)}: {'passed' if good else 'failed'}", *told[-TOLD_MAX:],
          sep="\n  ")
    if not good:
        print(f"  status {result.returncode}, output {result.stdout}")
    return [] if good else [os.path.basename(program)]


def main():
    mayfly, isolation, seconds, go_source, *programs = sys.argv[1:]
    reason = compiled.why_not(mayfly, isolation)
    if reason:
        print(f"skipped: {reason}")
        return compiled.SKIPPED
    with tempfile.TemporaryDirectory(prefix="mayfly-stress-") as folder:
        program, why = compiled.build(go_source, folder)
        if why:
            print(f"without Go: {why}")
        else:
            programs.append(program)
        failed = [name for program in programs
                  for name in failures(mayfly, isolation, int(seconds), program)]
        if failed:
            print("failed:", *failed)
        return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
