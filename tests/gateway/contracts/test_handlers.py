#!/usr/bin/env python3
"""Handlers in C, programs of the stdio contract, and a server in inetd's style: run as they would be
by the gateway, on the host and in each isolation that this machine has.

usage: test_handlers.py MAYFLY CONTRACT_TOOL DEEDS HELLO
DEEDS is handler_deeds.c, HELLO the example hello-http.
"""

import functools
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

import exchange

MAYFLY, TOOL, DEEDS, HELLO = (pathlib.Path(sys.argv.pop(1)).resolve() for _ in range(4))
BUSYBOX = "/bin/busybox"
ISOLATIONS = ["kvm", "process"]
TEXT = ("Content-Type", "text/plain; charset=utf-8")


def in_machine(isolation, *words):
    """Runs the words there; variables of a request are given as the program's environment."""
    def command(variables):
        return [MAYFLY, "run", f"--isolation={isolation}",
                *(f"--env={one}" for one in variables), *map(str, words)]
    return command


def on_host(*words):
    return lambda variables: ["env", "-i", *variables, *map(str, words)]


def why_not(isolation):
    probe = subprocess.run([MAYFLY, "run", f"--isolation={isolation}", "hello"], input=b"Ada\n",
                           capture_output=True, timeout=exchange.LIMIT, check=False)
    return "" if probe.returncode == 0 else probe.stderr.decode(errors="replace")


def places(contract, *words):
    """A program on the host, and in machines."""
    yield "host", exchange.Exchange(TOOL, contract, on_host(*words))
    for isolation in ISOLATIONS:
        yield isolation, exchange.Exchange(TOOL, contract, in_machine(isolation, *words))


def everywhere(*words, contract="handler"):
    """Has a test done in all these places."""
    def decorate(test):
        @functools.wraps(test)
        def run(self):
            for place, there in places(contract, *words):
                with self.subTest(place):
                    test(self, there)
        return run
    return decorate


