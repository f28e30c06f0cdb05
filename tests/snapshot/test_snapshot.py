#!/usr/bin/env python3
"""mayfly snapshot and what it writes, under one isolation: good files and bad ones.

usage: test_snapshot.py MAYFLY DEEDS RAW ISOLATION
DEEDS is the program of tests/system/guests.c, RAW the image of tests/monitor/raw_guest.S.
"""

import contextlib
import hashlib
import os
import pathlib
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time
import unittest

from running import LIMIT, MAYFLY, SKIP, WithFolder, mayfly, text

DEEDS, RAW = (pathlib.Path(sys.argv.pop(1)).resolve() for _ in range(2))
ISOLATION = sys.argv.pop(1)
OTHER = {"kvm": "process", "process": "kvm"}[ISOLATION]
BUSYBOX = "/bin/busybox"
PAGE = 4096

# struct snapshot_header, and the places of members in struct snapshot_metadata
HEADER = struct.Struct("<8sIIQQQQQ32s")
FEATURES, KIND, ROOT = 0, 40, 40 + 96 + 8 + 32 + 88
MACHINE = ROOT - 16
COUNTS = ROOT + 72
EXTENT = struct.Struct("<QQ32s")
REGION_SIZE, METADATA_SIZE = 32, COUNTS + 16


class Snapshot(WithFolder):
    def setUp(self):
        super().setUp()
        self.file = self.folder / "file.snap"
        self.cache = {"MAYFLY_CACHE": str(self.folder / "cache")}

    def take(self, *program):
        result = mayfly("snapshot", f"--isolation={ISOLATION}", "-o", self.file, *program)
        self.assertEqual((result.returncode, result.stdout), (0, b""), text(result.stderr))

    def run_file(self, *options, **keywords):
        return mayfly("run", *options, self.file, **keywords, **self.cache)


class Good(Snapshot):
    def expect(self, result, status, output):
        self.assertEqual((result.returncode, result.stdout), (status, output),
                         text(result.stderr))

    def test_serves_requests(self):
        self.take("hello")
        self.expect(self.run_file(), 0, b"Hello, Ada!\n")
        self.expect(self.run_file(request=b"Bob"), 0, b"Hello, Bob!\n")
        self.expect(self.run_file("--repeat=20", f"--isolation={ISOLATION}"), 0, b"Hello, Ada!\n")

    def test_arguments_environment_and_status_are_kept(self):
        self.take("--env=NAME=value", BUSYBOX, "sh", "-c", 'read a; echo "$0 $a $NAME"; exit 7',
                  "zero")
        self.expect(self.run_file(), 7, b"zero Ada value\n")

    def test_output_of_the_set_up_is_kept(self):
        self.take(BUSYBOX, "sh", "-c", "echo before; read a; echo $a")
        self.expect(self.run_file(), 0, b"before\nAda\n")

    def test_large_request(self):
        request = os.urandom(3 << 20)
        self.take(BUSYBOX, "sha256sum")
        self.expect(self.run_file(request=request), 0,
                    hashlib.sha256(request).hexdigest().encode() + b"  -\n")

    def test_clones_differ(self):
        self.take(DEEDS, "random")
        self.assertEqual(len({self.run_file().stdout for _ in range(5)}), 5)

    def test_a_crash_is_told_with_names(self):
        self.take(DEEDS, "null")
        result = self.run_file()
        self.assertEqual(result.returncode, 139)
        self.assertRegex(text(result.stderr), r"deeds crashed: page fault .* at read_null\+0x")

    def test_names_beyond_ascii(self):
        """A program's name is text, in its snapshot and in the report of its end."""
        program = self.folder / "café"
        shutil.copy(DEEDS, program)
        self.take(program, "null")
        self.assertIn("café crashed: page fault", text(self.run_file().stderr))

    def test_named_without_a_path(self):
        """A snapshot in this directory needs no ./ before it; an installed function comes first."""
        self.take("hello")
        self.file.with_name("echo").write_bytes(self.file.read_bytes())
        for name, says in ((self.file.name, b"Hello, Ada!\n"), ("echo", b"Ada\n")):
            served = subprocess.run([MAYFLY, "run", name], input=b"Ada\n", capture_output=True,
                                    timeout=LIMIT, check=False, cwd=self.folder)
            self.expect(served, 0, says)

    def test_only_its_owner_may_read_it(self):
        self.take("hello")
        self.assertEqual(self.file.stat().st_mode & 0o777, 0o600)

    def test_users_share_its_pages(self):
        """The file is sparse, and holds little more than what the set-up made."""
        self.take("--memory=256M", "hello")
        status = self.file.stat()
        self.assertGreater(status.st_size, 256 << 20)
        self.assertLess(status.st_blocks * 512, 16 << 20)

    def test_a_copy_without_holes_is_as_good(self):
        self.take("--memory=16M", "hello")
        data = self.file.read_bytes()
        self.file.unlink()
        self.file.write_bytes(data)
        self.expect(self.run_file(), 0, b"Hello, Ada!\n")

    @contextlib.contextmanager
    def touched(self):
        """The file was written just now, however long a command takes to come to it."""
        over = threading.Event()

        def touch():
            while not over.wait(0.01):
                os.utime(self.file)
        thread = threading.Thread(target=touch)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def test_a_verified_file_is_remembered(self):
        self.take("hello")
        remembered = self.folder / "cache" / "snapshots"
        with self.touched():
            self.expect(self.run_file(), 0, b"Hello, Ada!\n")
        # It was written just now: another change could still come unseen.
        self.assertFalse(remembered.exists())
        time.sleep(2.1)
        self.expect(self.run_file(), 0, b"Hello, Ada!\n")
        self.assertEqual(len(list(remembered.iterdir())), 1)
        self.expect(self.run_file(), 0, b"Hello, Ada!\n")
        # A change is seen all the same.
        with self.file.open("r+b") as file:
            file.seek(-1, os.SEEK_END)
            last = file.read(1)[0]
            file.seek(-1, os.SEEK_END)
            file.write(bytes([last ^ 1]))
        self.assertIn(b"damaged: the program", self.run_file().stderr)


