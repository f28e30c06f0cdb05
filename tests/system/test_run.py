#!/usr/bin/env python3
"""mayfly run as its users meet it: good programs and bad ones, under one isolation.

usage: test_run.py MAYFLY DEEDS ISOLATION
DEEDS is the program of guests.c.
"""

import hashlib
import json
import os
import pathlib
import statistics
import struct
import subprocess
import sys
import tempfile
import time
import unittest

MAYFLY, DEEDS = (pathlib.Path(sys.argv.pop(1)).resolve() for _ in range(2))
ISOLATION = sys.argv.pop(1)
BUSYBOX = "/bin/busybox"
LIMIT = 120  # seconds for one command
SKIP = 77


def run(*arguments, request=b"x", stdout=subprocess.PIPE, **variables):
    return subprocess.run([MAYFLY, "run", f"--isolation={ISOLATION}", *map(str, arguments)],
                          input=request, stdout=stdout, stderr=subprocess.PIPE, timeout=LIMIT,
                          env={**os.environ, **variables}, check=False)


def text(data):
    return data.decode(errors="replace")


class Programs(unittest.TestCase):
    def expect(self, result, status, output):
        self.assertEqual((result.returncode, result.stdout), (status, output),
                         text(result.stderr))

    def test_busybox_says_what_the_host_says(self):
        digest = hashlib.sha256(b"abc\n").hexdigest().encode()
        self.expect(run(BUSYBOX, "sha256sum", request=b"abc\n"), 0, digest + b"  -\n")

    def test_function_by_name(self):
        self.expect(run("hello", request=b"Ada\n"), 0, b"Hello, Ada!\n")

    def test_empty_request(self):
        self.expect(run("hello", request=b""), 0, b"Hello, world!\n")
        self.expect(run("echo", request=b""), 0, b"")

    def test_where_the_host_allows_no_cores(self):
        """As many services are started. Such a limit cannot be raised again."""
        result = subprocess.run(
            ["sh", "-c", 'ulimit -c 0 && exec "$@"', "sh", MAYFLY, "run", f"--isolation={ISOLATION}",
             "hello"], input=b"x", capture_output=True, timeout=LIMIT, check=False)
        self.assertEqual(result.returncode, 0, result.stderr)

    def test_large_request(self):
        request = os.urandom(1 << 20) * 100
        self.expect(run(BUSYBOX, "sha256sum", request=request), 0,
                    hashlib.sha256(request).hexdigest().encode() + b"  -\n")

    def test_large_response(self):
        request = os.urandom(1 << 20) * 20
        self.assertEqual(hashlib.sha256(run("echo", request=request).stdout).digest(),
                         hashlib.sha256(request).digest())

    def test_large_output_without_a_request(self):
        result = run(BUSYBOX, "seq", "3000000")
        self.assertEqual(result.returncode, 0, text(result.stderr))
        self.assertEqual(len(result.stdout), sum(len(str(i)) + 1 for i in range(1, 3000001)))

    def test_repeated_without_a_request(self):
        self.expect(run("--repeat=3", BUSYBOX, "echo", "hi"), 0, b"hi\n")

    def test_mappings_are_each_requests_own(self):
        self.expect(run("--repeat=20", DEEDS, "mappings"), 0, b"as it was\n")
        with tempfile.TemporaryDirectory(prefix="mayfly-mappings-") as folder:
            file = os.path.join(folder, "deeds.snap")
            subprocess.run([MAYFLY, "snapshot", f"--isolation={ISOLATION}", "-o", file, DEEDS,
                            "mappings"], check=True, timeout=LIMIT)
            self.expect(run("--repeat=5", file), 0, b"as it was\n")

    def expect_each_requests_own(self, deed, found):
        self.expect(run("--repeat=20", DEEDS, deed), 0, found)
        with tempfile.TemporaryDirectory(prefix="mayfly-sockets-") as folder:
            file = os.path.join(folder, "deeds.snap")
            subprocess.run([MAYFLY, "snapshot", f"--isolation={ISOLATION}", "-o", file, DEEDS,
                            deed], check=True, timeout=LIMIT)
            self.expect(run("--repeat=5", file), 0, found)

    def test_sockets_are_each_requests_own(self):
        self.expect_each_requests_own("sockets", b"4 kept\nResource temporarily unavailable\n")

    def test_connections_are_each_requests_own(self):
        self.expect_each_requests_own(
            "connections", b"4 kept\nResource temporarily unavailable\nanswer\n0\n")

    def test_exit_status(self):
        self.expect(run(BUSYBOX, "false"), 1, b"")
        self.expect(run(BUSYBOX, "sh", "-c", "exit 42"), 42, b"")

    def test_environment(self):
        self.expect(run("--env", "A=1", "--env=B=x=y", BUSYBOX, "env"), 0, b"A=1\nB=x=y\n")

    def test_standard_error_is_the_log(self):
        result = run(DEEDS, "time")
        self.assertIn("about to do: time\n", text(result.stderr))

    def test_trace_goes_to_devices(self):
        self.expect(run("--trace=/dev/null", "hello", request=b"Ada\n"), 0, b"Hello, Ada!\n")
        result = run("--trace=/dev/full", "hello", request=b"Ada\n")
        self.expect(result, 0, b"Hello, Ada!\n")
        self.assertIn("the trace is not complete: cannot write /dev/full", text(result.stderr))

    def test_statistics(self):
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder, "figures.json")
            run("--repeat=50", f"--stats={file}", "hello")
            figures = json.loads(file.read_text())
        self.assertEqual((figures["isolation"], figures["way"], figures["requests"]), (ISOLATION, None, 50))
        for name in ("clone_us", "run_us", "reset_us", "total_us"):
            self.assertEqual(sorted(figures[name]), ["max", "p50", "p90", "p99"])
            self.assertLessEqual(figures[name]["p50"], figures[name]["max"])
        self.assertGreater(figures["memory_per_slot_bytes"], 0)
        self.assertEqual((figures["ops"], figures["op_us"]), (0, None))


    def on_terminal(self, *arguments):
        """What a terminal shows that is standard error."""
        terminal, end = os.openpty()
        try:
            result = subprocess.run([MAYFLY, "run", f"--isolation={ISOLATION}", *arguments],
                                    stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=end,
                                    timeout=LIMIT, check=False)
            self.assertEqual((result.returncode, result.stdout), (0, b"Hello, world!\n"))
            return text(os.read(terminal, 65536))
        finally:
            os.close(terminal)
            os.close(end)

    def test_statistics_for_people(self):
        """On a terminal a line to read; JSON where it is asked for or standard error is redirected."""
        line = self.on_terminal("--repeat=20", "--stats", "hello")
        self.assertRegex(line, rf"^20 requests under {ISOLATION}: clone [\d.]+ (us|ms), run [\d.]+ "
                               r"(us|ms), reset [\d.]+ (us|ms), together [\d.]+ (us|ms) \(median; 90 "
                               r"% within [\d.]+ (us|ms), 99 % within [\d.]+ (us|ms)\); memory \d+ "
                               r"KiB, and \d+ KiB that clones share\r\n$")
        self.assertTrue(self.on_terminal("--stats", "hello").startswith("1 request under "))
        asked = json.loads(self.on_terminal("--repeat=20", "--stats=json", "hello"))
        self.assertEqual(asked["requests"], 20)
        for form in ("--stats", "--stats=json"):
            redirected = run("--repeat=3", form, "hello")
            self.assertEqual(json.loads(redirected.stderr)["requests"], 3)
        self.assertFalse(os.path.exists("json"))


