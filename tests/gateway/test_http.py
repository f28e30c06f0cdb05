#!/usr/bin/env python3
"""The gateway's HTTP server as clients meet it: raw bytes over sockets, sound and unsound.

usage: test_http.py HTTP_PROGRAM [SETTING]...
The settings are for all servers that it starts.
"""

import base64
import concurrent.futures
import contextlib
import json
import os
import resource
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import unittest

PROGRAM = sys.argv[1:]
del sys.argv[1:]
LIMIT = 30  # seconds for anything
GET = b"GET %s HTTP/1.1\r\nHost: a\r\n\r\n"


class Server:
    """A server with settings of its own. What it held when it ended is looked at by close()."""

    def __init__(self, *settings):
        self.process = subprocess.Popen([*PROGRAM, *settings], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE)
        line = self.process.stdout.readline()
        self.port = int(line or 0)

    def quiesce(self):
        self.process.stdin.write(b"\n")
        self.process.stdin.flush()

    def close(self):
        report, _ = self.process.communicate(timeout=LIMIT)
        return self.process.returncode, json.loads(report)

    def connect(self):
        return Connection(self.port)

    def counts(self):
        with self.connect() as connection:
            return json.loads(connection.get(b"/counts").body)


class Answer:
    def __init__(self, status, headers, body, complete=True):
        self.status, self.headers, self.body, self.complete = status, headers, body, complete

    def __getitem__(self, name):
        return [value for key, value in self.headers if key == name.lower()]


class Connection:
    def __init__(self, port, wrap=None):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=LIMIT)
        if wrap:
            self.socket = wrap(self.socket)
        self.file = self.socket.makefile("rb")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.file.close()
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def head(self):
        line = self.file.readline()
        if not line:
            return None, []
        version, status, _ = line.split(b" ", 2)
        assert version == b"HTTP/1.1", line
        headers = []
        while (line := self.file.readline().rstrip(b"\r\n")):
            name, _, value = line.decode().partition(":")
            headers.append((name.lower(), value.strip()))
        return int(status), headers

    def chunks(self):
        body = b""
        while (line := self.file.readline()):
            size = int(line, 16)
            data = self.file.read(size + 2)
            body += data[:size]
            if not size:
                return body, data == b"\r\n"
        return body, False

    def answer(self, method=b"GET"):
        status, headers = self.head()
        answer = Answer(status, headers, b"")
        if status is None or method == b"HEAD" or status in (100, 204, 304):
            return answer
        if answer["transfer-encoding"]:
            answer.body, answer.complete = self.chunks()
        elif answer["content-length"]:
            length = int(answer["content-length"][0])
            answer.body = self.file.read(length)
            answer.complete = len(answer.body) == length
        else:
            answer.body = self.file.read()
        return answer

    def get(self, path, method=b"GET", body=None, headers=b""):
        if body is not None:
            headers += b"Content-Length: %d\r\n" % len(body)
        self.send(b"%s %s HTTP/1.1\r\nHost: a\r\n%s\r\n%s" % (method, path, headers, body or b""))
        return self.answer(method)

    def is_over(self):
        """Waits for the end; bytes before it are no end."""
        try:
            return not self.socket.recv(1)
        except ConnectionError:
            return True

    def works(self):
        return self.get(b"/now").body == b"now\n"


class Case(unittest.TestCase):
    """One server for all tests of a class."""
    settings = ()

    @classmethod
    def setUpClass(cls):
        cls.server = Server(*cls.settings)

    @classmethod
    def tearDownClass(cls):
        status, report = cls.server.close()
        assert (status, report) == (0, {"gone": 0, "released": 0, "listening": 1}), (status, report)

    def connect(self):
        connection = self.server.connect()
        self.addCleanup(connection.close)
        return connection

    def await_counts(self, condition):
        """Other connections' ends are noticed a little later."""
        deadline = time.monotonic() + LIMIT
        while not condition(counts := self.server.counts()):
            self.assertLess(time.monotonic(), deadline, counts)
            time.sleep(0.01)
        return counts


