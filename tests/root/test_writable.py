#!/usr/bin/env python3
"""Runs programs that change files of the host: the same comes of it as on the host, and others see it.

usage: test_writable.py MAYFLY ISOLATION

Exits with 77, saying why, where this machine cannot run the test.
"""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

MAYFLY, ISOLATION = sys.argv[1:3]
SKIPPED = 77
TIMEOUT_S = 120
PYTHON = "/usr/bin/python3"
BUSYBOX = "/bin/busybox"

# What a program may do with files, and what comes of it. Its directory is empty, but for a file "old".
CHANGES = r"""
import errno, fcntl, mmap, os, sys
os.umask(0o022)
os.chdir(sys.argv[1])
def attempt(what, *arguments, **more):
    try:
        result = what(*arguments, **more)
    except OSError as error:
        result = errno.errorcode[error.errno]
    print(what.__name__, *(argument for argument in arguments if not isinstance(argument, bytes) or
                           len(argument) < 100), "->", result)
    return result
def show(path):
    one = os.lstat(path)
    print(path, oct(one.st_mode), one.st_nlink, one.st_size if not os.path.isdir(path) else "-",
          one.st_uid, one.st_gid, one.st_mtime_ns < 10 ** 18 and one.st_mtime_ns)
def read(path):
    with open(path, "rb") as file:
        return file.read()

fd = os.open("new", os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o644)
attempt(os.open, "new", os.O_RDWR | os.O_CREAT | os.O_EXCL)
attempt(os.write, fd, b"hello"); attempt(os.pwrite, fd, b"EL", 1); attempt(os.write, fd, b" you")
attempt(os.pread, fd, 100, 2); attempt(os.lseek, fd, -3, os.SEEK_END); attempt(os.read, fd, 10)
attempt(os.pwrite, fd, b"far", 10000); print(os.fstat(fd).st_size)
attempt(os.ftruncate, fd, 4); attempt(os.lseek, fd, 0, os.SEEK_END); attempt(os.read, fd, 10)
attempt(os.ftruncate, fd, 4096); attempt(os.truncate, "new", 6); print(read("new"))
attempt(os.writev, fd, [b"one", b"two"]); attempt(os.fsync, fd); attempt(os.fdatasync, fd)
attempt(os.posix_fallocate, fd, 0, 9000); print(os.fstat(fd).st_size)
show("new")
attempt(os.fchmod, fd, 0o600); show("new"); attempt(os.chmod, "new", 0o4755)
os.chmod("new", 0o755); show("new")
attempt(os.utime, "new", ns=(5, 10 ** 17 + 7)); show("new")
attempt(os.utime, fd, ns=(5, 10 ** 16)); show("new")

one = os.open("log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o640)
two = os.open("log", os.O_WRONLY | os.O_APPEND)
for number in range(3):
    os.write(one, b"one\n"); os.write(two, b"two\n")
print(read("log"), os.lseek(one, 0, os.SEEK_CUR))
with open("old", "w") as file: # O_TRUNC
    show("old")
    file.write("x" * 100000)
print(len(read("old")))
big = bytes(range(256)) * 8192 # more than one question holds
attempt(os.write, os.open("big", os.O_WRONLY | os.O_CREAT, 0o600), big)
print(read("big") == big)
with open("big", "r+b") as file:
    memory = mmap.mmap(file.fileno(), 5000, flags=mmap.MAP_PRIVATE)
    print(memory[250:260]); memory[0:3] = b"abc"
print(read("big")[:3])

attempt(os.mkdir, "d", 0o750); attempt(os.mkdir, "d"); attempt(os.mkdir, "none/d"); show("d")
attempt(os.symlink, "../new", "d/l"); attempt(os.readlink, "d/l"); print(len(read("d/l")))
attempt(os.symlink, "x", "d/l"); attempt(os.link, "new", "d/h"); show("d/h"); show("new")
attempt(os.link, "d", "e"); attempt(os.rmdir, "d"); attempt(os.unlink, "d"); attempt(os.rmdir, "new")
print(sorted(os.listdir("d")), sorted(os.listdir(".")))
inner = os.open("d/h", os.O_RDWR)
attempt(os.rename, "d", "moved"); attempt(os.pread, inner, 6, 0); attempt(os.pwrite, inner, b"!", 0)
print(read("moved/h")[:3], os.path.exists("d"))
here = os.open("moved", os.O_RDONLY | os.O_DIRECTORY)
attempt(os.rename, "moved", "again"); os.fchdir(here); print(os.path.basename(os.getcwd())); os.chdir("..")
attempt(os.rename, "again", "again/in"); attempt(os.rename, "log", "again"); attempt(os.rename, "again", "log")
attempt(os.rename, "log", "again/l"); print(read("again/l")[:4]); attempt(os.rename, "none", "x")
attempt(os.mkdir, "empty"); attempt(os.rename, "again", "empty"); print(os.listdir("empty") != [])
attempt(os.rename, "new", "empty/h"); print(sorted(os.listdir("empty")))
attempt(os.unlink, "empty/h"); attempt(os.unlink, "empty/h"); attempt(os.unlink, "empty/l")
attempt(os.rmdir, "empty"); attempt(os.rmdir, "empty")
attempt(os.open, "old", os.O_RDWR | os.O_DIRECTORY); attempt(os.open, ".", os.O_RDWR)
attempt(os.mkfifo, "fifo"); attempt(os.unlink, "fifo")

# What is removed, or replaced, while it is open can be used on.
gone = os.open("gone", os.O_RDWR | os.O_CREAT, 0o600)
os.write(gone, b"x" * 5000 + b"end")
mapped = mmap.mmap(gone, 5003, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ)
os.unlink("gone")
with open("gone", "w") as file:
    file.write("another")
attempt(os.pread, gone, 10, 5000); attempt(os.pwrite, gone, b"END!", 5000); attempt(os.lseek, gone, 0, os.SEEK_END)
attempt(os.write, gone, b"more"); print(os.fstat(gone).st_size, os.fstat(gone).st_nlink, mapped[4999:5000])
attempt(os.ftruncate, gone, 2); attempt(os.pread, gone, 10, 0); attempt(os.fsync, gone); print(read("gone"))
other = os.open("gone", os.O_RDWR)
os.rename("old", "gone")
attempt(os.pread, other, 10, 0); attempt(os.pwrite, other, b"A", 0); attempt(os.pread, other, 10, 0)
os.close(other); os.close(gone); print(read("gone")[:3]); os.rename("gone", "old")

# Deep down, and gone while it is open.
os.mkdir("deep"); os.chdir("deep"); depth = 400
for number in range(depth):
    os.mkdir("d"); os.chdir("d")
with open("file", "w") as deep:
    os.unlink("file"); deep.write("x")
    for number in range(depth):
        os.chdir(".."); os.rmdir("d")
    os.chdir(".."); os.rmdir("deep")
print(os.path.basename(os.getcwd()) == os.path.basename(sys.argv[1]), os.path.exists("deep"))

# Processes share the position of what was open.
shared = os.open("shared", os.O_RDWR | os.O_CREAT, 0o644)
child = os.fork()
if not child:
    os.write(shared, b"child ")
    os._exit(0)
os.waitpid(child, 0)
os.write(shared, b"parent")
print(read("shared"))
for number in range(300):
    with open(f"many{number}", "w") as file:
        file.write(str(number))
print(len(os.listdir(".")))
for name in sorted(os.listdir(".")):
    if name.startswith("many"):
        os.unlink(name)
print(sorted(os.listdir(".")))
"""

