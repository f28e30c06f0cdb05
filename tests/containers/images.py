"""Images made from this machine's programs by umoci, without any registry."""
import os
import pathlib
import re
import shutil
import subprocess

from steps import must

BUSYBOX = "/bin/busybox"
PYTHON = "/usr/bin/python3.11"
LIBRARY = pathlib.Path("/usr/lib/python3.11")
APPLETS = ("sh", "cat", "echo", "env", "false", "head", "hostname", "id", "ip", "kill", "ls", "mkdir", "ps", "pwd",
           "seq", "sleep", "stat", "tar", "test", "touch", "true", "ulimit", "wc")
LEFT_OUT = ("__pycache__", "test", "idlelib", "ensurepip", "config-3.11*", "*.pyc", "lib2to3", "pydoc_data")


def base(tree):
    """What every image has: names of users, and places to mount on."""
    for folder in "etc", "tmp", "bin", "dev", "proc", "sys":
        (tree / folder).mkdir(parents=True, exist_ok=True)
    (tree / "tmp").chmod(0o1777)
    (tree / "etc/passwd").write_text("root:x:0:0::/:/bin/sh\nada:x:1000:1000::/tmp:/bin/sh\n", encoding="ascii")
    (tree / "etc/group").write_text("root:x:0:\nada:x:1000:\n", encoding="ascii")


def add_busybox(tree):
    shutil.copy(BUSYBOX, tree / "bin/busybox")
    for applet in APPLETS:
        (tree / "bin" / applet).symlink_to("busybox")


def needed_libraries(programs):
    printed = subprocess.run(["ldd", *programs], capture_output=True, text=True, check=False).stdout
    return sorted(set(re.findall(r"(/\S+\.so[.\d]*)", printed)))


def add_python(tree):
    destination = tree / LIBRARY.relative_to("/")
    shutil.copytree(LIBRARY, destination, symlinks=False, ignore_dangling_symlinks=True,
                    ignore=shutil.ignore_patterns(*LEFT_OUT))
    (tree / "usr/bin").mkdir(parents=True)
    shutil.copy(PYTHON, tree / "usr/bin/python3.11")
    (tree / "usr/bin/python3").symlink_to("python3.11")
    modules = [str(path) for path in (LIBRARY / "lib-dynload").glob("*.so")]
    for library in needed_libraries([PYTHON, *modules]):
        target = tree / library.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(os.path.realpath(library), target)


def add_hello(tree, hello):
    shutil.copy(hello, tree / "bin/hello")


class Images:
    """A layout of images in `folder`, and an archive of each that engines can load."""

    def __init__(self, folder, hello):
        self.folder, self.layout, self.hello = folder, folder / "layout", hello
        must("umoci", "init", "--layout", self.layout)

    def make(self, name, fill, *config):
        """Makes localhost/NAME:1 and returns its archive."""
        tree = self.folder / f"{name}.tree"
        base(tree)
        fill(tree)
        image = f"{self.layout}:{name}"
        must("umoci", "new", "--image", image)
        must("umoci", "insert", "--image", image, tree, "/")
        must("umoci", "config", "--image", image, *config)
        archive = self.folder / f"{name}.tar"
        must("skopeo", "copy", "--quiet", f"oci:{image}", f"oci-archive:{archive}:localhost/{name}:1")
        return archive

    def all(self):
        yield self.make("hello", lambda tree: add_hello(tree, self.hello), "--config.entrypoint=/bin/hello")
        yield self.make("box", add_busybox, "--config.cmd=/bin/sh", "--config.env=PATH=/bin:/usr/bin",
                        "--config.env=FROM_IMAGE=yes", "--config.workingdir=/tmp")
        yield self.make("python", lambda tree: (add_busybox(tree), add_python(tree)),
                        "--config.entrypoint=/usr/bin/python3", "--config.env=PATH=/bin:/usr/bin")
        yield self.make("pause", add_busybox, "--config.entrypoint=/bin/sleep", "--config.cmd=1000000")