class Refusals(Case):
    settings = ("head=8000", "body=1000000")

    def refused(self, data, *statuses, over=True):
        with self.subTest(data[:80]):
            before = self.server.counts()["begun"]
            connection = self.connect()
            connection.send(data)
            answer = connection.answer()
            self.assertIn(answer.status, statuses, data)
            if over:
                self.assertTrue(connection.is_over(), data)
            else:
                self.assertTrue(connection.works(), data)
            connection.close()
            self.assertEqual(self.server.counts()["begun"] - before, 1 if over else 2)

    def test_two_lengths(self):
        for headers in (b"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n",
                        b"Transfer-Encoding: chunked\r\nContent-Length: 3\r\n",
                        b"Content-Length: 3\r\nContent-Length: 3\r\n",
                        b"Content-Length: 3\r\nContent-Length: 4\r\n",
                        b"Content-Length: 3, 3\r\n",
                        b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"):
            self.refused(b"POST /echo HTTP/1.1\r\nHost: a\r\n" + headers + b"\r\n0\r\n\r\n", 400)

    def test_lengths_that_are_none(self):
        for value in (b"-1", b"+3", b"0x3", b"3 3", b"", b"3;", b"\x0b3", b"3\xa0"):
            self.refused(b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: " + value +
                         b"\r\n\r\nabc", 400)
        for value in (b"18446744073709551616", b"18446744073709551615", b"9" * 30):
            self.refused(b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: " + value +
                         b"\r\n\r\nabc", 413)

    def test_encodings(self):
        for value in (b"gzip", b"gzip, chunked", b"chunked, chunked", b"identity", b"xchunked",
                      b"\x0bchunked", b"chunked;a=b", b""):
            self.refused(b"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: " + value +
                         b"\r\n\r\n0\r\n\r\n", 501, 400)
        self.refused(b"POST /echo HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                     b"0\r\n\r\n", 400)

    def test_header_lines(self):
        for line in (b"Content-Length : 3", b"Content-Length\t: 3", b" X: y", b"X", b": y", b"X y: z",
                     b"X: a\0b", b"X\0: b", b"X: a\x01b", b"X: a\x7fb", b"X\xe9: b", b"X: a\rb",
                     b"X(: b", b"\0X: b", b"X: b\0\r\nContent-Length: 3"):
            self.refused(b"POST /echo HTTP/1.1\r\nHost: a\r\n" + line + b"\r\n\r\n", 400)
            self.refused(b"POST /echo HTTP/1.1\r\n" + line + b"\r\nHost: a\r\n\r\n", 400)

    def test_folded_lines(self):
        for blank in (b" ", b"\t"):
            self.refused(b"GET /echo HTTP/1.1\r\nHost: a\r\nX: b\r\n" + blank + b"c\r\n\r\n", 400)
            self.refused(b"GET /echo HTTP/1.1\r\nHost: a\r\nContent: 1\r\n" + blank +
                         b"-Length\r\n\r\n", 400)
            self.refused(b"GET /echo HTTP/1.1\r\nHost: a\r\n" + blank + b"X: b\r\n\r\n", 400)

    def test_bare_line_feeds(self):
        for data in (b"GET /echo HTTP/1.1\nHost: a\r\n\r\n", b"GET /echo HTTP/1.1\r\nHost: a\n\r\n",
                     b"GET /echo HTTP/1.1\r\nHost: a\r\n\n", b"GET /echo HTTP/1.1\nHost: a\n\n",
                     b"GET /echo HTTP/1.1\r\nHost: a\nX: b\r\n\r\n"):
            self.refused(data, 400)

    def test_hosts(self):
        self.refused(b"GET /echo HTTP/1.1\r\n\r\n", 400, over=False)
        self.refused(b"GET /echo HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400, over=False)
        for host in (b"a b", b"a,b", b"a/b", b"u@a", b"a?b"):
            self.refused(b"GET /echo HTTP/1.1\r\nHost: " + host + b"\r\n\r\n", 400, over=False)
        self.refused(b"GET /echo HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n", 400)

    def test_first_lines(self):
        for line in (b"GET /e cho HTTP/1.1", b"GET  /echo HTTP/1.1", b"GET /echo  HTTP/1.1",
                     b"GET /echo HTTP/1.1 ", b" GET /echo HTTP/1.1", b"G(T /echo HTTP/1.1",
                     b"GET\0 /echo HTTP/1.1", b"GET /e\0cho HTTP/1.1", b"GET /e\x01cho HTTP/1.1",
                     b"GET /e\tcho HTTP/1.1", b"GET /echo?a\0b HTTP/1.1", b"GET /echo?a\x02 HTTP/1.1",
                     b"GET /\x7f HTTP/1.1", b"GET /echo\0?a HTTP/1.1", b"GET\t/echo HTTP/1.1",
                     b"GET /echo HTTP/1.1\0", b"GET /echo http/1.1", b"GET /echo HTTP/11",
                     b"GET /echo", b"GET", b"GET /echo HTTP/1.1 HTTP/1.1"):
            data = line + b"\r\nHost: a\r\n\r\n"
            with self.subTest(line):
                begun = self.server.counts()["begun"]
                connection = self.connect()
                connection.send(data)
                self.assertIn(connection.answer().status, (400, None), line)
                connection.close()
                self.assertEqual(self.server.counts()["begun"] - begun, 1)
        for version in (b"HTTP/0.9", b"HTTP/2.0", b"HTTP/3.0"):
            self.refused(b"GET /echo " + version + b"\r\nHost: a\r\n\r\n", 505)

    def test_targets(self):
        for target in (b"echo", b"*", b"ftp://a/echo", b"http://b/echo", b"http://u@a/echo",
                       b"http:/a/echo", b"http://a", b"?a", b"\\echo"):
            connection = self.connect()
            connection.send(b"GET " + target + b" HTTP/1.1\r\nHost: a\r\n\r\n")
            # That is "/", a path as any other.
            self.assertEqual(connection.answer().status, 404 if target == b"http://a" else 400, target)
            self.assertTrue(connection.works())
        self.refused(b"CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n", 501, over=False)
        self.refused(b"A" * 33 + b" /echo HTTP/1.1\r\nHost: a\r\n\r\n", 501, over=False)
        connection = self.connect()
        connection.send(b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n")
        self.assertEqual(connection.answer().status, 204)
        self.assertTrue(connection.works())

    def test_long_heads(self):
        self.refused(b"GET /" + b"a" * 40000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414)
        self.refused(b"GET /echo HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 40000 + b"\r\n\r\n", 431)
        self.refused(b"GET /echo HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 8000 + b"\r\n\r\n", 431,
                     over=False)
        self.refused(b"GET /echo HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * 101 + b"\r\n", 431)
        self.refused(b"GET /echo HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * 5000 + b"\r\n", 431)
        self.refused(b"GET /echo HTTP/1.1\r\nHost: a\r\nCookie: " + b"a=b;" * 1500 + b"\r\n\r\n",
                     431)
        connection = self.connect()
        answer = connection.get(b"/head?" + b"a&" * 3000, headers=b"X: y\r\n" * 90)
        self.assertEqual(answer.status, 200)
        self.assertEqual(len(answer.body.splitlines()), 93)

    def test_a_mebibyte_of_headers(self):
        connection = self.connect()
        with contextlib.suppress(ConnectionError):
            connection.send(b"GET /echo HTTP/1.1\r\nHost: a\r\n" + b"X: yyyyyyyyyy\r\n" * 75000)
        with contextlib.suppress(ConnectionError):
            self.assertIn(connection.answer().status, (431, None))

    def test_expectations(self):
        self.refused(b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nExpect: more\r\n\r\nx",
                     417, over=False)

    def test_bodies_too_long(self):
        self.refused(b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1000001\r\n\r\n", 413)
        self.refused(b"POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
                     b"Content-Length: 1000001\r\n\r\n", 413)
        # The client goes on for a while, and gets to read the answer.
        connection = self.connect()
        connection.send(b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3000000\r\n\r\n" +
                        b"x" * 2999999)
        self.assertEqual(connection.answer().status, 413)

    def test_chunked_bodies_too_long(self):
        connection = self.connect()
        chunk = b"10000\r\n" + b"x" * 65536 + b"\r\n"
        connection.send(b"POST /sink HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" +
                        chunk * 20)
        answer = connection.answer()
        self.assertEqual((answer.status, answer.body), (413, b"Content Too Large\n"))
        connection.close()
        self.await_counts(lambda counts: counts["gone"] == counts["begun"] - 1)
        # One that ends soon is read to its end.
        connection = self.connect()
        connection.send(b"POST /sink HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" +
                        chunk * 15 + b"8000\r\n" + b"x" * 32768 + b"\r\n0\r\n\r\n")
        self.assertEqual(connection.answer().status, 413)

    def test_nothing_hides_behind_chunks(self):
        """However loosely their lines are read, what follows is no request."""
        begun = self.server.counts()["begun"]
        for end in (b"0\r\n\r\n", b"0\n\n", b"0\r\n:\n", b"0;a\n\r\n", b"0\r\nX: y\n z\n\n"):
            connection = self.connect()
            connection.send(b"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                            b"3\r\nabc\r\n" + end + GET % b"/now" * 2)
            answer = connection.answer()
            self.assertIn(answer.status, (200, 400), end)
            self.assertEqual(answer["connection"], ["close"], end)
            self.assertTrue(connection.is_over())
        self.assertEqual(self.server.counts()["begun"] - begun, 6)

    def test_long_trailers(self):
        for trailers, status in ((b"T: %s\r\n" % (b"u" * 7000), 200), (b"T: %s\r\n" % (b"u" * 8000), 431),
                                 (b"T: u\r\n" * 1100, 431)):
            connection = self.connect()
            connection.send(b"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n" +
                            trailers + b"\r\n")
            self.assertEqual(connection.answer().status, status)

    def test_chunks_that_are_none(self):
        head = b"POST /sink HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        for chunk in (b"x\r\n", b"-1\r\n", b"+1\r\na\r\n", b"0x1\r\na\r\n", b"\r\n", b" 1\r\na\r\n",
                      b"1 \r\na\r\n", b"1\r\nabc\r\n0\r\n\r\n", b";\r\n", b"1\r\na0\r\n\r\n"):
            with self.subTest(chunk):
                connection = self.connect()
                connection.send(head + chunk)
                self.assertEqual(connection.answer().status, 400)
                self.assertTrue(connection.is_over())
        for size in (b"11111111111111111", b"f" * 17):
            connection = self.connect()
            connection.send(head + size + b"\r\n")
            self.assertEqual(connection.answer().status, 413)
            self.assertTrue(connection.is_over())
        connection = self.connect()
        connection.send(head + b"1;" + b"a" * 60000)
        self.assertIn(connection.answer().status, (400, 413, 500, None))
        self.assertTrue(connection.is_over())

    def test_refusals_of_the_handler(self):
        connection = self.connect()
        for status in (401, 404, 429, 503):
            answer = connection.get(b"/refuse/%d" % status)
            self.assertEqual(answer.status, status)
            self.assertEqual(answer["www-authenticate"],
                             ['Basic realm="Restricted"'] if status == 401 else [])
            self.assertEqual(connection.get(b"/refuse/%d" % status, b"POST", b"x" * 50000).status,
                             status)
            self.assertEqual(connection.get(b"/refuse/%d" % status, b"HEAD").status, status)
        self.assertEqual(connection.get(b"/refuse/401", b"POST", b"x" * 500000).status, 401)
        self.assertTrue(connection.is_over())
        connection = self.connect()
        self.assertEqual(connection.get(b"/refuse-body", b"POST", b"abc").status, 422)
        self.assertTrue(connection.works())


class Requests(Case):
    def test_keeps_connections(self):
        connection = self.connect()
        for method in (b"GET", b"POST", b"PUT", b"DELETE", b"PATCH", b"OPTIONS", b"TRACE", b"X-OWN"):
            body = method * 100 if method != b"GET" else None
            answer = connection.get(b"/echo", method, body)
            self.assertEqual((answer.status, answer.body), (200, body or b""))
            self.assertEqual(answer["set-cookie"], ["a=1", "b=2"])
        connection.send(b"GET /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        self.assertEqual(connection.answer()["connection"], ["close"])
        self.assertTrue(connection.is_over())

    def test_heads(self):
        connection = self.connect()
        answer = connection.get(b"/head?a=%20b+c&&d=?", headers=(
            b"X: 1\r\nx: 2\r\nEmpty:\r\nBlanks: \t a b \t \r\nX: 3\r\nCookie: c=d; e\r\n"
            b"Authorization: Basic " + base64.b64encode(b"me:pass:word") + b"\r\n"))
        self.assertEqual(answer.body.decode().splitlines(), [
            "GET|/head|a=%20b+c&&d=?|127.0.0.1|plain", "me|pass:word|-", "Host|a", "X|1", "x|2",
            "Empty|", "Blanks|a b", "X|3", "Cookie|c=d; e",
            "Authorization|Basic bWU6cGFzczp3b3Jk"])
        for target, path, query in ((b"/head", "/head", "-"), (b"/head?", "/head", ""),
                                    (b"http://a/head?q", "/head", "q"),
                                    (b"HTTPS://A/head", "/head", "-")):
            lines = connection.get(target).body.decode().splitlines()
            self.assertEqual(lines[0], f"GET|{path}|{query}|127.0.0.1|plain")
        # Paths stay as they are: the 404 says that they were not decoded.
        for path in (b"/he%61d", b"/./head", b"//head", b"/x/../head", b"/head%00", b"/head;a"):
            self.assertEqual(connection.get(path).status, 404)

    def test_authorization(self):
        connection = self.connect()
        for value, wanted in ((b"Bearer abc.def", "-|-|abc.def"), (b"bearer  x", "-|-|x"),
                              (b"Basic YTpi", "a|b|-"), (b"basic YQ==", "-|-|-"),
                              (b"Basic YTo", "a||-"), (b"Basic OmI=", "|b|-"),
                              (b"Basic !", "-|-|-"), (b"Basic", "-|-|-"), (b"Digest a", "-|-|-"),
                              (b"Basic YQA6Yg==", "-|-|-"), (b"Basicx YTpi", "-|-|-")):
            answer = connection.get(b"/head", headers=b"Authorization: " + value + b"\r\n")
            self.assertEqual(answer.body.decode().splitlines()[1], wanted, value)
        answer = connection.get(b"/head", headers=b"Authorization: Bearer a\r\n" * 2)
        self.assertEqual(answer.status, 400)

    def test_pipelining(self):
        connection = self.connect()
        connection.send(b"".join(
            b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n%03d" % i +
            GET % b"/now" + GET % b"/chunks" + GET % b"/refuse/404" for i in range(30)))
        for i in range(30):
            self.assertEqual(connection.answer().body, b"%03d" % i)
            self.assertEqual(connection.answer().body, b"now\n")
            self.assertEqual(connection.answer().body.count(b"\n"), 100)
            self.assertEqual(connection.answer().status, 404)

    def test_expect(self):
        connection = self.connect()
        connection.send(b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n"
                        b"Expect: 100-continue\r\n\r\n")
        self.assertEqual(connection.answer().status, 100)
        connection.send(b"abc")
        self.assertEqual(connection.answer().body, b"abc")
        connection.send(b"POST /refuse/401 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n"
                        b"Expect: 100-continue\r\n\r\n")
        self.assertEqual(connection.answer().status, 401)
        self.assertTrue(connection.is_over())

    def test_byte_by_byte(self):
        for data in (b"POST /echo?q HTTP/1.1\r\nHost: a\r\nX: y\r\nContent-Length: 3\r\n\r\nabc",
                     b"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                     b"2;x=y\r\nab\r\n01\r\nc\r\n0\r\nX-Trailer: z\r\nHost: b\r\n\r\n",
                     b"GET /chunks HTTP/1.1\r\nHost: a\r\n\r\n"):
            connection = self.connect()
            connection.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for byte in data:
                connection.send(bytes([byte]))
            answer = connection.answer()
            self.assertEqual(answer.status, 200)
            if b"POST" in data:
                self.assertEqual(answer.body, b"abc")
            else:
                self.assertEqual(answer.body,
                                 b"".join(b"piece %d\n" % i for i in range(100)))

    def test_chunked_bodies(self):
        body = os.urandom(300000)
        data, rest = b"", body
        for size in (1, 15, 16, 17, 4095, 16383, 65537, 200000, 300000):
            data += b"%x\r\n%s\r\n" % (len(rest[:size]), rest[:size]) if rest else b""
            rest = rest[size:]
        for path in (b"/echo", b"/echo-now", b"/pause"):
            connection = self.connect()
            connection.send(b"POST %s HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: CHUNKED\r\n\r\n" %
                            path + data + b"0\r\n\r\n")
            self.assertEqual(connection.answer().body, body)
            self.assertTrue(connection.is_over())
        # Many small ones, all of which come while the handler has paused.
        connection = self.connect()
        connection.send(b"POST /pause HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" +
                        b"1\r\nx\r\n" * 1000 + b"0\r\n\r\n")
        self.assertEqual(connection.answer().body, b"x" * 1000)

    def test_long_bodies(self):
        connection = self.connect()
        body = os.urandom(5 << 20)
        for path in (b"/echo", b"/echo-now", b"/pause"):
            self.assertEqual(connection.get(path, b"POST", body).body, body)

    def test_old_clients(self):
        connection = self.connect()
        connection.send(b"GET /chunks HTTP/1.0\r\n\r\n")
        answer = connection.answer()
        self.assertEqual((answer["transfer-encoding"], answer.body.count(b"\n")), ([], 100))
        connection = self.connect()
        connection.send(b"GET /now HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        self.assertEqual(connection.answer().body, b"now\n")
        self.assertTrue(connection.works())


class Responses(Case):
    def test_pieces(self):
        connection = self.connect()
        for path in (b"/chunks", b"/chunks-now"):
            answer = connection.get(path)
            self.assertEqual(answer.body, b"".join(b"piece %d\n" % i for i in range(100)))
            self.assertTrue(answer.complete)
        answer = connection.get(b"/known")
        self.assertEqual((answer["content-length"], answer.body), (["9"], b"onetwosix"))
        self.assertTrue(connection.works())
        self.await_counts(lambda counts: counts["pieces"] == counts["released"])

    def test_without_a_body(self):
        connection = self.connect()
        for path, length in ((b"/echo", 0), (b"/known", 9), (b"/now", 4), (b"/big", 64 << 20),
                             (b"/hundred", 100)):
            answer = connection.get(path, b"HEAD")
            self.assertEqual((answer.status, answer["content-length"]), (200, [str(length)]))
        answer = connection.get(b"/empty")
        self.assertEqual((answer.status, answer["content-length"]), (204, []))
        self.assertTrue(connection.works())
        answer = connection.get(b"/chunks", b"HEAD")
        self.assertEqual((answer.status, answer["connection"]), (200, ["close"]))

    def test_incomplete(self):
        for path, body in ((b"/cut", b"a part"), (b"/short", b"one")):
            connection = self.connect()
            answer = connection.get(path)
            self.assertEqual((answer.status, answer.body, answer.complete), (200, body, False))
            self.assertTrue(connection.is_over())
        connection = self.connect()
        self.assertIsNone(connection.get(b"/nothing").status)

    def test_headers_are_checked(self):
        connection = self.connect()
        self.assertEqual(connection.get(b"/unsound").status, 200)
        answer = connection.get(b"/framing")
        self.assertEqual((answer.status, answer.body), (201, b"ok"))
        self.assertEqual(answer["content-length"], ["2"])
        self.assertEqual(answer["transfer-encoding"] + answer["connection"], [])
        self.assertEqual(answer["x-own"], ["kept"])
        self.assertTrue(connection.works())

    def are_answered(self, path, head, rest, least):
        """With any number of headers, of a thousand bytes each: at least so many there is room for. No memory
        is to go to what else comes; and libmicrohttpd treats its oldest connection otherwise than those
        that have come later."""
        for count in range(30):
            connection = self.connect()
            connection.send(b"%s?%d HTTP/1.1\r\nHost: a\r\n" % (path, count) + head + b"\r\n" + rest)
            answer = connection.answer()
            told = (path, head[:20], count, answer.status, answer.headers[-1:], answer.complete)
            self.assertEqual(answer.body, b"ok", told)
            self.assertEqual(len(answer["x"]), count if answer.status == 200 else 0, told)
            if count <= least:
                self.assertEqual(answer.status, 200, told)
            if count == 29:
                self.assertEqual(answer.status, 502, told)
            if answer["connection"]:
                self.assertTrue(answer["connection"] == ["close"] and b"chunked" in head, told)
            else:
                self.assertEqual(connection.answer().body, b"now\n", told)
            connection.close()

    def test_many_headers(self):
        """Those of a response, beside as many in requests, of which more wait behind: each is answered."""
        much = b"X: %s\r\n" % (b"y" * 140) * 90
        cookies = b"Cookie: " + b"a=bcdefghij; " * 90 + b"\r\n"
        behind = GET % b"/now" * 1000
        for age in ("oldest", "younger"):
            with self.subTest(age):
                for head, least in ((b"", 20), (much, 14), (cookies, 13)):
                    self.are_answered(b"GET /headers", head, behind, least)
                self.assertTrue(self.connect().works())

    def test_many_headers_after_a_body(self):
        self.assertTrue(self.connect().works())
        behind = GET % b"/now" * 1000
        length, chunked = b"Content-Length: %d\r\n", b"Transfer-Encoding: chunked\r\n"
        for path in (b"POST /headers", b"POST /pause-headers"):
            for size in (10, 50000):
                self.are_answered(path, length % size, b"z" * size + behind, 20)
            self.are_answered(path, chunked, b"1\r\nx\r\n" * 3000 + b"0\r\n\r\n" + behind, 20)
            self.are_answered(path, chunked, b"0\r\n" + b"T: u\r\n" * 80 + b"\r\n" + behind, 15)

    def test_many_writers(self):
        def ask(_):
            with self.server.connect() as connection:
                for _ in range(3):
                    lines = connection.get(b"/many").body.split(b"\n")
                    self.assertEqual(len(lines), 601)
                    for thread in (b"0", b"1", b"2"):
                        own = [int(line.split()[1]) for line in lines if line[:2] == thread + b" "]
                        self.assertEqual(own, list(range(200)))
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            list(pool.map(ask, range(8)))
        self.await_counts(lambda counts: counts["pieces"] == counts["released"])

    def test_streams(self):
        streams = [self.connect() for _ in range(20)]
        for stream in streams:
            stream.send(GET % b"/stream")
            status, headers = stream.head()
            self.assertEqual((status, dict(headers)["content-type"]), (200, "text/event-stream"))
            self.assertEqual(stream.file.readline(), b"D\r\n")
            self.assertEqual(stream.file.read(15), b"data: first\n\n\r\n")
        self.assertTrue(self.connect().get(b"/release").body)
        for stream in streams:
            self.assertEqual(stream.chunks(), (b"released\n", True))
            self.assertTrue(stream.works())

    def test_large(self):
        connection = self.connect()
        answer = connection.get(b"/big")
        self.assertEqual(len(answer.body), 64 << 20)
        self.assertTrue(connection.works())


class Leaving(Case):
    """Clients that go at any moment, and what is known of them afterwards."""
    settings = ("head-ms=2000", "idle-ms=2000")  # looks each half a second

    def all_gone(self):
        counts = self.await_counts(lambda counts: counts["connections"] == 1 and
                                   counts["gone"] == counts["begun"] - 1)
        self.assertEqual(counts["pieces"], counts["released"])

    def test_anywhere_in_requests(self):
        for request in (b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n0123456789",
                        b"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                        b"a\r\n0123456789\r\n0\r\nX: y\r\n\r\n",
                        GET % b"/chunks", GET % b"/hold", GET % b"/stream"):
            for end in range(len(request) + 1):
                with self.server.connect() as connection:
                    connection.send(request[:end])
        self.all_gone()

    def test_by_reset(self):
        for path in (b"/big", b"/hold", b"/stream", b"/chunks", b"/many"):
            for _ in range(5):
                with self.server.connect() as connection:
                    connection.send(GET % path)
                    connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                                 b"\1\0\0\0\0\0\0\0")
        self.all_gone()

    def test_in_the_middle_of_a_response(self):
        for _ in range(3):
            with self.server.connect() as connection:
                connection.send(GET % b"/big")
                self.assertEqual(len(connection.file.read(1000000)), 1000000)
        self.all_gone()


class Slow(Case):
    settings = ("head-ms=300", "idle-ms=600", "rate=100000")

    def is_given_up(self, data):
        connection = self.connect()
        connection.send(data)
        self.assertTrue(connection.is_over(), data)

    def test_given_up(self):
        before = self.server.counts()["timed_out"]
        for data in (b"", b"GET /ec", b"GET /echo HTTP/1.1\r\n", b"GET /echo HTTP/1.1\r\nHost: a\r\n",
                     b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n",
                     b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n123",
                     b"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\n",
                     b"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n"):
            self.is_given_up(data)
        connection = self.connect()
        self.assertTrue(connection.works())
        self.assertTrue(connection.is_over())
        self.assertEqual(self.server.counts()["timed_out"] - before, 9)

    def test_slow_readers(self):
        connection = Connection(self.server.port)
        self.addCleanup(connection.close)
        connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.send(GET % b"/big")
        self.await_counts(lambda counts: counts["gone"] == counts["begun"] - 1)

    def test_waiting_is_no_slowness(self):
        """A request that takes long, and a stream on which nothing happens, stay."""
        waiting, stream, idle = self.connect(), self.connect(), self.connect()
        waiting.send(GET % b"/hold")
        stream.send(GET % b"/stream")
        self.assertEqual(stream.head()[0], 200)
        self.assertTrue(idle.is_over())
        self.assertTrue(self.connect().is_over())
        self.assertTrue(self.connect().works())
        self.connect().get(b"/release")
        self.assertEqual(waiting.answer().body, b"released\n")
        self.assertEqual(stream.chunks(), (b"data: first\n\nreleased\n", True))

    def test_refused_ones_may_not_go_on_for_ever(self):
        connection = self.connect()
        connection.send(b"POST /refuse/413 HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\n\r\n")
        self.assertEqual(connection.answer().status, 413)
        with self.assertRaises(ConnectionError):
            while True:
                connection.send(b"x" * 1000)


class SlowHeads(Case):
    """Where idle connections may stay, but not those of which a head has begun."""
    settings = ("head-ms=300", "idle-ms=600000")

    def test_given_up(self):
        idle = self.connect()
        for data in (b"G", b"GET /ec", b"\r\n", b"GET /echo HTTP/1.1\r\n"):
            connection = self.connect()
            connection.send(data)
            self.assertTrue(connection.is_over(), data)
        connection = self.connect()
        with self.assertRaises(ConnectionError):
            self.assertTrue(connection.works())
            while True:
                connection.send(b"x")
                time.sleep(0.01)
        self.assertTrue(idle.works())


class Driven(Case):
    """A server without a thread of its own, as the gateway's worker has it."""
    settings = ("driven=1", "head-ms=600000", "idle-ms=2000")  # looks each half a second

    def test_chunk_lines_without_end(self):
        """They end long before the head's time is over: libmicrohttpd would ask for more for ever."""
        head = b"POST /sink HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        for line in b"0" * 500_000, b"1;" + b"a" * 500_000, b"3\r\nabc\r\n1;" + b"a" * 500_000:
            with self.subTest(line[:9]):
                connection = self.connect()
                connection.send(head)
                try:
                    connection.send(line)
                except OSError:
                    pass  # it was faster
                self.assertTrue(self.connect().works())
                self.assertTrue(connection.is_over())

    def test_slow_chunks(self):
        """A client that takes its time is none of these."""
        connection = self.connect()
        connection.send(b"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
        for _ in range(5):
            connection.send(b"1\r\nx\r\n")
            time.sleep(0.6)
        connection.send(b"0\r\n\r\n")
        self.assertEqual(connection.answer().body, b"x" * 5)


class Ending(unittest.TestCase):
    def test_nothing_stays_unanswered(self):
        server = Server()
        waiting, stream, idle, half = (server.connect() for _ in range(4))
        waiting.send(GET % b"/hold")
        stream.send(GET % b"/stream")
        self.assertEqual(stream.head()[0], 200)
        self.assertTrue(idle.works())
        half.send(b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n123")
        server.quiesce()
        self.assertTrue(idle.is_over())
        half.send(b"4567890")
        answer = half.answer()
        self.assertEqual((answer.body, answer["connection"]), (b"1234567890", ["close"]))
        self.assertTrue(half.is_over())
        self.assertEqual(server.close(), (0, {"gone": 0, "released": 0, "listening": 1}))
        answer = waiting.answer()
        self.assertEqual((answer.status, answer["connection"]), (503, ["close"]))
        self.assertEqual(stream.chunks(), (b"data: first\n\n", False))
        for connection in (waiting, stream, idle, half):
            self.assertTrue(connection.is_over())
            connection.close()

    def test_at_once(self):
        server = Server()
        with server.connect() as half, server.connect() as big:
            half.send(b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n123")
            big.send(GET % b"/big")
            self.assertTrue(big.file.read(1000))
            self.assertEqual(server.close(), (0, {"gone": 0, "released": 0, "listening": 1}))
            self.assertTrue(half.is_over())


class Crowds(unittest.TestCase):
    def test_limits(self):
        server = Server("connections=20", "each=5")
        connections = [server.connect() for _ in range(5)]
        for connection in connections:
            self.assertTrue(connection.works())
        with server.connect() as one_more:
            self.assertTrue(one_more.is_over())
        for connection in connections:
            connection.close()
        self.assertEqual(server.close()[0], 0)

    def test_ten_thousand_idle_ones(self):
        wanted = 10000
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if hard != resource.RLIM_INFINITY and hard < wanted + 100:
            self.skipTest(f"no more than {hard} descriptors are allowed")
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        server = Server()
        try:
            sockets = []
            for number in range(wanted):
                # Addresses of one's own, so that ports last.
                sockets.append(socket.create_connection(("127.0.0.1", server.port), timeout=LIMIT,
                                                        source_address=("127.0.0.%d" % (2 + number % 9), 0)))
                if number % 2:
                    sockets[-1].sendall(GET % b"/now")
            for connection in sockets[1::2]:
                self.assertTrue(connection.recv(1000).endswith(b"now\n"))
            with server.connect() as connection:
                for _ in range(100):
                    self.assertTrue(connection.works())
            self.assertEqual(server.counts()["connections"], wanted + 1)
            with open(f"/proc/{server.process.pid}/status", encoding="ascii") as status:
                size = next(line for line in status if line.startswith("VmRSS"))
            print(f"{wanted} connections, half of them used before: {size.strip()}", file=sys.stderr)
            for connection in sockets:
                connection.close()
        finally:
            self.assertEqual(server.close()[0], 0)


@unittest.skipUnless(shutil.which("openssl"), "no openssl to make a certificate")
class Tls(unittest.TestCase):
    def setUp(self):
        self.folder = self.enterContext(tempfile.TemporaryDirectory())
        self.certificate, self.key = f"{self.folder}/certificate", f"{self.folder}/key"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", self.key, "-out",
                        self.certificate, "-days", "2", "-subj", "/CN=localhost", "-addext",
                        "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True,
                       timeout=LIMIT)
        self.context = ssl.create_default_context(cafile=self.certificate)

    def connect(self, server):
        connection = Connection(server.port, lambda raw: self.context.wrap_socket(
            raw, server_hostname="127.0.0.1"))
        self.addCleanup(connection.close)
        return connection

    def test_serves(self):
        server = Server(f"certificate={self.certificate}", f"key={self.key}", "body=6000000")
        connection = self.connect(server)
        self.assertIn(b"|tls\n", connection.get(b"/head").body)
        body = os.urandom(5 << 20)
        for path in (b"/echo", b"/pause"):
            self.assertEqual(connection.get(path, b"POST", body).body, body)
        self.assertEqual(connection.get(b"/chunks").body.count(b"\n"), 100)
        self.assertEqual(len(connection.get(b"/big").body), 64 << 20)
        connection.send(b"POST /sink HTTP/1.1\r\nHost: a\r\nContent-Length: 7000000\r\n\r\nx")
        self.assertEqual(connection.answer().status, 413)
        with server.connect() as plain:
            plain.send(GET % b"/now")
            self.assertNotIn(b"now", plain.file.read())
        stream = self.connect(server)
        stream.send(GET % b"/stream")
        self.assertEqual(stream.head()[0], 200)
        self.assertEqual(server.close(), (0, {"gone": 0, "released": 0, "listening": 1}))

    def test_key_of_another(self):
        other = f"{self.folder}/other"
        subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", other], check=True,
                       timeout=LIMIT)
        process = subprocess.run([*PROGRAM, f"certificate={self.certificate}", f"key={other}"],
                                 capture_output=True, text=True, timeout=LIMIT, check=False,
                                 stdin=subprocess.DEVNULL)
        self.assertEqual(process.returncode, 1)
        self.assertIn("cannot serve HTTP: ", process.stderr)


if __name__ == "__main__":
    unittest.main()
