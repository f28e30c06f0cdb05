#!/usr/bin/env python3
"""Runs programs of this machine, and of folders that change meanwhile, with a directory as the root.

usage: test_directory.py MAYFLY ISOLATION

Exits with 77, saying why, where this machine cannot run the test.
"""
import glob
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import stat
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


# Looks at everything that directories list, as deep as the first argument says below "/", and at all
# of the library OS's own files.
LOOK_AT_ALL = """
import os, sys
looked = 0
def look(folder, depth):
    global looked
    try:
        entries = list(os.scandir(folder))
    except PermissionError:
        return
    assert sorted(entry.name for entry in entries) == sorted(set(os.listdir(folder))), folder
    for entry in entries:
        if os.path.basename(folder) in ("fd", "fdinfo") and int(entry.name) > 2:
            continue # the one by which it was listed
        looked += 1
        status = os.lstat(entry.path)
        assert entry.is_symlink() == (status.st_mode >> 12 == 0o12), entry.path
        if entry.is_symlink():
            os.readlink(entry.path)
        elif entry.is_dir() and depth > 1:
            look(entry.path, depth - 1)
        elif not entry.is_dir() and folder.startswith("/proc"):
            open(entry.path, "rb").read()
        assert os.access(entry.path, os.F_OK) or entry.is_symlink(), entry.path
look("/", int(sys.argv[1]))
for folder in ("/proc", "/proc/self/", "/dev"):
    look(folder, 20)
print("looked at", looked)
"""


# Programs that read what /proc tells, each with a word of its answer.
PROCESS_TOOLS = [
    (["ps", "-eLf"], "ps -eLf"),
    (["ps", "-o", "pid,tid,psr,stat,nlwp,wchan,lstart,cmd"], "STARTED"),
    (["top", "-b", "-n", "1"], "MiB Mem"),
    (["free", "-m"], "Mem:"),
    (["vmstat"], "procs"),
    (["vmstat", "-s"], "total memory"),
    (["uptime"], "load average"),
    (["pmap", "-x", "2"], "total kB"),
    (["pwdx", "2"], "2: /"),
    (["df", "-i", "/tmp"], "Inodes"),
]

# Everything that psutil tells of a process, and most of what it tells of a machine.
PSUTIL = """
import json, os, psutil, threading, time
process = psutil.Process()
end = threading.Event()
thread = threading.Thread(target=end.wait)
thread.start()
os.chdir("/tmp")
told = process.as_dict(ad_value="denied")
end.set()
thread.join()
while process.num_threads() > 1:  # Python's join does not wait for the thread's last steps
    time.sleep(0.01)
for ask in (psutil.cpu_times, psutil.cpu_stats, psutil.virtual_memory, psutil.swap_memory,
            psutil.boot_time, psutil.getloadavg, psutil.users, psutil.net_connections,
            psutil.net_if_stats, psutil.net_io_counters, psutil.disk_io_counters,
            psutil.disk_partitions, lambda: psutil.disk_partitions(all=True)):
    ask()
open("/tmp/opened", "w").write("x" * 1000)
file = open("/tmp/opened")
file.seek(5)
print(json.dumps([
    told["cwd"], told["num_threads"], len(told["threads"]), process.num_threads(),
    "denied" in told.values(), process.rlimit(psutil.RLIMIT_NOFILE)[0],
    process.io_counters().write_chars >= 1000, told["num_ctx_switches"].voluntary > 0,
    process.memory_full_info().uss > 1 << 20, len(process.memory_maps(grouped=False)) > 10,
    [[opened.path, opened.position, opened.mode] for opened in process.open_files()],
    [other.pid for other in psutil.process_iter()] == [os.getpid()],
]))
"""


