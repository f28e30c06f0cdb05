#!/usr/bin/env python3
"""Packs a function written in Python into a root image: `mayfly root python` runs this.

    pack.py DIR|FILE.py -o IMAGE --mayfly=COMMAND --library=LIBVACCEL [--python=PYTHON] [--handler]
    pack.py --lock DIR [--python=PYTHON]           only writes requirements.txt from requirements.in
    pack.py --fetch DIR [--python=PYTHON]          only gets the packages that DIR wants
    pack.py --unpack FOLDER DIR [--python=PYTHON]  only unpacks them into FOLDER

DIR has handler.py, a module with handle(request), and what that imports. Requests are bytes, or with
--handler, or where handler.py says `def handle(request: mayfly.Request)`, HTTP from a gateway.
requirements.txt beside it names packages with their hashes, as --lock writes it, or pip-compile
--generate-hashes. Their wheels are fetched by name through pip, kept in the cache and checked against
the hashes whenever they are used: what is there needs no network. FILE.py stands for itself.

What goes into the image: the interpreter and its standard library from this machine with the shared
libraries that they need, the wheels, the function, and Mayfly's modules. Everything is compiled, so
that no clone does it.
"""

import argparse
import ast
import contextlib
import hashlib
import json
import os
import pathlib
import re
import shutil
import stat
import subprocess
import sys
import tarfile
import tempfile
import unicodedata

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "models"))
sys.dont_write_bytecode = True  # beside what is installed
import fetch  # pylint: disable=wrong-import-position  # the cache, and children that show progress

MODULE = "handler"
REQUIREMENTS, WANTED = "requirements.txt", "requirements.in"
PYTHON = "/usr/bin/python3"
# Parts of the standard library that no function needs: tests, editors, windows, installers.
LEFT_OUT = {"test", "tests", "idlelib", "tkinter", "turtledemo", "ensurepip", "lib2to3",
            "site-packages", "dist-packages", "pydoc_data"}
# Loaded by name when a thread ends, so that ldd does not see it.
LIBRARIES_BY_NAME = ["libgcc_s.so.1"]
# Where things are in the image.
FUNCTION, PACKAGES, DESCRIPTION = "/function", "/packages", "/etc/mayfly/function.json"
VACCEL = "/usr/lib/libvaccel.so.0"
# Runs when the interpreter starts: how programs end (mayfly_end.py).
END, STARTS = "mayfly_end", f"import mayfly_end; mayfly_end.install({PACKAGES!r})\n"

ASK = """
import json, os, site, sys, sysconfig
print(json.dumps({"program": os.path.realpath(sys.executable),
                  "library": os.path.realpath(sysconfig.get_path("stdlib")),
                  "site": site.getsitepackages([sys.base_prefix])[0],
                  "tag": sys.implementation.cache_tag}))
"""


def printable(text):
    """Names may come from strangers: a terminal gets nothing that it would obey."""
    return "".join("?" if unicodedata.category(one) in ("Cc", "Cf", "Cs", "Zl", "Zp") and
                   one not in "\n\t" else one for one in text)


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
        self.site, self.tag = answer["site"], answer["tag"]

    def pip(self, folder, *words):
        """In a folder where no word can be taken for the name of a file."""
        if fetch.attempt([self.command, "-I", "-c", "import pip"], self.progress)[0]:
            raise PackError(f"{self.command} has no pip, which fetches packages: install it "
                            f"(apt-get install python3-pip)")
        command = os.path.abspath(self.command) if os.sep in self.command else self.command
        fetch.run([command, "-m", "pip", "--disable-pip-version-check",
                   "--no-python-version-warning", *words], self.progress, cwd=folder)

    def compile(self, folder, place):
        """Compiles all below `folder`, which will be at `place`. What does not compile is
        returned, as text."""
        words = ["-m", "compileall", "-q", "-s", str(folder), "-p", place,
                 "--invalidation-mode=unchecked-hash", str(folder)]
        status, output = fetch.attempt([self.command, "-I", *words], self.progress,
                                       stderr=subprocess.DEVNULL)
        return output if status else ""

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
    _, listing = fetch.attempt(["ldd", *map(str, files)], progress, stderr=subprocess.DEVNULL)
    for name in sorted(set(re.findall(r"^\s*(\S+) => not found", listing, re.MULTILINE))):
        progress.clear()
        print(f"mayfly: root: the library {name} is not on this machine: modules that need it "
              f"cannot be imported", file=sys.stderr)
    found = set(re.findall(r"(/\S+) \(0x", listing))
    folders = {os.path.dirname(path) for path in found}
    for name in LIBRARIES_BY_NAME:
        found |= {path for path in (f"{folder}/{name}" for folder in folders)
                  if os.path.exists(path)}
    return found