class Streams(unittest.TestCase):
    """Standard streams and files that are no plain ones."""

    @staticmethod
    def shell(script):
        """What `script` does with "$@", the command that runs a function."""
        return subprocess.run(["sh", "-c", script, "sh", MAYFLY, "run", f"--isolation={ISOLATION}"],
                              stdin=subprocess.DEVNULL, capture_output=True, timeout=LIMIT,
                              check=False)

    def test_closed_streams_are_not_taken_for_other_files(self):
        result = self.shell('"$@" hello >&-')
        self.assertEqual((result.returncode, result.stdout), (125, b""), text(result.stderr))
        self.assertIn("Bad file descriptor", text(result.stderr))
        result = self.shell('"$@" echo <&-')
        self.assertEqual((result.returncode, result.stdout), (125, b""), text(result.stderr))
        self.assertIn("Bad file descriptor", text(result.stderr))
        result = self.shell('"$@" hello 2>&-')
        self.assertEqual((result.returncode, result.stdout), (0, b"Hello, world!\n"))

    def test_reader_that_goes_away(self):
        """Told as a shell tells it of other programs: by the status, without a word."""
        for program in (f"{BUSYBOX} seq 3000000", f"{BUSYBOX} sh -c 'read x; seq 3000000'"):
            result = self.shell(f'{{ "$@" {program}; echo $? >&2; }} | head -n 1')
            self.assertEqual((result.stdout, result.stderr), (b"1\n", b"141\n"))

    def test_reader_that_does_not_read(self):
        """A full pipe holds a request up to its deadline, and no longer."""
        for program in ([BUSYBOX, "seq", "300000"], ["echo"]):
            reader, writer = os.pipe()
            try:
                result = run("--timeout=2s", *program, request=bytes(1 << 20), stdout=writer)
            finally:
                os.close(reader)
                os.close(writer)
            self.assertEqual(result.returncode, 124, text(result.stderr))
            self.assertIn("took longer", text(result.stderr))

    def test_statistics_go_where_the_path_leads(self):
        with tempfile.TemporaryDirectory() as folder:
            target, link = pathlib.Path(folder, "target"), pathlib.Path(folder, "link")
            link.symlink_to(target)
            run(f"--stats={link}", "hello")
            self.assertTrue(link.is_symlink())
            self.assertEqual(json.loads(target.read_text())["requests"], 1)
            device = pathlib.Path(folder, "pipe")
            os.mkfifo(device)
            result = self.shell(f'cat {device} & "$@" --stats={device} hello >&2; wait')
            self.assertEqual(json.loads(result.stdout)["requests"], 1)
            self.assertTrue(device.is_fifo())


