#!/usr/bin/env python3
"""Verbs that talk to a gateway: what they would send, and what they say of servers that are none.

usage: test_gateway_verbs.py MAYFLY
"""

import contextlib
import http.server
import json
import os
import pathlib
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import unittest

MAYFLY = pathlib.Path(sys.argv.pop(1)).resolve()
LIMIT = 60  # seconds for one command


class Case(unittest.TestCase):
    def setUp(self):
        home = tempfile.TemporaryDirectory()
        self.addCleanup(home.cleanup)
        self.home = pathlib.Path(home.name)
        self.variables = {
            **{name: value for name, value in os.environ.items()
               if name not in ("OPENFAAS_URL", "MAYFLY_GATEWAY") and "proxy" not in name.lower()},
            "HOME": str(self.home), "XDG_CONFIG_HOME": str(self.home / "config"),
            "XDG_RUNTIME_DIR": str(self.home), "XDG_STATE_HOME": str(self.home / "state")}

    def mayfly(self, *words, stdin="", **variables):
        return subprocess.run([MAYFLY, *words], text=True, capture_output=True, timeout=LIMIT,
                              input=stdin, cwd=self.home, env={**self.variables, **variables},
                              check=False)

    def refused(self, says, *words, status=1, **others):
        result = self.mayfly(*words, **others)
        self.assertEqual(result.returncode, status, result.stderr)
        self.assertEqual(result.stderr.count("\n"), 1, result.stderr)
        self.assertIn(says, result.stderr)
        self.assertNotIn("\x1b", result.stderr)
        return result

    def deployment(self, *words, **others):
        result = self.mayfly("deploy", "--dry-run", *words, **others)
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        return json.loads(result.stdout)


class Options(Case):
    def test_all(self):
        self.assertEqual(
            self.deployment("web", "registry.example/web:1", "--memory=64M", "--cpus=0.5",
                            "-e", "A=1", "--env=B=x=y", "--env-process=serve it", "-s", "one",
                            "--secret=two", "--label=a=b", "--annotation=c=d", "--constraint=e",
                            "--accel=no", "--min=0", "--max=7", "--concurrency=3", "--queue=9",
                            "--timeout=1500ms", "--idle=never", "--isolation=process",
                            "--contract=http", "--stream", "--fresh", "--reuse=4", "--port=8001", "--schedule=*/5 * * * *",
                            "--warm-up=x", "--split=10", "--read-only", "--namespace=dev"),
            {"service": "web", "image": "registry.example/web:1", "namespace": "dev",
             "envProcess": "serve it", "envVars": {"A": "1", "B": "x=y"},
             "secrets": ["one", "two"], "constraints": ["e"], "readOnlyRootFilesystem": True,
             "limits": {"memory": "64Mi", "cpu": "500m"},
             "labels": {"a": "b", "com.openfaas.scale.min": "0", "com.openfaas.scale.max": "7"},
             "annotations": {"c": "d", "mayfly.dev/accel": "no", "mayfly.dev/concurrency": "3",
                             "mayfly.dev/queue": "9", "mayfly.dev/timeout": "1500ms",
                             "mayfly.dev/idle": "never", "mayfly.dev/isolation": "process",
                             "mayfly.dev/contract": "http", "mayfly.dev/stream": "true", "mayfly.dev/fresh": "true",
                             "mayfly.dev/reuse": "4", "mayfly.dev/port": "8001",
                             "mayfly.dev/schedule": "*/5 * * * *", "mayfly.dev/warm-up": "x",
                             "mayfly.dev/split": "10"}})

    def test_what_is_not_said_is_not_sent(self):
        self.assertEqual(self.deployment("hello", "hello"), {"service": "hello", "image": "hello"})

    def test_odd_amounts(self):
        self.assertEqual(self.deployment("x", "hello", "--memory=1048577")["limits"]["memory"],
                         "1048577")

    def test_wrong_ones(self):
        for says, *words in (
                ("--env: 'A' is not NAME=VALUE", "--env=A"),
                ("--label: '=b' is not NAME=VALUE", "--label==b"),
                ("--min: 'many' is not a number", "--min=many"),
                ("give --replace or --no-replace", "--replace", "--no-replace"),
                ("--filter and --regex are for stack files", "--filter=a")):
            self.refused(says, "deploy", "a", "hello", *words)
        self.refused("--timeout", "deploy", "a", "hello", "--timeout=soon", status=2)
        self.refused("'a/b' is no name of a function", "deploy", "a/b", "hello")
        self.refused("give NAME and IMAGE, or a stack file", "deploy", "a")
        self.refused("but not both", "deploy", "a", "hello", "-f", "stack.yml")

    def test_images_on_this_machine(self):
        (self.home / "program").write_text("x")
        (self.home / "hello").write_text("x")
        home = os.path.realpath(self.home)
        for given, sent in (("./program", f"{home}/program"), ("program", f"{home}/program"),
                            ("oci:.:latest", f"oci:{home}:latest"), ("oci:.", f"oci:{home}"),
                            ("docker-archive:program", f"docker-archive:{home}/program"),
                            ("hello", "hello"), ("./hello", f"{home}/hello"),
                            ("somewhere/else:1", "somewhere/else:1")):
            self.assertEqual(self.deployment("x", given)["image"], sent)
        self.refused("there is no image at ./none", "deploy", "x", "./none")
        self.assertEqual(self.deployment("x", "program", "-g", "http://other.example")["image"],
                         "program")
        self.refused("the gateway is on another machine and cannot read ./program", "deploy", "x",
                     "./program", "--gateway=http://other.example")