class Handlers(unittest.TestCase):
    @everywhere(HELLO)
    def test_hello(self, there):
        answer = there.ask("GET", "/Ada")
        self.assertEqual(answer[:4], (200, 12, [TEXT], b"Hello, Ada!\n"), answer.log)
        self.assertEqual(there.ask("POST", "/", b"Bob\n").body, b"Hello, Bob!\n")
        self.assertEqual(there.ask("HEAD", "/Ada")[:4], (200, 12, [TEXT], b""))
        self.assertEqual(there.ask("PUT", "/").status, 405)
        self.assertEqual(there.ask("POST", "/", b"x" * 100000).status, 413)

    @everywhere(DEEDS)
    def test_request(self, there):
        """What the program is told, and that the set-up is done once, before."""
        answer = there.ask("PATCH", "/a%20b/c?d=%20&e", b"the body",
                           [("X-Wanted", "yes, this"), ("x_wanted", "no"), ("Empty", "")])
        self.assertEqual(answer.body.decode(),
                         "11 1 PATCH /a b/c /a%20b/c?d=%20&e d=%20&e yes, this "
                         "8:the body again\nHost=gateway\nX-Wanted=yes, this\nx_wanted=no\n"
                         "Empty=\nX-Forwarded-Host=gateway\nX-Forwarded-Proto=http\n")
        self.assertIn("set up", answer.log)

    @everywhere(DEEDS)
    def test_bodies(self, there):
        """Small and large, whole and in parts."""
        for size in (0, 1, 65000, 70000, 3000000):
            body = os.urandom(size)
            for deed in ("echo", "stream"):
                answer = there.ask("POST", f"/{deed}", body)
                self.assertEqual((answer.status, answer.headers, answer.exit),
                                 (200, [("content-type", "application/x-echo")], 0))
                self.assertEqual(answer.body == body, True)
                self.assertEqual(answer.length, size if size < 65536 and
                                 (deed == "echo" or not size) else -1)
        text = b"x" * 200000
        self.assertIn(b"200000:xxx", there.ask("POST", "/tell", text).body)

    def test_stream(self):
        """What is flushed is there before the request has ended. (A machine gets it whole.)"""
        there = exchange.Exchange(TOOL, "handler", on_host(DEEDS))
        parts = [b"<%d>" % number for number in range(5)]
        status, length, _, body = there.relay("/stream", parts)
        self.assertEqual((status, length, body), (200, -1, b"".join(parts)))

    @everywhere(DEEDS)
    def test_headers(self, there):
        answer = there.ask("GET", "/headers")
        self.assertEqual(answer.body, b"13 refused, 90 taken\n")
        self.assertEqual(answer.headers, 90 * [("Set-Cookie", "a=b")] + [TEXT])

    @everywhere(DEEDS)
    def test_lengths(self, there):
        self.assertEqual(there.ask("GET", "/sized")[:4], (200, 5, [TEXT], b"12345"))
        self.assertEqual(there.ask("GET", "/beyond").body, b"12345")
        self.assertEqual(there.ask("GET", "/nothing")[:4], (204, 0, [], b""))
        answer = there.ask("GET", "/short")
        self.assertEqual((answer.status, answer.exit), (500, 1))
        self.assertIn("shorter than was said", answer.log)

    @everywhere(DEEDS)
    def test_output_is_the_log(self, there):
        answer = there.ask("GET", "/print")
        self.assertEqual(answer.body, b"to the client\n")
        self.assertIn("to the log\n", answer.log)
        self.assertIn("to the log, too\n", answer.log)

    @everywhere(DEEDS)
    def test_failures(self, there):
        answer = there.ask("GET", "/fail")
        self.assertEqual(answer[:4], (500, 22, [TEXT], b"Internal Server Error\n"))
        self.assertEqual(answer.exit, 1)
        self.assertIn("handle() returned 7\n", answer.log)
        with self.assertRaisesRegex(exchange.Refused, "in the middle(.*\n)*.*head had been sent"):
            there.ask("GET", "/fail-late")
        with self.assertRaisesRegex(exchange.Refused, "without a response"):
            there.ask("GET", "/crash")

    def test_no_scgi(self):
        """What is no head is refused, with a sentence."""
        for _, there in places("handler", DEEDS):
            for given in (b"", b"hello", b"5:abcde,", b"5:abcd\0;", b"99999999:", b"-1:a,", b":,",
                          b"26:CONTENT_LENGTH\0x\0A\0b\0c\0d\0e\0,", b"3:a\0\0,", b"2:a\0,", b"70:a"):
                done = subprocess.run(there.command([]), input=given, capture_output=True,
                                      timeout=exchange.LIMIT, check=False)
                self.assertEqual((done.returncode, done.stdout), (2, b""), given)
                self.assertIn(b"does not begin with an SCGI head", done.stderr)

    def test_body_that_does_not_come(self):
        for _, there in places("handler", DEEDS):
            _, given = exchange.compose(TOOL, "handler", "POST", "/echo", [], b"x" * 100000)
            done = subprocess.run(there.command([]), input=given[:-1], capture_output=True,
                                  timeout=exchange.LIMIT, check=False)
            self.assertEqual(done.returncode, 1)

    def test_snapshot(self):
        """Set-up is part of it; a warmed-up one has handled a request."""
        with tempfile.TemporaryDirectory() as folder:
            sample = pathlib.Path(folder, "sample")
            sample.write_bytes(exchange.compose(TOOL, "handler", "GET", "/tell", [], b"")[1])
            for isolation in ISOLATIONS:
                for options, handled in ([], 1), ([f"--warm-up={sample}"], 2):
                    file = pathlib.Path(folder, "deeds.snap")
                    subprocess.run([MAYFLY, "snapshot", f"--isolation={isolation}", *options, "-o",
                                    file, DEEDS], check=True, timeout=exchange.LIMIT,
                                   capture_output=True)
                    there = exchange.Exchange(TOOL, "handler", in_machine(isolation, file))
                    answer = there.ask("GET", "/tell")
                    self.assertTrue(answer.body.startswith(b"11 %d GET" % handled), answer)
                    file.unlink()


