#!/usr/bin/env python3
"""Functions in Python: packed by `mayfly root python`, run in every isolation, compared with the
host and with the functions in C.

usage: test_python.py MAYFLY ACCELD
Has an accelerator host of its own, in a run-time directory of its own. Exits with 77, saying why,
where this machine cannot run the test.
"""

import contextlib
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

TOP = pathlib.Path(__file__).resolve().parents[2]
SOURCE = TOP / "functions/python"
PHOTO = SOURCE / "photo"
sys.dont_write_bytecode = True
sys.path.insert(0, str(SOURCE))
import pack  # pylint: disable=wrong-import-position

MAYFLY, ACCELD = (pathlib.Path(sys.argv.pop(1)).resolve() for _ in range(2))
LIMIT = 300  # seconds for one command
SKIP = 77
INTERRUPTIONS = 9  # at moments of packing
PICTURE = pack.fetch.cache_root() / "photos/dog.jpg"

MODULES = """
import decimal, hashlib, json, re, sqlite3, sys, threading, zlib
text = sys.stdin.read()
data = json.loads(text)
print(json.dumps(data, sort_keys=True), re.findall(r"[a-z]+(?=e)", text))
print(hashlib.sha256(text.encode()).hexdigest(), hashlib.blake2b(text.encode()).hexdigest())
print(zlib.crc32(b"hello"), zlib.compress(text.encode() * 100).hex())
table = sqlite3.connect(":memory:")
print(table.execute("select sum(value), sqlite_version() from json_each('[1,2,3]')").fetchall())
print(decimal.Decimal(2).sqrt(), decimal.Decimal(1) / 7)
squares = []
threads = [threading.Thread(target=lambda n=n: squares.append(n * n)) for n in range(20)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(sorted(squares))
"""
NUMPY = """
import sys, numpy
from numpy._core._multiarray_umath import __cpu_features__
count = int(sys.stdin.read())
random = numpy.random.default_rng(7)
a, b = random.standard_normal((2, count, count))
values, left = numpy.linalg.svd(a)[1::-1]
print((a @ b).tobytes().hex()[:4000])
print(numpy.fft.fft(a[0]).tobytes().hex()[:4000])
print(values.tolist(), float(numpy.abs(left).sum()))
print(sorted(name for name, there in __cpu_features__.items() if there))
"""
PILLOW = """
import io, sys, hashlib
from PIL import Image
picture = Image.open(io.BytesIO(sys.stdin.buffer.read()))
small = picture.resize((333, 222), Image.Resampling.LANCZOS)
print(picture.size, picture.mode, hashlib.sha256(small.tobytes()).hexdigest())
out = io.BytesIO()
small.rotate(30).save(out, "PNG")
print(hashlib.sha256(out.getvalue()).hexdigest())
"""
VACCEL = """
import json, sys, vaccel
with vaccel.Session() as session:
    photo = sys.stdin.buffer.read()
    def digits(number): return float("%.4g" % number)
    objects = [{"label": o.label, "score": digits(o.score), "box": [digits(n) for n in o.box]}
               for o in session.detect_objects(photo)]
    labels = [{"label": l.label, "score": digits(l.score)} for l in session.classify_labels(photo)]
    mask = session.segment_mask(photo)
    assert len(mask.pixels) == mask.width * mask.height > 0
    assert session.pose_keypoints(photo)
    try:
        session.detect_objects(b"no picture")
    except vaccel.Error as error:
        assert error.errno == 22, error
    else:
        raise AssertionError("no picture was taken for one")
for closed, picture in ((session, photo), (vaccel.Session(), b"")):
    try:
        closed.detect_objects(picture)
    except ValueError:
        pass
    else:
        raise AssertionError("no session or picture was taken for one")
try:
    vaccel.Session(model="nonesuch").detect_objects(photo)
except vaccel.Error as error:
    assert error.errno == 2, error
print(json.dumps([objects, labels]))
"""
# One line in the log for each request: what must differ, then what must not.
RANDOM = """
import os, random, ssl, sys, uuid, numpy, mayfly
random.seed(1), numpy.random.seed(1), ssl.RAND_bytes(8), random.random()
generator = numpy.random.default_rng(1)
@mayfly.on_clone
def seed_generator():
    global generator
    generator = numpy.random.default_rng()
drawn = os.urandom(8).hex()
def handle(request):
    print(os.urandom(8).hex(), random.random(), uuid.uuid4(), ssl.RAND_bytes(8).hex(),
          numpy.random.random(), generator.random(), drawn, file=sys.stderr)
    return request
mayfly.serve(handle)
"""
# A handler of asyncio that reads its request while the loop runs.
RUNNING_LOOP = """
import asyncio, os, sys, mayfly
async def square(number):
    await asyncio.sleep(0.001)
    return number * number
async def main():
    await square(1)
    mayfly.ready()
    squares = await asyncio.gather(*(square(i) for i in range(3)))
    where = await asyncio.get_running_loop().run_in_executor(None, lambda: "in a thread")
    print(*squares, where, sys.stdin.read())
asyncio.run(main())
"""
RESPONSES = """
import sys, mayfly
print("before")
answers = {b"bytes": b"\\xff", b"text": "\u00e4", b"none": None, b"json": {"a": [1]},
           b"memory": memoryview(b"m")}
def handle(request):
    if request == b"print":
        print("first")
        return "then"
    if request == b"exit":
        sys.exit(9)
    return answers[request]
mayfly.serve(handle)
"""
CHANGING = 6  # of the words in a line


