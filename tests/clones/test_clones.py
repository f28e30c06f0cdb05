#!/usr/bin/env python3
"""What clones of one snapshot draw at random, and how they look to libraries that keep generators.

usage: test_clones.py MAYFLY COPY ISOLATION DRAW_GO
COPY is the program of copy.c. Each generator is used once before the snapshot; then clones draw,
and write what they drew into their logs. docs/functions.md has the table of what they say. Exits
with 77, saying why, where this machine cannot run the test.
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

TOP = pathlib.Path(__file__).resolve().parents[2]
MAYFLY, COPY = (pathlib.Path(sys.argv.pop(1)).resolve() for _ in range(2))
ISOLATION = sys.argv.pop(1)
DRAW_GO = pathlib.Path(sys.argv.pop(1)).resolve()
PYTHON = "/usr/bin/python3"
REPEAT = 3
LIMIT = 120  # seconds for one command
SKIP = 77

# Uses each generator once, and again after the snapshot; refreshes those that have a way, and uses
# them once more. A library that is not there is told on the host, where nothing follows.
PYTHON_PROGRAM = """
import ctypes, os, sys
def c_library(library, setup, call, refresh):
    lib, out = ctypes.CDLL(library), ctypes.create_string_buffer(16)
    names = {"lib": lib, "out": out, "ctypes": ctypes, "os": os}
    exec(setup, names)
    def draw():
        exec(call, names)
        return out.raw.hex()
    return draw, lambda: exec(refresh, names)
def python(setup):
    names = {}
    exec(setup, names)
    return names["draw"], lambda: None
generators = {}
for name, how in GENERATORS.items():
    try:
        generators[name] = c_library(*how) if isinstance(how, tuple) else python(how)
        generators[name][0]()
    except OSError as error:
        print("missing", name, error, file=sys.stderr)
sys.stdin.read()
for name, (draw, refresh) in generators.items():
    print("drawn", name, draw(), sep="\\t", file=sys.stderr)
    refresh()
    print("drawn", name + ", refreshed", draw(), sep="\\t", file=sys.stderr)