class Rooted(Snapshot):
    """A program of a root image: the file names the image, and knows it by its contents."""

    def setUp(self):
        super().setUp()
        self.image = self.folder / "root.img"
        self.build("data")
        self.take("--memory=16M", "--root", self.image, "/bin/busybox", "sha256sum", "-",
                  "/etc/data")

    def build(self, data):
        tree = pathlib.Path(tempfile.mkdtemp(dir=self.folder))
        for name, source in (("bin/busybox", pathlib.Path(BUSYBOX).read_bytes()),
                             ("etc/data", data.encode())):
            (tree / name).parent.mkdir()
            (tree / name).write_bytes(source)
            (tree / name).chmod(0o755)
        built = mayfly("root", "build", tree, "-o", self.image)
        self.assertEqual(built.returncode, 0, text(built.stderr))

    def served(self, file=None):
        request = b"a request"
        result = mayfly("run", file or self.file, request=request, **self.cache)
        digests = [hashlib.sha256(data).hexdigest() for data in (request, b"data")]
        self.assertEqual((text(result.stdout), result.returncode),
                         (f"{digests[0]}  -\n{digests[1]}  /etc/data\n", 0), text(result.stderr))

    def refused(self, *words):
        result = self.run_file()
        lines = text(result.stderr).strip().splitlines()
        self.assertEqual((result.returncode, result.stdout, len(lines)), (125, b"", 1), lines)
        for word in words:
            self.assertIn(word, lines[0])

    def change(self, offset, kind, value):
        """Changes the metadata at an offset, and the digest with it."""
        data = bytearray(self.file.read_bytes())
        header = list(HEADER.unpack_from(data))
        struct.pack_into(kind, data, HEADER.size + offset, value)
        metadata = data[HEADER.size:HEADER.size + header[4]]
        header[8] = bytes(32)
        header[8] = hashlib.sha256(HEADER.pack(*header) +
                                   hashlib.sha256(metadata).digest()).digest()
        HEADER.pack_into(data, 0, *header)
        self.file.write_bytes(data)

    def test_served(self):
        self.served()

    def test_a_folder(self):
        """A folder is read while the program runs: no file can hold that."""
        tree = next(path for path in self.folder.iterdir() if (path / "bin").exists())
        result = mayfly("snapshot", f"--isolation={ISOLATION}", "-o", self.folder / "folder.snap",
                        "--memory=16M", "--root", tree, "/bin/busybox", "sha256sum", "-",
                        "/etc/data", **self.cache)
        self.assertEqual(result.returncode, 125, text(result.stderr))
        self.assertIn("mayfly root build", text(result.stderr))

    def test_an_archive(self):
        """What an archive was packed into is in the cache."""
        tree = next(path for path in self.folder.iterdir() if (path / "bin").exists())
        archive = self.folder / "root.tar"
        subprocess.run(["tar", "-C", tree, "-cf", archive, "."], check=True, timeout=LIMIT)
        result = mayfly("snapshot", f"--isolation={ISOLATION}", "-o", self.file, "--memory=16M",
                        "--root", archive, "/bin/busybox", "sha256sum", "-", "/etc/data",
                        **self.cache)
        self.assertEqual(result.returncode, 0, text(result.stderr))
        self.image.unlink()
        self.served()

    def test_moved_together(self):
        other = self.folder / "other"
        other.mkdir()
        for path in (self.file, self.image):
            path.rename(other / path.name)
        self.served(other / self.file.name)

    def test_missing(self):
        self.image.unlink()
        self.refused(str(self.image), "beside the snapshot", "No such file")

    def test_another_image(self):
        self.build("DATA")
        self.refused(str(self.image), "not what it was made with", "make the snapshot again")
        self.build("d" * 50000)
        self.refused(str(self.image), "not the one")

    def test_a_changed_byte(self):
        time.sleep(2.1)
        self.served()
        with self.image.open("r+b") as file:
            file.seek(100000)
            byte = file.read(1)[0]
            file.seek(100000)
            file.write(bytes([byte ^ 1]))
        self.refused("not what it was made with")

    def test_no_root_image(self):
        """A file that is no root image is not shown to a guest, whoever knows its contents."""
        noise = self.folder / "noise"
        noise.write_bytes(os.urandom(self.image.stat().st_size))
        self.change(ROOT + 8, "64s", hashlib.sha256(noise.read_bytes()).hexdigest().encode())
        noise.rename(self.image)
        self.refused("not the one")

    def test_hostile_metadata(self):
        for offset, kind, value in ((ROOT, "<Q", 1 << 40), (ROOT, "<Q", PAGE + 1),
                                    (ROOT + 20, "<B", 0), (COUNTS + 12, "<I", 5000),
                                    (COUNTS + 12, "<I", 0), (ROOT, "<Q", 0)):
            whole = self.file.read_bytes()
            self.change(offset, kind, value)
            self.refused("damaged", "root is not sound")
            self.file.write_bytes(whole)