STACK = """version: 1.0
provider:
  name: openfaas
  gateway: http://127.0.0.1:1
x-shared: &shared
  limits: {memory: 64Mi, cpu: 100m}
functions:
  one:
    <<: *shared
    lang: c
    handler: ./one
    image: ${REGISTRY:-registry.example}/one:${TAG:-latest}
    environment:
      count: 5
      truth: yes
      nothing:
    environment_file: [more.yml]
    secrets: [token]
    labels: {com.openfaas.scale.min: 2}
    annotations: {topic: "a, b"}
    requests: {memory: 10Mi}
    constraints: ["node == x"]
    readonly_root_filesystem: true
    fprocess: "cat $${HOME}"
  two:
    image: ./two.tar
    namespace: dev
"""


class Stack(Case):
    def stack(self, text, *words, **variables):
        (self.home / "stack.yml").write_text(text)
        return self.deployment("-f", "stack.yml", *words, **variables)

    def wrong(self, says, text):
        (self.home / "stack.yml").write_text(text)
        self.refused(says, "deploy", "--dry-run", "-f", "stack.yml")

    def setUp(self):
        super().setUp()
        (self.home / "two.tar").write_text("x")
        (self.home / "more.yml").write_text("environment:\n  count: 6\n  more: '7'\n")

    def test_whole(self):
        one, two = self.stack(STACK, TAG="2")
        self.assertEqual(one, {
            "service": "one", "image": "registry.example/one:2", "envProcess": "cat ${HOME}",
            "envVars": {"count": "6", "truth": "yes", "nothing": "", "more": "7"},
            "secrets": ["token"], "labels": {"com.openfaas.scale.min": "2"},
            "annotations": {"topic": "a, b"}, "limits": {"memory": "64Mi", "cpu": "100m"},
            "requests": {"memory": "10Mi"}, "constraints": ["node == x"],
            "readOnlyRootFilesystem": True})
        self.assertEqual(two, {"service": "two", "namespace": "dev",
                               "image": f"{os.path.realpath(self.home)}/two.tar"})

    def test_from_elsewhere(self):
        """Paths are relative to the file, also from another directory, and from a pipe."""
        self.stack(STACK)
        (self.home / "below").mkdir()
        result = subprocess.run([MAYFLY, "deploy", "--dry-run", "-f", "../stack.yml"], text=True,
                                capture_output=True, timeout=LIMIT, cwd=self.home / "below",
                                env=self.variables, check=True)
        self.assertEqual(json.loads(result.stdout)[1]["image"],
                         f"{os.path.realpath(self.home)}/two.tar")
        self.assertEqual(len(self.deployment("-f", "-", stdin=STACK)), 2)

    def test_choice(self):
        self.assertEqual([f["service"] for f in self.stack(STACK, "--filter=o*")], ["one"])
        self.assertEqual([f["service"] for f in self.stack(STACK, "--regex=^t.o$")], ["two"])
        self.refused("no function has a name that", "deploy", "-f", "stack.yml", "--filter=x*")
        self.refused("--regex: '(' is no regular expression", "deploy", "-f", "stack.yml",
                     "--regex=(")

    def test_options_add(self):
        one, two = self.stack(STACK, "--env=count=8", "--secret=more", "--memory=1G")
        self.assertEqual(one["envVars"]["count"], "8")
        self.assertEqual(one["secrets"], ["token", "more"])
        self.assertEqual(two["limits"], {"memory": "1024Mi"})

    def test_gateway(self):
        self.refused("nothing answers at http://127.0.0.1:1: ", "deploy", "-f", "-",
                     "--filter=one", stdin=STACK)
        self.refused("nothing answers at http://127.0.0.1:2: ", "deploy", "-f", "-",
                     "--filter=one", stdin=STACK, OPENFAAS_URL="http://127.0.0.1:2/")
        self.refused("provider.gateway: 'ftp://x' is neither", "deploy", "-f", "-",
                     stdin=STACK.replace("http://127.0.0.1:1", "ftp://x"))

    def test_unknown_fields_are_told(self):
        (self.home / "stack.yml").write_text(STACK.replace("secrets:", "secrest:"))
        result = self.mayfly("deploy", "--dry-run", "-f", "stack.yml")
        self.assertEqual(result.returncode, 0)
        self.assertIn("functions.one.secrest means nothing here and is left out: did you mean "
                      "secrets?", result.stderr)

    def test_wrong_ones(self):
        function = "functions:\n  f:\n    image: hello\n"
        for says, text in (
                ("functions is missing", "version: 1.0\n"),
                ("functions is missing", "functions:\n"),
                ("functions.f has to be a mapping", "functions:\n  f: hello\n"),
                ("functions.f.image is missing", "functions:\n  f:\n    lang: c\n"),
                ("functions.f.image is missing", "functions:\n  f:\n    image: ${UNSET_NAME}\n"),
                ("functions.f.image has to be a text, not a list",
                 "functions:\n  f:\n    image: [a]\n"),
                ("functions.f.secrets has to be a list, not a text", function + "    secrets: a\n"),
                ("functions.f.secrets has to be a list of texts", function + "    secrets: [[a]]\n"),
                ("functions.f.limits has to be a mapping, not a list",
                 function + "    limits: [memory]\n"),
                ("functions.f.labels.a has to be a text, not a mapping",
                 function + "    labels: {a: {b: c}}\n"),
                ("functions.f.readonly_root_filesystem has to be true or false",
                 function + "    readonly_root_filesystem: maybe\n"),
                ("functions.f.environment_file: ", function + "    environment_file: none.yml\n"),
                ("functions.f.environment_file: ", function + "    environment_file: two.tar\n"),
                ("functions.a b: 'a b' is no name of a function",
                 "functions:\n  a b:\n    image: hello\n"),
                ("provider.name is 'other'", "provider: {name: other}\n" + function),
                ("line 4: ", function + "   : bad: [\n"),
                ("line 3: 'image' is there twice", "functions:\n  f: {image: hello,\n image: x}\n"),
                ("line 3: '${A#x}", "functions:\n  f:\n    image: ${A#x}\n"),
                ("line 1: a key has to be a text", "[a]: b\n"),
                ("it has to be a mapping", "- a\n"),
                ("it has to be a mapping", ""),
                ("nested too deeply", "a: " + "[" * 40 + "]" * 40 + "\n"),
                ("stack.yml", "\0\1\2"),
                ("its aliases are", "a0: &a0 [x, x, x, x, x, x, x, x]\n" + "".join(
                    f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 8)}]\n" for i in range(1, 9)))):
            with self.subTest(says=says, text=text[:60]):
                self.wrong(says, text)

    def test_missing_file(self):
        self.refused("none.yml", "deploy", "-f", "none.yml")


