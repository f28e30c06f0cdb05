#!/usr/bin/env python3
"""mayfly-courier with real peers: slow, refusing, endless, redirecting, with a certificate of their own.

Arguments: courier_tool.
"""
import contextlib
import http.server
import os
import queue
import select
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import unittest

TOOL = sys.argv.pop(1)
LOOPBACK = 1
PATIENCE = 30  # seconds: nothing here takes that long


class Peer(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.seen.put((self.path, dict(self.headers), body, self.client_address))
        kind, _, argument = self.path.split("?")[0].strip("/").partition("/")
        getattr(self, "answer_" + kind)(argument)

    def answer_status(self, argument):
        self.send_response(int(argument))
        self.send_header("Location", "/status/200")
        body = b"" if argument == "204" else b"ok"
        if body:
            self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(body)

    def answer_never(self, argument):
        self.server.released.wait(PATIENCE)
        self.close_connection = True

    def answer_endless(self, argument):
        self.send_response(200)
        self.end_headers()
        self.close_connection = True
        try:
            while True:
                self.wfile.write(b"x" * 65536)
        except OSError:
            self.server.broken.set()

    def answer_head(self, argument):
        self.send_response(200)
        for i in range(int(argument)):
            self.send_header(f"X-{i}", "x" * 1000)
        self.send_header("Content-Length", "0")
        try:
            self.end_headers()
        except OSError:
            pass
        self.close_connection = True

    def answer_cut(self, argument):
        self.close_connection = True

    def log_message(self, *arguments):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, context=None):
        super().__init__(("127.0.0.1", 0), Peer)
        self.seen, self.broken, self.released = queue.Queue(), threading.Event(), threading.Event()
        if context:
            self.socket = context.wrap_socket(self.socket, server_side=True)
        scheme = "https" if context else "http"
        self.url = f"{scheme}://127.0.0.1:{self.server_port}"
        threading.Thread(target=self.serve_forever, args=[0.01], daemon=True).start()

    def handle_error(self, request, client_address):
        pass

    def close(self):
        self.released.set()
        self.shutdown()
        self.server_close()


def own_addresses():
    """Those of this machine that it would send from, if it has any but loopback."""
    for family, far, form in (socket.AF_INET, "203.0.113.1", "{}"), (socket.AF_INET6, "2001:db8::1", "[{}]"):
        with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((far, 9))
            yield form.format(probe.getsockname()[0])


def read_file(path):
    with open(path) as file:
        return file.read()


class Courier:
    def __init__(self, reach=LOOPBACK, certificates=""):
        # Whoever believed these would reach nobody.
        proxies = {name: "http://127.0.0.1:9" for name in ("http_proxy", "https_proxy", "ALL_PROXY")}
        self.tool = subprocess.Popen([TOOL, str(reach), certificates], stdin=subprocess.PIPE, text=True,
                                     stdout=subprocess.PIPE, env={**os.environ, **proxies})
        self.count = 0

    def give(self, order):
        self.count += 1
        verb, rest = order.split(" ", 1)
        self.tool.stdin.write(f"{verb} {self.count} {rest}\n")
        self.tool.stdin.flush()
        return str(self.count)

    def call(self, url, trusted=0, timeout_ms=10000, size=3):
        return self.give(f"call {url} {trusted} {timeout_ms} {size}")

    def answer(self):
        """ID, result, status, length and sum of the body, sentence, headers."""
        fields = self.tool.stdout.readline().rstrip("\n").split("\t")
        return [fields[0], *map(int, fields[1:5]), fields[5], fields[6:]]

    def answer_to(self, *order, **settings):
        self.call(*order, **settings)
        return self.answer()

    def process(self):
        """The number of mayfly-courier's process."""
        task = f"/proc/{self.tool.pid}/task"
        children = [child for thread in os.listdir(task)
                    for child in read_file(f"{task}/{thread}/children").split()]
        assert len(children) == 1, children
        return int(children[0])

    def close(self):
        self.tool.stdin.close()
        status = self.tool.wait(PATIENCE)
        self.tool.stdout.close()
        return status


def text_sum(data):
    total = 0
    for byte in data:
        total = (total * 31 + byte) & 0xffffffff
    return total


