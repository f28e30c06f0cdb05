#!/usr/bin/env python3
"""Guests of the kind unikraft: what they see of their PC, how they end, what is left of one request in
the next, and images that are none.

usage: test_unikraft.py MAYFLY LINUX MULTIBOOT CLASSIFY NOOP ONNX
LINUX and MULTIBOOT are guest.c, which starts by one boot protocol or the other; CLASSIFY is a program of the
vAccel API, the last two are plugins.
"""
import datetime
import json
import os
import pathlib
import select
import signal
import struct
import subprocess
import sys
import tempfile
import time
import unittest

MAYFLY, LINUX, MULTIBOOT, CLASSIFY, NOOP, ONNX = (pathlib.Path(path).resolve() for path in sys.argv[1:7])
CACHE = pathlib.Path(os.environ.get("MAYFLY_CACHE") or pathlib.Path(
    os.environ.get("XDG_CACHE_HOME") or pathlib.Path(os.environ["HOME"], ".cache"), "mayfly"))
DOG = CACHE / "photos" / "dog.jpg"
del sys.argv[1:]
LIMIT = 60  # seconds for one command
SKIP = 77
HEADER, PROGRAM = struct.Struct("<16sHHIQQQIHHHHHH"), struct.Struct("<IIQQQQQQ")
ABORTED, BUS_ERROR, FAULTED = 128 + 6, 128 + 7, 128 + 11


def run(*command, request=b"", environment=None):
    return subprocess.run(list(map(str, command)), input=request, capture_output=True, timeout=LIMIT,
                          check=False, env=environment)


def mayfly(*arguments, request=b"", environment=None):
    return run(MAYFLY, "run", "--isolation=kvm", *arguments, request=request, environment=environment)


class WithFolder(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def file(self, data, name="image"):
        path = self.folder / name
        path.write_bytes(data)
        return path

    def expect(self, result, status, output=b"", says=""):
        self.assertEqual((result.returncode, result.stdout), (status, output), result.stderr)
        self.assertIn(says.encode(), result.stderr)

    def both(self, *arguments, status=0, output=b"", says="", options=(), request=b""):
        """Both boot protocols are to come to the same."""
        for image in (LINUX, MULTIBOOT):
            self.expect(mayfly(*options, image, *arguments, request=request), status, output, says)


class Guests(WithFolder):
    def test_command_line(self):
        for image in (LINUX, MULTIBOOT):
            self.expect(mayfly(image, "line", "lib.param=1", "--", "two words", 'a "b" c'), 0,
                        b"%s line lib.param=1 -- \"two words\" 'a \"b\" c'\n" % str(image).encode())
            values = 'vfs.fstab=[ "a:/:b" ]'
            self.expect(mayfly(image, "line", values, "--", values), 0,
                        f"{image} line {values} -- '{values}'\n".encode())
            self.expect(mayfly(image, "line", values), 0, f"{image} line '{values}'\n".encode())
        self.both("line", "'\" ", status=125, says="both kinds of quotes")
        self.both("line", "x" * 65536, status=125, says="longer than 65535")

    def test_time(self):
        for image in (LINUX, MULTIBOOT):
            before = datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None, second=0, microsecond=0)
            result = mayfly(image, "time")
            after = datetime.datetime.now(datetime.timezone.utc).replace(tzinfo=None)
            said = datetime.datetime.strptime(result.stdout.decode(), "%Y-%m-%d %H:%M\n")
            self.assertTrue(before <= said <= after, result.stdout)

    def test_interrupts(self):
        self.both("sleep", output=b"5 10\n")
        self.both("spin", output=b"interrupted\n")

    def test_initrd(self):
        disk = self.file(bytes(range(256)) * 40)
        self.both("initrd", options=[f"--initrd={disk}"], output=disk.read_bytes())
        self.both("initrd")
        self.both("initrd", options=["--initrd=/nowhere"], status=125, says="initial RAM disk")
        large = self.folder / "large"
        with large.open("wb") as out:
            out.truncate(64 << 20)
        self.both("initrd", options=[f"--initrd={large}", "--memory=64M"], status=125, says="does not fit")

    def test_ports(self):
        self.both("ports", output=b"ff")

    def test_loops(self):
        """What is done between two accesses to ports is what the processor would do."""
        self.both("loops", output=b"0 differ\n")

    def test_data_among_code(self):
        """What looks like an instruction and is none is left alone, where sections tell."""
        self.both("table", output=b"0 differ\n")

    def test_no_sections(self):
        """Without section headers all that may be executed is code."""
        for image, header in ((LINUX, HEADER), (MULTIBOOT, struct.Struct("<16sHHIIIIIHHHHHH"))):
            data = bytearray(image.read_bytes())
            fields = list(header.unpack_from(data))
            fields[6] = fields[12] = fields[13] = 0
            header.pack_into(data, 0, *fields)
            path = self.file(bytes(data))
            self.expect(mayfly(path, "sleep"), 0, b"5 10\n")

    def test_ends(self):
        self.both("acpi")
        self.both("well")
        self.both("bad", status=ABORTED, output=b"oh\n", says="it says so itself")
        self.both("panic", status=ABORTED, says="it says so itself")
        self.both("halt", status=ABORTED, output=b"bye\n", says="halted its processor for good")
        self.both("wait", status=ABORTED, says="waits for an interrupt")

    def test_what_is_not_there(self):
        self.both("apic", status=BUS_ERROR, says="wants the local APIC")
        self.both("hole", status=BUS_ERROR, says="writes to physical address 0xc8000000")
        self.both("fault", status=FAULTED, says="crashed")

    def test_memory(self):
        self.both("ports", options=["--memory=4M"], status=125, says="between 8 and 3072 MiB")
        self.both("ports", options=["--memory=4G"], status=125, says="between 8 and 3072 MiB")
        self.both("ports", options=["--memory=3G"], output=b"ff")