NAME = r"[A-Za-z0-9][\w.-]*\s*(\[[\w., -]*\])?\s*"
MARKER = r"(;[\w\s.,'\"<>=!()~+*-]*)?"
PINNED = re.compile(rf"{NAME}===?\s*[\w.!+*-]+\s*{MARKER}(\s+--hash=\w+:[0-9a-f]+)+"
                    r"|(-i|--index-url|--extra-index-url)[ =]\s*[^\s$]+", re.ASCII)
NAMED = re.compile(rf"{NAME}([<>=!~]=?=?\s*[\w.+*-]+\s*,?\s*)*{MARKER}", re.ASCII)


def read_requirements(requirements, form):
    """Its lines, less comments, or None and the first line that does not have the form."""
    lines = []
    for line in requirements.read_text("utf-8", "replace").replace("\\\n", " ").splitlines():
        wanted = " ".join(line.partition("#")[0].split())
        if wanted and not form.fullmatch(wanted):
            return None, wanted
        lines.append(wanted)
    return lines, ""


@contextlib.contextmanager
def plain_requirements(requirements, form, says):
    """A file that says to pip what the given one says to us, in a folder of its own. A function from
    a stranger must not name folders, addresses or options: pip would run programs of his."""
    lines, wrong = read_requirements(requirements, form)
    if lines is None:
        raise PackError(f"{requirements}: \"{wrong}\" {says}")
    with tempfile.TemporaryDirectory() as folder:
        plain = pathlib.Path(folder).resolve() / "requirements.txt"
        plain.write_text("".join(f"{line}\n" for line in lines), "ascii")
        yield plain


def pinned_requirements(requirements):
    return plain_requirements(
        requirements, PINNED,
        f"needs a version and a hash, as in NAME==1.2.3 --hash=sha256:...: write the packages' "
        f"names into {requirements.with_name(WANTED)} and run mayfly root python --lock, which "
        f"finds versions and hashes")


def is_shared_object(path):
    return ".so" in path.suffixes


# ---- packages ----

def replace_file(path, text):
    with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False) as file:
        try:
            file.write(text)
            file.flush()
            os.chmod(file.name, 0o644)
            os.replace(file.name, path)
        except BaseException:
            os.unlink(file.name)
            raise


def lock(source, interpreter, progress):
    """Writes requirements.txt from requirements.in: each package that is needed, with the version
    and hash that pip chooses for this interpreter today."""
    wanted = source / WANTED
    if not wanted.is_file():
        raise PackError(f"there is no {wanted}: write the names of the packages into it, one a "
                        f"line; a version as in NAME==1.2.3 is taken as it is")
    progress.step(f"looking for what {wanted} names")
    with plain_requirements(wanted, NAMED, "is no name of a package, with or without a version: "
                            "write one a line") as plain:
        report = plain.with_name("report.json")
        try:
            interpreter.pip(plain.parent, "install", "--dry-run", "--ignore-installed",
                            "--only-binary=:all:", "--target", str(plain.parent), "--report",
                            str(report), "-r", str(plain))
        except fetch.FetchError as error:
            raise PackError(f"{wanted}: {error}") from error
        chosen = json.loads(report.read_text())["install"]
    lines = sorted(f"{package['metadata']['name']}=={package['metadata']['version']} "
                   f"--hash=sha256:{package['download_info']['archive_info']['hashes']['sha256']}"
                   for package in chosen)
    replace_file(source / REQUIREMENTS, "".join(f"{line}\n" for line in [
        f"# Written by mayfly root python --lock, from {WANTED}.", *lines]))
    progress.clear()
    print(f"{source / REQUIREMENTS}: {len(chosen)} packages")
    return 0


class Packages:
    """The wheels that a requirements file names, for one interpreter."""

    def __init__(self, requirements, interpreter, progress):
        self.requirements, self.interpreter, self.progress = requirements, interpreter, progress
        self.cache = fetch.Cache(fetch.cache_root(), progress)
        key = hashlib.sha256(requirements.read_bytes() + interpreter.tag.encode()).hexdigest()[:12]
        self.wheels = self.cache.root / "downloads" / f"python-{key}"

    def fetch(self):
        with pinned_requirements(self.requirements) as plain:
            if not self.wheels.exists():
                self._download(plain)

    def _download(self, plain):
        with self.cache.locked():
            if self.wheels.exists():
                return
            self.progress.step(f"downloading what {self.requirements} names")
            aside = (self.cache.staging / "wheels").resolve()
            try:
                self.interpreter.pip(plain.parent, "download", "--require-hashes",
                                     "--only-binary=:all:", "-d", str(aside), "-r", str(plain))
            except fetch.FetchError as error:
                raise PackError(f"{self.requirements}: {error}") from error
            self.wheels.parent.mkdir(exist_ok=True)
            aside.replace(self.wheels)

    def install(self, folder):
        """Unpacks the wheels; pip checks each against its hash."""
        self.fetch()
        self.progress.step(f"unpacking what {self.requirements} names")
        try:
            with pinned_requirements(self.requirements) as plain:
                self.interpreter.pip(
                    plain.parent, "install", "--isolated", "--no-index", "--require-hashes",
                    "--only-binary=:all:", "--no-compile", "--find-links",
                    str(self.wheels.resolve()), "--target", str(folder.resolve()), "-r", str(plain))
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