class Refused(Snapshot):
    def expect(self, result, *words):
        lines = text(result.stderr).strip().splitlines()
        self.assertEqual((result.returncode, result.stdout, len(lines)), (125, b"", 1), lines)
        for word in words:
            self.assertIn(word, lines[0])

    def parts(self):
        data = bytearray(self.file.read_bytes())
        header = list(HEADER.unpack_from(data))
        return data, header

    def seal(self, data, header):
        """Writes the file with a header that fits its metadata."""
        metadata = data[HEADER.size:HEADER.size + header[4]]
        header[8] = bytes(32)
        header[8] = hashlib.sha256(HEADER.pack(*header) +
                                   hashlib.sha256(metadata).digest()).digest()
        HEADER.pack_into(data, 0, *header)
        self.file.write_bytes(data)

    def extents(self, data):
        regions, extents = struct.unpack_from("<II", data, HEADER.size + COUNTS)
        first = HEADER.size + METADATA_SIZE + regions * REGION_SIZE
        return [(first + i * EXTENT.size, *EXTENT.unpack_from(data, first + i * EXTENT.size))
                for i in range(extents)]

    def test_needs_an_output(self):
        self.expect(mayfly("snapshot", "hello"), "--output")
        self.expect(mayfly("snapshot", "-o", "/no/such/folder/file", "hello"), "/no/such/folder")

    def test_output_that_is_no_file(self):
        self.expect(mayfly("snapshot", "-o", "/dev/null", "hello"), "/dev/null", "no ordinary file")
        self.expect(mayfly("snapshot", "-o", self.folder, "hello"), str(self.folder), "a directory")

    def take_in_mount(self, options):
        """The status, standard error and files left, where the output is in a tmpfs of its own."""
        script = (f"mount -t tmpfs -o {options} none '{self.folder}' || exit 99; "
                  f"'{MAYFLY}' snapshot --isolation={ISOLATION} -o '{self.file}' hello; "
                  f"status=$?; ls -A '{self.folder}'; exit $status")
        result = subprocess.run(["unshare", "-Urm", "sh", "-c", script], timeout=LIMIT,
                                stdin=subprocess.DEVNULL, capture_output=True, check=False)
        if result.returncode in (1, 99):
            self.skipTest(f"nothing can be mounted here: {text(result.stderr)}")
        return result

    def test_full_folder(self):
        self.expect(self.take_in_mount("size=64k"), str(self.file), "No space left")

    def test_read_only_folder(self):
        self.expect(self.take_in_mount("ro"), str(self.file), "Read-only")

    def fails(self, status, *arguments):
        """A set-up that fails leaves the folder as it was."""
        self.file.write_bytes(b"old")
        before = sorted(os.listdir(self.folder))
        result = mayfly("snapshot", f"--isolation={ISOLATION}", "-o", self.file, *arguments)
        self.assertEqual((result.returncode, result.stdout), (status, b""), text(result.stderr))
        self.assertEqual(sorted(os.listdir(self.folder)), before)
        self.assertEqual(self.file.read_bytes(), b"old")
        return text(result.stderr)

    def test_set_up_that_fails(self):
        warm_up = self.folder / "warm-up"
        warm_up.write_bytes(b"x")
        for program in ("sh", "-c", "while :; do :; done"), ("sleep", "9"):
            self.assertIn("longer than 0.3 s",
                          self.fails(124, "--timeout=300ms", BUSYBOX, *program))
        self.assertIn("signal 11", self.fails(139, BUSYBOX, "sh", "-c", "kill -SEGV $$"))
        self.assertIn("page fault", self.fails(139, f"--warm-up={warm_up}", DEEDS, "null"))

    def test_killed_set_up(self):
        """Whoever is killed, nothing is left: the file has no name before it is whole."""
        try:
            os.close(os.open(self.folder, os.O_TMPFILE | os.O_WRONLY))
        except OSError as error:
            self.skipTest(f"every file has a name here: {error}")
        command = [MAYFLY, "snapshot", f"--isolation={ISOLATION}", "-o", self.file, BUSYBOX, "sh",
                   "-c", "while :; do :; done"]
        for victim in "monitor", "broker":
            with subprocess.Popen(command, stdin=subprocess.DEVNULL,
                                  stderr=subprocess.PIPE) as broker:
                children = pathlib.Path(f"/proc/{broker.pid}/task/{broker.pid}/children")
                deadline = time.monotonic() + LIMIT
                while not (monitors := children.read_text().split()):
                    self.assertLess(time.monotonic(), deadline)
                    time.sleep(0.01)
                os.kill(int(monitors[0]) if victim == "monitor" else broker.pid, signal.SIGKILL)
                complaint = text(broker.stderr.read())
            self.assertEqual(broker.returncode, 125 if victim == "monitor" else -signal.SIGKILL)
            if victim == "monitor":
                self.assertIn("killed by signal 9", complaint)
            self.assertEqual(os.listdir(self.folder), [])

    def test_a_program_that_reads_nothing(self):
        result = mayfly("snapshot", f"--isolation={ISOLATION}", "-o", self.file, BUSYBOX, "true")
        self.expect(result, "ended with status 0", "nothing to take a snapshot of")
        self.assertFalse(self.file.exists())

    def test_a_snapshot_of_a_snapshot(self):
        self.take("hello")
        self.expect(mayfly("snapshot", "-o", self.folder / "b", self.file), "already")

    def test_choices_that_are_made(self):
        self.take("hello")
        self.expect(self.run_file("--memory=32M"), "--memory", "mayfly snapshot")
        self.expect(self.run_file("--env=A=b"), "--env")
        self.expect(mayfly("run", self.file, "argument"), "arguments")

    def test_other_isolation(self):
        self.take("hello")
        self.expect(self.run_file(f"--isolation={OTHER}"), f"isolation {ISOLATION}")

    def test_other_version(self):
        """Files of each older format, and of a newer one."""
        for version in (1, 2, 3, 5):
            self.take("hello")
            data, header = self.parts()
            header[1] = version
            self.seal(data, header)
            self.expect(self.run_file(), "another version", f"(format {version}.",
                        "make the snapshot again")

    def test_other_machine(self):
        self.take("hello")
        data, header = self.parts()
        feature = struct.unpack_from("<I", data, HEADER.size + FEATURES + 4 * 6)[0]
        struct.pack_into("<I", data, HEADER.size + FEATURES + 4 * 6, feature | 1 << 11 | 1 << 16)
        self.seal(data, header)
        result = self.run_file()
        if result.returncode == 0:
            self.skipTest("this processor has XOP and FMA4")
        self.expect(result, "another machine", "no xop" if not feature >> 11 & 1 else "no fma4")

    def test_cut_off(self):
        self.take("--memory=16M", "hello")
        data = self.file.read_bytes()
        for length in (8, 50, 100, 1000, 5000, 1 << 20, len(data) - 1):
            self.file.write_bytes(data[:length])
            self.expect(self.run_file(), "cut off")

    def test_longer(self):
        self.take("--memory=16M", "hello")
        with self.file.open("ab") as file:
            file.write(b"x")
        self.expect(self.run_file(), "damaged", "header")

    def test_a_changed_byte_anywhere(self):
        self.take("--memory=16M", "hello")
        data, header = self.parts()
        extents = self.extents(data)
        places = {HEADER.size + 10: "metadata", header[4]: "metadata", 60: "metadata",
                  header[6] + 12345: "the program"}
        for _, offset, length, _ in (extents[0], extents[len(extents) // 2], extents[-1]):
            places[header[5] + offset + length // 2] = f"memory at {offset:#x}"
        used = {page for _, offset, length, _ in extents
                for page in range(offset, offset + length, PAGE)}
        hole = max(set(range(0, header[6] - header[5], PAGE)) - used)
        places[header[5] + hole] = f"memory at {hole:#x}, which ought to be empty"
        for place, words in places.items():
            changed = bytearray(data)
            changed[place] ^= 0x40
            self.file.write_bytes(changed)
            self.expect(self.run_file(), "damaged", words)

    def change_memory(self, place, value):
        """Changes a word of memory, and all digests with it."""
        data, header = self.parts()
        for at, offset, length, _ in self.extents(data):
            if not offset <= place < offset + length:
                continue
            struct.pack_into("<Q", data, header[5] + place, value)
            memory = data[header[5] + offset:header[5] + offset + length]
            EXTENT.pack_into(data, at, offset, length, hashlib.sha256(memory).digest())
            self.seal(data, header)
            return
        self.fail(f"nothing at {place:#x}")

    def test_hostile_page_tables(self):
        """An entry of the topmost table that leads out of the tables, and into the root again."""
        for value in (0x0000_7fff_0000_0067, 0x10067, 0x100e7):
            self.take("--memory=16M", "hello")
            self.change_memory(0x10000 + 8 * (0x6c0000000000 >> 39), value)
            self.expect(self.run_file(), "page tables")

    def test_hostile_descriptors(self):
        self.take("--memory=16M", "hello")
        self.change_memory(0x10, 0x00affb000000ffff)  # ring 0's code segment, open to ring 3
        self.expect(self.run_file(), "descriptor tables")

    def test_other_kind(self):
        """A kind of guest that nobody knows; and one that its memory is not of."""
        for kind, words in ((b"teapot", "of the kind teapot"), (b"raw", "no raw image"),
                            (b"", "damaged")):
            self.take("--memory=16M", "hello")
            data, header = self.parts()
            struct.pack_into("16s", data, HEADER.size + KIND, kind)
            self.seal(data, header)
            self.expect(self.run_file(), words)

    def test_other_library_os(self):
        self.take("--memory=16M", "hello")
        data, header = self.parts()
        regions, = struct.unpack_from("<I", data, HEADER.size + COUNTS)
        for i in range(regions):
            address, _, offset, _ = struct.unpack_from(
                "<QQQI", data, HEADER.size + METADATA_SIZE + i * REGION_SIZE)
            if address == 0x6e0000000000:
                self.change_memory(offset + 0x200, 0x0123456789abcdef)
        self.expect(self.run_file(), "another library OS")

    def test_hostile_regions(self):
        """A region over the helper of process isolation, one past the end, one that overlaps."""
        for member, value in ((0, 0x6e8000001000), (16, 1 << 40), (8, 1 << 62), (0, 0x123)):
            self.take("--memory=16M", "hello")
            data, header = self.parts()
            struct.pack_into("<Q", data, HEADER.size + METADATA_SIZE + member, value)
            self.seal(data, header)
            self.expect(self.run_file(), "damaged", "regions")


@unittest.skipUnless(ISOLATION == "kvm", "devices are for virtual machines")
class Whole(Snapshot):
    """Snapshots that have a virtual CPU and devices."""

    expect, parts, seal = Refused.expect, Refused.parts, Refused.seal

    def setUp(self):
        super().setUp()
        self.take(RAW)

    def test_served(self):
        for _ in range(2):
            result = self.run_file(request=b"r")
            self.assertEqual((result.stdout, result.returncode), (b"<0>ABCDEFGH12345678", 0),
                             text(result.stderr))

    def change(self, offset, kind, value):
        """Changes what stands at an offset in the states of processor and devices."""
        data, header = self.parts()
        machine, devices = struct.unpack_from("<QQ", data, HEADER.size + MACHINE)
        self.assertTrue(machine and devices)
        if offset < 0:
            offset += machine
        struct.pack_into(kind, data, HEADER.size + header[4] - devices - machine + offset, value)
        self.seal(data, header)
        return machine

    def test_hostile_processor(self):
        """Bases and an address that no register holds, and vector state that no XSAVE writes."""
        for offset, kind, value in ((128, "<Q", 1 << 63), (144, "<Q", 1 << 63), (152, "<Q", 1 << 47),
                                    (160 + 24, "<I", 1 << 16), (160 + 512, "<Q", 1 << 62),
                                    (160 + 512, "<Q", 1 << 18), (160 + 520, "<Q", 1 << 63),
                                    (160 + 528, "<Q", 1)):
            self.take(RAW)
            self.change(offset, kind, value)
            self.expect(self.run_file(), "damaged", "processor's state")

    def test_privileges(self):
        """Flags that only ring 0 may set have no effect."""
        self.change(136, "<Q", 0xffffffffffffffff)
        result = self.run_file(request=b"x")
        self.assertEqual((result.stdout, result.returncode), (b"<0>", 7), text(result.stderr))

    def test_hostile_devices(self):
        machine = self.change(0, "<Q", 0)
        for offset, kind, value in ((machine, "8s", b"teapot"), (machine + 24, "<Q", 1 << 63),
                                    (machine + 24, "<Q", 1)):
            self.take(RAW)
            self.change(offset, kind, value)
            self.expect(self.run_file(), "damaged", "device")

    def test_hostile_lengths(self):
        for offset, value in ((MACHINE, 0), (MACHINE, 1 << 40), (MACHINE, 1 << 13), (MACHINE + 8, 0),
                              (MACHINE + 8, 1 << 62)):
            self.take(RAW)
            data, header = self.parts()
            struct.pack_into("<Q", data, HEADER.size + offset, value)
            self.seal(data, header)
            self.expect(self.run_file(), "damaged")


def main():
    probe = mayfly("run", f"--isolation={ISOLATION}", "hello")
    if probe.returncode == 125 and b"cannot be had" in probe.stderr:
        print(text(probe.stderr))
        sys.exit(SKIP)
    unittest.main(verbosity=2)


main()