OTHERS = r"""
import errno, os, sys
os.chdir(sys.argv[1])
def attempt(what):
    try:
        return what()
    except OSError as error:
        return errno.errorcode[error.errno]
def read(name):
    with open(name) as file:
        return file.read()
kept, lost = os.open("kept", os.O_RDWR), os.open("lost", os.O_RDWR)
for name in ("kept", "other", "lost", "link"):
    read(name)
os.listdir("."), os.listdir("folder")
print("ready", file=sys.stderr, flush=True)
sys.stdin.readline()
print(os.pread(kept, 100, 0), os.fstat(kept).st_size, read("other"), read("late"), read("link"))
print(attempt(lambda: os.pread(lost, 10, 0)), attempt(lambda: os.pwrite(lost, b"x", 0)), attempt(lambda: read("lost")))
print(sorted(os.listdir(".")), attempt(lambda: os.listdir("folder")))
os.write(kept, b"written")
"""


def run(*arguments, given=b"", root="/"):
    return subprocess.run([MAYFLY, "run", f"--isolation={ISOLATION}", f"--timeout={TIMEOUT_S}s", "--root", root,
                           *arguments], input=given, capture_output=True, timeout=TIMEOUT_S, check=False)


class Writable(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="mayfly-writable-"))
        self.addCleanup(shutil.rmtree, self.folder)
        self.data = self.folder / "data"
        self.data.mkdir()

    def python(self, code, *options, given=b""):
        return run(*options, PYTHON, "-c", code, str(self.data), given=given)

    def tree(self, folder):
        found = {}
        for path in sorted(folder.rglob("*")):
            one = path.lstat()
            found[str(path.relative_to(folder))] = (oct(one.st_mode), one.st_nlink, one.st_uid, one.st_gid,
                                                    path.read_bytes() if path.is_file() else None)
        return found

    def test_changes(self):
        """What is printed, and what is then on the disk, are as on the host."""
        other = self.folder / "other"
        other.mkdir()
        for folder in (self.data, other):
            (folder / "old").write_text("old")
        host = subprocess.run([PYTHON, "-c", CHANGES, other], capture_output=True, check=False)
        guest = self.python(CHANGES, "--writable", self.data)
        # A directory's set-user-ID bit and the like are not the guest's to set.
        self.assertEqual(guest.stdout.decode().splitlines(), host.stdout.decode().splitlines(), guest.stderr)
        self.assertEqual((guest.returncode, guest.stderr), (0, host.stderr))
        self.assertEqual(self.tree(self.data), self.tree(other))

    def test_others(self):
        """What others change after the snapshot is seen in the clone; what they replaced is not written."""
        for name in ("kept", "other", "lost"):
            (self.data / name).write_text(name)
        (self.data / "link").symlink_to("kept")
        (self.data / "folder").mkdir()
        command = [MAYFLY, "run", f"--isolation={ISOLATION}", f"--timeout={TIMEOUT_S}s", "--root=/",
                   f"--writable={self.data}", PYTHON, "-c", OTHERS, str(self.data)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE) as process:
            self.assertEqual(process.stderr.readline(), b"ready\n")
            (self.data / "kept").write_text("kept, and longer")
            (self.data / "new").write_text("another")
            (self.data / "new").rename(self.data / "other")
            (self.data / "late").write_text("late")
            (self.data / "new").write_text("another file")
            (self.data / "new").rename(self.data / "lost")
            (self.data / "link").unlink()
            (self.data / "link").symlink_to("late")
            (self.data / "folder").rmdir()
            out, err = process.communicate(b"go\n", timeout=TIMEOUT_S)
        self.assertEqual(out.decode(), "b'kept, and longer' 16 another late late\n"
                         "ESTALE ESTALE another file\n"
                         "['kept', 'late', 'link', 'lost', 'other'] ENOENT\n", err)
        self.assertEqual((self.data / "kept").read_text(), "writtennd longer")
        self.assertEqual((self.data / "lost").read_text(), "another file")

    def test_borders(self):
        """Between what is the host's, what is in memory, and what nobody may change."""
        (self.data / "kept").write_text("kept")
        (self.data / "protected").mkdir()
        (self.data / "protected/file").write_text("text")
        (self.folder / "single").write_text("one\n")
        code = r"""
import errno, os, sys
folder, data = os.path.dirname(sys.argv[1]), sys.argv[1]
def attempt(what, *arguments):
    try:
        return what(*arguments) or "done"
    except OSError as error:
        return errno.errorcode[error.errno]
memory, kept, held = folder + "/memory", data + "/kept", data + "/protected"
open(memory, "w").write("memory")
print(attempt(os.rename, memory, data + "/x"), attempt(os.link, memory, data + "/x"),
      attempt(os.rename, kept, folder + "/x"), attempt(os.link, kept, folder + "/x"))
print(attempt(os.rmdir, data), attempt(os.rename, data, folder + "/x"), attempt(os.rename, held, data + "/x"),
      attempt(os.unlink, folder + "/single"))
print(attempt(open, held + "/file", "w"), attempt(open, held + "/new", "w"), attempt(os.mkdir, held + "/d"),
      attempt(os.unlink, held + "/file"), attempt(os.chmod, held + "/file", 0), attempt(os.utime, held),
      attempt(os.rename, held + "/file", data + "/file"), attempt(os.symlink, "x", held + "/l"),
      attempt(os.truncate, held + "/file", 0), os.access(held, os.W_OK), open(held + "/file").read())
with open(folder + "/single", "a") as file:
    file.write("two\n")
print(open(folder + "/single").read().split())
import mmap, socket
with open(kept, "r+b") as file:
    print(attempt(lambda: mmap.mmap(file.fileno(), 4)))
server = socket.socket(socket.AF_UNIX)
server.bind(data + "/socket")
print("socket" in os.listdir(data), attempt(os.unlink, data + "/socket"), "socket" in os.listdir(data))
"""
        result = self.python(code, "--writable", self.data, "--writable", self.folder / "single",
                             "--read-only", self.data / "protected")
        self.assertEqual(result.stdout.decode().splitlines(), [
            "EXDEV EXDEV EXDEV EXDEV", "EBUSY EBUSY EBUSY EBUSY",
            "EROFS EROFS EROFS EROFS EROFS EROFS EROFS EROFS EROFS False text",
            "['one', 'two']", "ENODEV", "True done False"], result.stderr)
        self.assertEqual((self.folder / "single").read_text(), "one\ntwo\n")
        self.assertEqual(sorted(path.name for path in self.folder.rglob("*")),
                         ["data", "file", "kept", "protected", "single"])

    def test_read_only_root(self):
        result = run("--read-only=/", f"--writable={self.data}", PYTHON, "-c", r"""
import errno, os, sys
def attempt(what, *arguments):
    try:
        return what(*arguments) and "done"
    except OSError as error:
        return errno.errorcode[error.errno]
os.listdir("/usr/bin") # which brings what describes them
print(attempt(open, "/usr/bin/env", "a"), attempt(open, "/usr/new", "w"), attempt(open, sys.argv[1] + "/new", "w"), attempt(open, "/dev/shm/x", "w"))
""", str(self.data))
        self.assertEqual(result.stdout.decode(), "EROFS EROFS done done\n", result.stderr)
        self.assertTrue((self.data / "new").exists())

    @unittest.skipIf(not os.path.exists(BUSYBOX), "there is no static busybox")
    def test_whole_root(self):
        """What the library OS adds is in memory, whatever the host has."""
        (self.folder / "etc").mkdir()
        shutil.copy(BUSYBOX, self.folder / "busybox")
        result = run("--writable=/", "/busybox", "sh", "-c", "echo new > /new; echo x > /dev/null; cat /etc/hostname;"
                     " echo no > /dev/shm/x; ls /dev >/data/list; echo y > /etc/mine; mv /new /etc; rmdir /data/none",
                     root=str(self.folder))
        self.assertEqual(result.stdout, b"mayfly\n", result.stderr)
        self.assertEqual(sorted(str(path.relative_to(self.folder)) for path in self.folder.rglob("*")),
                         ["busybox", "data", "data/list", "etc", "etc/mine", "etc/new"], result.stderr)
        self.assertIn("null", (self.data / "list").read_text())

    def test_many(self):
        """As many parts as there may be, and one more."""
        folders = [self.data / f"{number}" for number in range(65)]
        for folder in folders:
            folder.mkdir()
        code = "import sys; [open(f'{sys.argv[1]}/{number}/file', 'w').write('x') for number in range(64)]"
        result = self.python(code, *(f"--writable={folder}" for folder in folders[:64]))
        self.assertEqual((result.returncode, result.stderr), (0, b""))
        self.assertTrue(all((folder / "file").read_text() == "x" for folder in folders[:64]))
        result = self.python(code, *(f"--writable={folder}" for folder in folders))
        self.assertIn(b"more than 64", result.stderr)

    def test_refusals(self):
        for options, says in ((["--writable=/no/such"], "cannot open /no/such of the root"),
                              (["--writable=relative"], "relative is no absolute path"),
                              (["--writable=/dev/null"], "neither a directory nor a file")):
            result = run(*options, "true")
            self.assertEqual(result.returncode, 125)
            self.assertIn(says, result.stderr.decode())
        (self.folder / "file").write_bytes(b"")
        result = run("--writable=/", "true", root=str(self.folder / "file"))
        self.assertIn("only of a directory as root", result.stderr.decode())


def why_not():
    if ISOLATION == "kvm" and not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return "/dev/kvm is not there, or not for this user"
    if not os.path.exists(PYTHON):
        return f"{PYTHON} is not there"
    return None


if __name__ == "__main__":
    reason = why_not()
    if reason:
        print(f"skipped: {reason}")
        sys.exit(SKIPPED)
    unittest.main(argv=sys.argv[:1])