class Addresses(Case):
    def test_order(self):
        refusals = (
            (("--gateway=http://127.0.0.1:3",), {"MAYFLY_GATEWAY": "http://127.0.0.1:4"}, 3),
            ((), {"MAYFLY_GATEWAY": "127.0.0.1:4", "OPENFAAS_URL": "http://127.0.0.1:5"}, 4),
            ((), {"OPENFAAS_URL": "http://127.0.0.1:5"}, 5))
        for words, variables, port in refusals:
            self.refused(f"nothing answers at http://127.0.0.1:{port}: start a gateway there by "
                         "mayfly up", "ls", *words, **variables)

    def test_wrong_ones(self):
        for url, says in (("ftp://x", "is neither http:// nor https://"),
                          ("http://", "is no URL"),
                          ("http://u:p@127.0.0.1", "use mayfly login"),
                          ("http://127.0.0.1/?a", "nothing may follow its path"),
                          ("http://127.0.0.1:99999", "is no URL"),
                          ("http://" + "a" * 600, "is too long"),
                          ("http://a b", "is no URL")):
            self.refused(says, "ls", f"--gateway={url}")

    def test_names(self):
        for words in (("describe", "a/b"), ("invoke", "../x"), ("logs", "a?b"), ("rm", "a b"),
                      ("scale", "", "1"), ("revisions", "a%2f"), ("rollback", "ä"),
                      ("split", "a:b", "1", "1"), ("calls", "a/b"), ("secret", "rm", "x/y")):
            self.refused("is no name of a", *words)


