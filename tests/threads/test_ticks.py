#!/usr/bin/env python3
"""A tick may come at any instruction of the way from a program into the library OS: ticks at a far
higher rate than the monitor's, for seconds, must change no register of a program that makes calls.

usage: test_ticks.py MAYFLY PROGRAM
Exits with 77, saying why, where this machine cannot run the test.
"""
import os
import pathlib
import re
import signal
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))
import compiled  # noqa: E402

SECONDS = 8
TICKS = 20_000
PAUSE_S = 10e-6
TICK_SIGNAL = signal.SIGUSR1  # PROCESS_TICK_SIGNAL of monitor/process/guest.h
TIMEOUT_S = 120


def read_of(process, name):
    """Nothing where the process has ended: the monitor's parent does so when it has started that."""
    try:
        return "".join(path.read_text() for path in pathlib.Path(f"/proc/{process}").glob(name))
    except OSError:
        return ""


def children(parent):
    return map(int, read_of(parent, "task/*/children").split())


def takes_ticks(process):
    """It has its handlers: a tick that comes earlier ends it."""
    status = read_of(process, "status")
    caught = re.search(r"^SigCgt:\s*([0-9a-f]+)$", status, re.M)
    return "Name:\tprocess_guest\n" in status and int(caught[1], 16) >> TICK_SIGNAL - 1 & 1


def find_guest(monitor_of):
    """The process that is the guest, once it can take ticks."""
    deadline = time.monotonic() + TIMEOUT_S
    while time.monotonic() < deadline:
        for monitor in children(monitor_of):
            for guest in children(monitor):
                if takes_ticks(guest):
                    return guest
        time.sleep(0.01)
    raise TimeoutError("no guest")


def main():
    mayfly, program = sys.argv[1:]
    reason = compiled.why_not(mayfly, "process")
    if reason:
        print(f"skipped: {reason}")
        return compiled.SKIPPED
    command = [mayfly, "run", "--isolation=process", f"--timeout={TIMEOUT_S}s", program, str(SECONDS)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        guest = find_guest(process.pid)
        sent = 0
        try:
            while sent < TICKS:
                os.kill(guest, TICK_SIGNAL)
                sent += 1
                time.sleep(PAUSE_S)
        except ProcessLookupError:
            pass  # it has ended
        output, log = process.communicate(timeout=TIMEOUT_S)
    print(f"{sent} ticks: status {process.returncode}", output, log.decode(errors="replace"))
    return 0 if (process.returncode, output, sent > 1000) == (0, b"wrong 0\n", True) else 1


if __name__ == "__main__":
    sys.exit(main())
