#!/usr/bin/env python3
"""Runs programs of this machine, and of folders that change meanwhile, with a directory as the root.

usage: test_directory.py MAYFLY ISOLATION

Exits with 77, saying why, where this machine cannot run the test.
"""
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

MAYFLY, ISOLATION = sys.argv[1:3]
SKIPPED = 77
TIMEOUT_S = 120
PYTHON = "/usr/bin/python3"
MANY = 20000

# Programs of this machine: as on the host.
LINES = [
    ["/usr/bin/python3", "-c", "print(1)"],
    ["/usr/bin/python3", "-c", "import json, re, hashlib, sqlite3; print(json.dumps([1]))"],
    ["/usr/bin/sqlite3", ":memory:", "select 1 + 1"],
    ["/usr/bin/jq", "-n", "1 + 1"],
    ["/usr/bin/lua5.4", "-e", "print(1)"],
    ["/usr/bin/bash", "-c", "echo hi; echo /usr/bin/bas[h]; cd /usr/lib/..; pwd"],
    ["/usr/bin/git", "--version"],
    ["/usr/bin/ls", "-ld", "/usr", "/usr/bin/python3", "/etc/passwd", "/bin"],
    ["/usr/bin/stat", "-c", "%n %F %a %u %g %s %h %i %d %b %Y %Z", "/usr/lib", "/etc/passwd", "/bin"],
    ["/usr/bin/find", "/usr/lib/python3.11/json"],
    ["/usr/bin/sha256sum", "/etc/passwd", "/usr/bin/bash", "/etc/hosts"],
    ["/usr/bin/cat", "/no/such/file"],
]

# Tells when its set-up is done, and what it makes of the tree when its request comes.
WAITING = """
import os, sys
for path in sys.argv[2:]:
    os.stat(path)
    if os.path.isdir(path):
        os.listdir(path)
print("ready", file=sys.stderr, flush=True)
sys.stdin.readline()
def attempt(what):
    try:
        return what()
    except OSError as error:
        return type(error).__name__ if error.errno != 5 else "EIO"
"""


def run(*arguments, root="/", given=b"", **more):
    return subprocess.run([MAYFLY, "run", f"--isolation={ISOLATION}", "--root", str(root), *arguments],
                          input=given, capture_output=True, timeout=TIMEOUT_S, check=False, **more)


class Machine(unittest.TestCase):
    def test_programs(self):
        there = [line for line in LINES if os.path.exists(line[0])]
        for line in there:
            with self.subTest(line=line):
                host = subprocess.run(line, input=b"", capture_output=True, timeout=TIMEOUT_S,
                                      check=False, env={"PATH": "/usr/bin:/bin"})
                guest = run("--env=PATH=/usr/bin:/bin", *line)
                self.assertEqual((guest.stdout, guest.returncode), (host.stdout, host.returncode),
                                 guest.stderr)

    def test_own_files(self):
        """/dev and /proc are the library OS's, /sys is nobody's."""
        result = run("bash", "-c", "echo /dev/* /sys/* $(</proc/self/comm)")
        self.assertIn(b"/dev/urandom", result.stdout)
        self.assertIn(b"/sys/* bash", result.stdout)
        self.assertNotIn(b"/dev/tty", result.stdout)

    def test_requests(self):
        """What the set-up fetched is in the snapshot; clones fetch on, and share nothing."""
        code = ("import sys, os; sys.stdin.readline(); import json, tomllib;"
                "known = os.path.exists('/tmp/mayfly-kept'); open('/tmp/mayfly-kept', 'w').write('x');"
                "print(json.dumps([known, len(open('/etc/passwd').read())]))")
        result = run("--repeat=3", "python3", "-c", code, given=b"x\n")
        self.assertEqual(result.stdout.decode(), f"[false, {os.path.getsize('/etc/passwd')}]\n",
                         result.stderr)
        self.assertFalse(os.path.exists("/tmp/mayfly-kept"))