@contextlib.contextmanager
def server(answer, context=None):
    """An odd server, which `answer` makes of a request handler."""
    class Handler(http.server.BaseHTTPRequestHandler):
        def handle_any(self):
            length = int(self.headers.get("Content-Length", 0))
            self.body = self.rfile.read(length)
            answer(self)

        do_GET = do_POST = do_PUT = do_DELETE = handle_any

        def log_message(self, *arguments):
            pass

    httpd = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if context:
        httpd.socket = context.wrap_socket(httpd.socket, server_side=True)
    httpd.handle_error = lambda *arguments: None
    thread = threading.Thread(target=httpd.serve_forever)
    thread.start()
    try:
        yield f"{'https' if context else 'http'}://127.0.0.1:{httpd.server_address[1]}"
    finally:
        httpd.shutdown()
        thread.join()
        httpd.server_close()


def say(status, content="", kind="text/plain", **headers):
    def answer(handler):
        handler.send_response(status)
        handler.send_header("Content-Type", kind)
        handler.send_header("Content-Length", str(len(content)))
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(content.encode())
    return answer


class OddServers(Case):
    def test_answers(self):
        for says, answer in (
                ("out of order (500 Internal Server Error)", say(500, "out of order\n\n")),
                ("answered 502 Bad Gateway", say(502, "<html>x</html>", "text/html")),
                ("answered 418", say(418)),
                ("is no gateway, but a page for browsers", say(200, "<html>", "text/html")),
                ("no list of functions", say(200, "{}", "application/json")),
                ("no list of functions", say(200)),
                ("what is no JSON (line 1", say(200, "[{]", "application/json")),
                ("wants a user and password: log in by mayfly login", say(401, "invalid")),
                ("redirects to http://127.0.0.1:1/x", say(302, Location="http://127.0.0.1:1/x")),
                ("gone?[31m (404 Not Found)", say(404, "gone\x1b[31m"))):
            with self.subTest(says=says), server(answer) as url:
                self.refused(says, "ls", "--gateway", url)

    def test_silence(self):
        over = threading.Event()
        with server(lambda handler: over.wait(LIMIT)) as url:
            try:
                self.refused(f"{url} did not answer in time", "ls", "-g", url, "--patience=50ms")
            finally:
                over.set()

    def test_no_http(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            def serve():
                peer, _ = listener.accept()
                with peer:
                    peer.recv(1)
                    peer.sendall(b"220 mail.example ESMTP\r\n")
            thread = threading.Thread(target=serve)
            thread.start()
            self.refused("is no HTTP server", "ls", "-g",
                         f"http://127.0.0.1:{listener.getsockname()[1]}")
            thread.join()

    def test_break(self):
        def answer(handler):
            handler.send_response(200)
            handler.send_header("Content-Length", "100")
            handler.end_headers()
            handler.wfile.write(b"half")
        with server(answer) as url:
            self.assertEqual(self.refused("broke off", "invoke", "f", "-g", url).stdout, "half")

    def test_failed_functions(self):
        for says, answer in (
                ("f answered 500 Internal Server Error: mayfly logs tells more", say(500, "oh")),
                ("f answered 429 Too Many Requests: it has too much to do, try again in 7 s",
                 say(429, "oh", Retry_After="7"))):
            with server(answer) as url:
                self.assertEqual(self.refused(says, "invoke", "f", "-g", url).stdout, "oh")

    def test_odd_logs(self):
        lines = ('{"timestamp": "T", "text": "one\\u001b[2J\\n", "instance": "i"}\n\nno JSON\n'
                 '{"timestamp": "T", "text": "two"}')
        with server(say(200, lines, "application/x-ndjson")) as url:
            result = self.mayfly("logs", "f", "-g", url, "--tail=3", "--since=5m")
            self.assertEqual(result.stdout, "T one?[2J\nno JSON\nT two\n")
            self.assertEqual(self.mayfly("logs", "f", "-g", url, "--json").stdout,
                             lines.replace("\n\n", "\n") + "\n")

    @unittest.skipUnless(shutil.which("openssl"), "no openssl to make a certificate with")
    def test_certificates(self):
        key, certificate = self.home / "key.pem", self.home / "certificate.pem"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1",
                        "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1",
                        "-keyout", key, "-out", certificate], check=True, capture_output=True)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        with server(say(200, "[]", "application/json"), context) as url:
            self.refused("is not trusted", "ls", "-g", url)
            plain = self.mayfly("ls", "-g", url.replace("https", "http"))
            self.assertEqual(plain.returncode, 1)
            self.assertRegex(plain.stderr, "is no HTTP server|broke off before it answered")
            for option in (f"--tls-ca={certificate}", "--tls-no-verify"):
                result = self.mayfly("ls", "-g", url, option)
                self.assertEqual((result.returncode, result.stderr), (0, ""))
            self.refused("holds no certificates", "ls", "-g", url, f"--tls-ca={key}x")
        with server(say(200, "[]", "application/json")) as url:
            self.refused("no TLS with", "ls", "-g", url.replace("http", "https"))

    def test_proxy_is_not_for_this_machine(self):
        with server(say(200, "[]", "application/json")) as url:
            result = self.mayfly("ls", "-g", url, "-q", http_proxy="http://127.0.0.1:1")
            self.assertEqual((result.returncode, result.stdout), (0, ""), result.stderr)

    def test_completion_is_quick_and_silent(self):
        with server(say(500, "x")) as url:
            result = self.mayfly("completion", "words", "deployed", MAYFLY_GATEWAY=url)
            self.assertEqual((result.returncode, result.stdout, result.stderr), (0, "", ""))
        names = '[{"name": "good"}, {"name": "b ad"}, {"name": "\\u001b"}, {}]'
        with server(say(200, names, "application/json")) as url:
            result = self.mayfly("completion", "words", "deployed", MAYFLY_GATEWAY=url)
            self.assertEqual((result.stdout, result.stderr), ("good\n", ""))


