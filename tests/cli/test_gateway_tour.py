#!/usr/bin/env python3
"""The command's verbs on functions, with a real gateway: from mayfly up to mayfly down.

usage: test_gateway_tour.py MAYFLY FUNCTION
"""

import contextlib
import http.server
import json
import os
import pathlib
import pty
import re
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import unittest

MAYFLY, DEEDS = (pathlib.Path(word).resolve() for word in sys.argv[1:3])
del sys.argv[1:3]
LIMIT = 120  # seconds for one command


class Home:
    """A user of his own: his configuration, run-time directory and state."""

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="mayfly-tour-")
        self.path = pathlib.Path(self.folder.name)
        self.variables = {
            **{name: value for name, value in os.environ.items()
               if name not in ("OPENFAAS_URL", "MAYFLY_GATEWAY") and "proxy" not in name.lower()},
            "HOME": str(self.path), "XDG_CONFIG_HOME": str(self.path / "config"),
            "XDG_RUNTIME_DIR": str(self.path), "XDG_STATE_HOME": str(self.path / "state")}

    def run(self, *words, stdin="", **variables):
        return subprocess.run([MAYFLY, *words], text=True, capture_output=True, timeout=LIMIT,
                              input=stdin, cwd=self.path, env={**self.variables, **variables},
                              check=False)

    def up(self, *words):
        """mayfly up in the foreground: the process, and its address."""
        process = subprocess.Popen([MAYFLY, "up", "--listen=127.0.0.1:0", *words], text=True,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   stdin=subprocess.DEVNULL, env=self.variables)
        line = process.stdout.readline()
        found = re.match(r"The gateway serves at (https?://\S+)$", line)
        if not found:
            process.kill()
            raise AssertionError(line + process.communicate()[1])
        return process, found[1]


@contextlib.contextmanager
def serving(home, *words):
    process, url = home.up(*words)
    try:
        yield process, url
    finally:
        process.terminate()
        process.communicate(timeout=LIMIT)