def command(*words, given=b"", **variables):
    return subprocess.run([MAYFLY, *map(str, words)], input=given, capture_output=True,
                          timeout=LIMIT, check=False, env={**os.environ, **variables})


def wait_until(true, pause=0.1):
    deadline = time.monotonic() + LIMIT
    while time.monotonic() < deadline:
        if true():
            return
        time.sleep(pause)
    raise TimeoutError("in vain")


def text(data):
    return data.decode(errors="replace")


class Python(unittest.TestCase):
    """What all tests share: the example's image, and its packages on the host."""

    folder = image = site = None
    isolations = []

    def run_image(self, isolation, *words, given=b"", options=()):
        return command("run", f"--isolation={isolation}", f"--timeout={LIMIT}s", *options, *words, given=given)

    def python(self, isolation, script, given=b"", options=()):
        return self.run_image(isolation, "python3", "-c", script, given=given, options=[
            "--root", self.image, "--env=PYTHONPATH=/function:/packages", *options])

    def same_as_host(self, script, given):
        host = subprocess.run([pack.PYTHON, "-c", script], input=given, capture_output=True,
                              timeout=LIMIT, check=False, cwd=self.folder, env={
                                  "PYTHONPATH": str(self.site), "OPENBLAS_NUM_THREADS": "1"})
        self.assertEqual(host.returncode, 0, text(host.stderr))
        for isolation in self.isolations:
            with self.subTest(isolation=isolation):
                guest = self.python(isolation, script, given)
                self.assertEqual((text(guest.stdout), text(guest.stderr), guest.returncode),
                                 (text(host.stdout), "", 0))


class Unmodified(Python):
    def test_standard_library(self):
        self.same_as_host(MODULES, b'{"fruit": ["apple", "cherry"], "count": 12.5}')

    def test_numpy(self):
        self.same_as_host(NUMPY, b"96")

    def test_pillow(self):
        self.same_as_host(PILLOW, PICTURE.read_bytes())


