#!/usr/bin/env python3
"""The gateway as a whole: deployed functions, what dies and is replaced, restarts, revisions, logs.

usage: test_gateway.py MAYFLYD DEEDS
"""

import concurrent.futures
import contextlib
import http.client
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import unittest.mock

from gateway import Gateway, until

MAYFLYD, DEEDS = sys.argv.pop(1), os.path.abspath(sys.argv.pop(1))


class GatewayTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.gateway = Gateway(MAYFLYD)
        cls.gateway.start()

    @classmethod
    def tearDownClass(cls):
        assert cls.gateway.stop() == 0, cls.gateway.log_text()
        cls.gateway.__exit__()

    def deeds(self, name, **fields):
        self.gateway.deploy(name, DEEDS, **fields)

    def remove(self, name):
        self.assertEqual(
            self.gateway.system("DELETE", "/functions", {"functionName": name}).status, 202)

    def status(self, name):
        return self.gateway.system("GET", f"/function/{name}").json()

    def test_invoke(self):
        self.gateway.deploy("hello", "hello")
        answer = self.gateway.invoke("hello", b"Ada")
        self.assertEqual((answer.status, answer.body), (200, b"Hello, Ada!\n"))
        self.assertEqual(self.gateway.invoke("hello.openfaas-fn", b"Ada").status, 200)
        self.assertEqual(self.gateway.invoke("nobody").status, 404)
        self.assertEqual(self.gateway.deploy("hello2", "hello").status, 202)
        again = self.gateway.system("POST", "/functions", {"service": "hello", "image": "hello"})
        self.assertEqual(again.status, 409, again.text)
        self.remove("hello")
        self.assertEqual(self.gateway.invoke("hello").status, 404)
        self.remove("hello2")

    def test_stdio_contract(self):
        self.deeds("shell", envVars={"GREETING": "hi"})
        answer = self.gateway.request("PUT", "/function/shell/a/b?c=d", b"there")
        self.assertEqual((answer.status, answer.text), (200, "hi there PUT /a/b c=d\n"))
        failed = self.gateway.invoke("shell", b"fail")
        self.assertEqual((failed.status, failed.text), (500, "no\n"))
        silent = self.gateway.invoke("shell", b"silent")
        self.assertEqual(silent.status, 500)
        self.assertIn("ended with status 4 and wrote nothing: its log may say why", silent.text)
        self.assertEqual(self.gateway.invoke("shell", b"crash").status, 500)
        self.assertEqual(self.gateway.invoke("shell", b"x").status, 200)
        self.remove("shell")

    def test_deadline(self):
        self.deeds("slow", annotations={"mayfly.dev/timeout": "300ms"})
        late = self.gateway.invoke("slow", b"spin")
        self.assertEqual((late.status, late.text.strip()), (504, "slow took longer than the 0.3 s that it may take"))
        # A busy machine may take longer than that for any request.
        until(lambda: self.gateway.invoke("slow", b"x").status == 200, "an answer in time")
        self.remove("slow")

    def test_response_limit(self):
        with Gateway(MAYFLYD, "--response-limit=100") as gateway:
            gateway.deploy("echo", DEEDS)
            self.assertEqual(gateway.invoke("echo", b"x" * 50).status, 200)
            long = gateway.invoke("echo", b"x" * 5000)
            self.assertEqual((long.status, b"xxx" in long.body), (500, False), long.text)
            with self.assertRaises(http.client.IncompleteRead):
                gateway.invoke("echo", b"stream " + b"x" * 50, headers={"Accept": "text/event-stream"})

    def test_secrets(self):
        missing = self.gateway.system("POST", "/functions", {
            "service": "teller", "image": DEEDS, "secrets": ["word"]})
        self.assertEqual(missing.status, 400)
        self.assertIn("word", missing.text)
        secret = {"name": "word", "value": "xyzzy"}
        self.assertEqual(self.gateway.system("POST", "/secrets", secret).status, 201)
        self.assertEqual(self.gateway.system("POST", "/secrets", secret).status, 409)
        self.deeds("teller", secrets=["word"])
        self.assertEqual(self.gateway.invoke("teller", b"secret").body, b"xyzzy")
        names = self.gateway.system("GET", "/secrets")
        self.assertNotIn("xyzzy", names.text)
        self.remove("teller")
        self.assertEqual(self.gateway.system("DELETE", "/secrets", {"name": "word"}).status, 202)

    def test_rollback(self):
        """To the revision before, at once, and with all that it was deployed with."""
        def deployment(word):
            return {"service": "back", "image": DEEDS, "secrets": ["word"], "envProcess": "deeds tell",
                    "envVars": {"GREETING": word}}
        self.gateway.system("POST", "/secrets", {"name": "word", "value": "xyzzy"})
        answer = self.gateway.system("POST", "/functions", deployment("x"))
        self.assertEqual(answer.status, 202, answer.text)
        for count in range(10):
            answer = self.gateway.system("PUT", "/functions", deployment(str(count)))
            self.assertEqual(answer.status, 200, answer.text)
            answer = self.gateway.system("POST", "/function/back/rollback", {})
            self.assertEqual(answer.status, 200, answer.text)
        until(lambda: self.gateway.invoke("back").body == b"xyzzy", "the secret")
        self.remove("back")
        self.gateway.system("DELETE", "/secrets", {"name": "word"})

    def test_logs(self):
        self.deeds("talker")
        self.gateway.invoke("talker", b"log")
        lines = until(lambda: self.gateway.system("GET", "/logs?name=talker").text, "a log")
        self.assertIn('"text":"to the log"', lines.replace(": ", ":"))
        with socket.create_connection(("127.0.0.1", self.gateway.port), 30) as connection:
            connection.sendall(f"GET /system/logs?name=talker&follow=1&tail=1 HTTP/1.1\r\n"
                               f"Host: x\r\nAuthorization: {self.gateway.authorization}\r\n\r\n".encode())
            seen = b""
            while b"to the log" not in seen:
                seen += connection.recv(4096)
            self.gateway.invoke("talker", b"log")
            while seen.count(b"to the log") < 2:
                seen += connection.recv(4096)
        self.remove("talker")

    def test_dead_worker(self):
        self.gateway.deploy("steady", "hello")
        worker = until(lambda: self.gateway.children("mayfly-http"), "a worker")[0]
        os.kill(worker, signal.SIGKILL)
        until(lambda: worker not in self.gateway.children("mayfly-http"), "its end")
        self.assertEqual(self.gateway.invoke("steady", b"x").status, 200)
        self.assertNotEqual(self.gateway.children("mayfly-http"), [worker])
        self.remove("steady")

    def test_dead_monitor(self):
        self.deeds("mortal")
        with concurrent.futures.ThreadPoolExecutor(1) as threads:
            waiting = threads.submit(self.gateway.invoke, "mortal", b"spin")
            until(lambda: "mayfly_requests_in_flight 2" in
                  self.gateway.request("GET", "/metrics", auth=True).text, "the request")
            while not waiting.done():  # it may be about to start
                for monitor in self.gateway.children("mayfly-monitor"):
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(monitor, signal.SIGKILL)
                time.sleep(0.01)
            self.assertEqual(waiting.result().status, 502)
        self.assertEqual(until(
            lambda: self.gateway.invoke("mortal", b"x").status == 200, "a new monitor"), True)
        self.remove("mortal")

    def test_zero(self):
        self.gateway.deploy("idle", "hello", annotations={"mayfly.dev/idle": "1s"})
        self.gateway.invoke("idle", b"x")
        until(lambda: not self.status("idle").get("replicas"), "zero")
        self.assertEqual(self.gateway.invoke("idle", b"x").status, 200)
        self.remove("idle")

    def test_scale(self):
        self.gateway.deploy("scaled", "hello", labels={"com.openfaas.scale.max": "8"})
        scale = {"serviceName": "scaled", "replicas": 3}
        self.assertEqual(self.gateway.system("POST", "/scale-function/scaled", scale).status, 202)
        until(lambda: self.status("scaled").get("availableReplicas", 0) >= 3, "three")
        scale["replicas"] = 0
        self.gateway.system("POST", "/scale-function/scaled", scale)
        until(lambda: not self.status("scaled").get("replicas"), "zero")
        scale["replicas"] = 9
        self.assertEqual(self.gateway.system("POST", "/scale-function/scaled", scale).status, 400)
        self.remove("scaled")

    def test_redeploy(self):
        """Nothing is dropped while revisions follow each other."""
        self.deeds("moving", envVars={"GREETING": "0"})
        end, answers = threading.Event(), []

        def ask():
            while not end.is_set():
                answers.append(self.gateway.invoke("moving", b"x"))

        with concurrent.futures.ThreadPoolExecutor(4) as threads:
            for _ in range(4):
                threads.submit(ask)
            for number in range(1, 6):
                answer = self.gateway.system("PUT", "/functions", {
                    "service": "moving", "image": DEEDS, "envVars": {"GREETING": str(number)}})
                self.assertEqual(answer.status, 200, answer.text)
                until(lambda: self.gateway.invoke("moving", b"x").text.startswith(str(number)),
                      "the new revision")
            end.set()
        self.assertEqual({answer.status for answer in answers}, {200})
        self.remove("moving")

    def test_revisions(self):
        def put(word, **annotations):
            answer = self.gateway.system("PUT", "/functions", {
                "service": "split", "image": DEEDS, "envVars": {"GREETING": word}, "annotations": annotations})
            self.assertEqual(answer.status, 200, answer.text)

        def words(count=100):
            return [self.gateway.invoke("split", b"x").text.split()[0] for _ in range(count)]

        self.deeds("split", envVars={"GREETING": "one"})
        put("two")
        until(lambda: set(words(3)) == {"two"}, "the second")
        put("three", **{"mayfly.dev/split": "30"})
        seen = words()
        self.assertEqual({word: seen.count(word) for word in set(seen)}, {"two": 70, "three": 30})
        answer = self.gateway.system("POST", "/function/split/rollback", {"revision": 1})
        self.assertIn(answer.status, (200, 202), answer.text)
        until(lambda: set(words(3)) == {"one"}, "the first")
        self.assertEqual(len(self.gateway.system("GET", "/function/split/revisions").json()), 3)
        self.remove("split")


