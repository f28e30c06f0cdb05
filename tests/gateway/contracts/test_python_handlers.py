#!/usr/bin/env python3
"""Handlers in Python: packed by `mayfly root python`, and asked as the gateway would, on the host and
in each isolation that this machine has.

usage: test_python_handlers.py MAYFLY CONTRACT_TOOL
"""

import hashlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

import exchange

MAYFLY, TOOL = (pathlib.Path(sys.argv.pop(1)).resolve() for _ in range(2))
SOURCE = pathlib.Path(__file__).resolve().parents[3] / "functions/python"
PYTHON = "/usr/bin/python3"
SKIP = 77
ISOLATIONS = ["kvm", "process"]
TEXT, JSON, BYTES = (("Content-Type", kind) for kind in (
    "text/plain; charset=utf-8", "application/json", "application/octet-stream"))
FAILED = (500, 22, [TEXT], b"Internal Server Error\n")

DEEDS = '''
import os, sys, mayfly

print("set up")
handled = 0

def parts(texts, fails=False):
    for text in texts:
        yield text
    if fails:
        raise ValueError("late")

def tell(request):
    return " ".join([str(handled), request.method, request.path, request.target,
                     request.query or "-", request.headers["x-WANTED"],
                     request.headers.get("none", "-"), "|".join(request.headers.all("twice")),
                     str("empty" in request.headers), str(len(request.headers)),
                     str(request.body), str(request.body is request.body)])

def pieces(request):
    read = []
    while part := request.read(1000):
        read.append(part)
    return b"".join(read) + b"%d" % request.length

def relay(request):
    while part := request.read():
        yield part

def say(request):
    print("to the log")
    os.write(1, b"to the log, too\\\\n")
    return "to the client"

DEEDS = {
    "tell": tell,
    "body": lambda request: request.body,
    "pieces": pieces,
    "relay": relay,
    "say": say,
    "nothing": lambda request: None,
    "text": lambda request: "\\u00e4",
    "bytes": lambda request: memoryview(b"m"),
    "array": lambda request: bytearray(b"a"),
    "json": lambda request: {"got": request.json()},
    "list": lambda request: [404, "no status"],
    "status": lambda request: (404, "none"),
    "empty": lambda request: (201, {"Location": "/new"}, None),
    "headers": lambda request: (200, {"Content-Type": "image/png", "Set-Cookie": ["a=1", "b=2"]},
                                b"png"),
    "pairs": lambda request: (200, [("X-A", 1), ("X-A", "\\u00e4")], ""),
    "stream": lambda request: parts(["one ", b"two ", "three"]),
    "events": lambda request: (202, {"content-type": "text/event-stream"}, parts(["data: 1"])),
    "streams-nothing": lambda request: parts([]),
    "iterator": lambda request: iter([b"1", b"2"]),
    "large": lambda request: b"x" * 3000000,
    # Each of these is a 500.
    "raise": lambda request: 1 // 0,
    "injection": lambda request: (200, {"X-A": "b\\r\\nSet-Cookie: c=d"}, ""),
    "name": lambda request: (200, {"X A": "b"}, ""),
    "framing": lambda request: (200, {"Content-Length": 5}, "ab"),
    "surrogate": lambda request: (200, {"X-A": "\\udc80"}, "ab"),
    "no-status": lambda request: (99, "ab"),
    "no-json": lambda request: {1, 2},
    "no-request-json": lambda request: request.json(),
    "stream-raises": lambda request: parts([], True),
    # And that one has begun.
    "stream-breaks": lambda request: parts(["half"], True),
}
FAILURES = ["raise", "injection", "name", "framing", "surrogate", "no-status", "no-json",
            "no-request-json", "stream-raises"]

def handle(request: "mayfly.Request"):
    global handled
    handled += 1
    if request.path == "/failures":
        return FAILURES
    return DEEDS[request.path[1:]](request)
'''.replace("\\\\n", "\\n")


def mayfly(*words, given=b""):
    return subprocess.run([MAYFLY, *map(str, words)], input=given, capture_output=True,
                          timeout=exchange.LIMIT, check=False)


class Packed(unittest.TestCase):
    folder = None

    @classmethod
    def pack(cls, source, *options):
        image = cls.folder / f"{source.stem}.img"
        done = mayfly("root", "python", source, "-o", image, *options)
        if done.returncode:
            raise AssertionError(done.stderr.decode())
        return image

    @classmethod
    def places(cls, image, module, folder):
        """The host's Python, and a snapshot of the image in machines."""
        def on_host(_):
            return ["env", "-i", f"PYTHONPATH={SOURCE}:{folder}", "PYTHONDONTWRITEBYTECODE=1",
                    PYTHON, "-m", "mayfly", "--handler", module]
        yield "host", exchange.Exchange(TOOL, "handler", on_host)
        for isolation in ISOLATIONS:
            file = cls.folder / f"{image.stem}-{isolation}.snap"
            done = mayfly("snapshot", f"--isolation={isolation}", "-o", file, image)
            if done.returncode or (module == "deeds" and b"set up" not in done.stderr):
                raise AssertionError(done.stderr.decode())
            yield isolation, exchange.Exchange(TOOL, "handler",
                                               lambda _, file=file: [MAYFLY, "run", file])


