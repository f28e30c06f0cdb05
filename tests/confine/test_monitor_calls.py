#!/usr/bin/env python3
"""The system calls of monitors at work are those of the allow-list: no other, and each of them.

    test_monitor_calls.py MAYFLY MAYFLY_ACCELD LIST_RIGHTS GUEST kvm|process

A monitor serves 1,000 requests, and then what makes it use the rest of its rights, under strace.
What a list has as seldom may be missing.
"""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import traced_calls

MAYFLY, ACCELD, LIST_RIGHTS, GUEST, ISOLATION = sys.argv[1:]
TIMEOUT_S = 100
REQUESTS = 1000 if ISOLATION == "kvm" else 100
LARGE = 2 << 20  # bytes of a request that fills its part of the window


def environment(directory):
    return os.environ | {"XDG_RUNTIME_DIR": directory, "VACCEL_PLUGINS": "noop"}


def run(directory, request, *options, verb="run"):
    """One run under strace; the calls, each with its arguments."""
    path = os.path.join(directory, "trace")
    command = ["strace", "-f", "-qq", "-X", "raw", "-e", "signal=none", "-o", path, MAYFLY, verb,
               f"--isolation={ISOLATION}", *options]
    result = subprocess.run(command, input=request, capture_output=True, timeout=TIMEOUT_S,
                            env=environment(directory))
    if result.returncode not in (0, 124):
        sys.exit(f"{' '.join(command)}: status {result.returncode}\n{result.stderr.decode()}")
    with open(path, encoding="utf-8", errors="replace") as trace:
        return list(traced_calls.calls_of_monitor(trace))


def main():
    traced_calls.need_strace()
    with tempfile.TemporaryDirectory(prefix="mayfly-rights-") as directory:
        os.chmod(directory, 0o700)
        statistics = os.path.join(directory, "statistics")
        root = os.path.join(directory, "root")
        os.makedirs(os.path.join(root, "etc"))
        shutil.copy(GUEST, os.path.join(root, "guest"))
        with open(os.path.join(root, "etc", "hostname"), "w", encoding="ascii") as file:
            file.write("mayfly\n")
        runs = [(b"a", GUEST), (b"x", f"--repeat={REQUESTS}", f"--stats={statistics}", GUEST),
                (b"s", GUEST), (b"t", GUEST), (b"l" * LARGE, "--repeat=2", GUEST),
                (b"w", "--timeout=200ms", GUEST), (b"f", "--root", root, "/guest")]
        # Not by the command: strace would wait for its end.
        subprocess.run([ACCELD, "--idle=3s"], env=environment(directory), timeout=TIMEOUT_S,
                       check=True)
        # A set-up alone: what it calls is in the same list.
        snapshot = os.path.join(directory, "file.snap")
        traces = [run(directory, request, *options) for request, *options in runs]
        traces.append(run(directory, b"", "-o", snapshot, GUEST, verb="snapshot"))
        kept = os.path.exists(snapshot)
    problems, used = traced_calls.compare(traces, traced_calls.read_list(LIST_RIGHTS, ISOLATION),
                                          "the monitor")
    if not kept:
        problems.add("no snapshot was written")
    for problem in sorted(problems):
        print(problem)
    print(f"{used} entries of the list of {ISOLATION} used, {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