class Function(Python):
    def test_example(self):
        """It finds what the function in C finds, and says how bright the photograph is; kept in a
        file after it was warmed up, it answers the same."""
        photo, snapshot = PICTURE.read_bytes(), self.folder / "photo.snap"
        for isolation in self.isolations:
            with self.subTest(isolation=isolation):
                served = self.run_image(isolation, "detect", given=photo)
                self.assertEqual(served.returncode, 0, text(served.stderr))
                in_c = json.loads(served.stdout)
                result = self.run_image(isolation, self.image, given=photo)
                self.assertEqual(result.returncode, 0, text(result.stderr))
                answer = json.loads(result.stdout)
                self.assertEqual([found["label"] for found in answer["objects"]],
                                 [found["label"] for found in in_c["objects"]])
                self.assertIn("dog", [found["label"] for found in answer["objects"]])
                self.assertAlmostEqual(sum(answer["brightness"]), 1, 3)
                for found, wanted in zip(answer["objects"], in_c["objects"]):
                    for number, other in zip([found["score"], *found["box"]],
                                             [wanted["score"], *wanted["box"]]):
                        self.assertAlmostEqual(number, other, 3)
                taken = command("snapshot", f"--isolation={isolation}", f"--warm-up={PICTURE}",
                                "-o", snapshot, self.image)
                self.assertEqual(taken.returncode, 0, text(taken.stderr))
                kept = command("run", snapshot, given=photo)
                self.assertEqual((kept.stdout, kept.returncode), (result.stdout, 0),
                                 text(kept.stderr))

    def test_vaccel(self):
        photo = PICTURE.read_bytes()
        in_c = []
        for name, key in (("detect", "objects"), ("classify", "labels")):
            served = command("run", name, given=photo)
            self.assertEqual(served.returncode, 0, text(served.stderr))
            in_c.append(json.loads(served.stdout)[key])
        in_c[1] = [{"label": found["label"], "score": found["score"]} for found in in_c[1]]
        for isolation in self.isolations:
            with self.subTest(isolation=isolation):
                result = self.python(isolation, VACCEL, photo)
                self.assertEqual(result.returncode, 0, text(result.stderr))
                self.assertEqual(json.loads(result.stdout), in_c)

    def test_clones_differ(self):
        for isolation in self.isolations:
            with self.subTest(isolation=isolation):
                result = self.python(isolation, RANDOM, b"x", ["--repeat=50"])
                self.assertEqual((result.stdout, result.returncode), (b"x", 0), text(result.stderr))
                columns = list(zip(*(line.split() for line in text(result.stderr).splitlines())))
                self.assertEqual([len(set(column)) for column in columns], [50] * CHANGING + [1])

    def test_running_loop(self):
        """A loop that runs when the snapshot is taken goes on in each clone."""
        for isolation in self.isolations:
            with self.subTest(isolation=isolation):
                result = self.python(isolation, RUNNING_LOOP, b"x", ["--repeat=20"])
                self.assertEqual((text(result.stdout), text(result.stderr), result.returncode),
                                 ("0 1 4 in a thread x\n", "", 0))

    def test_responses(self):
        wanted = {b"bytes": b"\xff", b"text": "\u00e4".encode(), b"none": b"",
                  b"json": b'{"a": [1]}\n', b"memory": b"m", b"print": b"first\nthen"}
        snapshot = self.folder / "responses.snap"
        for isolation in self.isolations:
            with self.subTest(isolation=isolation):
                taken = command("snapshot", f"--isolation={isolation}", "-o", snapshot,
                                "--root", self.image, "--env=PYTHONPATH=/packages",
                                "python3", "-c", RESPONSES)
                self.assertEqual(taken.returncode, 0, text(taken.stderr))
                for request, response in wanted.items():
                    result = command("run", snapshot, given=request)
                    self.assertEqual((result.stdout, result.returncode),
                                     (b"before\n" + response, 0), text(result.stderr))
                self.assertEqual(command("run", snapshot, given=b"exit").returncode, 9)
                failed = command("run", snapshot, given=b"nonesuch")
                self.assertEqual(failed.returncode, 1)
                self.assertIn("KeyError: b'nonesuch'", text(failed.stderr))

    def run_outside(self, module):
        return subprocess.run([pack.PYTHON, "-m", "mayfly", module], input=b"a request",
                              capture_output=True, timeout=LIMIT, check=False, cwd=self.folder,
                              env={"PYTHONPATH": f"{SOURCE}:.", "PYTHONDONTWRITEBYTECODE": "1"})

    def test_outside(self):
        """The same modules on the host: one request, then the end."""
        (self.folder / "upper.py").write_text("def handle(request):\n    return request.upper()\n")
        (self.folder / "bare.py").write_text("answer = 42\n")
        done = self.run_outside("upper")
        self.assertEqual((done.stdout, done.stderr, done.returncode), (b"A REQUEST", b"", 0))
        failed = self.run_outside("bare")
        self.assertEqual(failed.returncode, 1)
        self.assertIn("bare has no handle(request)", text(failed.stderr))


