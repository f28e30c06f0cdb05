#!/usr/bin/env python3
"""Runs the command lines of command_lines.toml on the host and by `mayfly run`, and compares
standard output and exit status.

usage: same_as_host.py MAYFLY ISOLATION [--only=TEXT] [--every=N] [PROGRAM...]

ISOLATION is kvm or process. The PROGRAMs are those that the build made, for the lines that begin
with c:, called guest-NAME and guest-musl-NAME. --only: only lines with that text. --every:
only each Nth of them. A line whose program is not installed, and cannot be built, is left out with the
reason. Exits with 77, saying
why, where this machine cannot run the test.
"""
import bz2
import contextlib
import ctypes
import gzip
import io
import lzma
import os
import pathlib
import shlex
import shutil
import signal
import socket
import sqlite3
import struct
import subprocess
import sys
import tarfile
import tempfile
import tomllib

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))
import compiled  # noqa: E402

TIMEOUT_S = 120
LINES_SHOWN = 20  # of those that differ in one output
BINARY = bytes(i * 7 % 256 for i in range(300000))
HERE = pathlib.Path(__file__).parent
SOURCES = HERE / "programs"
PACKERS = {"GZIP": gzip.compress, "BZIP2": bz2.compress, "XZ": lzma.compress}


def pack_archive(data):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name in ("first", "second"):
            member = tarfile.TarInfo(name)
            member.size, member.mtime = len(data), 1000000000
            archive.addfile(member, io.BytesIO(data))
    return stream.getvalue()


PACKERS["TAR"] = pack_archive


class Inputs:
    """What lines get on standard input, and find in {data}."""

    def __init__(self, texts):
        self.known = {name: text.lstrip("\n").encode() for name, text in texts.items()}
        self.known["binary"] = BINARY

    def get(self, name):
        if not name:
            return b""
        packer, _, plain = name.rpartition(":")
        return PACKERS[packer](self.known[plain]) if packer else self.known[plain]

    def write_files(self, folder):
        folder.mkdir(parents=True)
        for name, data in self.known.items():
            (folder / name).write_bytes(data)
        (folder / "directory").mkdir()
        (folder / "link").symlink_to("fruit")
        (folder / "none").write_bytes(b"")
        with sqlite3.connect(folder / "database") as database:
            database.execute("create table t(id integer primary key, name text, price real)")
            database.executemany("insert into t(name, price) values (?, ?)",
                                 [(f"name {i * 7919 % 100}", i / 4) for i in range(100)])
        for path in folder.iterdir():
            os.utime(path, (1000000000, 1000000000), follow_symlinks=False)
        os.utime(folder, (1000000000, 1000000000))


class Programs:
    """Where the programs of the lines are; those that are missing, each with its reason."""

    def __init__(self, table, built, folder):
        self.table, self.folder = table, folder
        self.missing, self.found = {}, {}
        self.made = {os.path.basename(path): os.path.abspath(path) for path in built}

    def of_c(self, name):
        wanted = [f"guest-{name}", f"guest-musl-{name}"]
        found = [self.made[program] for program in wanted if program in self.made]
        if not found:
            self.missing[f"c:{name}"] = "the build did not make it"
        return found

    def path(self, name):
        """None where it is missing."""
        if name not in self.found:
            entry = self.table[name]
            if "source" in entry:
                self.found[name], why = compiled.build(SOURCES / entry["source"], self.folder)
                if why:
                    self.missing[name] = why
            else:
                there = [path for path in entry["paths"] if os.access(path, os.X_OK)]
                self.found[name] = there[0] if there else None
                if not there:
                    self.missing[name] = f"not installed (Debian: {entry['package']})"
        return self.found[name]


def has_ipv6():
    with contextlib.suppress(OSError), socket.create_server(("::1", 0), family=socket.AF_INET6):
        return True
    return False


def heed_signals():
    """By nohup, in the background of a script, or by the C library's posix_spawn() (signal 33), the
    host's programs would ignore signals that those in machines do not. By the system call: neither
    Python nor the C library reaches all of them. What Python itself ignores it gives back."""
    rt_sigaction, ignored, default = 13, struct.pack("Q", 1), bytes(32)
    call = ctypes.CDLL(None).syscall
    for number in set(range(1, 65)) - {signal.SIGPIPE, signal.SIGXFSZ}:
        action = ctypes.create_string_buffer(32)
        if not call(rt_sigaction, number, None, action, 8) and action.raw[:8] == ignored:
            call(rt_sigaction, number, default, None, 8)


def shell_status(code):
    """The exit status as a shell would give it, which is what mayfly gives."""
    return 128 - code if code < 0 else code


def shorten(data):
    return repr(data if len(data) <= 300 else data[:300] + b"...")