"""
NODE_PROGRAM = """
const generators = { GENERATORS };
for (const name in generators) generators[name]();
require('fs').readFileSync(0);
for (const name in generators) console.error(`drawn\\t${name}\\t${generators[name]()}`);
"""
ANDROID = "/usr/lib/x86_64-linux-gnu/android/libcrypto.so.0"
GCRYPT = "lib.gcry_check_version(None); lib.gcry_control(38, 0)"  # GCRYCTL_INITIALIZATION_FINISHED

# name in the table: library, set-up, call, and how to refresh it in a clone where there is a need
C_GENERATORS = {
    "OpenSSL 3": ("libcrypto.so.3", "", "lib.RAND_bytes(out, 16)", ""),
    "BoringSSL": (ANDROID, "", "lib.RAND_bytes(out, 16)", ""),
    "libgcrypt": ("libgcrypt.so.20", GCRYPT, "lib.gcry_randomize(out, 16, 1)", ""),
    "libgcrypt's nonces": ("libgcrypt.so.20", GCRYPT, "lib.gcry_create_nonce(out, 16)", ""),
    "libsodium": ("libsodium.so.23", "lib.sodium_init()", "lib.randombytes_buf(out, 16)", ""),
    "GnuTLS": ("libgnutls.so.30", "", "lib.gnutls_rnd(2, out, 16)", "lib.gnutls_rnd_refresh()"),
    "NSS": ("libnss3.so", "lib.NSS_NoDB_Init(None)", "lib.PK11_GenerateRandom(out, 16)",
            "lib.PK11_RandomUpdate(os.urandom(32), 32);"
            "lib.PK11_GenerateRandom(ctypes.create_string_buffer(256), 256)"),
    "`arc4random()`": ("libc.so.6", "", "lib.arc4random_buf(out, 16)", ""),
    "`rand()`": ("libc.so.6", "", "ctypes.memmove(out, lib.rand().to_bytes(4, 'little'), 4)",
               "lib.srand(int.from_bytes(os.urandom(4), 'little'))"),
}
PYTHON_GENERATORS = {
    "`secrets`": "import secrets; draw = lambda: secrets.token_hex(8)",
    "`uuid.uuid4()`": "import uuid; draw = uuid.uuid4",
    "`tempfile`": "import tempfile; draw = tempfile.mktemp",
    "`os.urandom()`": "import os; draw = lambda: os.urandom(8).hex()",
    "`ssl`": "import ssl; draw = lambda: ssl.RAND_bytes(8).hex()",
    "`/proc/sys/kernel/random/uuid`": "draw = lambda: open('/proc/sys/kernel/random/uuid').read().strip()",
    "`/proc/sys/kernel/random/boot_id`":
        "draw = lambda: open('/proc/sys/kernel/random/boot_id').read().strip()",
    "`random`": "import random; draw = random.random",
}
NODE_GENERATORS = {
    "`crypto.randomBytes()`": "crypto.randomBytes(8).toString('hex')",
    "`crypto.getRandomValues()`": "crypto.getRandomValues(new Uint8Array(8)).join('.')",
    "`crypto.generateKeyPair()`": "crypto.generateKeyPairSync('ed25519').publicKey"
                                  ".export({type: 'spki', format: 'der'}).toString('hex')",
    "`{disableEntropyCache: true}`": "crypto.randomUUID({disableEntropyCache: true})",
    "`crypto.randomUUID()`": "crypto.randomUUID()",
    "`crypto.randomInt()`": "crypto.randomInt(2 ** 47)",
    "`Math.random()`": "Math.random()",
}
GO_GENERATORS = {"`crypto/rand`": "crypto", "`math/rand`": "math"}
# Not fresh by themselves, as the table says.
THE_SAME = {"GnuTLS", "NSS", "`rand()`", "`random`", "`crypto.randomUUID()`", "`crypto.randomInt()`",
            "`Math.random()`", "`math/rand`"}


def mayfly(*arguments):
    return subprocess.run([MAYFLY, *map(str, arguments)], input=b"Ada\n", capture_output=True,
                          timeout=LIMIT, check=False)


def run(*arguments):
    return mayfly("run", f"--isolation={ISOLATION}", *arguments)


class Clones(unittest.TestCase):
    def ids(self, result, count):
        lines = result.stderr.decode(errors="replace").splitlines()
        self.assertEqual(result.returncode, 0, lines)
        self.assertEqual(len(lines), count, lines)
        for line in lines:
            self.assertRegex(line, r"^\d+$")
        return [int(line) for line in lines]

    def test_clones_are_copies(self):
        found = self.ids(run(COPY), 1) + self.ids(run(f"--repeat={REPEAT}", COPY), REPEAT)
        with tempfile.TemporaryDirectory() as folder:
            snapshot = pathlib.Path(folder) / "copy.snap"
            made = mayfly("snapshot", f"--isolation={ISOLATION}", "-o", snapshot, COPY)
            self.assertEqual(made.returncode, 0, made.stderr)
            for _ in range(2):
                found += self.ids(run("--repeat=2", snapshot), 2)
        # Of 4 million two are equal once in about 10^5 runs of this test: then again.
        self.assertGreaterEqual(len(set(found)), len(found) - 1, found)

    def test_ruby_has_its_id(self):
        self.ids(run(f"--repeat={REPEAT}", COPY, "/tmp/libruby-3.1.so.3.1.2"), REPEAT)


class Generators(unittest.TestCase):
    def drawn(self, *command):
        """What each generator drew, in each of the clones."""
        result = run("--root=/", f"--repeat={REPEAT}", *command)
        log = result.stderr.decode(errors="replace")
        self.assertEqual(result.returncode, 0, log)
        found = {}
        for name, value in re.findall(r"^drawn\t(.+)\t(.+)$", log, re.MULTILINE):
            found.setdefault(name, []).append(value)
        return found

    def expect(self, found, name):
        self.assertEqual(len(found[name]), REPEAT, found)
        self.assertEqual(len(set(found[name])), 1 if name in THE_SAME else REPEAT, found)

    def test_the_table_names_them(self):
        table = (TOP / "docs/functions.md").read_text()
        rows = [line for line in table.splitlines() if line.startswith("|")]
        for name in [*C_GENERATORS, *PYTHON_GENERATORS, *NODE_GENERATORS, *GO_GENERATORS]:
            with self.subTest(name):
                own = [row.split("|") for row in rows if name in row.split("|")[1]]
                self.assertEqual(len(own), 1, own)
                self.assertEqual(own[0][2].strip(), "no" if name in THE_SAME else "yes")

    def test_c_libraries_and_python(self):
        generators = {**C_GENERATORS, **PYTHON_GENERATORS}
        program = f"GENERATORS = {generators!r}\n" + PYTHON_PROGRAM
        found = self.drawn(PYTHON, "-c", program)
        host = subprocess.run([PYTHON, "-c", program], input=b"", capture_output=True, check=True)
        for name in generators:
            with self.subTest(name):
                if f"missing {name} ".encode() in host.stderr:
                    self.skipTest("the library is not installed")
                self.expect(found, name)
                if isinstance(generators[name], tuple):
                    self.expect(found, name + ", refreshed")

    @unittest.skipUnless(shutil.which("node"), "no node")
    def test_node(self):
        functions = ", ".join(f"{name!r}: () => {draw}" for name, draw in NODE_GENERATORS.items())
        program = NODE_PROGRAM.replace("GENERATORS", functions)
        found = self.drawn("node", "--jitless", "-e", program)
        for name in NODE_GENERATORS:
            with self.subTest(name):
                self.expect(found, name)

    @unittest.skipUnless(shutil.which("node"), "no node")
    def test_node_has_seeded_openssl_when_it_starts(self):
        program = ("require('fs').readFileSync(0);"
                   "console.error(`drawn\\tfirst\\t${crypto.randomUUID()}`)")
        self.expect(self.drawn("node", "--jitless", "-e", program), "first")

    @unittest.skipUnless(shutil.which("go"), "no go")
    def test_go(self):
        with tempfile.TemporaryDirectory() as folder:
            program = pathlib.Path(folder) / "draw"
            subprocess.run(["go", "build", "-o", program, DRAW_GO], check=True,
                           env={**os.environ, "CGO_ENABLED": "0"}, timeout=LIMIT)
            for name, which in GO_GENERATORS.items():
                self.expect(self.drawn(program, which, name), name)


# Both have processes at their first look at the request, which a clone then has, too.
POOL = """
import multiprocessing, os, random, sys
def answer(text):
    return f"{text.upper()} {len(text)}"
