#!/usr/bin/env python3
"""Packs a function written in Python into a root image: `mayfly root python` runs this.

    pack.py DIR|FILE.py -o IMAGE --mayfly=COMMAND --library=LIBVACCEL [--python=PYTHON]
    pack.py --fetch DIR [--python=PYTHON]          only gets the packages that DIR wants
    pack.py --unpack FOLDER DIR [--python=PYTHON]  only unpacks them into FOLDER

DIR has handler.py, a module with handle(request), and what that imports; requirements.txt beside it
names packages with their hashes, as `pip-compile --generate-hashes` writes it. Their wheels are
fetched by name through pip, kept in the cache and checked against the hashes whenever they are
used: what is there needs no network. FILE.py stands for itself.

What goes into the image: the interpreter and its standard library from this machine with the shared
libraries that they need, the wheels, the function, and Mayfly's modules. Everything is compiled, so
that no clone does it.
"""

import argparse
import hashlib
import json
import os
import pathlib
import re
import shutil
import signal
import stat
import subprocess
import sys
import tarfile
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "models"))
sys.dont_write_bytecode = True  # beside what is installed
import fetch  # pylint: disable=wrong-import-position  # the cache, and children that show progress

MODULE = "handler"
REQUIREMENTS = "requirements.txt"
PYTHON = "/usr/bin/python3"
# Parts of the standard library that no function needs: tests, editors, windows, installers.
LEFT_OUT = {"test", "tests", "idlelib", "tkinter", "turtledemo", "ensurepip", "lib2to3",
            "site-packages", "dist-packages", "pydoc_data"}
# Loaded by name when a thread ends, so that ldd does not see it.
LIBRARIES_BY_NAME = ["libgcc_s.so.1"]
# Where things are in the image.
FUNCTION, PACKAGES, DESCRIPTION = "/function", "/packages", "/etc/mayfly/function.json"
VACCEL = "/usr/lib/libvaccel.so.0"
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

ASK = """
import json, os, sys, sysconfig
print(json.dumps({"program": os.path.realpath(sys.executable),
                  "library": os.path.realpath(sysconfig.get_path("stdlib")),
                  "tag": sys.implementation.cache_tag}))
"""


class PackError(fetch.FetchError):
    """One line for the user: what is wrong, and what to do."""


# ---- the interpreter ----

class Interpreter:
    """A Python of this machine."""

    def __init__(self, command, progress):
        self.command, self.progress = command, progress
        if shutil.which(command) is None:
            raise PackError(f"there is no interpreter {command}: install it (apt-get install "
                            f"python3), or name one by --python")
        try:
            answer = json.loads(fetch.run([command, "-I", "-c", ASK], progress))
        except ValueError as error:
            raise PackError(f"{command} is no Python 3") from error
        self.program, self.library = (pathlib.Path(answer[name]) for name in ("program", "library"))
        self.tag = answer["tag"]

    def pip(self, *words):
        if subprocess.run([self.command, "-I", "-c", "import pip"], capture_output=True,
                          check=False).returncode:
            raise PackError(f"{self.command} has no pip, which fetches packages: install it "
                            f"(apt-get install python3-pip)")
        fetch.run([self.command, "-m", "pip", "--disable-pip-version-check",
                   "--no-python-version-warning", *words], self.progress)

    def compile(self, folder, place):
        """Compiles all below `folder`, which will be at `place`. What does not compile is
        returned, as text."""
        words = ["-m", "compileall", "-q", "-s", str(folder), "-p", place,
                 "--invalidation-mode=unchecked-hash", str(folder)]
        done = subprocess.run([self.command, "-I", *words], capture_output=True, text=True,
                              check=False)
        return "" if done.returncode == 0 else done.stdout

    def library_files(self):
        """The standard library, and what of it is compiled already."""
        for folder, folders, names in os.walk(self.library):
            folders[:] = sorted(name for name in folders
                                if name not in LEFT_OUT and not name.startswith("config-"))
            for name in sorted(names):
                compiled = name.endswith(".pyc")
                if not compiled or name.endswith(f".{self.tag}.pyc"):
                    yield pathlib.Path(folder, name)


def shared_libraries(files, progress):
    """The shared libraries of this machine that programs and libraries need, by ldd."""
    listing = subprocess.run(["ldd", *map(str, files)], capture_output=True, text=True, check=False)
    for name in sorted(set(re.findall(r"^\s*(\S+) => not found", listing.stdout, re.MULTILINE))):
        progress.clear()
        print(f"mayfly: root: the library {name} is not on this machine: modules that need it "
              f"cannot be imported", file=sys.stderr)
    found = set(re.findall(r"(/\S+) \(0x", listing.stdout))
    folders = {os.path.dirname(path) for path in found}
    for name in LIBRARIES_BY_NAME:
        found |= {path for path in (f"{folder}/{name}" for folder in folders)
                  if os.path.exists(path)}
    return found


