#!/usr/bin/env python3
"""bench/check.py tells noise from a change: what it answers for results made up for it."""

import json
import pathlib
import subprocess
import sys
import tempfile

CHECK = pathlib.Path(__file__).with_name("check.py")


def results(low, measured, high, unit=""):
    return {"checks": [{"title": "a / b", "unit": unit, "measured": measured, "low": low,
                        "high": high}]}


KEPT = results(0.13, 0.14, 0.15)
CASES = (
    ("the same", [KEPT], 0),
    ("better", [results(0.10, 0.11, 0.12)], 0),
    ("intervals that overlap", [results(0.149, 0.16, 0.17)], 0),
    ("worse", [results(0.16, 0.17, 0.18)], 1),
    ("worse in one run of two", [results(0.16, 0.17, 0.18), KEPT], 0),
    ("worse in both", [results(0.16, 0.17, 0.18), results(0.151, 0.2, 0.3)], 1),
    ("no ratio in common", [{"checks": []}], 2),
    ("a time, which another machine has another of", [results(1, 2, 3, "us")], 2),
)


def main():
    failed = 0
    with tempfile.TemporaryDirectory() as directory:
        for title, runs, wanted in CASES:
            paths = []
            for number, content in enumerate([KEPT, *runs]):
                paths.append(pathlib.Path(directory, f"{number}.json"))
                paths[-1].write_text(json.dumps(content))
            status = subprocess.run([CHECK, *paths], capture_output=True, check=False).returncode
            if status != wanted:
                print(f"{title}: status {status} instead of {wanted}")
                failed += 1
    sys.exit(failed != 0)


if __name__ == "__main__":
    main()
