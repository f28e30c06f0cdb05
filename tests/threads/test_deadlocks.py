#!/usr/bin/env python3
"""A program that waits for ever for itself is ended at once, with a line; see programs/deadlocks.c.

usage: test_deadlocks.py MAYFLY ISOLATION PROGRAM...
ISOLATION is kvm or process. Exits with 77, saying why, where this machine cannot run the test.
"""
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))
import compiled  # noqa: E402

TIMEOUT_S = 60
KILLED = 137
LONE = "for ever, as it has no other thread: it is ended"
SEVERAL = "all threads of the program wait for each other, for ever: it is ended"


def why_wrong(command, line):
    """Runs it; None where it was ended as it should be."""
    result = subprocess.run(command, input=b"", capture_output=True, timeout=2 * TIMEOUT_S,
                            check=False)
    lines = [text for text in result.stderr.decode(errors="replace").splitlines()
             if text.endswith("it is ended")]
    if result.returncode == KILLED and len(lines) == 1 and lines[0].endswith(line):
        return None
    return f"status {result.returncode}, {result.stdout} {result.stderr}"


def main():
    mayfly, isolation, *programs = sys.argv[1:]
    reason = compiled.why_not(mayfly, isolation)
    if reason:
        print(f"skipped: {reason}")
        return compiled.SKIPPED
    wrong = 0
    for program in programs:
        ways = subprocess.run([program], capture_output=True, text=True, timeout=TIMEOUT_S,
                              check=False).stdout.split()
        cases = [(("lone", way), LONE) for way in ways]
        cases += [(("several", way), SEVERAL) for way in ways] + [(("join",), SEVERAL)]
        for arguments, line in cases:
            problem = why_wrong([mayfly, "run", f"--isolation={isolation}",
                                 f"--timeout={TIMEOUT_S}s", program, *arguments], line)
            if problem:
                wrong += 1
                print(f"{program} {' '.join(arguments)}: {problem}")
        if not ways:
            wrong += 1
            print(f"{program} names no ways")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
