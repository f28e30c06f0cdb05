#!/usr/bin/env python3
"""Images of containers, and directories to start in: as docker run has it.

usage: test_images.py MAYFLY ISOLATION
The images have Debian's static busybox in them. Exits with 77, saying why, where that or the isolation
is missing.
"""

import gzip
import io
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
import unittest

import oci_layout

MAYFLY = pathlib.Path(sys.argv.pop(1)).resolve()
ISOLATION = sys.argv.pop(1)
BUSYBOX = pathlib.Path("/bin/busybox")
LIMIT = 120  # seconds for one command
SKIP = 77
# A guest has one process: what a shell does not do itself cannot be had.
IDS = "while read key id rest; do case $key in Uid:|Gid:) echo $id;; esac; done </proc/self/status"
SHOW = f"echo $A $B; pwd; {IDS}; echo \"$@\""


def layer(files):
    """A tar archive of name -> contents; None is a directory, and bytes that begin with ELF run."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name, contents in files.items():
            info = tarfile.TarInfo(name)
            info.mode = 0o755
            if contents is None:
                info.type = tarfile.DIRTYPE
            else:
                info.size = len(contents)
            archive.addfile(info, io.BytesIO(contents or b""))
    return stream.getvalue()


FILES = {"bin/busybox": BUSYBOX.read_bytes() if BUSYBOX.exists() else b"", "data/deep": None,
         "etc/passwd": b"root:x:0:0::/:/bin/sh\nada:x:1234:55::/:/bin/sh\n",
         "etc/group": b"root:x:0:\nfolk:x:77:\n"}


def write_layout(folder, config, files=None):
    """An OCI image layout with one layer."""
    return oci_layout.write_layout(folder, [gzip.compress(layer(files or FILES))], config)


class WithFolder(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name).resolve()
        self.environment = {**os.environ, "MAYFLY_CACHE": str(self.folder / "cache")}

    def mayfly(self, *arguments, cwd=None):
        return subprocess.run([MAYFLY, *map(str, arguments)], text=True, capture_output=True,
                              timeout=LIMIT, stdin=subprocess.DEVNULL, env=self.environment,
                              cwd=cwd, check=False)

    def run_it(self, *arguments, cwd=None):
        return self.mayfly("run", f"--isolation={ISOLATION}", f"--timeout={LIMIT}s", *arguments, cwd=cwd)

    def says(self, wanted, *arguments, cwd=None):
        result = self.run_it(*arguments, cwd=cwd)
        self.assertEqual((result.returncode, result.stdout), (0, wanted), result.stderr)

    def refused(self, says, *arguments, status=125, cwd=None):
        result = self.run_it(*arguments, cwd=cwd)
        self.assertEqual((result.returncode, result.stdout), (status, ""), result.stderr)
        self.assertEqual(result.stderr.count("\n"), 1, result.stderr)
        self.assertIn(says, result.stderr)

    def image(self, config, files=None):
        """(layout, image built of it)."""
        number = len(list(self.folder.iterdir()))
        layout = write_layout(self.folder / f"layout{number}", config, files)
        image = self.folder / f"{number}.img"
        built = self.mayfly("root", "build", layout, "-o", image)
        self.assertEqual(built.returncode, 0, built.stderr)
        return layout, image


class Configuration(WithFolder):
    CONFIG = {"Entrypoint": ["/bin/busybox", "sh", "-c", SHOW, "name"], "Cmd": ["one", "two words"],
              "Env": ["PATH=/bin", "A=1", "B=x=y"], "WorkingDir": "/data", "User": "ada"}

    def test_as_docker_run(self):
        layout, image = self.image(self.CONFIG)
        before = "1 x=y\n/data\n1234\n55\n"
        for source in ([image], ["--root", image], ["--root", layout], [layout]):
            self.says(before + "one two words\n", *source)
        # Arguments replace those of the image, and not its entry point.
        for source in (image, layout):
            self.says(before + "three\n", source, "three")
        self.says("1 z\n/data\n1234\n55\none two words\n", "-e", "B=z", "--env=C=new", image)
        self.says("1 x=y\n/data/deep\n1234\n55\none two words\n", "--workdir=/data/deep", image)
        self.says("1 x=y\n/data/deep\n1234\n55\none two words\n", "-w", "deep", image)
        # Another program runs where and as the image's own would.
        self.says("/data\n", "--root", image, "/bin/busybox", "pwd")
        self.says("1\n", "--root", image, "busybox", "sh", "-c", "echo $A")
        self.says("1234\n", "--root", image, "busybox", "id", "-u")

    def test_docker_save(self):
        """An archive of docker save is known by what is in it."""
        document = {"architecture": "amd64", "os": "linux", "config": self.CONFIG}
        names = ["a" * 64 + ".json", "b" * 64 + "/layer.tar"]
        saved = {names[1]: layer(FILES), names[0]: json.dumps(document).encode(), "manifest.json": json.dumps(
            [{"Config": names[0], "RepoTags": ["some/name:1"], "Layers": names[1:]}]).encode()}
        archive, image = self.folder / "image.tar", self.folder / "image.img"
        archive.write_bytes(layer(saved))
        self.says("1 x=y\n/data\n1234\n55\none two words\n", "--root", archive)
        built = self.mayfly("root", "build", archive, "-o", image)
        self.assertEqual(built.returncode, 0, built.stderr)
        self.says("1 x=y\n/data\n1234\n55\nthree\n", image, "three")
        # Anything else in it, and it is a tree.
        archive.write_bytes(layer({**saved, "bin/busybox": FILES["bin/busybox"]}))
        self.says("/manifest.json\n", "--root", archive, "/bin/busybox", "ls", "/manifest.json")

    def test_only_a_command(self):
        _, image = self.image({"Cmd": ["/bin/busybox", "echo", "hi"]})
        self.says("hi\n", image)
        self.says("/\n", image, "/bin/busybox", "pwd")
        self.says("/\n", "--root", image, "/bin/busybox", "pwd")
        _, image = self.image({"Entrypoint": ["/bin/busybox", "echo"], "Cmd": None, "User": ""})
        self.says("\n", image)
        self.says("a b\n", image, "a", "b")

    def test_users(self):
        show = ["/bin/busybox", "sh", "-c", IDS]
        for user, wanted in (("0", "0\n0\n"), ("ada", "1234\n55\n"), ("1234", "1234\n55\n"),
                             ("7:8", "7\n8\n"), ("ada:folk", "1234\n77\n"), ("9:folk", "9\n77\n"),
                             ("4294967294", "4294967294\n0\n")):
            _, image = self.image({"Entrypoint": show, "User": user})
            self.says(wanted, image)
        for user in ("nobody", "ada:none", "-1", "4294967295", "x" * 300):
            _, image = self.image({"Entrypoint": show, "User": user})
            self.refused("its user" if ":" not in user and len(user) < 300 else "group"
                         if ":" in user else "too long", image)

    def test_no_command(self):
        layout, image = self.image({"Env": ["A=1"]})
        for source in ([image], ["--root", image], ["--root", layout]):
            self.refused('"command" is missing', *source)
        self.says("1\n", "--root", image, "/bin/busybox", "sh", "-c", "echo $A")
        _, image = self.image(None)
        self.refused("names no command", image)

    def test_what_a_layer_says_stays(self):
        own = json.dumps({"command": ["/bin/busybox", "echo", "own"]}).encode()
        _, image = self.image(self.CONFIG, {**FILES, "etc/mayfly/function.json": own})
        self.says("own\n", image)

    def test_unsound(self):
        for config, says in (({"Entrypoint": "sh"}, '"command" must be'), ({"Cmd": [1]}, '"arguments"'),
                             ({"Env": ["x"], "Cmd": ["/bin/busybox"]}, "NAME=VALUE"),
                             ({"WorkingDir": "/none", "Cmd": ["/bin/busybox"]}, "cannot start in /none"),
                             ({"WorkingDir": "/bin/busybox", "Cmd": ["/bin/busybox"]}, "cannot start")):
            _, image = self.image(config)
            self.refused(says, image)

    def test_snapshot(self):
        _, image = self.image({**self.CONFIG, "Entrypoint": [
            "/bin/busybox", "sh", "-c", "read x; " + SHOW, "name"]})
        snapshot = self.folder / "snapshot"
        taken = self.mayfly("snapshot", f"--isolation={ISOLATION}", "-o", snapshot, image)
        self.assertEqual(taken.returncode, 0, taken.stderr)
        self.says("1 x=y\n/data\n1234\n55\none two words\n", snapshot)
        self.refused("--workdir cannot be given", "-w", "/", snapshot)


class Archives(WithFolder):
    def test_plain_archives_say_nothing(self):
        archive = self.folder / "tree.tar"
        archive.write_bytes(layer(FILES))
        self.says("/\n", "--root", archive, "/bin/busybox", "pwd")
        self.refused("names no command", "--root", archive)


class Directories(WithFolder):
    def setUp(self):
        super().setUp()
        self.tree = self.folder / "tree"
        (self.tree / "place/sub").mkdir(parents=True)
        (self.tree / "bin").mkdir()
        shutil.copy(BUSYBOX, self.tree / "bin/busybox")
        script = self.tree / "place/script.sh"
        script.write_text("#!/bin/busybox sh\npwd\nread line <file; echo $line\n")
        script.chmod(0o755)
        (self.tree / "place/file").write_text("of place\n")
        shutil.copy(BUSYBOX, self.tree / "place/busybox")

    def test_from_where_one_is(self):
        place = self.tree / "place"
        self.says("/place\n", "--root", self.tree, "/bin/busybox", "pwd", cwd=place)
        self.says("/place\nof place\n", "--root", self.tree, "./script.sh", cwd=place)
        self.says("/place/sub\n", "--root", "../..", "../busybox", "pwd", cwd=place / "sub")
        self.says("of place\n", "--root", self.tree, "busybox", "cat", "file", cwd=place)
        self.says("of place\n", "--root", "..", "busybox", "cat", "../place/file", cwd=place)
        self.says("/\n", "--root", ".", "bin/busybox", "pwd", cwd=self.tree)
        link = self.folder / "link"
        link.symlink_to(self.tree)
        self.says("/place\n", "--root", link, "busybox", "pwd", cwd=place)
        self.refused("cannot find /place/", "--root", self.tree, "./none", cwd=place)

    def test_from_elsewhere(self):
        """Relative to the root, as ever."""
        beside = self.folder / "tree2"
        beside.mkdir()
        for place in (self.folder, beside, pathlib.Path("/")):
            self.says("/\n", "--root", self.tree, "bin/busybox", "pwd", cwd=place)
            self.refused("which program of", "--root", self.tree, cwd=place)

    def test_workdir(self):
        self.says("/place/sub\n", "--root", self.tree, "--workdir=/place/sub", "busybox", "pwd")
        self.says("/place/sub\n", "--root", self.tree, "-w", "sub", "busybox", "pwd",
                  cwd=self.tree / "place")
        self.says("/place\nof place\n", "--root", self.tree, "-w", "place", "./script.sh")
        self.says("/\n", "--root", self.tree, "-w", "/", "busybox", "pwd", cwd=self.tree / "place")
        self.refused("cannot start in /none", "--root", self.tree, "-w", "/none", "busybox", "pwd")
        self.refused("cannot start in /place/file", "--root", self.tree, "-w", "/place/file", "busybox")
        self.refused("--root", "-w", "/tmp", BUSYBOX, "pwd")

    def test_the_whole_machine(self):
        """--root / from a directory of one's own, and from one that guests do not see."""
        place = self.folder / "mine"
        place.mkdir()
        (place / "file").write_text("mine\n")
        self.says("mine\n", "--root", "/", BUSYBOX, "cat", "file", cwd=place)
        self.says("/\n", "--root", "/", BUSYBOX, "pwd", cwd="/proc/self")


