#!/usr/bin/env python3
"""Runs dynamic programs of this machine from a root, and compares with what they do on the host.

usage: test_programs.py MAYFLY ISOLATION

The root is a folder with the programs that are installed of those wanted, their interpreter and
the libraries that ldd names, given as a directory, as an archive, and as an image. Exits with 77,
saying why, where this machine cannot run the test.
"""
import hashlib
import io
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile

import oci_layout

SKIPPED = 77
TIMEOUT_S = 120
PYTHON = "/usr/bin/python3.11"
PYTHON_LIBRARY = "/usr/lib/python3.11"
PYTHON_LEFT_OUT = ("test", "idlelib", "tkinter", "ensurepip", "lib2to3", "config-*", "__pycache__")

JSON = b'{"fruit": [{"name": "apple", "count": 3}, {"name": "cherry", "count": 12}]}\n'
SQL = b"""create table t(a, b); insert into t values (1, 'x'), (2, 'y'), (40, 'z');
select sum(a), group_concat(b) from t; select hex(zeroblob(5)), date(1000000000, 'unixepoch');"""
PYTHON_MODULES = """
import decimal, hashlib, json, re, sqlite3, sys, zlib
data = json.loads(sys.stdin.read())
print(json.dumps(data, sort_keys=True), sum(item["count"] for item in data["fruit"]))
print(re.findall(r"[a-z]+(?=e)", str(data)), hashlib.sha256(str(data).encode()).hexdigest())
print(zlib.crc32(b"hello"), zlib.decompress(zlib.compress(b"x" * 1000)) == b"x" * 1000)
print(sqlite3.connect(":memory:").execute("select 1 + 1").fetchone(), decimal.Decimal(1) / 7)
"""
PYTHON_THREADS = """
import queue, threading
jobs, squares = queue.Queue(), []
def work():
    while (number := jobs.get()) is not None:
        squares.append(number * number)
threads = [threading.Thread(target=work) for _ in range(4)]
for thread in threads:
    thread.start()
for number in [*range(500), *[None] * len(threads)]:
    jobs.put(number)
for thread in threads:
    thread.join()
print(len(squares), sum(squares))
"""
# A file that is on the host as well, mapped to be read, and to be written for this process alone.
PYTHON_MAPPINGS = """
import hashlib, mmap, os
path = os.__file__
def digest(data):
    return hashlib.sha256(data).hexdigest()
with open(path, "rb") as file:
    contents = file.read()
    shown = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    print(len(shown), digest(shown) == digest(contents), shown[4090:4110] == contents[4090:4110])
    copy = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
    copy[5000:5004] = b"mine"
    print(copy[4999:5005] == contents[4999:5000] + b"mine" + contents[5004:5005],
          shown[:] == contents, open(path, "rb").read() == contents)
    part = mmap.mmap(file.fileno(), 4096, access=mmap.ACCESS_READ, offset=8192)
    print(part[:] == contents[8192:12288])
    shown.close()
    del copy
    print(part.find(b"def "))
try:
    part[0] = 1
except TypeError as error:
    print(error)
"""
# Does the C library's shortest system call begin with a jump?
PYTHON_STUB = """
import ctypes
address = ctypes.cast(ctypes.CDLL(None).getppid, ctypes.c_void_p).value
print(0xe9 in ctypes.string_at(address, 5), ctypes.CDLL(None).getppid())
"""
PYTHON_FILES = """
import os, sys
with open("/etc/note", "a") as note:
    note.write("more")
print(open("/etc/note").read(), sorted(os.listdir("/data")), os.readlink("/data/link"))
os.rename("/data/a", "/data/z")
os.makedirs("/data/deep/er")
print(sorted(os.listdir("/data")), os.path.exists("/data/a"))
try:
    open("/data/loop")
except OSError as error:
    print(error.strerror)
try:
    open("/" + "x/" * 3000)
except OSError as error:
    print(error.strerror)
sys.exit(5)
"""
PYTHON_FILES_SAYS = """a note
more ['a', 'link', 'loop'] a
['deep', 'link', 'loop', 'z'] False
Too many levels of symbolic links
File name too long
"""