class Devices(WithFolder):
    """Virtio devices: in memory for one image, on a PCI bus for the other."""

    def disk(self, data):
        return self.file(struct.pack("<Q", len(data)).ljust(512, b"\0") + data.ljust(512, b"\0"), "disk")

    def test_disk(self):
        disk = self.disk(b"what is on the disk")
        self.both("disk", options=[f"--block:data={disk}"], output=b"ready\nwhat is on the disk")
        self.both("disk", options=[f"--block:data={disk}", "--block-limit:data=1M,100"],
                  output=b"ready\nwhat is on the disk")
        self.both("table-disk", options=[f"--block:data={disk}"], output=b"ready\nwhat is on the disk")
        self.both("files", options=[f"--block:data={disk}"], output=b"no device\n")
        self.both("disk", options=["--block:data=/nowhere"], status=125, says="/nowhere")
        self.both("disk", options=[f"--block:data={disk}", "--block-limit:data=fast"], status=125, says="'fast'")

    def test_request_as_disk(self):
        """The set-up waits for it, and each clone reads its own."""
        for image in (LINUX, MULTIBOOT):
            result = mayfly("--repeat=20", "--block:in=@request", image, "disk", request=b"what is asked")
            self.expect(result, 0, b"ready\nwhat is asked")

    def test_snapshot_with_disk(self):
        for image in (LINUX, MULTIBOOT):
            path = self.folder / "file.snap"
            for word in "disk", "table-disk":
                self.expect(run(MAYFLY, "snapshot", "--isolation=kvm", "--block:in=@request", "-o", path, image,
                                word), 0)
                for request in (b"one", b"two"):
                    self.expect(run(MAYFLY, "run", "--block:in=@request", path, request=request), 0,
                                b"ready\n" + request)
            self.expect(run(MAYFLY, "run", path), 125, says="damaged")

    def test_files(self):
        (self.folder / "etc").mkdir()
        self.file(b"good day", "etc/greeting")
        self.both("files", options=[f"--9p:fs0={self.folder}"], output=b"good day")
        self.both("files", options=[f"--9p:fs0={self.folder / 'etc'}"], output=b"no file\n")
        self.both("files", options=[f"--9p:fs0={self.folder / 'etc/greeting'}"], status=125, says="no directory")
        self.both("files", options=[f"--9p:a={self.folder}", f"--9p:b={self.folder}"], status=125, says="twice")