def accelerator_workers(runtime):
    """Processes that serve accelerated work in that run-time directory."""
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            if (folder / "comm").read_text() == "acceld-worker\n" and \
                    f"XDG_RUNTIME_DIR={runtime}".encode() in (folder / "environ").read_bytes().split(b"\0"):
                yield int(folder.name)
        except OSError:
            continue


class LifeTest(unittest.TestCase):
    def test_new_accelerator_worker(self):
        """One that died while nobody asked it for anything fails no request."""
        with tempfile.TemporaryDirectory() as runtime, unittest.mock.patch.dict(
                os.environ, XDG_RUNTIME_DIR=runtime, VACCEL_PLUGINS="noop"), Gateway(MAYFLYD) as gateway:
            gateway.deploy("detect", "detect")
            self.assertEqual(gateway.invoke("detect", b"x").status, 200)
            before = set(accelerator_workers(runtime))
            for process in before:
                os.kill(process, signal.SIGKILL)
            until(lambda: set(accelerator_workers(runtime)) - before, "a new worker")
            self.assertEqual(gateway.invoke("detect", b"x").status, 200)

    def test_crash_with_bodies(self):
        """Clients in the middle of a body, and without room for more of it, are told when the gateway dies."""
        with Gateway(MAYFLYD) as gateway:
            gateway.deploy("deeds", DEEDS, labels={"com.openfaas.scale.max": "1"})
            busy = socket.create_connection(("127.0.0.1", gateway.port), 30)
            busy.sendall(b"POST /function/deeds HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nspin")
            clients = [socket.create_connection(("127.0.0.1", gateway.port), 30) for _ in range(6)]
            for client in clients:
                client.sendall(b"POST /function/deeds HTTP/1.1\r\nHost: x\r\nContent-Length: 90000000\r\n\r\n")
                client.settimeout(0.2)
                with self.assertRaises(TimeoutError):
                    while True:
                        client.sendall(bytes(1000))
            gateway.kill()
            for client in clients:
                with client, self.assertRaises(ConnectionError):
                    client.settimeout(30)
                    while True:
                        client.sendall(bytes(1000))
            busy.close()
            gateway.start()
            self.assertEqual(gateway.stop(), 0)

    def test_crash_with_slow_client(self):
        """The port is free when the gateway has died, whatever its HTTP worker still has to do."""
        with Gateway(MAYFLYD) as gateway:
            gateway.deploy("echo", "echo")
            body = bytes(20_000_000)
            with socket.create_connection(("127.0.0.1", gateway.port), 30) as connection:
                connection.sendall(b"POST /function/echo HTTP/1.1\r\nHost: x\r\n"
                                   b"Content-Length: %d\r\n\r\n" % len(body) + body)
                self.assertEqual(connection.recv(12), b"HTTP/1.1 200")
                gateway.kill()
                gateway.start()
            self.assertEqual(gateway.invoke("echo", b"x").body, b"x")
            self.assertEqual(gateway.stop(), 0)

    def test_restart(self):
        with Gateway(MAYFLYD) as gateway:
            gateway.deploy("kept", "hello")
            gateway.deploy("gone", "hello")
            gateway.system("POST", "/secrets", {"name": "s", "value": "v"})
            gateway.system("DELETE", "/functions", {"functionName": "gone"})
            gateway.kill()
            gateway.start()
            self.assertEqual(gateway.invoke("kept", b"x").status, 200)
            self.assertEqual(gateway.invoke("gone", b"x").status, 404)
            self.assertEqual(gateway.system("GET", "/secrets").json(),
                             [{"name": "s", "namespace": "openfaas-fn"}])
            self.assertEqual(gateway.stop(), 0)

    def fails(self, *options):
        done = subprocess.run([MAYFLYD, *options], capture_output=True, text=True, timeout=30,
                              check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertEqual(done.stderr.count("\n"), 1, done.stderr)
        return done.stderr

    def test_restart_without_secret(self):
        """A snapshot has the secret in it; what starts anew lacks it, and says so."""
        with Gateway(MAYFLYD) as gateway:
            gateway.system("POST", "/secrets", {"name": "word", "value": "xyzzy"})
            for name, fresh in (("kept", "false"), ("anew", "true")):
                gateway.deploy(name, DEEDS, secrets=["word"], annotations={"mayfly.dev/fresh": fresh})
                self.assertEqual(gateway.invoke(name, b"secret").text, "xyzzy")
            gateway.system("DELETE", "/secrets", {"name": "word"})
            self.assertEqual(gateway.stop(), 0)
            gateway.start()
            self.assertEqual(gateway.invoke("kept", b"secret").text, "xyzzy")
            answer = gateway.invoke("anew", b"secret")
            self.assertEqual(answer.status, 503)
            self.assertIn("anew cannot be started any more: secrets: there is no secret word", answer.text)
            status = gateway.system("GET", "/function/anew").json()
            self.assertEqual((status["image"], status["mayfly"]["state"]), (DEEDS, "failed"))
            self.assertIn("no secret word", status["mayfly"]["reason"])
            gateway.system("POST", "/secrets", {"name": "word", "value": "plugh"})
            self.assertEqual(gateway.system("PUT", "/functions", {
                "service": "anew", "image": DEEDS, "secrets": ["word"]}).status, 200)
            self.assertEqual(gateway.invoke("anew", b"secret").text, "plugh")

    def test_rollback_with_secret(self):
        """A revision that starts anew for each request has its secrets again."""
        with Gateway(MAYFLYD) as gateway:
            gateway.system("POST", "/secrets", {"name": "word", "value": "xyzzy"})
            gateway.deploy("back", DEEDS, secrets=["word"], annotations={"mayfly.dev/fresh": "true"})
            self.assertEqual(gateway.system("PUT", "/functions", {"service": "back", "image": DEEDS}).status, 200)
            until(lambda: gateway.invoke("back", b"secret").status == 500, "the revision without it")
            self.assertIn(gateway.system("POST", "/function/back/rollback").status, (200, 202))
            until(lambda: gateway.invoke("back", b"secret").text == "xyzzy", "the revision with it")

    def test_refusals(self):
        with Gateway(MAYFLYD) as gateway, tempfile.TemporaryDirectory() as other:
            where = f"--listen=127.0.0.1:{gateway.port}"
            self.assertIn("--listen", self.fails(f"--state={other}", where))
            self.assertIn(str(gateway.state),
                          self.fails(f"--state={gateway.state}", "--listen=127.0.0.1:0"))
            self.assertIn("ADDRESS:PORT", self.fails(f"--state={other}", "--listen=nonsense"))
            self.assertIn("--tls-key", self.fails(f"--state={other}", "--tls-cert=x"))
            os.chmod(gateway.state / "password", 0o644)
            self.assertIn("chmod", self.fails(f"--state={gateway.state}", "--listen=127.0.0.1:0"))

    def test_drain(self):
        """What was taken is answered when the gateway is asked to end."""
        with Gateway(MAYFLYD) as gateway, concurrent.futures.ThreadPoolExecutor(8) as threads:
            gateway.deploy("last", DEEDS, labels={"com.openfaas.scale.max": "8"})
            asked = [threads.submit(gateway.invoke, "last", b"sleep") for _ in range(8)]
            until(lambda: "mayfly_requests_in_flight 9" in
                  gateway.request("GET", "/metrics", auth=True).text, "the requests")
            self.assertEqual(gateway.stop(), 0)
            self.assertEqual([one.result().text for one in asked], ["slept\n"] * 8)


if __name__ == "__main__":
    unittest.main(verbosity=2)