class Comparison:
    """Runs lines both ways, and keeps count."""

    def __init__(self, mayfly, isolation, table, built, folder):
        self.mayfly, self.isolation, self.folder = mayfly, isolation, folder
        self.inputs = Inputs(table["input"])
        self.programs = Programs(table["program"], built, folder)
        self.differences = table["difference"]
        self.shown = set()  # the differences that were seen, by place
        self.run = self.differing = 0
        self.names = {"data": str(folder / "data"), "scratch": str(folder / "scratch"),
                      "user": "root" if os.geteuid() == 0 else "user",
                      "ipv6": "ipv6" if has_ipv6() else ""}
        self.inputs.write_files(folder / "data")

    def clear_scratch(self):
        shutil.rmtree(self.names["scratch"], ignore_errors=True)
        os.mkdir(self.names["scratch"])

    def compare_command(self, of, command, given, options):
        environment = {"PATH": "/usr/bin:/bin", "HOME": os.environ.get("HOME", "/")}
        self.clear_scratch()
        host = subprocess.run(command, input=given, capture_output=True, timeout=TIMEOUT_S,
                              env={"PATH": "/usr/bin:/bin"}, cwd="/", check=False)
        self.clear_scratch()
        guest = subprocess.run([self.mayfly, "run", f"--isolation={self.isolation}",
                                f"--timeout={TIMEOUT_S}s", *options, *command], input=given, capture_output=True, timeout=TIMEOUT_S,
                               env=environment, cwd="/", check=False)
        self.run += 1
        wanted = shell_status(host.returncode)
        if (self.explained(of, host.stdout, guest.stdout), guest.returncode) == (True, wanted):
            return
        self.differing += 1
        print(f"differs: {' '.join(command)!r}\n"
              f"  host:  status {wanted}, {len(host.stdout)} bytes {shorten(host.stdout)}\n"
              f"  guest: status {guest.returncode}, {len(guest.stdout)} bytes "
              f"{shorten(guest.stdout)}\n"
              f"  log:   {shorten(guest.stderr)}")

    def explained(self, of, host, guest):
        """True where the outputs are equal, but for documented differences."""
        if host == guest:
            return True
        here, there = host.decode(errors="replace"), guest.decode(errors="replace")
        if len(here.splitlines()) != len(there.splitlines()):
            return False
        unexplained = [(left, right)
                       for left, right in zip(here.splitlines(), there.splitlines())
                       if left != right and not self.is_documented(of, left, right)]
        for left, right in unexplained[:LINES_SHOWN]:
            print(f"{of}:\n  host:  {left[:200]!r}\n  guest: {right[:200]!r}")
        return not unexplained

    def is_documented(self, of, left, right):
        for place, known in enumerate(self.differences):
            if of == known["of"] and left == f"{known['line']}: {known['host']}" \
                    and right == f"{known['line']}: {known['guest']}":
                self.shown.add(place)
                return True
        return False

    def line(self, line):
        name, *arguments = shlex.split(line["run"])
        uses_files = "{data}" in line["run"] or "{scratch}" in line["run"]
        for key, value in self.names.items():
            arguments = [argument.replace(f"{{{key}}}", value) for argument in arguments]
        given = self.inputs.get(line.get("input"))
        entry = self.programs.table.get(name, {}) | line
        options = [f"--memory={entry['memory']}"] if "memory" in entry else []
        if name.startswith("c:"):
            paths = self.programs.of_c(name.removeprefix("c:"))
        else:
            paths = [path for path in [self.programs.path(name)] if path]
        if paths and (uses_files or entry.get("dynamic")):
            options.append("--root=/")
        for path in paths:
            self.compare_command(name, [path, *arguments], given, options)

    def check_differences(self, names):
        """Those that did not show although their program ran are no differences any more."""
        for place, known in enumerate(self.differences):
            if known["of"] in names and place not in self.shown \
                    and known["of"] not in self.programs.missing:
                self.differing += 1
                print(f"{known['of']} does not differ any more: {known['line']}")


def main():
    only = [word.removeprefix("--only=") for word in sys.argv if word.startswith("--only=")]
    every = [int(word.removeprefix("--every=")) for word in sys.argv if word.startswith("--every=")]
    mayfly, isolation, *built = [word for word in sys.argv[1:] if not word.startswith("--")]
    mayfly = os.path.abspath(mayfly)
    reason = compiled.why_not(mayfly, isolation)
    if reason:
        print(f"skipped: {reason}")
        return compiled.SKIPPED
    heed_signals()
    with open(HERE / "command_lines.toml", "rb") as file:
        table = tomllib.load(file)
    lines = [line for group in table["group"] for line in group["lines"]
             if all(text in line["run"] for text in only)]
    if every:
        lines = lines[::every[0]]
    with tempfile.TemporaryDirectory(prefix="mayfly-lines-") as folder:
        comparison = Comparison(mayfly, isolation, table, built, pathlib.Path(folder))
        for line in lines:
            comparison.line(line)
        if not every:
            comparison.check_differences({line["run"].split()[0] for line in lines})
    for name, reason in comparison.programs.missing.items():
        print(f"left out: the lines of {name}: {reason}")
    print(f"{isolation}: {comparison.run} command lines, {comparison.differing} differ")
    return 1 if comparison.differing or not comparison.run else 0


if __name__ == "__main__":
    sys.exit(main())
