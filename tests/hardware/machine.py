"""Emulated machines: Debian's kernel for cloud machines, which is unpacked in the cache and never installed, and
QEMU with a file system in memory."""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

LIMIT = 600  # seconds for the emulated machine
KERNEL = "linux-image-cloud-amd64"


def cache_path(name):
    """The rule of paths_cache() in lib/util/paths.c."""
    for variable, below in (("MAYFLY_CACHE", ""), ("XDG_CACHE_HOME", "mayfly"),
                            ("HOME", ".cache/mayfly")):
        if os.environ.get(variable):
            return pathlib.Path(os.environ[variable], below, name)
    sys.exit("hardware: no cache directory: set HOME or XDG_CACHE_HOME")


def fetch_kernel():
    """The folder of an unpacked kernel package."""
    folder = cache_path("hardware-kernel")
    if folder.is_dir():
        return folder
    depends = subprocess.run(["apt-cache", "depends", KERNEL], check=True, text=True,
                             capture_output=True).stdout
    package = re.search(r"Depends: (linux-image-\S+)", depends)[1]
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as work:
        subprocess.run(["apt-get", "-qq", "download", package], cwd=work, check=True)
        archive, = pathlib.Path(work).glob("*.deb")
        subprocess.run(["dpkg-deb", "-x", archive, pathlib.Path(work, "root")], check=True)
        pathlib.Path(work, "root").rename(folder)
    return folder


def add(root, source, target):
    """Copies a file, and the shared libraries that it needs."""
    place = root / target.lstrip("/")
    place.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(source, place)
    libraries = subprocess.run(["ldd", source], text=True, capture_output=True, check=False)
    for library in re.findall(r"(/\S+) \(0x", libraries.stdout):
        if not (root / library.lstrip("/")).exists():
            add(root, library, library)


def add_modules(root, kernel, names):
    """Copies modules of the kernel, by their paths, to /modules."""
    modules, = (kernel / "lib" / "modules").iterdir()
    for name in names:
        add(root, modules / "kernel" / f"{name}.ko", f"/modules/{name.rpartition('/')[2]}.ko")


def pack(root, archive):
    """Makes an initial RAM disk of a folder."""
    names = "\0".join(str(path.relative_to(root)) for path in sorted(root.rglob("*")))
    with open(archive, "wb") as out:
        subprocess.run(["cpio", "--null", "--create", "--format=newc", "--quiet"], cwd=root,
                       input=names.encode(), stdout=out, check=True)


def boot(kernel, root, work, words="", devices=(), limit=LIMIT):
    """Boots the machine, with further words for its kernel and for QEMU, and returns what it printed."""
    archive = work / "root.cpio"
    pack(root, archive)
    image, = (kernel / "boot").glob("vmlinuz-*")
    # Without SMAP: QEMU 7.2 takes the stack accesses of an IRET in ring 3 for the kernel's. It executes
    # RDSEED, which CPUID names only when forced.
    command = ["qemu-system-x86_64", "-accel", "tcg", "-cpu", "max,+svm,+npt,-smap,+rdseed,x-force-features=on",
               "-m", "1024", "-machine", "q35", "-nodefaults", "-display", "none", "-serial", "stdio",
               "-no-reboot", "-kernel", image, "-initrd", archive,
               "-append", "console=ttyS0 quiet panic=-1 mitigations=off tsc=reliable "
               # Where this machine is busy, the kernel finds its timer too slow, and ends.
               f"no_timer_check {words}", *devices]
    try:
        return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              errors="replace", timeout=limit, check=False).stdout
    except subprocess.TimeoutExpired as error:
        return f"{(error.stdout or b'').decode(errors='replace')}\nnot ok: the machine has not ended in {limit} s\n"