class OtherContracts(unittest.TestCase):
    def test_stdio(self):
        """A program that OpenFaaS' classic watchdog would run."""
        script = ('read body; echo "$Http_Method $Http_Path $Http_Query $Http_X_Two_Words $body";'
                  'exit $Http_X_Exit')
        for _, there in places("stdio", BUSYBOX, "sh", "-c", script):
            for status, code in (0, 200), (3, 500):
                answer = there.ask("POST", "/p%41?q", b"body",
                                   [("x-two-words", "1"), ("X-Exit", status)])
                self.assertEqual((answer.status, answer.body), (code, b"POST /pA q 1 body\n"),
                                 answer.log)
                self.assertEqual(answer.headers, [("Content-Type", "application/octet-stream")])

    def test_http(self):
        """A server that is given one connection."""
        with tempfile.TemporaryDirectory() as folder:
            pathlib.Path(folder, "page.html").write_text("<p>A page</p>\n")
            shutil.copy(BUSYBOX, folder)
            server = ["/busybox", "httpd", "-i", "-h"]
            servers = [exchange.Exchange(TOOL, "http", on_host(folder + server[0], *server[1:],
                                                               folder))]
            for isolation in ISOLATIONS:
                servers.append(exchange.Exchange(TOOL, "http", in_machine(
                    isolation, f"--root={folder}", *server, "/")))
            for there in servers:
                answer = there.ask("GET", "/page.html")
                self.assertEqual((answer.status, answer.length, answer.body),
                                 (200, 14, b"<p>A page</p>\n"), answer.log)
                self.assertIn(("Content-type", "text/html"), answer.headers)
                self.assertNotIn("connection", [name.lower() for name, _ in answer.headers])
                answer = there.ask("HEAD", "/page.html")
                self.assertEqual((answer.status, answer.length, answer.body), (200, 14, b""))
                self.assertEqual(there.ask("GET", "/none").status, 404)


class Notes(unittest.TestCase):
    def contract(self, file):
        with open(file, "rb") as program:
            return subprocess.run([TOOL, "contract"], stdin=program, capture_output=True,
                                  timeout=exchange.LIMIT, check=True).stdout.decode().strip()

    def test_programs(self):
        """What a program is for is in it, also when it was stripped."""
        none = "No such file or directory"
        with tempfile.TemporaryDirectory() as folder:
            stripped = pathlib.Path(folder, "stripped")
            subprocess.run(["strip", "-o", stripped, HELLO], check=True, timeout=exchange.LIMIT)
            for file, says in ((DEEDS, "handler"), (HELLO, "handler"), (stripped, "handler"),
                               (HELLO.with_name("hello"), none), (BUSYBOX, none),
                               (__file__, none), ("/dev/null", none)):
                self.assertEqual(self.contract(file), says, file)


class Headers(unittest.TestCase):
    def test_one_of_two(self):
        """A program is a function or runs some: who includes both headers is told."""
        include = f"-I{pathlib.Path(__file__).resolve().parents[3] / 'include'}"
        for names in ("handler", "function"), ("function", "handler"):
            text = "".join(f"#include <mayfly/{name}.h>\n" for name in names)
            for language in ("c", "c++"):
                one = subprocess.run(["cc", include, "-fsyntax-only", "-x", language, "-"],
                                     input=text.split("\n", maxsplit=1)[0].encode() + b"\n",
                                     capture_output=True, check=False)
                self.assertEqual(one.returncode, 0, one.stderr)
            both = subprocess.run(["cc", include, "-fsyntax-only", "-x", "c", "-"],
                                  input=text.encode(), capture_output=True, check=False)
            self.assertIn(b"include one of them", both.stderr)
            self.assertNotEqual(both.returncode, 0)


def main():
    for isolation in list(ISOLATIONS):
        reason = why_not(isolation)
        if reason:
            print(f"{isolation} is left out: {reason}")
            ISOLATIONS.remove(isolation)
    unittest.main()


main()
