#!/usr/bin/env python3
"""The system calls of the courier at work are those of its allow-list: no other, and each of them.

    test_courier_calls.py TEST-COURIER COURIER-TOOL MAYFLY-COURIER LIST-RIGHTS

The courier's own test is run with the courier under strace, but for what needs to know its process.
"""
import os
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import traced_calls

TEST, TOOL, COURIER, LIST_RIGHTS = sys.argv[1:]
TIMEOUT_S = 150
TESTS = ["test_post", "test_large_body", "test_many", "test_slow", "test_endless", "test_unknown_name",
         "test_parse", "test_reach", "test_certificates"]


def run(directory):
    parts = os.path.join(directory, "gateway", "courier")
    os.makedirs(parts)
    script = os.path.join(parts, "mayfly-courier")
    traced_calls.write_script(directory, script, os.path.abspath(COURIER))
    os.chmod(script, 0o755)
    chosen = [argument for test in TESTS for argument in ("-k", test)]
    subprocess.run([sys.executable, TEST, TOOL, *chosen], check=True, timeout=TIMEOUT_S,
                   env={**os.environ, "MAYFLY_LIBDIR": directory})


if __name__ == "__main__":
    sys.exit(traced_calls.check(run, LIST_RIGHTS, "mayfly-courier"))