# Program, arguments, standard input: as on the host.
LINES = [
    ("/usr/bin/lua5.4", ["-e", "for i = 1, 3 do print(i, math.sqrt(i), ('x'):rep(i)) end"], b""),
    ("/usr/bin/lua5.4", ["-e", "print(#io.read('a'), string.format('%5.2f', 1 / 3))"], JSON * 999),
    ("/usr/bin/lua5.4", ["-e", "os.exit(9)"], b""),
    ("/usr/bin/jq", [".fruit[] | select(.count > 5) | .name"], JSON),
    ("/usr/bin/jq", ["-c", "[.fruit[].count] | add"], JSON),
    ("/usr/bin/jq", ["."], b"this is no JSON"),
    ("/usr/bin/sqlite3", [":memory:"], SQL),
    ("/usr/bin/sqlite3", ["/tmp/mayfly-root-test.db", ".schema"], b""),
    (PYTHON, ["-c", "print(1)"], b""),
    (PYTHON, ["-c", PYTHON_MODULES], JSON),
    (PYTHON, ["-c", PYTHON_THREADS], b""),
    (PYTHON, ["-c", PYTHON_MAPPINGS], b""),
    (PYTHON, ["-c", "import sys; sys.exit(len(sys.stdin.read()) % 100)"], JSON),
    (PYTHON, ["-c", "raise ValueError('on purpose')"], b""),
]


def copy_with_libraries(path, root):
    """Copies a file and the libraries that the dynamic linker finds for it."""
    listing = subprocess.run(["ldd", path], capture_output=True, text=True, check=False).stdout
    for name in [path, *re.findall(r"(/\S+) \(0x", listing)]:
        target = root / name.lstrip("/")
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(name, target)


def make_root(root):
    """Fills a folder; returns the lines that can be run there."""
    lines = [line for line in LINES if os.path.exists(line[0])]
    for program in sorted({line[0] for line in lines}):
        copy_with_libraries(program, root)
    if any(line[0] == PYTHON for line in lines):
        shutil.copytree(PYTHON_LIBRARY, root / PYTHON_LIBRARY.lstrip("/"), symlinks=True,
                        ignore=shutil.ignore_patterns(*PYTHON_LEFT_OUT))
        for library in pathlib.Path(PYTHON_LIBRARY, "lib-dynload").glob("*.so"):
            copy_with_libraries(str(library), root)
        (root / "usr/bin/python3").symlink_to("python3.11")
    (root / "etc").mkdir(exist_ok=True)
    (root / "etc/note").write_text("a note\n")
    (root / "data").mkdir()
    (root / "data/a").write_text("a")
    (root / "data/link").symlink_to("a")
    (root / "data/loop").symlink_to("loop")
    (root / "bin").mkdir(exist_ok=True)
    (root / "bin/script").write_text("not a program")
    (root / "bin/script").chmod(0o755)
    return lines


