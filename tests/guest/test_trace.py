#!/usr/bin/env python3
"""Traces a program by `mayfly run --trace` and checks what the trace tells.

usage: test_trace.py MAYFLY ISOLATION PROGRAM LOOKS

LOOKS looks at its standard input in the way that its argument names before it reads it.
PROGRAM reads its standard input, writes much to its standard output, and exits with 17. Exits with
77, saying why, where this machine cannot run the test.
"""
import os
import re
import subprocess
import sys
import tempfile

SKIPPED = 77
TIMEOUT_S = 60
LINE = re.compile(r"^ *(?P<time>-?\d+\.\d) (?P<resumed>\.\.\. )?(?P<call>\w+)\((?P<arguments>.*)\)"
                  r"(?P<end> \.\.\.| = .* <(?P<took>\d+\.\d)>)$")
MARK = re.compile(r"^-- (.*) --$")


def run(command, given):
    return subprocess.run(command, input=given, capture_output=True, timeout=TIMEOUT_S, check=False)


def check(good, what):
    if not good:
        sys.exit(f"failed: {what}")


def check_whole(mayfly, isolation, program):
    """In a file: every line is a call or a mark, set-up and request are apart."""
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "trace")
        plain = run([mayfly, "run", f"--isolation={isolation}", program, "x"], b"abc\n")
        traced = run([mayfly, "run", f"--isolation={isolation}", f"--trace={path}", program, "x"],
                     b"abc\n")
        with open(path, encoding="ascii") as file:
            lines = file.read().splitlines()
    check(plain.returncode == traced.returncode == 17, "the same status with a trace and without")
    check(plain.stdout == traced.stdout, "the same output with a trace and without")
    for line in lines:
        check(LINE.match(line) or MARK.match(line), f"a line that is understood: {line!r}")
    snapshot = lines.index("-- snapshot: read asks for the request --")
    before = [LINE.match(line) for line in lines[:snapshot]]
    after = [LINE.match(line) for line in lines[snapshot + 1:-1]]
    check(before[0]["call"] and before[-1]["call"] == "read" and before[-1]["end"] == " ...",
          "the set-up ends in a read that has not returned")
    check(after[0]["resumed"] and '"abc\\n"' in after[0]["arguments"] and after[0]["end"],
          "the request begins with what that read returns")
    check(any(match["call"] == "write" and match["arguments"].startswith("1, ")
              for match in after), "writes to standard output")
    check(after[-1]["call"] == "exit_group" and after[-1]["arguments"] == "17",
          "exit_group is the last call")
    check(lines[-1] == "-- exited with 17 --", "the last line says how it ended")
    written = sum(int(match["arguments"].rsplit(", ", 1)[1]) for match in after
                  if match["call"] == "write" and match["arguments"].startswith("1, "))
    check(written == len(traced.stdout), "the writes sum up to the output")


def check_standard_error(mayfly, isolation, program):
    """On standard error, calls and log are in their order."""
    result = run([mayfly, "run", f"--isolation={isolation}", "--trace", program], b"")
    text = result.stderr.decode("ascii")
    call, said = text.find("write(2, "), text.find("\nthis goes to the log\n")
    check(0 <= call < said < text.find("-- exited with 17 --"), "a call before what it writes")


def check_places(mayfly, isolation, looks):
    """The snapshot is taken at a look whose answer depends on the request, and at no other."""
    places = dict.fromkeys(["fstat", "stat", "isatty", "fcntl", "dup", "lseek", "nothing", "open",
                            "epoll_ctl"], "read")
    places |= {"poll": "poll", "select": "pselect6", "epoll_wait": "epoll_wait", "fionread": "ioctl",
               "ready": "mayfly_ready"}
    for look, call in places.items():
        result = run([mayfly, "run", f"--isolation={isolation}", "--trace", looks, look], b"x")
        lines = result.stderr.decode("ascii").splitlines()
        check((result.returncode, result.stdout) == (0, b"looked\n"), f"{look}: the answer")
        marks = [line for line in lines if line.startswith("-- snapshot")]
        check(marks == [f"-- snapshot: {call} asks for the request --"], f"{look}: {marks}")
        looked = next(i for i, line in enumerate(lines) if '"looked' in line)
        check((lines.index(marks[0]) > looked) == (call == "read"), f"{look}: the place")


def check_unwritable(mayfly, isolation, program):
    result = run([mayfly, "run", f"--isolation={isolation}", "--trace=/proc/no/such", program], b"")
    check(result.returncode == 125 and b"/proc/no/such" in result.stderr,
          "a trace that cannot be written is an error")


def main():
    mayfly, isolation, program, looks = sys.argv[1:]
    if isolation == "kvm" and not os.access("/dev/kvm", os.R_OK | os.W_OK):
        print("skipped: /dev/kvm is not there, or not for this user")
        return SKIPPED
    check_whole(mayfly, isolation, program)
    check_places(mayfly, isolation, looks)
    check_standard_error(mayfly, isolation, program)
    check_unwritable(mayfly, isolation, program)
    return 0


if __name__ == "__main__":
    sys.exit(main())