def wants_http(module):
    """Whether the parameter of its handle() is annotated as a mayfly.Request. Nothing is run for that."""
    try:
        parts = ast.parse(module.read_bytes()).body
    except (SyntaxError, ValueError):
        return False  # the interpreter that is packed may be another one
    for part in parts:
        if isinstance(part, ast.FunctionDef) and part.name == "handle" and part.args.args:
            annotation = part.args.args[0].annotation
            text = annotation.value if isinstance(annotation, ast.Constant) else \
                annotation and ast.unparse(annotation)
            return str(text).rpartition(".")[2] == "Request"
    return False


def is_product(path):
    """A root image or snapshot file: what is made of a function often lies beside it."""
    if not path.is_file():
        return False
    with open(path, "rb") as file:
        return file.read(8) in (b"MFLYROOT", b"MAYFLYSN")


def is_left_out(path):
    return path.name.startswith(".") or path.name == "__pycache__" or is_product(path)


def link_target(link, top):
    """What a link below `top` says in the image, where the function lies elsewhere: the same, or
    the way from it. A function from a stranger must not take files of its user along."""
    if not link.resolve().is_relative_to(top):
        raise PackError(f"{link} is a link to {os.readlink(link)}, which is not below {top}: put a "
                        f"copy of that file or folder there instead")
    target = os.readlink(link)
    return os.path.relpath(target, link.parent) if os.path.isabs(target) else target


def copy_function(source, folder, progress):
    """Copies the function's files, less hidden ones and images; links stay links. Returns its
    module."""
    folder.mkdir()
    if source.is_file():
        shutil.copy2(source, folder)
        return source.stem
    top = source.resolve()
    for here, folders, names in os.walk(top):
        there = folder / pathlib.Path(here).relative_to(top)
        kept = []
        progress.ending.heed()
        for path in sorted(pathlib.Path(here, name) for name in folders + names):
            kind = path.lstat().st_mode
            if stat.S_ISLNK(kind) and not path.name.startswith("."):
                os.symlink(link_target(path, top), there / path.name)
            elif is_left_out(path):
                continue
            elif stat.S_ISDIR(kind):
                kept.append(path.name)
                (there / path.name).mkdir()  # what is compiled is written beside it
            elif stat.S_ISREG(kind):
                shutil.copy2(path, there)
            else:
                raise PackError(f"{path} is neither a file nor a folder nor a link")
        folders[:] = kept
    return MODULE


class Tree:
    """The tree as a tar archive."""

    def __init__(self, path, progress):
        self.archive, self.progress = tarfile.open(path, "w"), progress
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
        self.progress.ending.heed()
        if place not in self.names:
            self.names.add(place)
            self.archive.add(os.path.realpath(path), place.lstrip("/"), recursive=False,
                             filter=self._own)

    def add_folder(self, folder, place):
        """A folder's files; its links as links."""
        for here, folders, names in os.walk(folder):
            folders.sort()
            for name in sorted(folders + names):
                path = pathlib.Path(here, name)
                if path.is_symlink():
                    self.link(f"{place}/{path.relative_to(folder)}", os.readlink(path))
                elif not path.is_dir():
                    self.add(path, f"{place}/{path.relative_to(folder)}")

    def link(self, place, target):
        member = tarfile.TarInfo(place.lstrip("/"))
        member.type, member.linkname = tarfile.SYMTYPE, target
        self.archive.addfile(member)


def describe(interpreter, module, is_handler):
    """What is to be run, and for whoever deploys it: how it takes its requests."""
    return {"command": [str(interpreter.program), "-m", "mayfly",
                        *(["--handler"] if is_handler else []), module],
            "environment": [f"PYTHONPATH={FUNCTION}:{PACKAGES}"],
            "contract": "handler" if is_handler else "stdio"}