class Packing(Python):
    def pack(self, source, options=(), **variables):
        return command("root", "python", source, "-o", self.folder / "out.img", *options,
                       **variables)

    def refused(self, source, *says, options=(), **variables):
        result = self.pack(source, options, **variables)
        self.assertEqual((result.returncode, result.stdout), (1, b""), text(result.stderr))
        for words in says:
            self.assertIn(words, text(result.stderr))
        self.assertFalse((self.folder / "out.img").exists())

    def test_one_file(self):
        """A module, its arguments and environment; and what is in the image of it."""
        source = self.folder / "words.py"
        source.write_text("import os\ndef handle(request):\n"
                          "    return f'{len(request.split())} {os.environ.get(\"UNIT\")}'\n")
        result = self.pack(source)
        self.assertEqual(result.returncode, 0, text(result.stderr))
        image = self.folder / "out.img"
        for isolation in self.isolations:
            with self.subTest(isolation=isolation):
                served = self.run_image(isolation, image, given=b"a b c",
                                        options=["--env=UNIT=words"])
                self.assertEqual((served.stdout, served.returncode), (b"3 words", 0),
                                 text(served.stderr))
        superfluous = command("run", image, "more", given=b"a")
        self.assertEqual((superfluous.returncode, superfluous.stdout), (2, b""))
        self.assertIn("words: takes no argument: the request is its input, but got 'more'",
                      text(superfluous.stderr))
        image.unlink()

    def test_refusals(self):
        empty, broken = (self.folder / name for name in ("empty", "broken"))
        for folder in (empty, broken):
            folder.mkdir()
        (broken / "handler.py").write_text("def handle(request)\n    return request\n")
        self.refused(self.folder / "none", "cannot find", "none")
        self.refused(empty, "no handler.py")
        self.refused(broken, "does not compile", "/function/handler.py", "SyntaxError")
        self.refused(self.folder / "a-b.py", "cannot find")
        (self.folder / "a-b.py").write_text("")
        self.refused(self.folder / "a-b.py", "a module's name")
        (empty / "handler.py").write_text("")
        self.refused(empty, "/bin/true is no Python 3", options=["--python=/bin/true"])
        self.refused(empty, "there is no interpreter /none", options=["--python=/none"])
        for wanted in ("numpy >= 2", "# packages\nnumpy==2.4.6 # no hash", "numpy --hash=sha256:0"):
            (empty / "requirements.txt").write_text(wanted + "\n")
            self.refused(empty, "requirements.txt", "needs a version and a hash")

    def function(self):
        source = pathlib.Path(tempfile.mkdtemp(dir=self.folder)) / "linked"
        source.mkdir()
        (source / "handler.py").write_text("""
import os, module
def handle(request):
    return " ".join([open("/function/link").read(), open("/function/deep/up").read(),
                     open("/function/absolute").read(), os.readlink("/function/link"),
                     str(os.path.islink("/function/folder")), module.name])
""")
        return source

    def test_links(self):
        """Those within the folder stay links; what one outside leads to is not taken along."""
        source = self.function()
        (source / "text").write_text("text")
        (source / "deep").mkdir()
        (source / "real").mkdir()
        (source / "real" / "module.py").write_text("name = __name__\n")
        for name, target in (("link", "text"), ("deep/up", "../text"), ("folder", "real"),
                             ("absolute", source / "text"), ("module.py", "real/module.py"),
                             ("loop", ".")):
            (source / name).symlink_to(target)
        result = self.pack(source)
        self.assertEqual(result.returncode, 0, text(result.stderr))
        image = self.folder / "out.img"
        for isolation in self.isolations:
            with self.subTest(isolation=isolation):
                result = self.run_image(isolation, image)
                self.assertEqual((result.returncode, text(result.stdout)),
                                 (0, "text text text text True module"), text(result.stderr))
        image.unlink()

    def test_links_that_lead_outside(self):
        outside = self.folder / "outside"
        outside.mkdir(exist_ok=True)
        (outside / "secret").write_text("secret")
        for name, target in (("file", outside / "secret"), ("folder", outside),
                             ("relative", "../../outside/secret"), ("twice", "first"),
                             ("deep/up", "../../../outside/secret"), ("nothing", "/nothing"),
                             ("module.py", outside / "secret")):
            with self.subTest(name):
                source = self.function()
                (source / "deep").mkdir()
                (source / name).symlink_to(target)
                if name == "twice":
                    (source / "first").symlink_to(outside / "secret")
                self.refused(source, "link")

    def test_what_is_no_file(self):
        source = self.function()
        os.mkfifo(source / "fifo\x1b[2J\x9b2J\u202e")
        self.refused(source, "fifo?[2J?2J?", "neither")

    def test_lock(self):
        """requirements.txt is made of names, and what it says can be packed."""
        folder = self.folder / "locked"
        folder.mkdir()
        (folder / "handler.py").write_text(
            "import idna\ndef handle(request):\n    return idna.encode(request.decode())\n")
        for source, says in ((folder, "there is no"), (folder / "none", "there is no")):
            result = command("root", "python", "--lock", source)
            self.assertEqual(result.returncode, 1)
            self.assertIn(says, text(result.stderr))
        (folder / "requirements.in").write_text("idna\n")
        result = command("root", "python", "--lock", folder)
        if "cannot reach" in text(result.stderr):
            self.skipTest("no network")
        self.assertEqual(result.returncode, 0, text(result.stderr))
        self.assertRegex((folder / "requirements.txt").read_text(),
                         r"(?m)^idna==\S+ --hash=sha256:[0-9a-f]{64}$")
        self.assertEqual(sorted(path.name for path in folder.iterdir()),
                         ["handler.py", "requirements.in", "requirements.txt"])
        packed = self.pack(folder)
        self.assertEqual(packed.returncode, 0, text(packed.stderr))
        served = command("run", self.folder / "out.img", given="b\u00fccher.example".encode())
        self.assertEqual(served.stdout, b"xn--bcher-kva.example", text(served.stderr))
        (self.folder / "out.img").unlink()
        (folder / "requirements.in").write_text("idna==0.0.0\n")
        failed = command("root", "python", "--lock", folder)
        self.assertEqual(failed.returncode, 1)
        self.assertIn("idna==0.0.0", text(failed.stderr))

    def test_file_that_cannot_be_written(self):
        """Nothing is left beside it, whatever the reason."""
        with tempfile.TemporaryDirectory() as folder:
            with self.assertRaises(UnicodeEncodeError):
                pack.replace_file(pathlib.Path(folder, "requirements.txt"), "\udc80")
            self.assertEqual(os.listdir(folder), [])

    def test_requirements_run_nothing(self):
        """Neither file can make pip build, and so run, what a stranger put beside it."""
        source, ran = self.function(), self.folder / "ran"
        evil = source / "evil"
        evil.mkdir()
        (evil / "setup.py").write_text(f"open({str(ran)!r}, 'w')\n")
        pin = "==1 --hash=sha256:" + 64 * "0"
        for line in ("./evil", f"{evil}", f"evil @ file://{evil}", "-e ./evil", "--no-binary=:all:",
                     "-r other.in", f"file://{evil}#egg=evil", "${HOME}", "evil\\\n@ file:///x"):
            with self.subTest(line):
                (source / "requirements.in").write_text(f"idna\n{line}\n")
                result = command("root", "python", "--lock", source)
                self.assertEqual(result.returncode, 1)
                self.assertIn("is no name of a package", text(result.stderr))
                (source / "requirements.txt").write_text(f"{line}{pin}\n")
                self.refused(source, "requirements.txt", "needs a version and a hash")
                (source / "requirements.txt").unlink()
        self.assertFalse(ran.exists())

    def test_damaged_packages(self):
        """Wheels in the cache are checked whenever they are used."""
        progress = pack.fetch.Progress()
        wheels = pack.Packages(PHOTO / pack.REQUIREMENTS, pack.Interpreter(pack.PYTHON, progress),
                               progress).wheels
        cache = self.folder / "cache"
        shutil.copytree(wheels, cache / "downloads" / wheels.name)
        damaged = next((cache / "downloads" / wheels.name).glob("pillow*"))
        with damaged.open("r+b") as file:
            file.seek(100000)
            file.write(b"changed")
        self.refused(PHOTO, "DO NOT MATCH THE HASHES", "delete that directory",
                     MAYFLY_CACHE=str(cache))

    def interrupt(self, temporary, number, moment, send):
        """Packs, and sends a signal so many seconds after something was begun. Returns the status."""
        with subprocess.Popen([MAYFLY, "root", "python", PHOTO, "-o", temporary / "out.img"],
                              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                              start_new_session=True,
                              env={**os.environ, "TMPDIR": str(temporary / "of-pip")}) as process:
            wait_until(lambda: any((temporary / "of-pip").iterdir()) or process.poll() is not None,
                       pause=0.0005)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(moment)
            if process.returncode is None:
                send(process.pid, number)
            said = text(process.stderr.read())
        self.assertNotIn("Traceback", said)
        return process.returncode

    def test_interrupted(self):
        """Whenever it is ended, by a terminal or by a signal to the command alone, nothing is left of
        what was half packed, nor of what pip began: not even when the command is over."""
        temporary = pathlib.Path(tempfile.mkdtemp(dir=self.folder))
        (temporary / "of-pip").mkdir()
        began = time.monotonic()
        self.assertEqual(self.interrupt(temporary, 0, LIMIT, os.kill), 0)
        whole = time.monotonic() - began
        size = (temporary / "out.img").stat().st_size
        (temporary / "out.img").unlink()
        moments = random.Random(seed := random.randrange(10 ** 6))
        for step in range(INTERRUPTIONS):
            number = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)[step % 3]
            moment = moments.uniform(0, whole if step % 2 else 0.3)
            status = self.interrupt(temporary, number, moment,
                                    (os.killpg, os.kill)[step // 2 % 2])
            told = f"seed {seed}, step {step}, {number.name} after {moment:.4f} s"
            self.assertEqual(list((temporary / "of-pip").iterdir()), [], told)
            left = [path.name for path in sorted(temporary.iterdir())]
            # It may be ended when all is done, and before it could say so.
            if status == 0 or left != ["of-pip"]:
                self.assertEqual(left, ["of-pip", "out.img"], told)
                self.assertGreater((temporary / "out.img").stat().st_size, 0.9 * size, told)
                (temporary / "out.img").unlink()
        time.sleep(0.5)
        self.assertEqual(list((temporary / "of-pip").iterdir()), [])

    def test_interrupted_at_the_start(self):
        """An interpreter that is still starting dies of no signal with a traceback."""
        for step in range(INTERRUPTIONS):
            with subprocess.Popen([MAYFLY, "root", "python", PHOTO, "-o", self.folder / "never.img"],
                                  stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                  start_new_session=True) as process:
                begun = pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children")
                wait_until(lambda: begun.read_text(encoding="ascii"), pause=0.0001)
                time.sleep(step * 0.1 / INTERRUPTIONS)
                os.killpg(process.pid, signal.SIGINT)
                said = text(process.stderr.read())
            self.assertEqual((process.returncode, said.splitlines()[-1]),
                             (1, "mayfly: root: interrupted"), said)
        self.assertFalse((self.folder / "never.img").exists())

    def test_images_without_a_command(self):
        """What a root image says about itself is checked."""
        for description, says in ((None, "names no command"), ("{", "function.json"),
                                  ('{"command": []}', '"command" is missing'),
                                  ('{"command": "python3"}', '"command" must be'),
                                  ('{"command": ["a", 1]}', '"command" must be'),
                                  ('{"command": ["a"], "environment": ["=b"]}', "NAME=VALUE"),
                                  ('{"command": ["/none"]}', "cannot find /none in the root")):
            tree = pathlib.Path(tempfile.mkdtemp(dir=self.folder))
            if description is not None:
                (tree / "etc/mayfly").mkdir(parents=True)
                (tree / "etc/mayfly/function.json").write_text(description)
            image = self.folder / "plain.img"
            self.assertEqual(command("root", "build", tree, "-o", image).returncode, 0)
            result = command("run", image)
            self.assertEqual((result.returncode, result.stdout), (125, b""))
            self.assertIn(says, text(result.stderr))


@contextlib.contextmanager
def accelerator_host(folder, runtime):
    """Serves all commands that this test starts."""
    os.environ["XDG_RUNTIME_DIR"] = runtime
    reader, writer = os.pipe()
    with subprocess.Popen([ACCELD, "--foreground", "--idle=0", f"--ready-fd={writer}"],
                          pass_fds=[writer], stderr=(folder / "acceld.log").open("w")) as host:
        os.close(writer)
        with open(reader, encoding="utf-8") as ready:
            trouble = ready.read()
        try:
            if trouble != "\n":
                raise RuntimeError(f"no accelerator host: {trouble or 'it ended at once'}")
            yield
        finally:
            host.terminate()


def why_not():
    progress = pack.fetch.Progress()
    if not os.path.exists(pack.PYTHON):
        return f"{pack.PYTHON} is not installed"
    wheels = pack.Packages(PHOTO / pack.REQUIREMENTS, pack.Interpreter(pack.PYTHON, progress),
                           progress).wheels
    if not wheels.exists() or not PICTURE.exists():
        return "packages or photographs are not in the cache: run tools/setup models"
    return None


def main():
    reason = why_not()
    if reason:
        print(f"skipped: {reason}")
        sys.exit(SKIP)
    # Ended so, it cleans up. What a SIGKILL leaves behind is in the build directory, but for the
    # sockets, whose paths have to be short.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit("interrupted"))
    with tempfile.TemporaryDirectory(dir=MAYFLY.parent, prefix="test-python-") as name, \
         tempfile.TemporaryDirectory() as runtime:
        Python.folder = pathlib.Path(name)
        os.environ["TMPDIR"] = name
        with accelerator_host(Python.folder, runtime):
            sys.exit(not run_tests())


def run_tests():
    for isolation in ("kvm", "process"):
        probe = command("run", f"--isolation={isolation}", "hello", given=b"Ada\n")
        if probe.returncode == 0:
            Python.isolations.append(isolation)
        else:
            print(f"{isolation} is left out: {text(probe.stderr)}")
    Python.image, Python.site = Python.folder / "photo.img", Python.folder / "site"
    built = command("root", "python", PHOTO, "-o", Python.image)
    print(text(built.stdout), text(built.stderr))
    progress = pack.fetch.Progress()
    pack.Packages(PHOTO / pack.REQUIREMENTS, pack.Interpreter(pack.PYTHON, progress),
                  progress).install(Python.site)
    return unittest.main(exit=False, verbosity=2).result.wasSuccessful()


main()