class Clones(unittest.TestCase):
    def test_randomness_differs(self):
        seen = {run("--repeat=2", DEEDS, "random").stdout for _ in range(5)}
        self.assertEqual(len(seen), 5)

    def test_time_is_true(self):
        before = time.time()
        shown = float(run(DEEDS, "time").stdout)
        self.assertTrue(before - 0.001 <= shown <= time.time() + 0.001, (before, shown))

    def test_nothing_stays(self):
        result = run("--repeat=20", DEEDS, "traces")
        self.assertEqual((result.returncode, result.stdout), (0, b"clean\n"), text(result.stderr))


    def test_programs_that_wait_for_a_request_or_do_not(self):
        """A set-up that ended leaves no snapshot; a later run waits all the same."""
        for _ in range(8):
            result = run("--repeat=10", DEEDS, "maybe")
            self.assertIn(result.returncode, (0, 1), text(result.stderr))
            self.assertNotIn("crashed", text(result.stderr))


class Falls(unittest.TestCase):
    """Programs that fall: the status a shell would give, and a report that names the cause."""

    def expect(self, deed, status, *patterns, options=()):
        result = run(*options, DEEDS, deed)
        self.assertEqual(result.returncode, status, text(result.stderr))
        for pattern in patterns:
            self.assertRegex(text(result.stderr), pattern)
        self.assertEqual(run("hello").stdout, b"Hello, x!\n")

    def test_null_pointer(self):
        self.expect("null", 139, r"page fault reading 0 \(a null pointer\) at read_null\+0x",
                    r"last log: about to do: null", r"rax [0-9a-f]{16}")

    def test_code_cannot_be_written(self):
        self.expect("write-code", 139, r"page fault writing 0x[0-9a-f]+ \(not allowed there\)")

    def test_data_cannot_be_executed(self):
        self.expect("execute-data", 139, r"page fault executing 0x[0-9a-f]+")

    def test_stack_overflow(self):
        self.expect("stack", 139, r"below the stack: it overflowed", r"overflow_stack\+0x")

    def test_division_by_zero(self):
        self.expect("divide", 136, r"division error at divide_by_zero\+0x")

    def test_invalid_instruction(self):
        self.expect("invalid", 132, r"invalid instruction")

    def test_privileged_instruction(self):
        self.expect("halt", 139, r"general protection fault")

    def test_own_signal(self):
        self.expect("abort", 134, r"signal 6")

    def test_deadline(self):
        self.expect("spin", 124, r"--timeout", options=["--timeout=200ms"])
        self.expect("sleep", 124, r"--timeout", options=["--timeout=200ms"])

    def test_time_for_the_set_up(self):
        """It has a limit of its own; a request does not use it up, nor the other way round."""
        early, late = "BEGIN { while (1) i++ }", "{ while (1) i++ }"
        for script, short, long, named in ((early, "setup-timeout", "timeout", "--setup-timeout"),
                                           (late, "timeout", "setup-timeout", "--timeout")):
            result = run(f"--{short}=200ms", f"--{long}=60s", BUSYBOX, "awk", script)
            self.assertEqual((result.returncode, result.stdout), (124, b""), text(result.stderr))
            self.assertIn(f" with {named}\n", text(result.stderr))
            self.assertEqual("before it read its request" in text(result.stderr), script == early)
        result = run("--timeout=5s", "--setup-timeout=60s", BUSYBOX, "awk",
                     "BEGIN { end = systime() + 7; while (systime() < end); } { print }",
                     request=b"read\n")
        self.assertEqual((result.returncode, result.stdout), (0, b"read\n"), text(result.stderr))
        result = run("--timeout=200ms", BUSYBOX, "awk", early)
        self.assertEqual(result.returncode, 124)
        self.assertIn("with --timeout, or for that alone with --setup-timeout", text(result.stderr))
        with tempfile.TemporaryDirectory() as folder:
            result = subprocess.run([MAYFLY, "snapshot", f"--isolation={ISOLATION}", "-o",
                                     f"{folder}/snapshot", "--setup-timeout=200ms", BUSYBOX, "awk",
                                     early], capture_output=True, timeout=LIMIT, check=False)
            self.assertEqual(result.returncode, 124, text(result.stderr))
            self.assertIn("give more with --setup-timeout", text(result.stderr))
        for value, says in (("soon", "'soon' is not a duration"), ("0", "give 1ms to 24h"),
                            ("2000000", "give 1ms to 24h")):
            result = run(f"--setup-timeout={value}", "hello")
            self.assertIn("--setup-timeout", text(result.stderr))
            self.assertIn(says, text(result.stderr))

    def test_deadline_while_waiting_for_the_request(self):
        with subprocess.Popen([MAYFLY, "run", f"--isolation={ISOLATION}", "--timeout=200ms", "echo"],
                              stdin=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            self.assertEqual(process.wait(LIMIT), 124)

    def test_response_has_an_end(self):
        for options in ([], ["--repeat=2"]):
            result = run("--response-limit=1M", *options, BUSYBOX, "cat", request=bytes(2 << 20))
            self.assertEqual(result.returncode, 128 + 25, text(result.stderr))  # SIGXFSZ
            self.assertLessEqual(len(result.stdout), 1 << 20)
            self.assertIn("--response-limit", text(result.stderr))
        result = run("--response-limit=2M", BUSYBOX, "cat", request=bytes(2 << 20))
        self.assertEqual((result.returncode, len(result.stdout)), (0, 2 << 20))

    def test_response_without_a_request_has_an_end(self):
        result = run("--response-limit=1M", BUSYBOX, "seq", "10000000")
        self.assertEqual(result.returncode, 128 + 25, text(result.stderr))
        self.assertLessEqual(len(result.stdout), 1 << 20)

    def test_log_has_an_end(self):
        result = run("--log-limit=100", BUSYBOX, "tee", "/dev/stderr", request=b"#" * 5000)
        self.assertEqual(result.returncode, 0, text(result.stderr))
        self.assertEqual(text(result.stderr).count("#"), 100)
        self.assertIn("--log-limit", text(result.stderr))

    def test_memory_has_an_end(self):
        self.expect("exhaust", 3, r"asked for \d+ KiB of memory, more than there is; give more with "
                                  r"--memory\n", options=["--memory=16M"])
        self.expect("reserve", 137, r"out of memory: \d+ of \d+ KiB.*--memory",
                    options=["--memory=16M"])

    def expect_refusal(self, deed, output, log):
        """What does not exist in a guest is refused to the program, and told once to the user."""
        result = run(DEEDS, deed)
        self.assertEqual((text(result.stdout), result.returncode), (output, 0))
        self.assertEqual(text(result.stderr).count("mayfly:"), 1 if log else 0, result.stderr)
        self.assertIn(log, text(result.stderr))

    def test_second_process(self):
        """It ends with its machine, and has the same answer in each."""
        result = run("--root=/", "--repeat=20", "/bin/sh", "-c",
                     'sleep 1000 & read -r line; echo "$line" | cat; (exit 3); echo $?', request=b"x\n")
        self.assertEqual((result.stdout, result.returncode), (b"x\n3\n", 0), text(result.stderr))

    def test_another_program(self):
        """It takes the first one's place before the snapshot, or in a request, which is undone."""
        for script, output in (("exec cat", b"x\n"),
                               ("read -r line; exec echo $line again", b"x again\n")):
            result = run("--root=/", "--repeat=3", "/bin/sh", "-c", script, request=b"x\n")
            self.assertEqual((result.stdout, result.returncode), (output, 0),
                             text(result.stderr))
        result = run("--root=/", "/bin/sh", "-c", f"exec {DEEDS} null")
        self.assertEqual(result.returncode, 139)
        self.assertRegex(text(result.stderr),
                         rf"error: {DEEDS} crashed: .*\(rip 0x[0-9a-f]+, {DEEDS}\)")
        result = run("--root=/", "--trace", "/bin/sh", "-c", f"exec {DEEDS} fork")
        self.assertRegex(text(result.stderr), rf'execve\("{DEEDS}", .*\) = 0')

    def test_network(self):
        """Who fails is told that nothing leads out; who does without is not."""
        self.expect_refusal("internet", "Network is unreachable\n", "")
        result = run(DEEDS, "internet-fails")
        self.assertEqual((text(result.stdout), result.returncode), ("Network is unreachable\n", 1))
        self.assertIn("a guest has no network: nothing leads out of it (ENETUNREACH)",
                      text(result.stderr))
        self.expect_refusal("local", "a socket\n" * 2, "")

    def test_failing_without_a_call(self):
        """Who fails is told what it asked for in vain; who does without is not."""
        refused = "Function not implemented\n"
        self.expect_refusal("swap", refused, "")
        result = run("--repeat=3", DEEDS, "swap-fails")
        self.assertEqual((text(result.stdout), result.returncode), (refused, 1))
        lines = [line for line in text(result.stderr).splitlines() if "mayfly:" in line]
        self.assertTrue(lines and all("the system call swapon (ENOSYS)" in line for line in lines),
                        result.stderr)


class BadInput(unittest.TestCase):
    """One line that says what, where and what to do; status 125; nothing left behind."""

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def expect(self, arguments, *words, **keywords):
        result = run(*arguments, **keywords)
        lines = text(result.stderr).strip().splitlines()
        self.assertEqual((result.returncode, len(lines)), (125, 1), lines)
        for word in words:
            self.assertIn(word, lines[0])

    def program(self, change):
        """A copy of busybox with something wrong."""
        data = bytearray(pathlib.Path(BUSYBOX).read_bytes())
        data = change(data) or data
        path = pathlib.Path(self.folder.name, "program")
        path.write_bytes(data)
        return path

    def program_header(self, data, number, format_, offset, value):
        start, = struct.unpack_from("<Q", data, 32)
        struct.pack_into(format_, data, start + number * 56 + offset, value)

    def test_missing_program(self):
        self.expect(["./no-such-program"], "there is no file ./no-such-program")
        self.expect(["no-such-function"], "no function", "no-such-function", "path")

    def test_no_program(self):
        result = run()
        self.assertEqual(result.returncode, 2)
        self.assertIn("give PROGRAM", text(result.stderr))

    def test_directory(self):
        self.expect(["/tmp"], "not a regular file")

    def test_no_elf(self):
        path = pathlib.Path(self.folder.name, "text")
        path.write_text("hello\n", encoding="ascii")
        self.expect([path], "not an ELF program")
        path.write_bytes(b"")
        self.expect([path], "not an ELF program")

    def test_script(self):
        """Its interpreter would have to be there, too: in a root it is."""
        path = pathlib.Path(self.folder.name, "script")
        path.write_text("#!/bin/sh\necho hello\n", encoding="ascii")
        self.expect([path], "is a script", "--root")
        for line in ("#!/bin/sh\r\n", "#!/bin/busybox sh\r\n"):
            path.write_text(f"{line}echo hello\r\n", encoding="ascii")
            self.expect(["--root=/", path], "carriage return", str(path))

    def test_nothing_that_blocks(self):
        """Opening a pipe that nobody writes to waits for ever."""
        path = pathlib.Path(self.folder.name, "pipe")
        os.mkfifo(path)
        self.expect([path], str(path), "not a regular file")
        self.expect([f"--root={path}", "true"], str(path), "is no root")
        self.expect([f"--warm-up={path}", "hello"], str(path), "not a regular file")

    def test_names_are_not_for_terminals(self):
        """A name may have anything in it; what is written is one line, and moves no cursor."""
        self.expect(["./a\nb\x1b[31mc\x7f"], "./a b?[31mc?")
        self.expect([""], "which program")

    def test_limit_of_file_sizes(self):
        """Windows are files, too."""
        result = subprocess.run(["prlimit", "--fsize=4096", MAYFLY, "run",
                                 f"--isolation={ISOLATION}", "hello"], input=b"x", timeout=LIMIT,
                                capture_output=True, check=False)
        self.assertEqual((result.returncode, result.stderr.count(b"\n")), (125, 1), result.stderr)
        self.assertIn(b"File too large", result.stderr)

    def test_other_machine(self):
        self.expect([self.program(lambda data: struct.pack_into("<H", data, 18, 183))],
                    "another machine")

    def test_dynamic_program(self):
        self.expect([sys.executable], "dynamically linked", "-static")

    def test_cut_off(self):
        for length in (20, 64, 200, 5000, 1 << 20):
            self.expect([self.program(lambda data, length=length: data[:length])], "cut off")

    def test_overlapping_segments(self):
        def overlap(data):
            start, = struct.unpack_from("<Q", data, 32)
            loads = [i for i in range(struct.unpack_from("<H", data, 56)[0])
                     if struct.unpack_from("<I", data, start + i * 56)[0] == 1]
            first, = struct.unpack_from("<Q", data, start + loads[0] * 56 + 16)
            offset, = struct.unpack_from("<Q", data, start + loads[1] * 56 + 8)
            self.program_header(data, loads[1], "<Q", 16, first + offset % 4096)

        self.expect([self.program(overlap)], "overlapping")

    def test_null_page(self):
        def at_zero(data):
            start, = struct.unpack_from("<Q", data, 32)
            first = next(i for i in range(struct.unpack_from("<H", data, 56)[0])
                         if struct.unpack_from("<I", data, start + i * 56)[0] == 1)
            self.program_header(data, first, "<Q", 16, 0)

        self.expect([self.program(at_zero)], "has a segment at 0", "null pointers")

    def test_writable_code(self):
        """That is the program's choice."""
        def writable(data):
            start, = struct.unpack_from("<Q", data, 32)
            for i in range(struct.unpack_from("<H", data, 56)[0]):
                kind, flags = struct.unpack_from("<II", data, start + i * 56)
                if kind == 1 and flags & 1:
                    self.program_header(data, i, "<I", 4, 7)

        program = self.program(writable).rename(pathlib.Path(self.folder.name, "busybox"))
        result = run(program, "echo", "done")
        self.assertEqual((result.returncode, result.stdout), (0, b"done\n"), result.stderr)

    def test_too_little_memory(self):
        self.expect(["--memory=1M", BUSYBOX, "true"], "needs at least", "--memory")

    def test_bad_variable(self):
        self.expect(["--env=NAME", BUSYBOX, "true"], "NAME=VALUE")

    def test_full_disk(self):
        with open("/dev/full", "wb") as full:
            self.expect(["hello"], "cannot write the response", "No space left", stdout=full)

    def test_unwritable_statistics(self):
        self.expect(["--stats=/no/such/folder/file", "hello"], "/no/such/folder/file")


class Endurance(unittest.TestCase):
    """A monitor after many requests holds no more than after few."""
    FEW, MANY = (1000, 10000) if ISOLATION == "kvm" else (200, 2000)
    SLACK = 512  # KiB: less than 64 bytes a request

    def serve(self, requests):
        """Serves them; returns the peak of memory in KiB, and how many descriptors and children there
        usually are: a start has more, for a moment."""
        command = [MAYFLY, "run", f"--isolation={ISOLATION}", f"--repeat={requests}", "hello"]
        # AddressSanitizer keeps freed memory for a while; here it would look like a leak.
        environment = {**os.environ, "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") +
                       ":quarantine_size_mb=0:thread_local_quarantine_size_kb=0"}
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              env=environment) as process:
            process.stdin.write(b"x")
            process.stdin.close()
            descriptors, children = [], []
            while True:
                ended, status, usage = os.wait4(process.pid, os.WNOHANG)
                if ended:
                    break
                sample = self.sample(process.pid)
                descriptors.append(sample[0])
                children.append(sample[1])
                time.sleep(0.01)
            process.returncode = os.waitstatus_to_exitcode(status)
            self.assertEqual(process.returncode, 0)
            self.assertEqual(process.stdout.read(), b"Hello, x!\n")
        return usage.ru_maxrss, statistics.median(descriptors), statistics.median(children)

    def test_nothing_grows(self):
        few, many = self.serve(self.FEW), self.serve(self.MANY)
        self.assertLessEqual(many[0], few[0] + self.SLACK, "memory")
        self.assertLessEqual(many[1], few[1] + 2, "descriptors")
        self.assertLessEqual(many[2], few[2] + 1, "children")

    @staticmethod
    def sample(pid):
        folder = pathlib.Path("/proc", str(pid))
        try:
            return (len(list((folder / "fd").iterdir())),
                    len((folder / "task" / str(pid) / "children").read_text().split()))
        except OSError:
            return 0, 0


def main():
    probe = run("hello")
    if probe.returncode == 125 and b"cannot be had" in probe.stderr:
        print(text(probe.stderr))
        sys.exit(SKIP)
    unittest.main(verbosity=2)


main()