class TestCourier(unittest.TestCase):
    def setUp(self):
        self.server = Server()
        self.courier = Courier()

    def tearDown(self):
        self.assertEqual(self.courier.close(), 0)
        self.server.close()

    def check_failed(self, answer, code, part):
        self.assertEqual(answer[1], -code, answer)
        self.assertIn(part, answer[5])

    def test_post(self):
        number, result, status, _, _, text, headers = self.courier.answer_to(
            self.server.url + "/status/200?a=b", size=100000)
        self.assertEqual((number, result, status, text, headers), ("1", 0, 200, "", []))
        path, headers, body, _ = self.server.seen.get(timeout=PATIENCE)
        self.assertEqual(path, "/status/200?a=b")
        self.assertEqual(body, b"x" * 100000)
        wanted = {"X-Call-Id": "1", "X-Function-Name": "f.openfaas-fn", "X-Function-Status": "418",
                  "X-Duration-Seconds": "0.001500", "X-Kind": "test", "X-Empty": "",
                  "Content-Type": "text/plain", "Content-Length": "100000"}
        self.assertEqual({name: headers[name] for name in wanted}, wanted)
        self.assertNotIn("Transfer-Encoding", headers)
        self.assertNotIn("Expect", headers)
        self.assertNotIn("Authorization", headers)
        self.assertNotIn("x-function-name", headers)

    def test_statuses(self):
        for status in 204, 302, 307, 404, 429, 500, 503:
            self.assertEqual(self.courier.answer_to(f"{self.server.url}/status/{status}")[1:3], [0, status])
        # Nothing was followed.
        self.assertEqual(self.server.seen.qsize(), 7)

    def test_large_body(self):
        self.assertEqual(self.courier.answer_to(self.server.url + "/status/200", size=20 << 20)[2], 200)
        self.assertEqual(len(self.server.seen.get()[2]), 20 << 20)
        # Beyond the arena.
        self.check_failed(self.courier.answer_to(self.server.url + "/status/200", size=80 << 20), 11, "no room")

    def test_many(self):
        wanted = {self.courier.call(self.server.url + "/status/200") for _ in range(200)}
        answers = [self.courier.answer() for _ in range(200)]
        self.assertEqual({answer[0] for answer in answers}, wanted)
        self.assertEqual({answer[2] for answer in answers}, {200})

    def test_refused(self):
        with socket.socket() as closed:
            closed.bind(("127.0.0.1", 0))
            url = f"http://127.0.0.1:{closed.getsockname()[1]}/"
            self.check_failed(self.courier.answer_to(url), 111, "Failed to connect")
        self.check_failed(self.courier.answer_to(self.server.url + "/cut"), 104, "Empty reply")

    def test_slow(self):
        self.check_failed(self.courier.answer_to(self.server.url + "/never", timeout_ms=200), 110, "timed out")

    def test_slow_ones_hold_up_nobody(self):
        slow = self.courier.call(self.server.url + "/never")
        self.assertEqual(self.courier.answer_to(self.server.url + "/status/200")[2], 200)
        self.server.released.set()
        self.assertEqual(self.courier.answer()[0], slow)

    def test_endless(self):
        self.assertEqual(self.courier.answer_to(self.server.url + "/endless")[1:3], [0, 200])
        self.assertTrue(self.server.broken.wait(PATIENCE))

    def test_long_head(self):
        self.assertEqual(self.courier.answer_to(self.server.url + "/head/20")[2], 200)
        self.check_failed(self.courier.answer_to(self.server.url + "/head/90"), 71, "too long")

    def test_other_protocols(self):
        for url in "file:///etc/passwd", "ftp://127.0.0.1/", "gopher://127.0.0.1/", "dict://127.0.0.1/":
            self.check_failed(self.courier.answer_to(url), 71, "")
        self.assertLess(self.courier.answer_to("http://user:word@127.0.0.1/")[1], 0)

    def test_unknown_name(self):
        # Without a network its server may not even say no.
        answer = self.courier.answer_to("http://name.invalid/", timeout_ms=3000)
        self.assertIn(answer[1], (-113, -110), answer)

    def test_killed(self):
        for _ in range(5):
            calls = {self.courier.call(self.server.url + "/never") for _ in range(10)}
            # At most 8 go to one host at once.
            for _ in range(8):
                self.server.seen.get(timeout=PATIENCE)
            os.kill(self.courier.process(), signal.SIGKILL)
            answers = [self.courier.answer() for _ in calls]
            self.assertEqual({answer[0] for answer in answers}, calls)
            self.assertEqual({answer[1] for answer in answers}, {-104})
            # The next one may come too early.
            while (answer := self.courier.answer_to(self.server.url + "/status/200"))[1] == -11:
                pass
            self.assertEqual(answer[2], 200)
            while not self.server.seen.empty():
                self.server.seen.get()

    def test_supervisor_killed(self):
        """Nothing is left of it, whatever it was doing."""
        courier = Courier()
        courier.call(self.server.url + "/never")
        self.server.seen.get(timeout=PATIENCE)
        process = os.pidfd_open(courier.process())
        courier.tool.kill()
        self.assertTrue(select.select([process], [], [], PATIENCE)[0])
        os.close(process)
        courier.tool.stdin.close()
        self.assertEqual(courier.close(), -signal.SIGKILL)

    def test_confined(self):
        self.assertEqual(self.courier.answer_to(self.server.url + "/status/200")[2], 200)
        status = read_file(f"/proc/{self.courier.process()}/status")
        if "Seccomp:\t2" not in status:
            self.skipTest("a build with sanitizers")
        self.assertIn("NoNewPrivs:\t1", status)
        self.assertIn("CapEff:\t0000000000000000", status)

    def parse(self, contract, status, data):
        self.courier.give(f"parse {contract} {status} {data.hex()}")
        return self.courier.answer()

    def test_parse(self):
        answer = self.parse("stdio", 0, b"hello")
        self.assertEqual(answer[1:6], [0, 200, 5, text_sum(b"hello"), ""])
        self.assertEqual(answer[6], ["Content-Type=application/octet-stream"])
        self.assertEqual(self.parse("stdio", 0, b"")[1:4], [0, 200, 0])
        self.assertEqual(self.parse("stdio", 3, b"oops")[1:4], [0, 500, 4])
        answer = self.parse("handler", 0, b"Status: 418 Teapot\r\nX-A: b\r\n\r\nbody")
        self.assertEqual(answer[1:5], [0, 418, 4, text_sum(b"body")])
        self.assertIn("X-A=b", answer[6])
        answer = self.parse("http", 0, b"HTTP/1.1 201 Made\r\nX-A: b\r\nTransfer-Encoding: chunked\r\n\r\n"
                            b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
        self.assertEqual(answer[1:5], [0, 201, 5, text_sum(b"abcde")])
        self.assertEqual(answer[6], ["X-A=b"])
        self.assertEqual(self.parse("http", 0, b"HTTP/1.1 204 None\r\n\r\n")[1:4], [0, 204, 0])
        body = os.urandom(200000)
        self.assertEqual(self.parse("stdio", 0, body)[3:5], [200000, text_sum(body)])

    def test_parse_nonsense(self):
        for contract, data in ("http", b"no response"), ("http", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc"), \
                ("handler", b"Status: 99999\r\n\r\n"), ("http", b""):
            answer = self.parse(contract, 0, data)
            self.assertEqual(answer[1], -71, (contract, data, answer))
            self.assertTrue(answer[5])


class TestReach(unittest.TestCase):
    """Strangers may not reach this machine where the settings do not say so."""

    def test_reach(self):
        server, courier = Server(), Courier(reach=0)
        port = server.server_port
        for host in "127.0.0.1", "localhost", "127.9.9.9", "0.0.0.0", "[::1]", "[::]", "[::ffff:127.0.0.1]", \
                "[64:ff9b::7f00:1]", "2130706433", "0x7f.1", "169.254.169.254", "[fe80::1]", "100.100.100.200", \
                "[fd00:ec2::254]", "224.0.0.1", "255.255.255.255":
            answer = courier.answer_to(f"http://{host}:{port}/status/200")
            self.assertEqual(answer[1], -13, (host, answer))
        for host in own_addresses():
            self.assertEqual(courier.answer_to(f"http://{host}:{port}/status/200")[1], -13, host)
        self.assertTrue(server.seen.empty())
        # The owner's may lead there, and leave no connection behind for strangers.
        self.assertEqual(courier.answer_to(f"http://127.0.0.1:{port}/status/200", trusted=1)[2], 200)
        self.assertEqual(courier.answer_to(f"http://127.0.0.1:{port}/status/200")[1], -13)
        self.assertEqual(courier.close(), 0)
        server.close()


class TestTls(unittest.TestCase):
    @unittest.skipUnless(shutil.which("openssl"), "no openssl command")
    def test_certificates(self):
        with tempfile.TemporaryDirectory() as directory:
            key, certificate = directory + "/key.pem", directory + "/certificate.pem"
            subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                            "-nodes", "-keyout", key, "-out", certificate, "-days", "2", "-subj", "/CN=127.0.0.1",
                            "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate, key)
            server = Server(context)
            for trusted, wanted in ("", -71), (certificate, 0):
                courier = Courier(certificates=trusted)
                answer = courier.answer_to(server.url + "/status/200")
                self.assertEqual(answer[1], wanted, answer)
                if not wanted:
                    self.assertEqual(answer[2], 200)
                    # By another name it is not believed.
                    answer = courier.answer_to(f"https://localhost:{server.server_port}/status/200")
                    self.assertEqual(answer[1], -71, answer)
                else:
                    self.assertIn("certificate", answer[5])
                self.assertEqual(courier.close(), 0)
            server.close()


if __name__ == "__main__":
    unittest.main()