class Registries(WithFolder):
    def test_hints(self):
        names = {"docker://debian:12": "debian:12", "docker.io/library/debian": "docker.io/library/debian",
                 "debian:12": "debian:12", "ghcr.io/a/b:c": "ghcr.io/a/b:c",
                 "localhost:5000/x": "localhost:5000/x", "docker-daemon:x:latest": "x:latest",
                 "debian@sha256:" + "0" * 64: "debian@sha256:" + "0" * 64}
        for name, image in names.items():
            for arguments in (["run", name], ["run", "--root", name, "sh"], ["run", "--root", name],
                              ["snapshot", "-o", "x", name], ["root", "build", name, "-o", "x"]):
                result = self.mayfly(*arguments, cwd=self.folder)
                self.assertIn(result.returncode, (1, 125))
                self.assertEqual(result.stderr.count("\n"), 1, result.stderr)
                self.assertIn(f"'skopeo copy docker://{image} oci:image'", result.stderr)
                self.assertIn(f"'docker save {image} -o image.tar'", result.stderr)
        self.assertEqual(list(self.folder.iterdir()), [])

    def test_what_is_none(self):
        for name in ("./a:b", "/a:b", "hello", "no/such", "photo.img", "a b:c", ":x", "x:"):
            self.assertNotIn("skopeo", self.run_it(name).stderr, name)
        (self.folder / "debian:12").mkdir()
        self.assertNotIn("skopeo", self.run_it("--root", "debian:12", "x", cwd=self.folder).stderr)


def main():
    if not BUSYBOX.exists():
        print(f"skipped: {BUSYBOX} is not installed")
        sys.exit(SKIP)
    probe = subprocess.run([MAYFLY, "run", f"--isolation={ISOLATION}", "hello"], text=True,
                           capture_output=True, stdin=subprocess.DEVNULL, timeout=LIMIT, check=False)
    if probe.returncode == 125 and "cannot be had" in probe.stderr:
        print(probe.stderr)
        sys.exit(SKIP)
    unittest.main()


if __name__ == "__main__":
    main()