class Checks:
    """Counts what fails, and says what."""

    def __init__(self, mayfly, isolation, cache):
        self.mayfly, self.isolation = mayfly, isolation
        self.environment = {"PATH": "/usr/bin:/bin", "MAYFLY_CACHE": cache}
        self.made = self.failed = 0

    def command(self, *arguments, given=b""):
        return subprocess.run([self.mayfly, *arguments], input=given, capture_output=True,
                              timeout=TIMEOUT_S, env=self.environment, check=False)

    def run(self, root, *arguments, given=b""):
        return self.command("run", f"--isolation={self.isolation}", f"--timeout={TIMEOUT_S}s",
                            "--root", str(root), *arguments, given=given)

    def check(self, what, good, *seen):
        self.made += 1
        if not good:
            self.failed += 1
            print(f"{what}:", *(repr(item)[:400] for item in seen))

    def same(self, root, line):
        program, arguments, given = line
        host = subprocess.run([program, *arguments], input=given, capture_output=True,
                              timeout=TIMEOUT_S, env={}, check=False)
        guest = self.run(root, program, *arguments, given=given)
        self.check(f"{program} {arguments}",
                   (host.stdout, host.returncode) == (guest.stdout, guest.returncode),
                   (host.stdout, host.returncode), (guest.stdout, guest.returncode), guest.stderr)

    def refused(self, root, says, *arguments):
        result = self.run(root, *arguments)
        self.check(says, result.returncode == 125 and says in result.stderr.decode(),
                   result.returncode, result.stderr)


def check_python(checks, root, image):
    """The tree as a program sees it, and that what it writes is gone with the request."""
    for _ in range(2):
        result = checks.run(image, "python3", "-c", PYTHON_FILES)
        checks.check("files", (result.stdout.decode(), result.returncode) == (PYTHON_FILES_SAYS, 5),
                     result)
    result = checks.run(image, "--repeat=3", "python3", "-c",
                        "import sys; sys.stdin.read(); print(open('/etc/note').read());"
                        "open('/etc/note', 'a').write('gone')")
    checks.check("a request's files", result.stdout == b"a note\n\n", result)
    for given in (image, root):
        result = checks.run(given, "python3", "-c", PYTHON_STUB)
        checks.check("a library's call stubs", result.stdout == b"True 1\n", result)
    result = checks.run(image, "--env=PATH=/sbin:/usr/bin", "python3", "-c", "import os, sys; print(os.path.realpath("
                        "'/proc/self/exe'), sys.executable)")
    checks.check("names", result.stdout == b"/usr/bin/python3.11 /usr/bin/python3\n", result)


def write_layout(folder, layers):
    """Writes an OCI image layout whose layers hold these files: name -> text."""
    def layer(files):
        stream = io.BytesIO()
        with tarfile.open(fileobj=stream, mode="w:gz") as archive:
            for name, data in files.items():
                member = tarfile.TarInfo(name)
                member.size, member.mode = len(data), 0o755
                archive.addfile(member, io.BytesIO(data))
        return stream.getvalue()

    other = oci_layout.write_blob(folder, b'{"layers": []}') | {"platform": {"os": "linux", "architecture": "arm64"}}
    oci_layout.write_layout(folder, [layer(files) for files in layers],
                            platform={"os": "linux", "architecture": "amd64"}, others=[other])
    return folder / "blobs/sha256"


def check_layout(checks, root, folder):
    """Layers of a container's image, with what they take away."""
    program = next(line for line in LINES if os.path.exists(line[0]))
    files = {str(path.relative_to(root)): path.read_bytes() for path in sorted(root.rglob("*"))
             if path.is_file() and not path.is_symlink() and "python3.11/" not in str(path)}
    below = {"keep/zq-alpha": b"a", "keep/zq-beta": b"b", "all/zq-gamma": b"c", "zq-gone": b"d", "old": b"e"}
    above = {"all/zq-delta": b"f", "all/.wh..wh..opq": b"", "keep/.wh.zq-alpha": b"", ".wh.zq-gone": b"",
             "old": b"the upper one"}
    layout, image = folder / "layout", folder / "layout.img"
    blobs = write_layout(layout, [files | below, above])
    built = checks.command("root", "build", str(layout), "-o", str(image))
    checks.check("an OCI layout", built.returncode == 0, built)
    if os.path.basename(program[0]) in {pathlib.Path(name).name for name in files}:
        checks.same(image, program)
    names = image.read_bytes()
    there = [name for name in (b"\0zq-alpha\0", b"\0zq-beta\0", b"\0zq-gamma\0", b"\0zq-delta\0",
                               b"\0zq-gone\0", b".wh.", b"the upper one") if name in names]
    checks.check("what layers add and take away",
                 there == [b"\0zq-beta\0", b"\0zq-delta\0", b"the upper one"], there)
    for path in blobs.iterdir():
        path.write_bytes(path.read_bytes() + b" ")
    built = checks.command("root", "build", str(layout), "-o", str(image))
    checks.check("a damaged layout", built.returncode == 1 and b"digest is another" in built.stderr,
                 built)