def check_requirements(requirements):
    """Finds without a network what pip would refuse."""
    text = requirements.read_text().replace("\\\n", " ")
    for line in text.splitlines():
        wanted = line.partition("#")[0].strip()
        if wanted and not wanted.startswith("-") and ("==" not in wanted or
                                                      "--hash=" not in wanted):
            raise PackError(f"{requirements}: \"{wanted}\" needs a version and a hash, as in "
                            f"NAME==1.2.3 --hash=sha256:...; pip-compile --generate-hashes writes "
                            f"them, for all that is needed besides, too")


def is_shared_object(path):
    return ".so" in path.suffixes


# ---- packages ----

class Packages:
    """The wheels that a requirements file names, for one interpreter."""

    def __init__(self, requirements, interpreter, progress):
        self.requirements, self.interpreter, self.progress = requirements, interpreter, progress
        self.cache = fetch.Cache(fetch.cache_root(), progress)
        key = hashlib.sha256(requirements.read_bytes() + interpreter.tag.encode()).hexdigest()[:12]
        self.wheels = self.cache.root / "downloads" / f"python-{key}"

    def fetch(self):
        check_requirements(self.requirements)
        if self.wheels.exists():
            return
        with self.cache.locked():
            if self.wheels.exists():
                return
            self.progress.step(f"downloading what {self.requirements} names")
            aside = self.cache.staging / "wheels"
            try:
                self.interpreter.pip("download", "--require-hashes", "--only-binary=:all:", "-d",
                                     str(aside), "-r", str(self.requirements))
            except fetch.FetchError as error:
                raise PackError(f"{self.requirements}: {error}") from error
            self.wheels.parent.mkdir(exist_ok=True)
            aside.replace(self.wheels)

    def install(self, folder):
        """Unpacks the wheels; pip checks each against its hash."""
        self.fetch()
        self.progress.step(f"unpacking what {self.requirements} names")
        try:
            self.interpreter.pip("install", "--isolated", "--no-index", "--require-hashes",
                                 "--no-compile", "--find-links", str(self.wheels), "--target",
                                 str(folder), "-r", str(self.requirements))
        except fetch.FetchError as error:
            raise PackError(f"{error}; where a file in {self.wheels} is damaged, delete that "
                            f"directory and try again") from error
        shutil.rmtree(folder / "bin", ignore_errors=True)  # programs for a shell


# ---- the function and the tree ----

def check_places(source, output):
    if not output.parent.is_dir():
        raise PackError(f"cannot write {output}: {output.parent} is no directory")
    if source.is_file() and source.suffix == ".py":
        if not source.stem.isidentifier():
            raise PackError(f"{source}: a module's name is letters, digits and _")
        return
    if not source.exists():
        raise PackError(f"cannot find {source}")
    if not (source / f"{MODULE}.py").is_file():
        raise PackError(f"{source} has no {MODULE}.py with handle(request) in it; give a folder "
                        f"with one, or a file NAME.py")


def is_product(path):
    """A root image or snapshot file: what is made of a function often lies beside it."""
    if not path.is_file():
        return False
    with open(path, "rb") as file:
        return file.read(8) in (b"MFLYROOT", b"MAYFLYSN")


def copy_function(source, folder):
    """Copies the function's files, less hidden ones and images; returns its module."""
    if source.is_file():
        folder.mkdir()
        shutil.copy2(source, folder)
        return source.stem
    shutil.copytree(source, folder, ignore=lambda here, names: [
        name for name in names if name.startswith(".") or name == "__pycache__" or
        is_product(pathlib.Path(here, name))])
    for here, _, _ in os.walk(folder):  # what is compiled is written beside it
        os.chmod(here, os.stat(here).st_mode | stat.S_IWUSR)
    return MODULE


class Tree:
    """The tree as a tar archive."""

    def __init__(self, path):
        self.archive = tarfile.open(path, "w")
        self.names = set()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.archive.close()

    def _own(self, member):
        member.uid = member.gid = 0
        member.uname = member.gname = ""
        return member

    def add(self, path, place):
        """A file of this machine, links followed, and its permissions."""
        if place not in self.names:
            self.names.add(place)
            self.archive.add(os.path.realpath(path), place.lstrip("/"), recursive=False,
                             filter=self._own)

    def add_folder(self, folder, place):
        for here, folders, names in os.walk(folder, followlinks=True):
            folders.sort()
            for name in sorted(names):
                path = pathlib.Path(here, name)
                self.add(path, f"{place}/{path.relative_to(folder)}")

    def link(self, place, target):
        member = tarfile.TarInfo(place.lstrip("/"))
        member.type, member.linkname = tarfile.SYMTYPE, target
        self.archive.addfile(member)


