#!/usr/bin/env python3
"""Archives that are not what they seem: they are refused in a line, and start nothing.

usage: test_archives.py MAYFLY
"""

import bz2
import gzip
import io
import json
import lzma
import os
import pathlib
import subprocess
import sys
import tarfile
import tempfile
import unittest

import oci_layout

MAYFLY = pathlib.Path(sys.argv.pop(1)).resolve()
LIMIT = 60  # seconds for one command


def member(name, data=b"", **more):
    """A member of an archive, and what is in it."""
    info = tarfile.TarInfo(name)
    info.size = len(data)
    for key, value in more.items():
        setattr(info, key, value)
    return info, io.BytesIO(data)


def archive(*members):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as writer:
        for one in members:
            writer.addfile(*one)
    return stream.getvalue()


class Archives(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def build(self, source, **variables):
        """Packs it; where that fails, nothing is left behind."""
        image = self.folder / "out" / "image"
        image.parent.mkdir(exist_ok=True)
        result = subprocess.run([MAYFLY, "root", "build", source, "-o", image], timeout=LIMIT,
                                capture_output=True, env={**os.environ, **variables}, check=False)
        if result.returncode:
            self.assertEqual(list(image.parent.iterdir()), [])
        return result

    def write(self, data, name="archive"):
        file = self.folder / name
        file.write_bytes(data)
        return file

    def refused(self, source, *says, **variables):
        result = self.build(source, **variables)
        log = result.stderr.decode()
        self.assertEqual((result.returncode, result.stdout, log.count("\n")), (1, b"", 1), log)
        for word in (str(source), *says):
            self.assertIn(word, log)

    def test_compressions(self):
        plain = archive(member("a", b"text"))
        for data in (plain, gzip.compress(plain), bz2.compress(plain), lzma.compress(plain)):
            result = self.build(self.write(data))
            self.assertEqual(result.returncode, 0, result.stderr)

    def test_no_program_is_started(self):
        """libarchive knows compressions that other programs have to undo."""
        programs = self.folder / "programs"
        programs.mkdir()
        for name in ("lrzip", "grzip", "lzop", "gzip", "uncompress"):
            program = programs / name
            program.write_text(f"#!/bin/sh\necho $0 >> {self.folder}/started\n", encoding="utf-8")
            program.chmod(0o755)
        for start in (b"LRZI\0\5", b"GRZipII\0\2\4:)", b"\x89LZO\0\r\n\x1a\n", b"\x1f\x9d\x90"):
            self.refused(self.write(start + bytes(4096)), "tar archive",
                         PATH=f"{programs}:{os.environ['PATH']}")
        self.assertFalse((self.folder / "started").exists())

    def test_no_archive(self):
        self.refused(self.folder / "nothing", "No such file")
        self.refused(self.write(b""), "tar archive")
        self.refused(self.write(b"text\n" * 1000), "tar archive")
        self.refused("/dev/null", "tar archive")
        self.refused(MAYFLY, "tar archive")

    def test_cut_off(self):
        whole = archive(member("a", b"1" * 5000))
        self.refused(self.write(whole[:3000]), "runcated")
        self.refused(self.write(gzip.compress(whole)[:60]), "runcated")

    def test_names(self):
        self.refused(self.write(archive(member("../up", b"x"))), "leads upwards")
        self.refused(self.write(archive(member("n" * 300, b"x"))), "255 bytes")
        self.refused(self.write(archive(member("d/" * 3000 + "x", b"x"))), "4095 bytes")
        self.refused(self.write(archive(member("a", type=tarfile.LNKTYPE, linkname="b"))), "b")
        self.refused(self.write(archive(member("", type=tarfile.SYMTYPE, linkname="b"))), "root")

    def bombs(self):
        """Archives of a few kilobytes, with a file of 16 GiB, in each form that tar has for holes; and
        compressed zeros."""
        hole = self.folder / "hole"
        with hole.open("wb") as file:
            file.truncate(16 << 30)
        for form in (["--format=gnu"], *(["--format=posix", f"--sparse-version={version}"]
                                         for version in ("0.0", "0.1", "1.0"))):
            made = self.folder / "sparse.tar"
            subprocess.run(["tar", "--sparse", *form, "-C", self.folder, "-cf", made, "hole"],
                           check=True, timeout=LIMIT)
            yield " ".join(form), made.read_bytes()
        zeros = tarfile.TarInfo("zeros")
        zeros.size = 1 << 30
        yield "declared", gzip.compress(zeros.tobuf() + bytes(1 << 20))
        piece = archive(member("zeros", bytes(4 << 20)))[:(4 << 20) + tarfile.BLOCKSIZE]
        yield "in pieces", gzip.compress(piece) * 100 + gzip.compress(archive())

    def test_bombs(self):
        for name, data in self.bombs():
            with self.subTest(name):
                self.refused(self.write(data), "holes or zeros")
                self.refused(self.layout_of_layers(data), "layer 1", "holes or zeros")
        whole = self.layout_of_layers(archive(member("whole", b"text")))
        self.assertEqual(self.build(whole).returncode, 0)

    def test_bomb_in_layers(self):
        """Each layer may grow by itself; all of them, or one again and again, may not."""
        data = gzip.compress(archive(member("zeros", bytes(200 << 20))))
        self.refused(self.layout_of_layers(*[data] * 3), "layer 2", "holes or zeros")

    def test_directory_with_a_hole(self):
        tree = self.folder / "tree"
        tree.mkdir()
        with (tree / "hole").open("wb") as file:
            file.truncate(16 << 30)
        self.refused(tree, "hole", "times what they take")

    def test_directory_with_many_holes(self):
        """Each file may be there; all of them together may not."""
        tree = self.folder / "tree"
        tree.mkdir()
        for i in range(40):
            with (tree / f"hole{i:02}").open("wb") as file:
                file.truncate(100 << 20)
        self.refused(tree, "hole", "times what they take")

    def test_what_compresses_well(self):
        """A tree of ordinary size is packed, however well it was compressed."""
        plain = archive(*(member(f"zeros{i}", bytes(1 << 20)) for i in range(60)))
        result = self.build(self.write(lzma.compress(plain, preset=0)))
        self.assertEqual(result.returncode, 0, result.stderr)

    def test_names_on_a_terminal(self):
        """What a terminal would obey does not reach it."""
        for name in ("a\x1b[2Jb", "a\u009b2Jb", "a\u202eb", "a\u2066b", "a\u2028b", "a\u061cb"):
            with self.subTest(ascii(name)):
                result = self.build(self.write(archive(member(f"../{name}"))))
                self.assertNotIn(name, result.stderr.decode())
                self.assertRegex(result.stderr.decode(), r"a\?+(\[2J|2J)?b")
        raw = archive(member("../a")).replace(b"../a\0", b"../\x9b")
        info = bytearray(raw[:512])
        info[148:156] = b" " * 8
        info[148:156] = b"%06o\0 " % sum(info)
        result = self.build(self.write(bytes(info) + raw[512:]))
        self.assertNotIn(b"\x9b", result.stderr)

    def layout_of_layers(self, *layers):
        """An OCI layout with those layers."""
        return oci_layout.write_layout(pathlib.Path(tempfile.mkdtemp(dir=self.folder)), layers)

    def layout(self, index):
        folder = self.folder / "layout"
        folder.mkdir(exist_ok=True)
        (folder / "oci-layout").write_text("{}", encoding="utf-8")
        if index is not None:
            (folder / "index.json").write_text(index, encoding="utf-8")
        return folder

    def test_layouts(self):
        self.refused(self.layout(None), "index.json")
        self.refused(self.layout(""), "no JSON")
        self.refused(self.layout("[]"), "no image for Linux")
        self.refused(self.layout("[" * 100000), "no JSON")
        other = {"manifests": [{"platform": {"os": "linux", "architecture": "s390x"}}]}
        self.refused(self.layout(json.dumps(other)), "x86-64")
        for digest in ("md5:0", "sha256:" + "../" * 22, "sha256:" + "0" * 64):
            self.refused(self.layout(json.dumps({"manifests": [{"digest": digest}]})))

    def test_layouts_of_pipes(self):
        """Nobody writes to them: who waited for that would wait without an end."""
        layout = self.layout(None)
        os.mkfifo(layout / "index.json")
        self.refused(layout, "index.json is not a regular file")
        blobs = self.folder / "layout/blobs/sha256"
        blobs.mkdir(parents=True)
        os.mkfifo(blobs / ("0" * 64))
        (layout / "index.json").unlink()
        self.refused(self.layout(json.dumps({"manifests": [{"digest": "sha256:" + "0" * 64}]})),
                     "not a regular file")


if __name__ == "__main__":
    unittest.main(verbosity=2)
