#!/usr/bin/env python3
"""The system calls of a monitor of guests that make some themselves are those of its allow-list, up to
the guest's own filter.

    test_spt_calls.py MAYFLY LIST_RIGHTS IMAGE

IMAGE finds its request in a block device.
"""
import os
import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2]))
import traced_calls

MAYFLY, LIST_RIGHTS, IMAGE = sys.argv[1:]
TIMEOUT_S = 60


def run(directory, request, *options):
    """One run under strace; the calls, each with its arguments."""
    path = os.path.join(directory, "trace")
    command = ["strace", "-f", "-qq", "-X", "raw", "-e", "signal=none", "-o", path, MAYFLY, "run",
               *options, IMAGE]
    result = subprocess.run(command, input=request, capture_output=True, timeout=TIMEOUT_S, check=False)
    if result.returncode:
        sys.exit(f"{' '.join(command)}: status {result.returncode}\n{result.stderr.decode()}")
    with open(path, encoding="utf-8", errors="replace") as trace:
        return list(traced_calls.calls_of_monitor(trace))


def allowed_calls():
    """Of what other guest processes need, some may be missing here."""
    allowed = {name: [(*entry[:3], True) for entry in entries]
               for name, entries in traced_calls.read_list(LIST_RIGHTS, "process").items()}
    for name, entries in traced_calls.read_list(LIST_RIGHTS, "process-solo5-spt").items():
        allowed.setdefault(name, []).extend(entries)
    return allowed


def main():
    traced_calls.need_strace()
    with tempfile.TemporaryDirectory(prefix="mayfly-rights-") as directory:
        traces = [run(directory, b"poll"), run(directory, b"begin", "--repeat=20")]
    problems, used = traced_calls.compare(traces, allowed_calls(), "the monitor")
    for problem in sorted(problems):
        print(problem)
    print(f"{used} entries used, {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