class Ops(WithFolder):
    """The device for accelerated ops, with an accelerator host of this test's own."""
    OLD, NEWEST = ("v0.2", "ops"), ("development", "newest-ops")

    def setUp(self):
        super().setUp()
        self.environment = {**os.environ, "XDG_RUNTIME_DIR": str(self.folder), "VACCEL_PLUGINS": str(NOOP)}
        self.addCleanup(self.end_hosts)

    def hosts(self):
        """Process ids of the accelerator hosts in this folder, with their names."""
        mark = f"XDG_RUNTIME_DIR={self.folder}".encode()
        for process in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                if b"mayfly-acceld" in (process / "cmdline").read_bytes() and \
                        mark in (process / "environ").read_bytes().split(b"\0"):
                    yield int(process.name), (process / "comm").read_text().strip()
            except OSError:
                continue

    def end_hosts(self):
        """Ends their supervisors, and waits until all of them are gone."""
        for process, name in self.hosts():
            if name == "mayfly-acceld":
                os.kill(process, signal.SIGTERM)
        for _ in range(1000):
            if not list(self.hosts()):
                return
            time.sleep(0.01)
        self.fail("an accelerator host does not end")

    def expected(self, layout, said):
        """What the set-up says, and each clone: answers, and what is refused, by their statuses."""
        refused = "3 \n2 \n0 \n0 \n4 \n3 \n" if layout == "v0.2" else "2 \n0 \n4 \n3 \n"
        return ("0ready\n" + f"0 {said}\n" * (2 if layout == "v0.2" else 1) + refused).encode()

    def classify(self, image, layout, said, *options, disk):
        layout, word = layout
        result = mayfly(f"--accel={layout}", f"--initrd={disk}", *options, image, word, request=b"now",
                        environment=self.environment)
        self.expect(result, 0, self.expected(layout, said))

    def test_answers(self):
        disk = self.file(b"no picture" * 100)
        for image in (LINUX, MULTIBOOT):
            for layout in (self.OLD, self.NEWEST):
                self.classify(image, layout, "This is a dummy classification tag!", disk=disk)

    def test_clones(self):
        """The session is of the set-up, and each clone has it again, although the one before has closed it."""
        disk = self.file(b"no picture")
        self.classify(LINUX, self.OLD, "This is a dummy classification tag!", "--repeat=20", disk=disk)
        path = self.folder / "file.snap"
        self.expect(run(MAYFLY, "snapshot", "--isolation=kvm", "--accel=v0.2", f"--initrd={disk}", "-o", path,
                        LINUX, "ops", environment=self.environment), 0)
        for _ in range(2):
            self.expect(run(MAYFLY, "run", "--accel=v0.2", path, request=b"now", environment=self.environment), 0,
                        self.expected("v0.2", "This is a dummy classification tag!"))
        self.expect(run(MAYFLY, "run", path, environment=self.environment), 125, says="damaged")

    def test_photograph(self):
        """Answered as a program of the API is that has the plugin in its own process."""
        if not DOG.exists():
            self.skipTest("no photograph: run make models")
        self.environment["VACCEL_PLUGINS"] = str(ONNX)
        said = run(CLASSIFY, DOG, environment=self.environment)
        self.assertEqual(said.returncode, 0, said.stderr)
        for image in (LINUX, MULTIBOOT):
            for layout in (self.OLD, self.NEWEST):
                self.classify(image, layout, said.stdout.decode()[:-1], disk=DOG)

    def test_no_host(self):
        """The device is there, and says that nothing can be done."""
        self.environment["VACCEL_PLUGINS"] = "/nowhere/libnone.so"
        result = mayfly("--accel=v0.2", LINUX, "ops", request=b"now", environment=self.environment)
        self.assertEqual((result.returncode, result.stdout[:8]), (0, b"1ready\n4"), result.stderr)
        self.assertIn(b"accelerated call failed", result.stderr)

    def test_options(self):
        self.both("ops", output=b"no device\n")
        self.both("ops", options=["--accel=v7"], status=125, says="no layout 'v7'")