def write_tree(path, interpreter, staging, library, module):
    """Everything that the image will hold."""
    description = {"command": [str(interpreter.program), "-m", "mayfly", module],
                   "environment": [f"PYTHONPATH={FUNCTION}:{PACKAGES}"]}
    (staging / "function.json").write_text(json.dumps(description, indent=2) + "\n")
    own = [interpreter.program, *interpreter.library_files()]
    objects = [interpreter.program, library, *filter(is_shared_object, own),
               *filter(is_shared_object, (staging / "packages").rglob("*")),
               *filter(is_shared_object, (staging / "function").rglob("*"))]
    with Tree(path) as tree:
        for file in own:
            tree.add(file, str(file))
        if interpreter.program.name != "python3":
            tree.link(str(interpreter.program.parent / "python3"), interpreter.program.name)
        for file in sorted(shared_libraries(objects, interpreter.progress)):
            if not file.startswith(str(staging)):
                tree.add(file, file)
        tree.add_folder(staging / "packages", PACKAGES)
        tree.add_folder(staging / "function", FUNCTION)
        tree.add(library, VACCEL)
        tree.add(staging / "function.json", DESCRIPTION)


def pack(arguments, interpreter, staging, progress):
    """Returns the status of what makes the image."""
    source, output = arguments.source, arguments.output
    packages, function = staging / "packages", staging / "function"
    packages.mkdir()
    module = copy_function(source, function)
    requirements = function / REQUIREMENTS
    if requirements.is_file():
        Packages(source / REQUIREMENTS, interpreter, progress).install(packages)
    progress.step("compiling")
    shutil.copytree(HERE / "mayfly", packages / "mayfly",
                    ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy2(HERE / "vaccel.py", packages)
    # Some packages have files that are for another version of Python.
    interpreter.compile(packages, PACKAGES)
    trouble = interpreter.compile(function, FUNCTION)
    if trouble:
        raise PackError(f"{source} does not compile:\n{trouble.rstrip()}")
    progress.step("collecting files")
    archive = staging / "tree.tar"
    write_tree(archive, interpreter, staging, arguments.library, module)
    progress.step("packing")
    progress.clear()
    # It says itself what it made, or what went wrong.
    return subprocess.run([arguments.mayfly, "root", "build", str(archive), "-o", str(output)],
                          check=False).returncode


def unpack(arguments, interpreter, progress):
    packages = Packages(arguments.source / REQUIREMENTS, interpreter, progress)
    packages.fetch()
    if arguments.unpack:
        packages.install(arguments.unpack)
        interpreter.compile(arguments.unpack, str(arguments.unpack.resolve()))
    progress.clear()
    return 0


def work(arguments, progress):
    only_packages = arguments.fetch or arguments.unpack
    if not only_packages:
        check_places(arguments.source, arguments.output)
    interpreter = Interpreter(arguments.python, progress)
    # Whoever ends this leaves nothing behind, pip's own temporary files included.
    signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
    with tempfile.TemporaryDirectory(prefix="mayfly-python-") as name:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)
        os.environ["TMPDIR"] = name
        if only_packages:
            return unpack(arguments, interpreter, progress)
        return pack(arguments, interpreter, pathlib.Path(name).resolve(), progress)


def main():
    parser = argparse.ArgumentParser(description="Pack a Python function into a root image.")
    parser.add_argument("source", type=pathlib.Path, help="a folder with handler.py, or a file")
    parser.add_argument("-o", "--output", type=pathlib.Path)
    parser.add_argument("--fetch", action="store_true", help="only get the packages")
    parser.add_argument("--unpack", type=pathlib.Path, metavar="FOLDER",
                        help="only unpack the packages, to run the function without Mayfly")
    parser.add_argument("--mayfly", help="the command that makes images")
    parser.add_argument("--library", type=pathlib.Path, help="the guest's libvaccel.so")
    parser.add_argument("--python", default=PYTHON, help="the interpreter to pack (%(default)s)")
    arguments = parser.parse_args()
    packs = arguments.output and arguments.mayfly and arguments.library
    if not (arguments.fetch or arguments.unpack or packs):
        parser.error("give --fetch, --unpack, or --output, --mayfly and --library")
    for number in ENDING:
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler)
    progress = fetch.Progress()
    try:
        sys.exit(work(arguments, progress))
    except KeyboardInterrupt:
        progress.clear()
        sys.exit("mayfly: root: interrupted")
    except OSError as error:
        progress.clear()
        sys.exit(f"mayfly: root: {error.filename or arguments.source}: {error.strerror}")
    except (fetch.FetchError, tarfile.TarError) as error:
        progress.clear()
        sys.exit(f"mayfly: root: {error}")


if __name__ == "__main__":
    main()
