#!/usr/bin/env python3
"""The system calls of the HTTP worker at work are those of its allow-list: no other, and each of them.

    test_worker_calls.py TEST-GATEWAY-WORKER MAYFLY-HTTP LIST-RIGHTS

The worker's own test is run with the worker under strace.
"""
import os
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import traced_calls

TEST, WORKER, LIST_RIGHTS = sys.argv[1:]
TIMEOUT_S = 150


def run(directory):
    script = os.path.join(directory, "watch")
    traced_calls.write_script(directory, script)
    subprocess.run([TEST, "sh", script, WORKER], check=True, timeout=TIMEOUT_S)


if __name__ == "__main__":
    sys.exit(traced_calls.check(run, LIST_RIGHTS, "mayfly-http"))