class Requests(WithFolder):
    def test_clones(self):
        """Each request finds the guest as its set-up left it."""
        for word, begins in (("echo", b"ready\n"), ("idle", b"idle\n")):
            ends = b"1" if word == "echo" else b""
            for image in (LINUX, MULTIBOOT):
                result = mayfly("--repeat=20", image, word, request=b"a request")
                self.expect(result, 0, begins + b"a request" + ends)

    def test_output_comes_at_once(self):
        """What is said while it boots is there before it is ready, which it never is."""
        for image in (LINUX, MULTIBOOT):
            command = [MAYFLY, "run", "--isolation=kvm", "--timeout=100s", image, "says"]
            with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as process:
                try:
                    said = b""
                    while not said.endswith(b"\n"):
                        self.assertTrue(select.select([process.stdout], [], [], LIMIT)[0])
                        more = os.read(process.stdout.fileno(), 100)
                        self.assertTrue(more, said)
                        said += more
                    self.assertEqual(said, b"before\n")
                    self.assertIsNone(process.poll())
                finally:
                    process.terminate()

    def test_long_request(self):
        request = bytes(range(1, 256)) * 8
        self.expect(mayfly(LINUX, "echo", request=request), 0, b"ready\n" + request + b"1")

    def test_snapshot(self):
        for image in (LINUX, MULTIBOOT):
            path = self.folder / "file.snap"
            self.expect(run(MAYFLY, "snapshot", "--isolation=kvm", "-o", path, image, "idle"), 0)
            for request in (b"one", b"two"):
                self.expect(run(MAYFLY, "run", path, request=request), 0, b"idle\n" + request)

    def test_randomness(self):
        """A clone's generator is seeded anew, in clones of a file and in those of one monitor."""
        for image in (LINUX, MULTIBOOT):
            path = self.folder / "file.snap"
            self.expect(run(MAYFLY, "snapshot", "--isolation=kvm", "-o", path, image, "random"), 0)
            said = [run(MAYFLY, "run", path, request=b"x").stdout.split() for _ in range(3)]
            said += [mayfly(f"--repeat={count}", image, "random", request=b"x").stdout.split() for count in (1, 2, 3)]
            self.assertTrue(all(len(words) == 5 for words in said), said)
            self.assertEqual(len({words[0] for words in said}), 1)
            self.assertEqual(len({words[i] for words in said for i in range(1, 5)}), 4 * len(said), said)

    def test_isolation(self):
        """The figures say which of the two ways it is, and doctor says the same."""
        figures = json.loads(mayfly("--stats=json", LINUX, "well").stderr)
        self.assertEqual(figures["isolation"], "kvm")
        self.assertIn(figures["way"], ("ring 0", "deprivileged"))
        self.assertIn(figures["way"].encode(), run(MAYFLY, "doctor").stdout)
        self.expect(run(MAYFLY, "run", "--isolation=process", LINUX, "ports"), 125,
                    says="built for the processor's privileged ring")


class Refused(WithFolder):
    def refuse(self, data, says):
        result = mayfly(self.file(data))
        self.expect(result, 125, says=says)
        self.assertEqual(result.stderr.count(b"\n"), 1, result.stderr)

    def changed(self, source=LINUX, program=None, **fields):
        """The image with other values in its header, or in its first program header."""
        data = bytearray(source.read_bytes())
        names = ("ident", "type", "machine", "version", "entry", "programs", "sections", "flags", "size",
                 "program_size", "program_count", "section_size", "section_count", "names")
        header = dict(zip(names, HEADER.unpack_from(data)))
        header.update(fields)
        HEADER.pack_into(data, 0, *header.values())
        if program:
            names = ("type", "flags", "offset", "address", "physical", "file_size", "memory_size", "align")
            first = dict(zip(names, PROGRAM.unpack_from(data, 64)))
            first.update(program)
            PROGRAM.pack_into(data, 64, *first.values())
        return bytes(data)

    def test_cut_off(self):
        self.refuse(LINUX.read_bytes()[:0x1040], "cut off")
        image = MULTIBOOT.read_bytes()
        self.refuse(image[:image.index(struct.pack("<I", 0x1badb002)) + 16], "cut off")

    def test_machines(self):
        self.refuse(self.changed(machine=183), "for another processor")

    def test_headers(self):
        self.refuse(self.changed(type=1), "no image that was linked")
        self.refuse(self.changed(program_count=65), "65 program headers")

    def test_segments(self):
        self.refuse(self.changed(program={"memory_size": 8}), "cut off, or damaged")
        self.refuse(self.changed(program={"flags": 4}), "where it has no code")
        self.refuse(self.changed(program={"memory_size": 1 << 40}), "give more memory")
        self.refuse(self.changed(program={"memory_size": (1 << 64) - 1}), "give more memory")

    def test_unknown_protocol(self):
        """It has a section of Unikraft's, and begins in another way."""
        data = bytearray(LINUX.read_bytes())
        for compared in (0x53726448, 0x2badb002):
            at = data.index(struct.pack("<I", compared))
            data[at:at + 4] = b"\x90" * 4
        names = data.rindex(b".bss\0")
        data[names:names + 4] = b".uk_"
        self.refuse(bytes(data), "a boot protocol that is not known here")


def main():
    probe = mayfly(LINUX, "ports")
    if probe.returncode == 125 and b"cannot be had" in probe.stderr:
        print(probe.stderr.decode())
        sys.exit(SKIP)
    unittest.main(verbosity=2)


main()