def write_tree(path, interpreter, staging, library, description):
    """Everything that the image will hold."""
    (staging / "function.json").write_text(json.dumps(description, indent=2) + "\n")
    own = [interpreter.program, *interpreter.library_files()]
    objects = [interpreter.program, library, *filter(is_shared_object, own),
               *filter(is_shared_object, (staging / "packages").rglob("*")),
               *filter(is_shared_object, (staging / "function").rglob("*"))]
    with Tree(path, interpreter.progress) as tree:
        for file in own:
            tree.add(file, str(file))
        if interpreter.program.name != "python3":
            tree.link(str(interpreter.program.parent / "python3"), interpreter.program.name)
        for file in sorted(shared_libraries(objects, interpreter.progress)):
            if not file.startswith(str(staging)):
                tree.add(file, file)
        tree.add_folder(staging / "packages", PACKAGES)
        tree.add_folder(staging / "function", FUNCTION)
        tree.add_folder(staging / "site", interpreter.site)
        tree.add(library, VACCEL)
        tree.add(staging / "function.json", DESCRIPTION)


def pack(arguments, interpreter, staging, progress):
    """Returns the status of what makes the image."""
    source, output = arguments.source, arguments.output
    packages, function = staging / "packages", staging / "function"
    packages.mkdir()
    module = copy_function(source, function, progress)
    requirements = function / REQUIREMENTS
    if requirements.is_file():
        Packages(source / REQUIREMENTS, interpreter, progress).install(packages)
    progress.step("compiling")
    for package in ("mayfly", "vaccel"):
        shutil.copytree(HERE / package, packages / package,
                        ignore=shutil.ignore_patterns("__pycache__"))
    (staging / "site").mkdir()
    shutil.copy2(HERE / f"{END}.py", staging / "site")
    (staging / "site" / f"{END}.pth").write_text(STARTS)
    interpreter.compile(staging / "site", interpreter.site)
    # Some packages have files that are for another version of Python.
    interpreter.compile(packages, PACKAGES)
    trouble = interpreter.compile(function, FUNCTION)
    if trouble:
        raise PackError(f"{source} does not compile:\n{trouble.rstrip()}")
    progress.step("collecting files")
    archive = staging / "tree.tar"
    is_handler = arguments.handler or wants_http(function / f"{module}.py")
    write_tree(archive, interpreter, staging, arguments.library,
               describe(interpreter, module, is_handler))
    progress.step("packing")
    progress.clear()
    progress.drawn = False  # it says itself what it made, or what went wrong
    status, _ = fetch.attempt([arguments.mayfly, "root", "build", str(archive), "-o", str(output)],
                              progress, last=True, stdout=None, stderr=None)
    if not status:
        print(printable(f"{output}: programs in it end without the destruction of libraries, unless "
                        f"MAYFLY_FULL_END=1 is in their environment"), flush=True)
    return status


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
    if not only_packages and not arguments.lock:
        check_places(arguments.source, arguments.output)
    interpreter = Interpreter(arguments.python, progress)
    # Whoever ends this leaves nothing behind: all temporary files, pip's included, are in here.
    with tempfile.TemporaryDirectory(prefix="mayfly-python-") as name:
        os.environ["TMPDIR"] = tempfile.tempdir = name
        if arguments.lock:
            return lock(arguments.source, interpreter, progress)
        if only_packages:
            return unpack(arguments, interpreter, progress)
        return pack(arguments, interpreter, pathlib.Path(name).resolve(), progress)


def main():
    parser = argparse.ArgumentParser(description="Pack a Python function into a root image.")
    parser.add_argument("source", type=pathlib.Path, help="a folder with handler.py, or a file")
    parser.add_argument("-o", "--output", type=pathlib.Path)
    parser.add_argument("--lock", action="store_true",
                        help="only find versions and hashes of the packages")
    parser.add_argument("--fetch", action="store_true", help="only get the packages")
    parser.add_argument("--unpack", type=pathlib.Path, metavar="FOLDER",
                        help="only unpack the packages, to run the function without Mayfly")
    parser.add_argument("--handler", action="store_true",
                        help="its handle() takes HTTP requests, whatever it says itself")
    parser.add_argument("--mayfly", help="the command that makes images")
    parser.add_argument("--library", type=pathlib.Path, help="the guest's libvaccel.so")
    parser.add_argument("--python", default=PYTHON, help="the interpreter to pack (%(default)s)")
    arguments = parser.parse_args()
    packs = arguments.output and arguments.mayfly and arguments.library
    if not (arguments.lock or arguments.fetch or arguments.unpack or packs):
        parser.error("give --lock, --fetch, --unpack, or --output, --mayfly and --library")
    progress = fetch.Progress()
    progress.ending.catch()
    try:
        status = work(arguments, progress)
        progress.ending.ignore()
        sys.exit(status)
    except KeyboardInterrupt:
        progress.clear()
        sys.exit("mayfly: root: interrupted")
    except OSError as error:
        progress.clear()
        sys.exit(printable(f"mayfly: root: {error.filename or arguments.source}: {error.strerror}"))
    except (fetch.FetchError, tarfile.TarError) as error:
        progress.clear()
        sys.exit(printable(f"mayfly: root: {error}"))


if __name__ == "__main__":
    main()
