#!/usr/bin/env python3
"""What an op costs a unikernel of Solo5, beside a native function, in turns.

usage: compare.py BUILD [ROUNDS]
BUILD is a build directory. The noop plugin answers.
"""
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

BUILD = pathlib.Path(sys.argv[1]).resolve()
ROUNDS = int(sys.argv[2]) if len(sys.argv) > 2 else 10
GUESTS = {
    "native, kvm": ["--isolation=kvm", BUILD / "bench/solo5-native"],
    "native, process": ["--isolation=process", BUILD / "bench/solo5-native"],
    "Solo5, hvt": [BUILD / "tests/kernels/accel/solo5-accel-hvt", "measure"],
    "Solo5, spt": [BUILD / "tests/kernels/accel/solo5-accel-spt", "measure"],
}


def main():
    with tempfile.TemporaryDirectory() as runtime:
        environment = {**os.environ, "XDG_RUNTIME_DIR": runtime, "VACCEL_PLUGINS": "noop"}
        found = {name: [] for name in GUESTS}
        for _ in range(ROUNDS):
            for name, words in GUESTS.items():
                said = subprocess.run([BUILD / "mayfly", "run", *words], stdin=subprocess.DEVNULL,
                                      capture_output=True, env=environment, check=True).stdout
                found[name].append([[int(word) for word in line.split()]
                                    for line in said.decode().splitlines()])
    print("| | noop | least | 64 KiB to classify | least |\n|---|---:|---:|---:|---:|")
    for name, runs in found.items():
        cells = []
        for op in range(2):
            cells.append(statistics.median(run[op][1] for run in runs))
            cells.append(min(run[op][0] for run in runs))
        print(f"| {name} | " + " | ".join(f"{cell / 1000:.1f} µs" for cell in cells) + " |")


main()