def draw(name):
    return os.urandom(8).hex() if name == "fresh" else random.random()
with multiprocessing.get_context("fork").Pool(2) as pool:
    pool.map(answer, ["before"] * 4)
    text = sys.stdin.read().strip()
    print("answer", *pool.map(answer, [text] * 3), file=sys.stderr)
    for name in ("fresh", "seeded"):
        print("drawn", "worker's " + name, pool.apply(draw, (name,)), sep="\\t", file=sys.stderr)
"""
JOB = """
coproc while read -r line; do echo "job $((++count)): $line"; done
echo before >&"${COPROC[1]}"; read -r first <&"${COPROC[0]}"
read -r name; sleep 0.01 & wait $!
echo "$name" >&"${COPROC[1]}"; read -r second <&"${COPROC[0]}"; echo "answer $first; $second; $(echo from a pipe | tr a-z A-Z)" >&2
"""


class Processes(unittest.TestCase):
    """A snapshot of a machine with several processes."""

    def check(self, result, repeat, wanted):
        log = result.stderr.decode(errors="replace")
        self.assertEqual(result.returncode, 0, log)
        answers = re.findall(r"^answer (.+)$", log, re.MULTILINE)
        self.assertEqual((len(answers), set(answers)), (repeat, {wanted}), log)
        return log

    def serve(self, repeat, wanted, *command):
        return self.check(run("--root=/", f"--repeat={repeat}", "--memory=256M", *command), repeat, wanted)

    def test_pool_of_workers(self):
        log = self.serve(20, "ADA 3 ADA 3 ADA 3", PYTHON, "-c", POOL)
        fresh = re.findall(r"^drawn\tworker's fresh\t(.+)$", log, re.MULTILINE)
        self.assertEqual((len(fresh), len(set(fresh))), (20, 20), log)
        # What a library drew its seed for before the snapshot is the same in all clones.
        seeded = re.findall(r"^drawn\tworker's seeded\t(.+)$", log, re.MULTILINE)
        self.assertEqual(len(seeded), 20, log)
        self.assertLessEqual(len(set(seeded)), 2, log)  # of two workers

    @unittest.skipUnless(shutil.which("bash"), "no bash")
    def test_job_of_a_shell(self):
        self.serve(40, "job 1: before; job 2: Ada; FROM A PIPE", "/bin/bash", "-c", JOB)

    @unittest.skipUnless(os.path.exists("/bin/bash-static"), "no bash-static")
    def test_snapshot_in_a_file(self):
        job = JOB.replace("sleep 0.01", ":").replace("tr a-z A-Z", "cat")
        job = "cat() { read -r line; echo \"$line\"; }\n" + job
        with tempfile.TemporaryDirectory() as folder:
            snapshot = pathlib.Path(folder) / "job.snap"
            made = mayfly("snapshot", f"--isolation={ISOLATION}", "-o", snapshot, "/bin/bash-static",
                          "-c", job)
            self.assertEqual(made.returncode, 0, made.stderr)
            self.check(run("--repeat=200", snapshot), 200, "job 1: before; job 2: Ada; from a pipe")


if __name__ == "__main__":
    check = mayfly("run", f"--isolation={ISOLATION}", COPY)
    if check.returncode == 125:
        print(f"skipped: {check.stderr.decode()}")
        sys.exit(SKIP)
    unittest.main()