class Secrets(Case):
    def test_values(self):
        """Whatever the bytes are, the gateway gets them; only a text loses its last end of line."""
        seen = []

        def answer(handler):
            seen.append((handler.command, json.loads(handler.body)))
            say(202)(handler)

        with server(answer) as url:
            for stdin, words, value in (
                    ("hush\n", (), "aHVzaA=="), ("hush\r\n", (), "aHVzaA=="),
                    ("hush\n", ("--exact",), "aHVzaAo="), ("a\n\n", (), "YQo=")):
                self.mayfly("secret", "add", "s", "-g", url, *words, stdin=stdin)
                self.assertEqual(seen.pop(), ("POST", {"name": "s", "rawValue": value}))
            (self.home / "binary").write_bytes(b"\xff\0\n")
            self.mayfly("secret", "set", "s", "-g", url, "--from-file=binary", "-n", "dev")
            self.assertEqual(seen.pop(),
                             ("PUT", {"name": "s", "rawValue": "/wAK", "namespace": "dev"}))
            result = self.mayfly("secret", "add", "s", "-g", url, "--from-literal=x")
            self.assertIn("others on this machine can see --from-literal", result.stderr)
            self.assertEqual(seen.pop(), ("POST", {"name": "s", "rawValue": "eA=="}))
            self.refused("the value is empty", "secret", "add", "s", "-g", url)
        self.assertEqual(seen, [])


if __name__ == "__main__":
    unittest.main()
