#!/usr/bin/env python3
"""The system calls of monitors at work are those of the allow-list: no other, and each of them.

    test_monitor_calls.py MAYFLY MAYFLY_ACCELD LIST_RIGHTS GUEST kvm|process

A monitor serves 1,000 requests, and then what makes it use the rest of its rights, under strace.
What a list has as seldom may be missing.
"""
import functools
import operator
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile

MAYFLY, ACCELD, LIST_RIGHTS, GUEST, ISOLATION = sys.argv[1:]
TIMEOUT_S = 100
REQUESTS = 1000 if ISOLATION == "kvm" else 100
LARGE = 2 << 20  # bytes of a request that fills its part of the window
SKIPPED = 77

UNFINISHED = " <unfinished ...>"
RESUMED = re.compile(r"<\.\.\. \w+ resumed>")
CALL = re.compile(r"(\w+)\((.*)")


def skip(reason):
    print(f"skipped: {reason}")
    sys.exit(SKIPPED)


def read_list():
    """{call: [(argument, mask, value, seldom)]}"""
    output = subprocess.run([LIST_RIGHTS], capture_output=True, text=True, check=True).stdout
    calls = {}
    for line in output.splitlines():
        role, name, _, argument, mask, value, kind, _ = line.split("\t")
        if role == ISOLATION:
            entry = (int(argument), int(mask, 0), int(value, 0), kind == "seldom")
            calls.setdefault(name, []).append(entry)
    return calls


def number(text):
    """strace writes some as parts: 0x5|0x80000."""
    if not re.fullmatch(r"-?(0x[0-9a-f]+|\d+)(\|(0x[0-9a-f]+|\d+))*", text):
        return None
    return functools.reduce(operator.or_, (int(part, 0) for part in text.split("|")))


def arguments_of(name, text):
    """Raw arguments, as far as they are numbers: strings and structures are None."""
    if name == "clone":  # strace has its own order and names
        parts = re.search(r"flags=([\w|]+)", text)[1].split("|")
        return [sum(signal.SIGCHLD if part == "SIGCHLD" else number(part) for part in parts)]
    text = re.sub(r'"(\\.|[^"\\])*"(\.\.\.)?', "string", text)
    text = re.sub(r"/\*.*?\*/", "", text)
    for _ in range(8):
        text = re.sub(r"\{[^{}]*\}|\[[^][]*\]", "structure", text)
    return [number(part.strip()) for part in text.split(")")[0].split(",")]


def whole_calls(trace):
    """(pid, call, what follows its name), with the two parts of interrupted lines joined."""
    begun = {}
    for line in trace:
        pid, _, text = line.rstrip("\n").partition(" ")
        text = text.strip()
        if text.endswith(UNFINISHED):
            begun[pid] = text[:-len(UNFINISHED)]
            continue
        if RESUMED.match(text):
            text = begun.pop(pid, "") + RESUMED.sub("", text)
        match = CALL.match(text)
        if match:
            yield pid, *match.groups()


def calls_of_monitor(trace):
    """Calls after the monitor's filter came into force: its own, and its guest processes' up to
    their own filters. The monitor asks to die with its keeper; a guest process begins with a
    process group of its own."""
    monitor, filtered, guests, seen = None, False, set(), set()
    for pid, name, rest in whole_calls(trace):
        installs = name == "seccomp" and re.match(r"0x1, .*filter=.* = 0", rest)
        if name == "prctl" and rest.startswith("0x1, 9)"):
            monitor = pid
        if filtered and pid not in seen and name == "setpgid":
            guests.add(pid)
        seen.add(pid)
        if filtered and (pid == monitor or pid in guests):
            yield name, arguments_of(name, rest)
        if installs and pid == monitor:
            filtered = True
        if installs and pid in guests:
            guests.remove(pid)


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
        return list(calls_of_monitor(trace))


def entry_for(entries, arguments):
    """The index of the entry that allows a call with these arguments, or None."""
    for index, (argument, mask, value, _) in enumerate(entries):
        if not argument:
            return index
        given = arguments[argument - 1] if len(arguments) >= argument else None
        if given is not None and given & mask == value:
            return index
    return None


def main():
    if not shutil.which("strace"):
        skip("there is no strace")
    if subprocess.run(["strace", "-o", "/dev/null", "true"], capture_output=True).returncode:
        skip("strace may not trace here")
    allowed = read_list()
    used, problems = set(), []
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
        # Not by the keeper: strace would wait for its end.
        subprocess.run([ACCELD, "--idle=3s"], env=environment(directory), timeout=TIMEOUT_S,
                       check=True)
        # A set-up alone: what it calls is in the same list.
        snapshot = os.path.join(directory, "file.snap")
        traces = [run(directory, request, *options) for request, *options in runs]
        traces.append(run(directory, b"", "-o", snapshot, GUEST, verb="snapshot"))
        if not os.path.exists(snapshot):
            problems.append("no snapshot was written")
        for calls in traces:
            if not calls:
                skip("the monitor has no filter here")
            for name, arguments in calls:
                index = entry_for(allowed.get(name, []), arguments)
                if index is None:
                    problems.append(f"not in the list: {name}{arguments}")
                else:
                    used.add((name, index))
    for name, entries in allowed.items():
        for index, (argument, _, value, seldom) in enumerate(entries):
            if (name, index) not in used and not seldom:
                problems.append(f"never used: {name}" + (f" {value:#x}" if argument else ""))
    for problem in sorted(set(problems)):
        print(problem)
    print(f"{len(used)} entries of the list of {ISOLATION} used, {len(set(problems))} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