def run(*arguments, root="/", given=b"", **more):
    return subprocess.run([MAYFLY, "run", f"--isolation={ISOLATION}", f"--timeout={TIMEOUT_S}s", "--root", str(root),
                           *arguments],
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

    def test_listed(self):
        """What a directory lists can be looked at; what it does not list is not there."""
        result = run("python3", "-c", LOOK_AT_ALL, "2")
        self.assertRegex(result.stdout.decode(), "^looked at [0-9]{3,}$", result.stderr)
        for line in (["ls", "-la", "/"], ["find", "/", "-maxdepth", "2", "-ls"]):
            result = run(*line)
            self.assertEqual((result.stderr, result.returncode), (b"", 0))
            self.assertNotIn(b" /sys", result.stdout)

    def test_process_tools(self):
        for line, says in PROCESS_TOOLS:
            if not shutil.which(line[0]):
                continue
            with self.subTest(line=line):
                result = run(*line)
                self.assertEqual((result.returncode, result.stderr), (0, b""), result.stdout)
                self.assertIn(says, result.stdout.decode())

    @unittest.skipUnless(glob.glob("/usr/lib/python3/dist-packages/psutil"), "no python3-psutil")
    def test_psutil(self):
        result = run(PYTHON, "-c", PSUTIL)
        self.assertEqual((result.returncode, result.stderr), (0, b""))
        self.assertEqual(json.loads(result.stdout), [
            "/tmp", 2, 2, 1, False, 1024, True, True, True, True, [["/tmp/opened", 5, "r"]], True])

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
        command = [MAYFLY, "run", f"--isolation={ISOLATION}", f"--timeout={TIMEOUT_S}s", "--root", str(self.folder),
                   "python3", "-c", WAITING + code, *("-", *paths)]
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

    def test_listed(self):
        """What is of no kind that is served, may not be read, or vanishes; also in an image."""
        for name in ("file", "mine", "closed"):
            (self.data / name).touch()
        os.mkfifo(self.data / "pipe")
        with socket.socket(socket.AF_UNIX) as one:
            one.bind(str(self.data / "socket"))
        if os.geteuid() == 0:
            os.mknod(self.data / "device", stat.S_IFCHR | 0o600, os.makedev(1, 3))
        (self.data / "nowhere").symlink_to("none")
        (self.data / "closed").chmod(0)
        (self.data / "folder").mkdir()
        (self.data / "folder" / "inside").touch()
        (self.data / "folder").chmod(0)
        result = self.python(LOOK_AT_ALL, "6")
        self.assertRegex(result.stdout.decode(), "^looked at [0-9]{3,}$", result.stderr)
        result = self.python("import os; print(sorted(os.listdir('/data')))")
        self.assertEqual(result.stdout.decode(),
                         "['closed', 'file', 'folder', 'mine', 'nowhere']\n", result.stderr)
        out = self.changed("""
for folder, names in ("/data", []), ("/data", ["file", "mine"]):
    for name in names:
        attempt(lambda: os.lstat("/data/" + name))
    print(sorted(os.listdir(folder)))
""", lambda _server: (self.data / "file").unlink(), "/data")
        self.assertEqual(out, "['closed', 'file', 'folder', 'mine', 'nowhere']\n"
                         "['closed', 'folder', 'mine', 'nowhere']\n", self.said)
        (self.data / "folder").chmod(0o755)
        (self.data / "closed").chmod(0o644)
        image = self.folder / "root.img"
        packed = subprocess.run([MAYFLY, "root", "build", self.folder, "-o", image], check=False,
                                capture_output=True, timeout=TIMEOUT_S)
        self.assertEqual(packed.returncode, 0, packed.stderr)
        result = run("python3", "-c", LOOK_AT_ALL, "6", root=image)
        self.assertRegex(result.stdout.decode(), "^looked at [0-9]{3,}$", result.stderr)

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

    def test_mapped(self):
        """Files larger than the memory come as they are touched, and others' buffers with them."""
        size, step = 200 << 20, 50 << 20
        for name, length in (("mapped", size), ("copied", 70 << 20)):
            with open(self.data / name, "wb") as file:
                file.truncate(length)
                for at in range(0, length, step):
                    file.seek(at + 5000)
                    file.write(bytes([at // step + 1]) * 10)
        (self.data / "source").write_bytes(bytes(i * 7 % 251 for i in range(3 << 20)))
        program = f"""
import mmap, sys
def map(name, access):
    with open(name, "rb") as file:
        return mmap.mmap(file.fileno(), 0, access=access)
whole = map("/data/mapped", mmap.ACCESS_READ)
copied = map("/data/copied", mmap.ACCESS_COPY)
sys.stdin.read()
for turn in range(2):
    print(sum(whole[i] for i in range(5000 - 4096, {size}, 4096)), len(whole))
at = {step} + 4000
with open("/data/source", "rb", buffering=0) as file:
    print(file.readinto(memoryview(copied)[at:at + {3 << 20}]))
source = open("/data/source", "rb").read()
print(copied[at:at + len(source)] == source, set(copied[at + len(source):at + (8 << 20)]))
print([copied[i + 5000] for i in range(0, len(copied), {step})], set(copied[at - 3000:at]))
"""
        result = run("--memory=128M", "-n", "2", "python3", "-c", program, root=self.folder)
        out = f"10 {size}\n" * 2 + f"{3 << 20}\nTrue {{0}}\n"
        self.assertEqual(result.returncode, 0, result.stderr)
        lines = result.stdout.decode().splitlines()
        self.assertEqual(lines[:4], out.splitlines()[:4], result.stderr)
        self.assertRegex(lines[4], r"^\[1, \d+\] \{0\}$", result.stderr)
        self.assertEqual(len(lines), 5)

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
        # As env(1) finds it, which could not start it.
        script.write_text("#!/usr/bin/env python3\nimport sys; print(sys.argv, sys.orig_argv)\n")
        result = run("script", "one", root=self.folder)
        path = "/usr/bin/script"
        self.assertEqual(result.stdout.decode(), f"{[path, 'one']} {['python3', path, 'one']}\n", result.stderr)
        for text, says in (("#!/usr/bin/env none\n", "no program called 'none'"),
                           ("#!/bin/none\n", "which is not to be had in the root"),
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
