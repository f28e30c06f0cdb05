#!/usr/bin/env python3
"""A thread that waits for its request must not stop the others; see programs/waits.c.

usage: test_waits.py MAYFLY ISOLATION PROGRAM...
ISOLATION is kvm or process. Exits with 77, saying why, where this machine cannot run the test.
"""
import pathlib
import subprocess
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))
import compiled  # noqa: E402

TIMEOUT_S = 120
MEMORY = "512M"

WAYS = ("read", "poll", "epoll", "select", "nonblocking", "alarm")
REQUEST = b"late\n"


def run(command):
    """Sends the request once the program says that it is ready for it."""
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE) as process:
        watchdog = threading.Timer(TIMEOUT_S, process.kill)
        watchdog.start()
        log = b""
        for line in process.stderr:
            log += line
            if line == b"ready\n":
                process.stdin.write(REQUEST)
                process.stdin.close()
        output = process.stdout.read()
        watchdog.cancel()
        return output.decode(), process.wait(), log.decode(errors="replace")


def main():
    mayfly, isolation, *programs = sys.argv[1:]
    reason = compiled.why_not(mayfly, isolation)
    if reason:
        print(f"skipped: {reason}")
        return compiled.SKIPPED
    differing = 0
    for program in programs:
        for way in WAYS:
            host = run([program, way])
            guest = run([mayfly, "run", f"--isolation={isolation}", f"--memory={MEMORY}",
                         f"--timeout={TIMEOUT_S}s", program, way])
            if guest[:2] != host[:2]:
                differing += 1
                print(f"{program} {way}:\n host {host}\n guest {guest}")
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
