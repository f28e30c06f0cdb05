#!/usr/bin/env python3
"""What blocks and frames cost unikernels of Solo5, by the tenders of Mayfly and of Solo5, in turns.

usage: devices.py BUILD SOLO5 [ROUNDS [BEFORE]]
BUILD is a build directory, SOLO5 the sources of Solo5 with its tests built, BEFORE another build directory to
compare with. Needs root: for a tap, in a network namespace of its own. Under `chrt -f 10` all of it gets the
processors before everybody else.
"""
import ctypes
import os
import pathlib
import signal
import statistics
import subprocess
import sys
import tempfile
import time

BUILD, SOLO5 = (pathlib.Path(word).resolve() for word in sys.argv[1:3])
ROUNDS = int(sys.argv[3]) if len(sys.argv) > 3 else 10
TENDERS = {"solo5-hvt of Mayfly": (BUILD / "solo5-hvt", "hvt"),
           "solo5-spt of Solo5": (SOLO5 / "tenders/spt/solo5-spt", "spt")}
if len(sys.argv) > 4:
    TENDERS["before"] = (pathlib.Path(sys.argv[4]).resolve() / "solo5-hvt", "hvt")
CLONE_NEWNET = 0x40000000
DISK = 4 << 20
PINGS = 5000
PATIENCE_S = 20


def image(test, target):
    return SOLO5 / f"tests/{test}/{test}.{target}"


def measure_blocks(tender, target, disk):
    """A process that writes and reads every tenth block of 4 MiB, less one that says hello."""
    took = []
    for words in ([f"--block:storage={disk}", image("test_blk", target), "--solo5:quiet"],
                  [image("test_hello", target), "--solo5:quiet", "Hello_Solo5"]):
        begin = time.perf_counter_ns()
        subprocess.run([tender, *words], stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL, check=True)
        took.append(time.perf_counter_ns() - begin)
    return took[0], took[0] - took[1]


def measure_pings(tender, target):
    with subprocess.Popen([tender, "--net:service0=tap0", image("test_net", target)],
                          stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL) as process:
        try:
            until = time.monotonic() + PATIENCE_S
            while subprocess.run([BUILD / "bench/solo5-ping", "10.0.0.2", "1"], stdout=subprocess.DEVNULL,
                                 check=False).returncode:
                if time.monotonic() > until:
                    sys.exit(f"{tender}: no answer")
            said = subprocess.run([BUILD / "bench/solo5-ping", "10.0.0.2", str(PINGS)], check=True,
                                  stdout=subprocess.PIPE).stdout
        finally:
            process.send_signal(signal.SIGTERM)
    return tuple(map(int, said.split()))


def main():
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET):
        sys.exit(os.strerror(ctypes.get_errno()))
    for words in ("link set lo up", "tuntap add tap0 mode tap", "address add 10.0.0.1/24 dev tap0",
                  "link set tap0 up"):
        subprocess.run(["ip", *words.split()], check=True)
    found = {name: ([], []) for name in TENDERS}
    with tempfile.NamedTemporaryFile() as disk:
        disk.truncate(DISK)
        for _ in range(ROUNDS):
            for name, (tender, target) in TENDERS.items():
                found[name][0].append(measure_blocks(tender, target, disk.name))
    for _ in range(ROUNDS):
        for name, (tender, target) in TENDERS.items():
            found[name][1].append(measure_pings(tender, target))
    print("| | block test | without the start | a ping | least |\n|---|---:|---:|---:|---:|")
    for name, (blocks, pings) in found.items():
        whole, alone = (statistics.median(column) for column in zip(*blocks))
        least, median = min(p[0] for p in pings), statistics.median(p[1] for p in pings)
        print(f"| {name} | {whole / 1e6:.2f} ms | {alone / 1e6:.2f} ms | {median / 1e3:.1f} µs | "
              f"{least / 1e3:.1f} µs |")


main()