class Tour(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.home = Home()
        cls.process, cls.url = cls.home.up("--", "--callbacks-loopback")

    @classmethod
    def tearDownClass(cls):
        result = cls.home.run("down")
        status = cls.process.wait(LIMIT)
        cls.process.communicate()
        assert (result.returncode, status) == (0, 0), (result, status)
        cls.home.folder.cleanup()

    def done(self, *words, **others):
        result = self.home.run(*words, **others)
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assertNotIn("\x1b", result.stdout)
        return result.stdout

    def refused(self, says, *words, **others):
        result = self.home.run(*words, **others)
        self.assertEqual(result.returncode, 1, result.stdout)
        self.assertEqual(result.stderr.count("\n"), 1, result.stderr)
        self.assertIn(says, result.stderr)
        return result.stdout

    def deploy(self, name, *words):
        self.addCleanup(self.home.run, "rm", name)
        return self.done("deploy", name, str(DEEDS), *words)

    def test_life_of_a_function(self):
        said = self.deploy("life", "-e", "GREETING=hi", "--memory=64M", "--wait")
        self.assertEqual(said, f"life is deployed: {self.url}/function/life\n")
        self.assertEqual(self.done("invoke", "life", "--query=a=b c", "--path=/p", stdin="you"),
                         "hi you POST /p a=b%20c\n")
        self.assertEqual(self.done("invoke", "life", "-m", "GET"), "hi  GET / \n")
        self.assertRegex(self.done("ls"), r"(?m)^NAME .*\n(.*\n)*life +\S*gateway_deeds +")
        self.assertIn("life\n", self.done("ls", "-q"))
        listed = [f for f in json.loads(self.done("ls", "--json")) if f["name"] == "life"]
        self.assertEqual(listed[0]["envVars"], {"GREETING": "hi"})
        shown = self.done("describe", "life")
        for line in (r"Name: +life", r"Calls: +2", r"Environment: +GREETING=hi",
                     rf"URL: +{self.url}/function/life"):
            self.assertRegex(shown, rf"(?m)^{line}$")
        self.assertEqual(json.loads(self.done("describe", "life", "--json"))["name"], "life")
        self.assertIn("life\n", self.done("completion", "words", "deployed"))
        self.done("scale", "life", "0")
        self.assertEqual(self.done("invoke", "life", stdin="again"), "hi again POST / \n")
        self.assertEqual(self.done("rm", "life"), "life is removed\n")
        self.refused("mayfly ls lists the functions", "invoke", "life")
        self.refused("life", "describe", "life")

    def test_failures(self):
        self.deploy("fails")
        self.refused("fails answered 500", "invoke", "fails", stdin="fail")
        self.refused("fails answered 50", "invoke", "fails", stdin="crash")
        self.deploy("short", "--timeout=200ms")
        self.refused("short answered 504 Gateway Timeout: deploy it with a longer --timeout",
                     "invoke", "short", stdin="spin")
        self.refused("(404", "rm", "none")
        self.refused("(404", "scale", "none", "1")
        self.refused("(400", "deploy", "bad", "hello", "--memory=64G")
        self.refused("deploy: absent: ", "deploy", "absent", "hello", "--secret=none")

    def test_replacing(self):
        self.refused("(404", "deploy", "twice", str(DEEDS), "--replace")
        self.deploy("twice", "--no-replace")
        self.refused("(409", "deploy", "twice", str(DEEDS), "--no-replace")
        self.deploy("twice", "-e", "GREETING=two", "--replace", "--wait")
        self.assertRegex(self.done("describe", "twice"), r"(?m)^Revision: +2$")
        self.assertEqual(self.done("invoke", "twice", stdin="x"), "two x POST / \n")
        self.assertRegex(self.done("revisions", "twice"),
                         r"REVISION .*\n +1 +0 .*\n +2 +100 .*\n")
        self.done("rollback", "twice", "--wait")
        self.assertEqual(self.done("invoke", "twice", stdin="x"), " x POST / \n")
        self.done("split", "twice", "2", "50")
        self.assertEqual({row["revision"]: row["percent"] for row in
                          json.loads(self.done("revisions", "twice", "--json"))}, {1: 50, 2: 50})
        answers = {self.done("invoke", "twice", stdin="x") for _ in range(4)}
        self.assertEqual(answers, {"two x POST / \n", " x POST / \n"})
        self.refused("no such revision", "rollback", "twice", "9")

    def test_secrets(self):
        self.assertEqual(self.done("secret", "add", "word", stdin="hush\n"), "secret word is added\n")
        self.addCleanup(self.home.run, "secret", "rm", "word")
        self.refused("(409", "secret", "add", "word", stdin="x")
        self.deploy("keeper", "--secret=word")
        self.assertEqual(self.done("invoke", "keeper", stdin="secret"), "hush")
        self.assertRegex(self.done("secret"), r"(?m)^word +openfaas-fn$")
        self.assertNotIn("hush", self.done("secret", "ls", "--json"))
        self.assertEqual(self.done("completion", "words", "secrets"), "word\n")
        self.refused("(404", "secret", "set", "none", stdin="x")

    def test_logs(self):
        self.deploy("talks")
        self.done("invoke", "talks", stdin="log")
        follower = subprocess.Popen([MAYFLY, "logs", "talks", "--follow", "--instance"], text=True,
                                    stdout=subprocess.PIPE, env=self.home.variables)
        self.addCleanup(follower.stdout.close)
        self.addCleanup(follower.wait)
        self.addCleanup(follower.kill)
        self.assertRegex(follower.stdout.readline(), r"^\S+Z \S+ to the log$")
        self.done("invoke", "talks", stdin="log")
        self.assertRegex(follower.stdout.readline(), r"^\S+Z \S+ to the log$")
        lines = self.done("logs", "talks", "--since=1h").splitlines()
        self.assertEqual(len(lines), 2)
        self.assertEqual(self.done("logs", "talks", "--tail=1").splitlines(), lines[1:])
        entry = json.loads(self.done("logs", "talks", "--tail=1", "--json"))
        self.assertEqual((entry["name"], entry["text"].rstrip("\n")), ("talks", "to the log"))

    def test_bodies(self):
        """A file of known length, and a stream of none."""
        self.addCleanup(self.home.run, "rm", "echo")
        self.done("deploy", "echo", "echo")
        data = os.urandom(300000).hex()
        (self.home.path / "data").write_text(data)
        self.assertEqual(self.done("invoke", "echo", "-f", "data"), data)
        self.assertEqual(self.done("invoke", "echo", stdin=data), data)
        self.assertEqual(self.done("invoke", "echo", "-f", "-", stdin=""), "")
        self.refused("cannot open none", "invoke", "echo", "-f", "none")

    def test_later(self):
        """An asynchronous call, whose result goes to a callback."""
        self.deploy("later", "-e", "GREETING=late")
        received = []
        came = threading.Event()

        class Callback(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                received.append((self.headers["X-Call-Id"], self.headers["X-Function-Status"],
                                 self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(200)
                self.end_headers()
                came.set()

            def log_message(self, *arguments):
                pass

        with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Callback) as server:
            thread = threading.Thread(target=server.serve_forever)
            thread.start()
            try:
                where = f"http://127.0.0.1:{server.server_address[1]}/x"
                call = self.done("invoke", "later", "--async", f"--callback={where}",
                                 stdin="x").strip()
                self.assertRegex(call, r"^[0-9a-f-]{36}$")
                self.assertRegex(self.done("calls", call), rf"(?m)^Id: +{call}$")
                self.assertEqual(json.loads(self.done("calls", call, "--json"))["name"], "later")
                self.assertTrue(came.wait(LIMIT))
            finally:
                server.shutdown()
                thread.join()
        self.assertEqual(received, [(call, "200", b"late x POST / \n")])
        self.refused("--callback goes with --async", "invoke", "later", "--callback=http://x")
        self.refused("(404", "calls", "00000000-0000-4000-8000-000000000000")

    def test_stack(self):
        (self.home.path / "stack.yml").write_text(
            f"provider: {{name: openfaas, gateway: '{self.url}'}}\nfunctions:\n"
            f"  one:\n    image: {DEEDS}\n    environment: {{GREETING: '${{WORD:-none}}'}}\n"
            f"  two:\n    image: ./none\n")
        self.addCleanup(self.home.run, "rm", "one")
        self.refused("functions.two: there is no image at ./none", "deploy", "-f", "stack.yml")
        report = json.loads(self.done("deploy", "-f", "stack.yml", "--filter=one", "--json",
                                      WORD="set"))
        self.assertEqual(report, [{"name": "one", "url": f"{self.url}/function/one"}])
        self.assertEqual(self.done("invoke", "one", stdin="x"), "set x POST / \n")

    def test_progress_is_for_terminals(self):
        self.addCleanup(self.home.run, "rm", "shown")
        ours, theirs = pty.openpty()
        with os.fdopen(ours, "rb", buffering=0) as terminal:
            process = subprocess.Popen([MAYFLY, "deploy", "shown", str(DEEDS)], stderr=theirs,
                                       stdout=subprocess.PIPE, env=self.home.variables)
            os.close(theirs)
            shown = b""
            with contextlib.suppress(OSError):  # EIO: nobody has the other end any more
                while more := terminal.read(4096):
                    shown += more
            self.assertIn(b"is deployed", process.communicate(timeout=LIMIT)[0])
        self.assertEqual(process.returncode, 0)
        # Whatever was shown is gone at the end.
        self.assertTrue(not shown or shown.endswith(b"\r\x1b[K"), shown)

    def test_password_is_for_one_address(self):
        """Who listens elsewhere on this machine may be another user."""
        port = self.url.rpartition(":")[2]
        self.done("ls", "-g", f"http://localhost:{port}")
        seen = []

        class Listener(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                seen.append(self.headers["Authorization"])
                self.send_response(401)
                self.end_headers()

            def log_message(self, *arguments):
                pass

        with http.server.HTTPServer(("127.0.0.2", int(port)), Listener) as server:
            thread = threading.Thread(target=server.handle_request)
            thread.start()
            self.refused("wants a user and password", "ls", "-g", f"http://127.0.0.2:{port}")
            thread.join()
        self.assertEqual(seen, [None])

    def test_login(self):
        """Another user, who has only the password."""
        other = Home()
        self.addCleanup(other.folder.cleanup)
        password = (self.home.path / "state/mayfly/password").read_text()
        result = other.run("ls", "-g", self.url)
        self.assertIn("wants a user and password: log in by mayfly login", result.stderr)
        result = other.run("login", "-g", self.url, stdin="wrong\n")
        self.assertEqual((result.returncode, result.stdout), (1, ""))
        self.assertIn("does not take this user and password", result.stderr)
        kept = other.path / "config/mayfly/login.json"
        self.assertFalse(kept.exists())
        result = other.run("login", "-g", self.url + "/", stdin=password)
        self.assertEqual((result.returncode, result.stdout),
                         (0, f"logged in to {self.url} as admin\n"), result.stderr)
        self.assertEqual(stat.S_IMODE(kept.stat().st_mode), 0o600)
        self.assertEqual(stat.S_IMODE(kept.parent.stat().st_mode), 0o700)
        self.assertEqual(other.run("ls").returncode, 0)
        kept.chmod(0o640)
        self.assertIn("chmod 600 it", other.run("ls").stderr)
        kept.chmod(0o600)
        kept.write_text("{")
        self.assertIn("is damaged", other.run("ls").stderr)
        kept.unlink()
        (other.path / "password").write_text(password)
        other.run("login", "-g", self.url, "--password-file=password")
        self.assertEqual(other.run("login", "--forget").stdout, f"logged out of {self.url}\n")
        self.assertEqual(other.run("ls", "-g", self.url).returncode, 1)


class Up(unittest.TestCase):
    def setUp(self):
        self.home = Home()
        self.addCleanup(self.home.folder.cleanup)

    def test_foreground(self):
        with serving(self.home) as (process, url):
            told = [process.stdout.readline() for _ in range(4)]
            self.assertRegex(told[0], r"^user admin, password in \S+/state/mayfly/password: ")
            self.assertEqual(told[1:], ["try:\n",
                                        f"  mayfly deploy --gateway={url} hello hello\n",
                                        f"  curl {url}/function/hello\n"])
            again = self.home.run("up", "--listen=127.0.0.1:0")
            self.assertEqual(again.returncode, 1)
            self.assertIn(f"it is up already, at {url}: 'mayfly down' ends it", again.stderr)
            port = url.rpartition(":")[2]
            taken = self.home.run("up", f"--listen=127.0.0.1:{port}", "--state=other")
            self.assertEqual(taken.returncode, 1)
            self.assertIn(port, taken.stderr)
            process.send_signal(signal.SIGINT)
            self.assertEqual(process.wait(LIMIT), 0)
        self.assertIn("no gateway of yours runs here", self.home.run("down").stderr)

    def test_detached(self):
        result = self.home.run("up", "-d", "--listen=127.0.0.1:0", "--no-auth", "--state=a")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("without a password", result.stdout)
        url = re.search(r"http://\S+", result.stdout)[0]
        try:
            self.assertEqual(self.home.run("ls").returncode, 0)
            failed = self.home.run("up", "-d", "--listen=127.0.0.1:0", "--state=a")
            self.assertEqual(failed.returncode, 1)
            self.assertEqual(failed.stderr.count("\n"), 1, failed.stderr)
            second = self.home.run("up", "-d", "--listen=127.0.0.1:0", "--state=b")
            self.assertEqual(second.returncode, 0, second.stderr)
            self.assertIn("choose one by --gateway=URL", self.home.run("down").stderr)
            ended = self.home.run("down", "--state=b")
            self.assertEqual(ended.returncode, 0, ended.stderr)
        finally:
            self.assertEqual(self.home.run("down", "-g", url).stdout,
                             f"the gateway at {url} has ended\n")

    def test_wrong_ones(self):
        for says, words in (("--tls-cert and --tls-key go together", ("--tls-cert=x",)),
                            ("give --no-auth, or", ("--no-auth", "--user=x")),
                            ("--bogus", ("--", "--bogus")),
                            ("cannot", ("--password-file=none",)),
                            ("nowhere", ("--listen=nowhere",))):
            result = self.home.run("up", *words)
            self.assertEqual((result.returncode, result.stderr.count("\n")), (1, 1), result.stderr)
            self.assertIn(says, result.stderr)


if __name__ == "__main__":
    unittest.main()