class Deeds(Packed):
    @classmethod
    def setUpClass(cls):
        source = cls.folder / "deeds.py"
        source.write_text(DEEDS)
        cls.there = list(cls.places(cls.pack(source), "deeds", cls.folder))

    def everywhere(self, method, deed, body=b"", headers=()):
        for place, there in self.there:
            answer = there.ask(method, f"/{deed}", body, headers)
            yield answer._replace(log=f"{place}: {deed}: {answer.log}")

    def expect(self, deed, *wanted, body=b""):
        for answer in self.everywhere("POST", deed, body):
            self.assertEqual(answer[:4], wanted, answer.log)

    def test_request(self):
        headers = [("X-Wanted", "yes"), ("Twice", 1), ("twice", 2), ("Empty", "")]
        for answer in self.everywhere("PUT", "te%6cl?q=%20", b"body", headers):
            self.assertEqual(answer.body.decode(), "1 PUT /tell /te%6cl?q=%20 q=%20 yes - 1|2 True 7 "
                             "b'body' True", answer.log)

    def test_bodies(self):
        for size in (1, 70000, 3000000):
            body = os.urandom(size)
            for answer in self.everywhere("POST", "body", body):
                self.assertEqual(answer[:3], (200, size, [BYTES]), answer.log)
                self.assertTrue(answer.body == body)
            for answer in self.everywhere("POST", "pieces", body):
                self.assertTrue(answer.body == body + b"0")

    def test_responses(self):
        self.expect("nothing", 204, 0, [], b"")
        self.expect("text", 200, 2, [TEXT], b"\xc3\xa4")
        self.expect("bytes", 200, 1, [BYTES], b"m")
        self.expect("array", 200, 1, [BYTES], b"a")
        self.expect("json", 200, 16, [JSON], b'{"got": [1, 2]}\n', body=b"[1, 2]")
        self.expect("list", 200, 19, [JSON], b'[404, "no status"]\n')
        self.expect("status", 404, 4, [TEXT], b"none")
        self.expect("empty", 201, 0, [("Location", "/new")], b"")
        self.expect("headers", 200, 3, [("Content-Type", "image/png"), ("Set-Cookie", "a=1"),
                                        ("Set-Cookie", "b=2")], b"png")
        self.expect("pairs", 200, 0, [("X-A", "1"), ("X-A", "\u00e4"), TEXT], b"")
        self.expect("large", 200, 3000000, [BYTES], b"x" * 3000000)

    def test_streams(self):
        self.expect("stream", 200, -1, [TEXT], b"one two three")
        self.expect("events", 202, -1, [("content-type", "text/event-stream")], b"data: 1")
        self.expect("streams-nothing", 200, -1, [TEXT], b"")
        self.expect("iterator", 200, -1, [BYTES], b"12")
        for _, there in self.there:
            with self.assertRaisesRegex(exchange.Refused, "in the middle(.*\n)*ValueError: late"):
                there.ask("GET", "/stream-breaks")

        parts = [b"<%d>" % number for number in range(5)]
        status, length, _, body = self.there[0][1].relay("/relay", parts)
        self.assertEqual((status, length, body), (200, -1, b"".join(parts)))

    def test_failures(self):
        failures = json.loads(self.there[0][1].ask("GET", "/failures").body)
        self.assertEqual(len(failures), 9)
        for deed in failures:
            for answer in self.everywhere("POST", deed, b"no JSON"):
                self.assertEqual(answer[:4], FAILED, answer.log)
                self.assertEqual(answer.exit, 1)
                self.assertIn("Traceback", answer.log)

    def test_output_is_the_log(self):
        for answer in self.everywhere("GET", "say"):
            self.assertEqual(answer.body, b"to the client")
            self.assertIn("to the log\n", answer.log)
            self.assertIn("to the log, too\n", answer.log)

    def test_no_scgi(self):
        for _, there in self.there:
            for given in (b"", b"hello", b"5:abcde,", b"26:CONTENT_LENGTH\0x\0A\0b\0c\0d\0e\0,",
                          b"99999999:"):
                done = subprocess.run(there.command([]), input=given, capture_output=True,
                                      timeout=exchange.LIMIT, check=False)
                self.assertEqual((done.returncode, done.stdout), (2, b""), done.stderr)
                self.assertIn(b"does not begin with an SCGI head", done.stderr)

    def test_body_that_does_not_come(self):
        for _, there in self.there:
            _, given = exchange.compose(TOOL, "handler", "POST", "/body", [], b"x" * 100000)
            done = subprocess.run(there.command([]), input=given[:-1], capture_output=True,
                                  timeout=exchange.LIMIT, check=False)
            answer = exchange.parse(TOOL, "handler", "POST", done.stdout, done.returncode)
            self.assertEqual((answer, done.returncode), (FAILED, 1))
            self.assertIn(b"does not come", done.stderr)

    def test_warm_up(self):
        """The set-up serves a request; then there are others."""
        sample = self.folder / "sample"
        sample.write_bytes(exchange.compose(TOOL, "handler", "GET", "/nothing", [], b"")[1])
        for isolation in ISOLATIONS:
            there = exchange.Exchange(TOOL, "handler", lambda _, isolation=isolation: [
                MAYFLY, "run", f"--isolation={isolation}", f"--warm-up={sample}",
                self.folder / "deeds.img"])
            answer = there.ask("GET", "/tell", headers=[("X-Wanted", "x")])
            self.assertTrue(answer.body.startswith(b"2 GET"), answer)


