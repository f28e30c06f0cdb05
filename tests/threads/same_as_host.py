#!/usr/bin/env python3
"""Runs programs with threads and signal handlers on the host and by `mayfly run`, and compares
standard output and exit status.

usage: same_as_host.py MAYFLY ISOLATION PROGRAM...

ISOLATION is kvm or process. Go and Rust programs are built on the way where their compilers are
installed. Exits with 77, saying why, where this machine cannot run the test.
"""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

SKIPPED = 77
TIMEOUT_S = 60
MEMORY = "512M"
REQUEST = b"a request\n"
SOURCES = pathlib.Path(__file__).parent / "programs"


def run(command):
    result = subprocess.run(command, input=REQUEST, capture_output=True, timeout=TIMEOUT_S,
                            check=False)
    return result.stdout, result.returncode, result.stderr


def compare(mayfly, isolation, program):
    """True where host and guest agree; otherwise says in what they do not."""
    host_output, host_status, _ = run([program])
    output, status, log = run([mayfly, "run", f"--isolation={isolation}", f"--memory={MEMORY}",
                               program])
    if (output, status) == (host_output, host_status):
        return True
    print(f"differs: {program}\n"
          f"  host:  status {host_status}\n{host_output.decode(errors='replace')}\n"
          f"  guest: status {status}\n{output.decode(errors='replace')}\n"
          f"  log:   {log.decode(errors='replace')}")
    return False


def build_rust(folder):
    compiler = shutil.which("rustc")
    if not compiler:
        print("without Rust: rustc is not installed")
        return []
    program = os.path.join(folder, "rust-threads")
    result = subprocess.run([compiler, "-O", "-C", "target-feature=+crt-static", "-o", program,
                             SOURCES / "threads.rs"], capture_output=True, text=True, check=False)
    if result.returncode:
        print(f"without Rust: rustc cannot build here: {result.stderr}")
        return []
    return [program]


def why_not(mayfly, isolation):
    if not os.path.exists(mayfly):
        return f"{mayfly} is not built"
    if isolation == "kvm" and not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return "/dev/kvm is not there, or not for this user"
    return None


def main():
    mayfly, isolation, *programs = sys.argv[1:]
    reason = why_not(mayfly, isolation)
    if reason:
        print(f"skipped: {reason}")
        return SKIPPED
    with tempfile.TemporaryDirectory(prefix="mayfly-threads-") as folder:
        programs += build_rust(folder)
        differing = sum(not compare(mayfly, isolation, program) for program in programs)
    print(f"{isolation}: {len(programs)} programs, {differing} differ")
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