def check_refusals(checks, root, image, folder):
    """What is wrong is said."""
    program = next(line[0] for line in LINES if os.path.exists(line[0]))
    checks.refused(image, "no program called 'none' in the root; looked in /usr", "none")
    checks.refused(image, "cannot find /none in the root", "/none")
    checks.refused(image, "is not an ELF program", "script")
    checks.refused(image, "it is not a regular file", "/data")
    checks.refused(folder / "none.img", "cannot open the root", program)
    spoilt = bytearray(image.read_bytes())
    spoilt[-5000] ^= 1
    (folder / "spoilt.img").write_bytes(spoilt)
    checks.refused(folder / "spoilt.img", "damaged", program)
    (folder / "cut.img").write_bytes(spoilt[:-4096])
    checks.refused(folder / "cut.img", "cut off", program)
    (folder / "noise").write_bytes(b"noise" * 1000)
    checks.refused(folder / "noise", "is no tar archive", program)
    bare = folder / "bare"
    (bare / "bin").mkdir(parents=True)
    shutil.copy2(program, bare / "bin/program")
    checks.refused(bare, "wants the interpreter /lib64/ld-linux-x86-64.so.2", "program")
    interpreter = root / "lib64/ld-linux-x86-64.so.2"
    (bare / "lib64").mkdir()
    shutil.copy2(interpreter, bare / "lib64")
    result = checks.run(bare, "program")
    checks.check("a missing library", result.returncode == 127 and
                 b"cannot open shared object file" in result.stderr and
                 re.search(rb"mayfly: error: \S+[.]so\S* was looked for in the root: in the program's RUNPATH.*"
                           rb"--root /", result.stderr), result)
    result = checks.run(bare, "--env=LD_LIBRARY_PATH=/opt/lib", "program")
    checks.check("where it was looked for", b"in LD_LIBRARY_PATH (/opt/lib), " in result.stderr, result)


def why_not(isolation):
    if isolation == "kvm" and not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return "/dev/kvm is not there, or not for this user"
    if not any(os.path.exists(line[0]) for line in LINES):
        return "none of " + ", ".join(sorted({line[0] for line in LINES})) + " is installed"
    return None


def main():
    mayfly, isolation = sys.argv[1:]
    reason = why_not(isolation)
    if reason:
        print(f"skipped: {reason}")
        return SKIPPED
    with tempfile.TemporaryDirectory(prefix="mayfly-root-") as name:
        folder = pathlib.Path(name)
        root, image, archive = folder / "root", folder / "root.img", folder / "root.tar.gz"
        checks = Checks(mayfly, isolation, str(folder / "cache"))
        lines = make_root(root)
        built = checks.command("root", "build", str(root), "-o", str(image))
        checks.check("root build", built.returncode == 0, built)
        for line in lines:
            checks.same(image, line)
        subprocess.run(["tar", "-C", str(root), "-czf", str(archive), "."], check=True)
        for other in (root, archive):
            checks.same(other, lines[0])
        checks.check("the cache", len(list((folder / "cache/roots").glob("*.img"))) == 1)
        if any(line[0] == PYTHON for line in lines):
            check_python(checks, root, image)
        check_layout(checks, root, folder)
        check_refusals(checks, root, image, folder)
    print(f"{isolation}: {checks.made} checks, {checks.failed} failed")
    return 1 if checks.failed else 0


if __name__ == "__main__":
    sys.exit(main())