class Example(Packed):
    def test_words(self):
        image = self.pack(SOURCE / "words")
        for place, there in self.places(image, "handler", SOURCE / "words"):
            with self.subTest(place):
                answer = there.ask("POST", "/", b"a b. A")
                digest = hashlib.sha256(b"a b. A").hexdigest()
                self.assertEqual(json.loads(answer.body),
                                 {"sha256": digest, "words": {"a": 2, "b": 1}}, answer.log)
                self.assertIn(("ETag", f'"{digest[:16]}"'), answer.headers)
                kind = [("Content-Type", "application/json")]
                answer = there.ask("POST", "/", b'{"text": "a b a", "least": 2}', kind)
                self.assertEqual(json.loads(answer.body)["words"], {"a": 2})
                for wrong in (b"{", b"[]", b"{}", b'{"text": "a", "least": "x"}'):
                    answer = there.ask("POST", "/", wrong, kind)
                    self.assertEqual((answer.status, answer.exit), (400, 0), answer.log)
                self.assertEqual(there.ask("GET", "/").headers, [TEXT])
                self.assertEqual(there.ask("PUT", "/").status, 405)


class Packing(Packed):
    """What decides how handle() gets its requests; and that it is in the image."""

    def test_contract(self):
        body = "    return request\n"
        for text, options, contract in (
                (f"def handle(request):\n{body}", [], "stdio"),
                (f"def handle(request: bytes):\n{body}", [], "stdio"),
                ("def handle():\n    return 1\n", [], "stdio"),
                ("from os import getcwd as handle\n", [], "stdio"),
                ("from os import getcwd as handle\n", ["--handler"], "handler"),
                (f"def handle(request):\n{body}", ["--handler"], "handler"),
                (f"import mayfly\ndef handle(request: mayfly.Request):\n{body}", [], "handler"),
                (f"from mayfly import Request\ndef handle(it: Request) -> str:\n{body}", [],
                 "handler"),
                (f"def handle(request: 'mayfly.Request'):\n{body}", [], "handler")):
            with self.subTest(text):
                source = self.folder / "told.py"
                source.write_text(text)
                module = pack.describe(Interpreter, "told",
                                       bool(options) or pack.wants_http(source))
                self.assertEqual(module["contract"], contract)
                self.assertEqual("--handler" in module["command"], contract == "handler")

    def test_options(self):
        for words, says in ((["build", "/etc", "-o", "x", "--handler"], "for functions in Python"),
                            (["python", "--lock", "x", "--handler"], "--lock goes with python")):
            done = mayfly("root", *words)
            self.assertEqual(done.returncode, 1)
            self.assertIn(says, done.stderr.decode())


sys.dont_write_bytecode = True
sys.path.insert(0, str(SOURCE))
import pack  # pylint: disable=wrong-import-position


class Interpreter:  # as much of one as a description needs
    program = PYTHON


def main():
    if not os.path.exists(PYTHON):
        print(f"skipped: {PYTHON} is not installed")
        sys.exit(SKIP)
    for isolation in list(ISOLATIONS):
        probe = mayfly("run", f"--isolation={isolation}", "hello", given=b"Ada\n")
        if probe.returncode:
            print(f"{isolation} is left out: {probe.stderr.decode(errors='replace')}")
            ISOLATIONS.remove(isolation)
    with tempfile.TemporaryDirectory(dir=MAYFLY.parent, prefix="test-python-handlers-") as name:
        Packed.folder = pathlib.Path(name)
        good = unittest.main(exit=False).result.wasSuccessful()
    sys.exit(not good)


main()
