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
TIMEOUT_S = 120
MEMORY = "512M"
GO_MEMORY = "3G"  # Go reserves 1.2 GB of addresses, and each has its page table entry
REQUEST = b"a request\n"
SOURCES = pathlib.Path(__file__).parent / "programs"


def run(command):
    result = subprocess.run(command, input=REQUEST, capture_output=True, timeout=TIMEOUT_S,
                            check=False)
    return result.stdout, result.returncode, result.stderr


def compare(mayfly, isolation, program, memory):
    """True where host and guest agree; otherwise says in what they do not."""
    host_output, host_status, _ = run([program])
    output, status, log = run([mayfly, "run", f"--isolation={isolation}", f"--memory={memory}",
                               f"--timeout={TIMEOUT_S}s",
                               program])
    if (output, status) == (host_output, host_status):
        return True
    print(f"differs: {program}\n"
          f"  host:  status {host_status}\n{host_output.decode(errors='replace')}\n"
          f"  guest: status {status}\n{output.decode(errors='replace')}\n"
          f"  log:   {log.decode(errors='replace')}")
    return False


def build_go(folder, source):
    compiler = shutil.which("go")
    if not compiler:
        print("without Go: go is not installed")
        return []
    program = os.path.join(folder, source.stem)
    environment = {**os.environ, "CGO_ENABLED": "0", "GOPROXY": "off", "GOTOOLCHAIN": "local",
                   "GO111MODULE": "off", "GOCACHE": os.path.join(folder, "cache"),
                   "GOFLAGS": ""}
    if "HOME" in os.environ:  # a second run finds the standard library built
        del environment["GOCACHE"]
    result = subprocess.run([compiler, "build", "-o", program, source],
                            env=environment, capture_output=True, text=True, check=False)
    if result.returncode:
        print(f"without Go: go cannot build here: {result.stderr}")
        return []
    return [program]


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
        cases = [(program, MEMORY) for program in programs + build_rust(folder)]
        cases += [(program, GO_MEMORY) for program in build_go(folder, SOURCES / "goroutines.go")]
        differing = sum(not compare(mayfly, isolation, *case) for case in cases)
    print(f"{isolation}: {len(cases)} programs, {differing} differ")
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