class Folder(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="mayfly-root-"))
        self.addCleanup(shutil.rmtree, self.folder)
        for name in ("bin", "sbin", "lib", "lib64"):
            if os.path.islink(f"/{name}"):
                (self.folder / name).symlink_to(os.readlink(f"/{name}"))
        self.copy(PYTHON)
        shutil.copytree("/usr/lib/python3.11", self.folder / "usr/lib/python3.11", symlinks=True,
                        ignore=shutil.ignore_patterns("test", "idlelib", "tkinter", "__pycache__",
                                                      "ensurepip", "lib2to3", "config-*"))
        self.data = self.folder / "data"
        self.data.mkdir()

    def copy(self, path):
        path = os.path.realpath(path)
        listing = subprocess.run(["ldd", path], capture_output=True, text=True, check=False).stdout
        for name in [path, *re.findall(r"(/\S+) \(0x", listing)]:
            target = self.folder / os.path.realpath(name).lstrip("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(name, target)
            link = self.folder / "usr" / os.path.relpath(name, "/")
            if name.startswith("/lib") and not link.exists():
                link.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(name, link)
        (self.folder / "usr/bin/python3").unlink(missing_ok=True)
        (self.folder / "usr/bin/python3").symlink_to("python3.11")

    def python(self, code, *arguments, **more):
        return run("python3", "-c", code, *arguments, root=self.folder, **more)

    def changed(self, code, change, *paths):
        """Runs the code as a request that comes after `change`, which came after the set-up."""
        command = [MAYFLY, "run", f"--isolation={ISOLATION}", "--root", str(self.folder), "python3",
                   "-c", WAITING + code, *("-", *paths)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, env={**os.environ, "MAYFLY_LOG": "debug"}) as process:
            said = b""
            while b"ready\n" not in said:
                line = process.stderr.readline()
                self.assertTrue(line, said)
                said += line
            server = re.search(rb"served by process (\d+)", said)
            change(int(server[1]))
            out, err = process.communicate(b"go\n", timeout=TIMEOUT_S)
        self.said = said + err
        return out.decode()

    def test_names(self):
        for name in (b"line\nbreak", b"\xff\xfe", b" ", b"n" * 255):
            with open(os.path.join(os.fsencode(self.data), name), "wb") as file:
                file.write(name)
        (self.data / "loop").symlink_to("loop")
        (self.data / "up").symlink_to("../../../../../data")
        (self.data / "out").symlink_to("/../../data/up")
        os.mkfifo(self.data / "pipe")
        result = self.python("""
import os
for name in sorted(os.listdir(b"/data")):
    try:
        print(name[:20], open(b"/data/" + name, "rb").read() == name)
    except OSError as error:
        print(name, error.strerror)
for path in ("/data/" + "x/" * 3000, "/data/" + "n" * 256, "/data/pipe", "/data/out/ /x"):
    try:
        os.stat(path)
    except OSError as error:
        print(error.strerror)
""")
        self.assertEqual(result.stdout.decode(), """b' ' True
b'line\\nbreak' True
b'loop' Too many levels of symbolic links
b'nnnnnnnnnnnnnnnnnnnn' True
b'out' Is a directory
b'up' Is a directory
b'\\xff\\xfe' True
File name too long
File name too long
No such file or directory
Not a directory
""", result.stderr)

    def test_large(self):
        for number in range(MANY):
            (self.data / f"file-{number}").touch()
        with open(self.folder / "sparse", "wb") as file:
            file.seek(5 << 30)
            file.write(b"tail")
        result = self.python("""
import os
print(len(os.listdir("/data")), os.path.getsize("/sparse"), os.stat("/sparse").st_blocks < 100)
with open("/sparse", "rb") as file:
    file.seek(-6, 2)
    print(file.read())
    file.seek(2 << 30)
    print(set(file.read(2 << 20)))
""")
        self.assertEqual(result.stdout.decode(),
                         f"{MANY} {(5 << 30) + 4} True\nb'\\x00\\x00tail'\n{{0}}\n", result.stderr)

    def test_changes(self):
        """Files that become shorter, vanish, or are others, while the program runs."""
        for name, size in (("short", 3 << 20), ("gone", 100), ("other", 100), ("kept", 100)):
            (self.data / name).write_bytes(b"x" * size)

        def change(_server):
            os.truncate(self.data / "short", 10)
            (self.data / "gone").unlink()
            (self.data / "new").write_bytes(b"y" * 50)
            (self.data / "new").rename(self.data / "other")
            (self.data / "late").write_bytes(b"z")

        out = self.changed("""
import mmap
with open("/data/short", "rb") as file:
    memory = mmap.mmap(file.fileno(), 1 << 20, prot=mmap.PROT_READ)
    print(len(memory[:].rstrip(bytes(1))))
print(len(open("/data/short", "rb").read()), os.path.getsize("/data/short"))
for name in ("gone", "other", "kept", "late"):
    print(name, attempt(lambda: len(open("/data/" + name, "rb").read())))
""", change, *(f"/data/{name}" for name in ("short", "gone", "other", "kept")))
        self.assertEqual(out, "10\n10 10\ngone OSError\nother OSError\nkept 100\nlate 1\n", self.said)

    def test_status_in_listings(self):
        """It is the host's, and in a request not one from before the request."""
        for number in range(700): # more than one answer holds
            (self.data / f"{number}").write_bytes(b"x" * number)
            os.chmod(self.data / f"{number}", 0o600 + number % 64)
            os.utime(self.data / f"{number}", ns=(number, 10 ** 18 + number))
        (self.data / "folder").mkdir()
        (self.data / "link").symlink_to("7")
        code = """
import os, sys
for entry in sorted(os.scandir(sys.argv[1]), key=lambda entry: entry.name):
    one = entry.stat(follow_symlinks=False)
    print(entry.name, one.st_mode, one.st_size, one.st_nlink, one.st_ino, one.st_mtime_ns,
          one.st_ctime_ns, one.st_uid, one.st_gid, one.st_blocks, entry.stat().st_size)
"""
        host = subprocess.run([PYTHON, "-c", code, self.data], capture_output=True, check=True)
        guest = self.python(code, "/data")
        self.assertEqual((guest.stdout, guest.stderr), (host.stdout, b""))

        def change(_server):
            (self.data / "1").write_bytes(b"changed")

        out = self.changed("print(os.path.getsize('/data/1'), os.path.getsize('/data/2'))", change,
                           "/data")
        self.assertEqual(out, "7 2\n", self.said)

    def test_lost_server(self):
        (self.data / "a").write_text("a")
        out = self.changed("print(attempt(lambda: os.stat('/data/b')), attempt(lambda: os.stat('/data/c')),"
                           "os.path.getsize('/data/a'))",
                           lambda server: os.kill(server, signal.SIGKILL), "/data/a")
        self.assertEqual(out, "EIO EIO 1\n", self.said)
        self.assertIn(b"the file server of", self.said)

    def test_scripts(self):
        script = self.folder / "usr/bin/script"
        script.write_text("#! /usr/bin/python3 -I  \nimport sys; print(sys.argv, sys.flags.isolated,"
                          " __import__('os').path.realpath('/proc/self/exe'))\n")
        script.chmod(0o755)
        for name in ("script", "/bin/script"):
            path = name if "/" in name else "/usr/bin/script"
            result = run(name, "one", "two words", root=self.folder)
            self.assertEqual(result.stdout.decode(),
                             f"{[path, 'one', 'two words']} 1 /usr/bin/python3.11\n", result.stderr)
        for text, says in (("#!/bin/none\n", "which is not to be had in the root"),
                           ("#!/bin/script\n", "which is a script itself"),
                           ("#!\n", "names no interpreter"), ("#!/" + "x" * 300, "names no interpreter"),
                           ("echo\n", "not an ELF program"), ("#", "not an ELF program")):
            (self.folder / "usr/bin/other").write_text(text)
            (self.folder / "usr/bin/other").chmod(0o755)
            result = run("other", root=self.folder)
            self.assertEqual(result.returncode, 125)
            self.assertIn(says, result.stderr.decode())

    def test_refusals(self):
        (self.folder / "file").write_text("text")
        for root, says in ((self.folder / "none", "cannot open the root"),
                           (self.folder / "file", "is no tar archive"),
                           ("/dev/null", "is no root")):
            result = run("true", root=root)
            self.assertEqual(result.returncode, 125)
            self.assertIn(says, result.stderr.decode())
        result = subprocess.run([MAYFLY, "snapshot", f"--isolation={ISOLATION}", "--root", self.folder, "-o",
                                 self.folder / "a.snap", "python3", "-c", "input()"], input=b"",
                                capture_output=True, timeout=TIMEOUT_S, check=False)
        self.assertEqual(result.returncode, 125)
        self.assertIn(b"mayfly root build", result.stderr)

    @unittest.skipIf(os.geteuid() == 0, "root may read everything")
    def test_unreadable(self):
        (self.data / "secret").write_text("secret")
        (self.data / "secret").chmod(0)
        result = self.python("open('/data/secret')")
        self.assertIn(b"PermissionError", result.stderr)
        self.data.chmod(0)
        result = run("true", root=self.data)
        self.data.chmod(0o755)
        self.assertIn(b"cannot read the root", result.stderr)


def why_not():
    if ISOLATION == "kvm" and not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return "/dev/kvm is not there, or not for this user"
    if not os.path.exists("/usr/bin/python3.11"):
        return "there is no /usr/bin/python3.11"
    return None


if __name__ == "__main__":
    reason = why_not()
    if reason:
        print(f"skipped: {reason}")
        sys.exit(SKIPPED)
    unittest.main(argv=sys.argv[:1])
