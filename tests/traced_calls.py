"""Whether the system calls of a process at work are those of its allow-list: no other, and each of them.

The process is started by strace; what counts is what it does once its filter is in force. What the list has as
seldom may be missing.
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

SKIPPED = 77
UNFINISHED = " <unfinished ...>"
RESUMED = re.compile(r"<\.\.\. \w+ resumed>")
CALL = re.compile(r"(\w+)\((.*)")
FILTER = re.compile(r"0x1, .*filter=.* = 0")


def skip(reason):
    print(f"skipped: {reason}")
    sys.exit(SKIPPED)


def read_list(list_rights, wanted):
    """{call: [(argument, mask, value, seldom)]} of a role"""
    output = subprocess.run([list_rights], capture_output=True, text=True, check=True).stdout
    calls = {}
    for line in output.splitlines():
        role, name, _, argument, mask, value, kind, _ = line.split("\t")
        if role == wanted:
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


def filtered_calls(path):
    """Those after the filter came into force."""
    with open(path, encoding="utf-8", errors="replace") as trace:
        filtered = False
        for _, name, rest in whole_calls(trace):
            if filtered:
                yield name, arguments_of(name, rest)
            elif name == "seccomp" and FILTER.match(rest):
                filtered = True


def calls_of_monitor(trace):
    """Calls after the monitor's filter came into force: its own, and its guest processes' up to
    their own filters. The monitor asks to die with its front. A guest process begins with a process
    group of its own, a thread with its restartable sequences."""
    monitor, filtered, guests, threads, seen = None, False, set(), set(), set()
    for pid, name, rest in whole_calls(trace):
        installs = name == "seccomp" and re.match(r"0x1, .*filter=.* = 0", rest)
        if name == "prctl" and rest.startswith("0x1, 9)"):
            monitor = pid
        if filtered and pid not in seen and name == "setpgid":
            guests.add(pid)
        if filtered and pid not in seen and name == "rseq":
            threads.add(pid)
        seen.add(pid)
        if filtered and (pid == monitor or pid in guests or pid in threads):
            yield name, arguments_of(name, rest)
        if installs and pid == monitor:
            filtered = True
        if installs and pid in guests:
            guests.remove(pid)


def entry_for(entries, arguments):
    """The index of the entry that allows a call with these arguments, or None."""
    for index, (argument, mask, value, _) in enumerate(entries):
        if not argument:
            return index
        given = arguments[argument - 1] if len(arguments) >= argument else None
        if given is not None and given & mask == value:
            return index
    return None


def need_strace():
    if not shutil.which("strace"):
        skip("there is no strace")
    if subprocess.run(["strace", "-o", "/dev/null", "true"], capture_output=True).returncode:
        skip("strace may not trace here")


def write_script(directory, script, program='"$@"'):
    """A program that runs another one under strace; one file in `directory` for each."""
    with open(script, "w", encoding="utf-8") as file:
        file.write('#!/bin/sh\nexec strace -f -qq -X raw -e signal=none '
                   f'-o "$(mktemp {directory}/trace.XXXXXX)" {program}\n')


def compare(traces, allowed, whose):
    """Calls that are not in the list, and entries that nothing needed; (problems, how many were)."""
    used, problems = set(), set()
    for calls in traces:
        if not calls:
            skip(f"{whose} has no filter here")
        for name, arguments in calls:
            index = entry_for(allowed.get(name, []), arguments)
            if index is None:
                problems.add(f"not in the list: {name}{arguments}")
            else:
                used.add((name, index))
    for name, entries in allowed.items():
        for index, (argument, _, value, seldom) in enumerate(entries):
            if (name, index) not in used and not seldom:
                problems.add(f"never used: {name}" + (f" {value:#x}" if argument else ""))
    return problems, len(used)


def check(run, list_rights, role):
    """`run(directory)` has it started by what write_script() writes. The exit status."""
    need_strace()
    with tempfile.TemporaryDirectory(prefix="mayfly-calls-") as directory:
        run(directory)
        traces = [list(filtered_calls(os.path.join(directory, name)))
                  for name in os.listdir(directory) if name.startswith("trace.")]
    problems, used = compare(traces, read_list(list_rights, role), "the process")
    for problem in sorted(problems):
        print(problem)
    print(f"{used} entries of the list used, {len(problems)} problems")
    return 1 if problems else 0
