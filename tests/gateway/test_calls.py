#!/usr/bin/env python3
"""Asynchronous calls: run, tried again, told to callbacks, kept over crashes; and schedules and spans.

usage: test_calls.py MAYFLYD DEEDS
"""

import collections
import http.server
import json
import os
import random
import sys
import threading
import time
import unittest

from gateway import LIMIT, Gateway, until

MAYFLYD, DEEDS = sys.argv.pop(1), os.path.abspath(sys.argv.pop(1))


class Peer:
    """A server that keeps what it is told."""

    def __init__(self):
        peer = self
        self.got, self.statuses, self.lock = [], collections.defaultdict(list), threading.Lock()

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                with peer.lock:
                    peer.got.append((self.path, dict(self.headers), body))
                    queue = peer.statuses[self.path]
                    status = queue.pop(0) if queue else 200
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def told(self, path):
        with self.lock:
            return [entry for entry in self.got if entry[0] == path]

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class CallsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.peer = Peer()
        cls.gateway = Gateway(MAYFLYD, "--callbacks-loopback",
                              f"--otlp-endpoint={cls.peer.url}/v1/traces")
        cls.gateway.start()
        cls.gateway.deploy("deeds", DEEDS)

    @classmethod
    def tearDownClass(cls):
        assert cls.gateway.stop() == 0, cls.gateway.log_text()
        cls.gateway.__exit__()
        cls.peer.close()

    def call(self, body, **headers):
        answer = self.gateway.request("POST", "/async-function/deeds/a?b=c", body, {
            name.replace("_", "-"): value for name, value in headers.items()})
        self.assertEqual(answer.status, 202, answer.text)
        return answer.headers["X-Call-Id"]

    def state(self, call):
        return self.gateway.system("GET", f"/calls/{call}").json()

    def test_callback(self):
        call = self.call(b"word", X_Callback_Url=self.peer.url + "/told")
        _, headers, body = until(lambda: self.peer.told("/told"), "the callback")[0]
        self.assertEqual(body.split(), b"word POST /a b=c".split())
        self.assertEqual(headers["X-Call-Id"], call)
        self.assertEqual(headers["X-Function-Status"], "200")
        self.assertEqual(headers["X-Function-Name"].split(".")[0], "deeds")
        self.assertGreaterEqual(float(headers["X-Duration-Seconds"]), 0)
        until(lambda: self.state(call)["state"] == "done", "the end")

    def test_refusals(self):
        for url in ("ftp://x/", "http://", "nonsense", "file:///etc/passwd"):
            answer = self.gateway.request("POST", "/async-function/deeds", b"x",
                                          {"X-Callback-Url": url})
            self.assertEqual(answer.status, 400, url)
        self.assertEqual(self.gateway.request("POST", "/async-function/nobody", b"x").status, 404)
        self.assertEqual(self.gateway.request("GET", "/async-function/deeds").status, 405)

    def test_full_disk(self):
        """Calls do not take the room that all else needs."""
        with Gateway(MAYFLYD, f"--disk-reserve={1 << 59}") as gateway:
            gateway.deploy("deeds", DEEDS)
            refused = gateway.request("POST", "/async-function/deeds", b"x")
            self.assertEqual(refused.status, 507, refused.text)
            self.assertEqual(gateway.invoke("deeds", b"x").status, 200)

    def test_callback_again(self):
        """A callback that fails is told again, and the function does not run again."""
        self.peer.statuses["/again"] = [500, 503]
        call = self.call(b"once", X_Callback_Url=self.peer.url + "/again")
        until(lambda: len(self.peer.told("/again")) == 3, "three attempts")
        until(lambda: self.state(call)["state"] == "done", "the end")

    def test_function_again(self):
        """A function that fails is run again, after a pause."""
        call = self.call(b"fail")
        first = until(lambda: self.state(call).get("attempts", 0) and self.state(call), "an attempt")
        self.assertIn("500", until(lambda: self.state(call).get("reason", ""), "a reason"))
        until(lambda: self.state(call)["attempts"] >= 2, "another attempt")
        self.assertIn(first["state"], ("waiting", "running"))

    def test_removed(self):
        """Calls of a function that has been removed are given up, with the reason."""
        self.gateway.deploy("gone", DEEDS)
        call = self.gateway.request("POST", "/async-function/gone", b"fail").headers["X-Call-Id"]
        until(lambda: self.state(call).get("reason"), "an attempt")
        self.gateway.system("DELETE", "/functions", {"functionName": "gone"})
        end = until(lambda: self.state(call)["state"] == "dead" and self.state(call), "the end")
        self.assertIn("no such function", end["reason"])

    def test_many_of_one(self):
        """More calls of one function than may be under way at once: each end makes room for the next."""
        self.gateway.deploy("narrow", DEEDS, annotations={"mayfly.dev/concurrency": "1"})
        calls = []
        for number in range(40):
            answer = self.gateway.request("POST", "/async-function/narrow", b"nap")
            self.assertEqual(answer.status, 202, answer.text)
            calls.append(answer.headers["X-Call-Id"])
        for call in calls:
            until(lambda: self.state(call)["state"] == "done", "all of them")
        self.gateway.system("DELETE", "/functions", {"functionName": "narrow"})

    def test_spans(self):
        parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
        self.gateway.invoke("deeds", b"x", headers={"traceparent": parent})

        def find():
            for _, _, body in self.peer.told("/v1/traces"):
                for span in json.loads(body)["resourceSpans"][0]["scopeSpans"][0]["spans"]:
                    if span["traceId"] == parent.split("-")[1]:
                        return span
            return None
        span = until(find, "a span")
        self.assertEqual((span["parentSpanId"], span["name"]), (parent.split("-")[2], "deeds"))
        self.assertLess(int(span["startTimeUnixNano"]), int(span["endTimeUnixNano"]))


class CrashTest(unittest.TestCase):
    """Whatever was answered with 202 is run, however often the gateway is killed."""

    CRASHES = 8

    def test_crashes(self):
        peer, accepted = Peer(), []
        with Gateway(MAYFLYD, "--callbacks-loopback") as gateway:
            gateway.deploy("deeds", DEEDS)
            end = threading.Event()

            def load(number):
                count = 0
                while not end.is_set():
                    count += 1
                    word = f"w{number}-{count}"
                    try:
                        answer = gateway.request("POST", "/async-function/deeds", word.encode(),
                                                 {"X-Callback-Url": peer.url + "/told"}, timeout=5)
                    except OSError:
                        continue  # killed meanwhile: nobody knows whether it was taken
                    if answer.status == 202:
                        accepted.append(word)
                    time.sleep(0.02)

            threads = [threading.Thread(target=load, args=(number,)) for number in range(3)]
            for thread in threads:
                thread.start()
            for crash in range(self.CRASHES):
                wanted = len(accepted) + random.randrange(1, 40)
                until(lambda: len(accepted) >= wanted, "calls that are taken")
                gateway.kill()
                gateway.start()
            end.set()
            for thread in threads:
                thread.join()

            def words():
                return {body.split()[0].decode() for _, _, body in peer.told("/told")}
            until(lambda: words() >= set(accepted), "all calls", 4 * LIMIT)
            self.assertEqual(gateway.stop(), 0)
        peer.close()
        print(f"{len(accepted)} calls accepted, {len(peer.got)} told, {self.CRASHES} crashes")


if __name__ == "__main__":
    unittest.main(verbosity=2)
