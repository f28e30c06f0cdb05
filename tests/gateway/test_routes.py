#!/usr/bin/env python3
"""Every route of the gateway's API, with every method, code and header that clients of OpenFaaS know.

usage: test_routes.py MAYFLYD DEEDS
"""

import base64
import datetime
import json
import os
import re
import socket
import sys
import unittest

from gateway import Gateway, until

MAYFLYD, DEEDS = sys.argv.pop(1), os.path.abspath(sys.argv.pop(1))
ALL = ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "BREW"]
UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
NAMESPACE = "openfaas-fn"
BUSYBOX = "/bin/busybox"

# Route: its methods. {} is a function that is deployed.
ROUTES = {
    "/system/functions": ["GET", "POST", "PUT", "DELETE"],
    "/system/function/{}": ["GET"],
    "/system/function/{}/revisions": ["GET"],
    "/system/function/{}/rollback": ["POST"],
    "/system/function/{}/split": ["POST"],
    "/system/scale-function/{}": ["POST"],
    "/system/info": ["GET"],
    "/system/logs": ["GET"],
    "/system/secrets": ["GET", "POST", "PUT", "DELETE"],
    "/system/namespaces": ["GET"],
    "/system/namespace/": ["POST"],
    "/system/namespace/other": ["GET", "POST", "PUT", "DELETE"],
    "/system/calls": ["GET"],
    "/system/calls/none": ["GET"],
    "/system/alert": ["POST"],
    "/async-function/{}": ["POST"],
    "/healthz": ["GET", "HEAD"],
    "/metrics": ["GET"],
    "/ui/": ["GET", "HEAD"],
    "/": ["GET", "HEAD"],
}
OPEN = ["/async-function/{}", "/healthz", "/ui/", "/"]

# What is nobody's; and what looks like a way around.
NOWHERE = ["/system", "/system/", "/system/functions/", "/system/function/", "/system/telemetry", "/function",
           "/function/", "/function/..", "/function/../system/functions", "/function//echo",
           "/function/%65cho", "/function/echo%2f..", "/function/echo%00", "/system/./functions",
           "/system/x/../functions", "//system/functions", "/system%2ffunctions", "/favicon.ico"]


class Routes(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.gateway = Gateway(MAYFLYD)
        cls.gateway.start()
        cls.gateway.deploy("echo", DEEDS, labels={"a": "b"}, envVars={"GREETING": "hi"})

    @classmethod
    def tearDownClass(cls):
        status, log = cls.gateway.stop(), cls.gateway.log_text()
        cls.gateway.__exit__()
        assert status == 0, log

    def system(self, method, path, body=None, wanted=200, **more):
        answer = self.gateway.system(method, path, body, **more)
        self.assertEqual(answer.status, wanted, f"{method} {path}: {answer.text}")
        return answer

    def get(self, path):
        answer = self.system("GET", path)
        self.assertEqual(answer.headers["Content-Type"], "application/json")
        return answer.json()

    def raw(self, text):
        """What is answered to bytes, as text."""
        with socket.create_connection(("127.0.0.1", self.gateway.port), timeout=60) as client:
            client.sendall(text)
            return client.makefile("rb").read().decode(errors="replace")

    def test_methods(self):
        for route, methods in ROUTES.items():
            for method in ALL:
                path = route.replace("{}", "echo")
                answer = self.gateway.request(method, path, b"" if method == "POST" else None)
                with self.subTest(method=method, path=path):
                    if method not in methods:
                        self.assertEqual(answer.status, 405)
                        self.assertEqual(answer.headers["Allow"], ", ".join(methods))
                    elif route not in OPEN:
                        self.check_unauthorized(method, answer)
                    else:
                        self.assertIn(answer.status, (200, 202, 307))

    def check_unauthorized(self, method, answer):
        self.assertEqual(answer.status, 401)
        self.assertEqual(answer.headers["WWW-Authenticate"], 'Basic realm="Restricted"')
        if method != "HEAD":
            self.assertEqual(answer.text, "invalid credentials")

    def test_credentials(self):
        password = self.gateway.password
        for auth in [("admin", ""), ("", password), ("admin", password[:-1]), ("admin", password + "x"),
                     ("Admin", password)]:
            self.check_unauthorized("GET", self.gateway.request("GET", "/system/functions", auth=auth))
        for header in ["Basic", "Basic !", "Basic " + base64.b64encode(b"admin").decode(), "Bearer x",
                       "Digest x"]:
            answer = self.gateway.request("GET", "/system/info", headers={"Authorization": header})
            self.check_unauthorized("GET", answer)
        # Before anything is said of what is wrong with the request.
        answer = self.gateway.request("POST", "/system/functions", b"{")
        self.check_unauthorized("POST", answer)

    def test_nowhere(self):
        for path in NOWHERE:
            with self.subTest(path=path):
                self.assertEqual(
                    self.raw(f"GET {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n".encode())[:12],
                    "HTTP/1.1 404")

    def test_page(self):
        answer = self.gateway.request("GET", "/")
        self.assertEqual((answer.status, answer.headers["Location"]), (307, "/ui/"))
        answer = self.gateway.request("GET", "/ui/")
        self.assertIn("Mayfly", answer.text)

    # ── functions ──

    def test_deploy(self):
        """As faas-cli does it: PUT, and where that is 404, POST."""
        body = {"service": "one", "image": DEEDS, "namespace": "", "envProcess": "", "envVars": {"A": "1"},
                "constraints": None, "secrets": [], "labels": {"l": "v"},
                "annotations": {"topic": "t"}, "limits": None, "requests": None,
                "readOnlyRootFilesystem": False}
        self.system("PUT", "/functions", body, 404)
        self.system("POST", "/functions", body, 202)
        self.system("POST", "/functions", body, 409)
        status = self.get("/function/one")
        self.assertEqual((status["name"], status["image"], status["namespace"]), ("one", DEEDS, NAMESPACE))
        self.assertEqual((status["envVars"], status["labels"]), ({"A": "1"}, {"l": "v"}))
        self.assertEqual(status["annotations"]["topic"], "t")
        created = datetime.datetime.fromisoformat(status["createdAt"].replace("Z", "+00:00"))
        self.assertLess(abs(datetime.datetime.now(datetime.timezone.utc) - created).total_seconds(), 3600)
        # "ready" waits for this.
        until(lambda: self.get("/function/one?usage=1").get("availableReplicas", 0) > 0 or None,
              "the function is available")
        self.assertIn("one", [each["name"] for each in self.get("/functions")])
        self.assertIn("one", [each["name"] for each in self.get(f"/functions?namespace={NAMESPACE}")])
        self.system("PUT", "/functions", {**body, "labels": {"l": "w"}})
        self.assertEqual(self.get("/function/one")["labels"], {"l": "w"})
        revisions = self.get("/function/one/revisions")
        self.assertEqual(sorted(each["revision"] for each in revisions), [1, 2])
        # A revision that is to take over may have to start first.
        until(lambda: self.gateway.system("POST", "/function/one/rollback").status in (200, 202),
              "it is rolled back")
        self.assertEqual(self.get("/function/one")["labels"], {"l": "v"})
        self.assertIn(self.gateway.system("POST", "/function/one/split",
                                          {"revision": 2, "percent": 50}).status, (200, 202))
        self.system("POST", "/function/one/split", {"revision": 7, "percent": 50}, 400)
        self.system("POST", "/function/one/split", {"revision": 2, "percent": 101}, 400)
        self.system("POST", "/function/one/rollback", {"revision": 7}, 400)
        self.system("DELETE", "/functions", {"functionName": "one"}, 202)
        self.system("DELETE", "/functions", {"functionName": "one"}, 404)
        self.system("GET", "/function/one", None, 404)

    def test_bad_deployments(self):
        good = {"service": "bad", "image": DEEDS}
        for change, field in [({"service": 1}, "service"), ({"service": ""}, "service"), ({"image": None}, "image"),
                              ({"labels": []}, "labels"), ({"envVars": {"A": 1}}, "envVars.A"),
                              ({"secrets": "s"}, "secrets"), ({"limits": {"memory": "much"}}, "memory"),
                              ({"readOnlyRootFilesystem": 1}, "readOnlyRootFilesystem"),
                              ({"service": "a/b"}, "service"), ({"image": "/nowhere/at/all"}, "/nowhere")]:
            with self.subTest(change=change):
                for method in ("POST", "PUT"):
                    answer = self.gateway.system(method, "/functions", {**good, **change})
                    if method == "PUT" and answer.status == 404:
                        continue  # it is not there
                    self.assertEqual(answer.status, 400, answer.text)
                    self.assertIn(field, answer.text)
        for body in (b"{", b"", b"[]", b"null", b'{"service":"a","service":"b"}', b"[" * 100000,
                     b'{"a":"\xff"}'):
            self.system("POST", "/functions", body, 400)
        self.system("POST", "/functions", b" " * (1 << 20) + b"{}", 413)

    def test_scale(self):
        self.system("POST", "/scale-function/echo", {"serviceName": "echo", "replicas": 2}, 202)
        self.system("POST", "/scale-function/echo", {"serviceName": "echo", "replicas": 0}, 202)
        self.assertEqual(self.gateway.invoke("echo", b"x").status, 200)
        self.system("POST", "/scale-function/nobody", {"serviceName": "nobody", "replicas": 1}, 404)
        self.system("POST", "/scale-function/echo", {"serviceName": "echo"}, 400)
        self.system("POST", "/scale-function/echo", {"replicas": -1}, 400)

    def test_info(self):
        info = self.get("/info")
        self.assertEqual(info["provider"]["provider"], "mayfly")
        self.assertEqual(sorted(info["version"]), ["commit_message", "release", "sha"])
        self.assertTrue(info["version"]["release"])
        self.assertEqual(info["arch"], "x86_64")

    def test_logs(self):
        self.gateway.deploy("talker", DEEDS)
        self.gateway.invoke("talker", b"log")
        def lines(query=""):
            answer = self.system("GET", f"/logs?name=talker{query}")
            self.assertEqual(answer.headers["Content-Type"], "application/x-ndjson")
            return [json.loads(line) for line in answer.text.splitlines()]
        found = until(lines, "there is a line")
        self.assertEqual(sorted(found[0]), ["instance", "name", "namespace", "text", "timestamp"])
        self.assertEqual((found[0]["name"], found[0]["namespace"]), ("talker", NAMESPACE))
        self.assertEqual(len(lines("&tail=1&follow=false")), 1)
        self.assertEqual(lines("&since=2300-01-01T00:00:00Z"), [])
        for query in ("name=talker&tail=x", "name=talker&since=x", "name=talker&follow=x", ""):
            self.system("GET", f"/logs?{query}", None, 422)
        self.system("GET", "/logs?name=nobody", None, 404)
        self.system("DELETE", "/functions", {"functionName": "talker"}, 202)

    # ── secrets, namespaces, alerts ──

    def test_secrets(self):
        self.system("PUT", "/secrets", {"name": "s", "value": "v"}, 404)
        self.system("POST", "/secrets", {"name": "s", "value": "v"}, 201)
        self.system("POST", "/secrets", {"name": "s", "value": "v"}, 409)
        self.system("PUT", "/secrets", {"name": "s", "rawValue": "AP8="})
        self.assertEqual(self.get("/secrets"), [{"name": "s", "namespace": NAMESPACE}])
        self.system("DELETE", "/secrets", {"name": "s"}, 202)
        self.system("DELETE", "/secrets", {"name": "s"}, 404)
        self.assertEqual(self.get("/secrets"), [])
        self.system("POST", "/secrets", {"value": "v"}, 400)
        self.system("POST", "/secrets", {"name": "s", "rawValue": "!"}, 400)

    def test_namespaces(self):
        self.assertEqual(self.get("/namespaces"), [NAMESPACE])
        body = {"name": "dev", "annotations": {"openfaas": "1"}, "labels": {"a": "b"}}
        self.assertIn(self.gateway.system("POST", "/namespace/", body).status, (200, 201, 202))
        self.system("POST", "/namespace/dev", body, 409)
        self.assertEqual(self.get("/namespace/dev"), body)
        self.assertEqual(sorted(self.get("/namespaces")), ["dev", NAMESPACE])
        self.assertIn(self.gateway.system("PUT", "/namespace/dev", {"name": "dev", "labels": {"a": "c"}}).status,
                      (200, 202))
        self.assertEqual(self.get("/namespace/dev")["labels"], {"a": "c"})
        self.gateway.deploy("inner", DEEDS, namespace="dev")
        self.assertEqual(self.gateway.invoke("inner.dev", b"x").status, 200)
        self.assertEqual(self.gateway.invoke("inner", b"x").status, 404)
        self.assertEqual([each["name"] for each in self.get("/functions?namespace=dev")], ["inner"])
        self.system("GET", "/function/inner.dev")
        self.system("GET", "/function/inner?namespace=dev")
        self.system("DELETE", "/functions", {"functionName": "inner", "namespace": "dev"}, 202)
        self.assertIn(self.gateway.system("DELETE", "/namespace/dev").status, (200, 202))
        self.system("GET", "/namespace/dev", None, 404)
        self.system("PUT", "/namespace/dev", {"name": "dev"}, 404)
        self.system("DELETE", "/namespace/dev", None, 404)

    def test_alerts(self):
        alert = {"status": "firing", "receiver": "scale-up", "alerts": [
            {"status": "firing", "labels": {"alertname": "APIHighInvocationRate",
                                            "function_name": f"echo.{NAMESPACE}"}}]}
        self.system("POST", "/alert", alert)
        self.system("POST", "/alert", {"alerts": 1}, 400)

    # ── calls ──

    def test_invoke(self):
        answer = self.gateway.request("PUT", "/function/echo/a/%2e%2e/b?c=d&e", b"there")
        self.assertEqual(answer.status, 200)
        self.assertIn("PUT /a/../b c=d&e", answer.text)
        self.assertRegex(answer.headers["X-Call-Id"], f"^{UUID}$")
        self.assertRegex(answer.headers["X-Start-Time"], r"^\d{19}$")
        self.assertRegex(answer.headers["X-Duration-Seconds"], r"^\d+\.\d+$")
        self.assertTrue(answer.headers["X-Served-By"])
        self.assertIsNone(answer.headers["X-OpenFaaS-Internal"])
        answer = self.gateway.invoke(f"echo.{NAMESPACE}", b"x", headers={"X-Call-Id": "mine"})
        self.assertEqual((answer.status, answer.headers["X-Call-Id"]), (200, "mine"))
        for method in ALL:
            answer = self.gateway.request(method, "/function/echo", b"x" if method == "POST" else None)
            self.assertEqual(answer.status, 200, method)
        answer = self.gateway.invoke("nobody", b"x")
        self.assertEqual(answer.status, 404)
        self.assertIn("error finding function nobody", answer.text)
        answer = self.gateway.invoke("echo", b"crash")
        self.assertEqual((answer.status, answer.headers["X-OpenFaaS-Internal"]), (500, "proxy"))

    def test_fresh(self):
        """A shell copies its variables when it starts; from a snapshot on that was before the request."""
        if not os.path.exists(BUSYBOX):
            self.skipTest("there is no busybox")
        process = "busybox sh -c 'read -r line; echo $line, $Http_Method $Http_Path $A'"
        for fresh, wanted in (("false", "one, 7\n"), ("true", "one, PUT /x 7\n")):
            self.gateway.deploy("shell", BUSYBOX, envProcess=process, envVars={"A": "7"},
                                annotations={"mayfly.dev/fresh": fresh})
            for _ in range(3):
                answer = self.gateway.request("PUT", "/function/shell/x", b"one\n")
                self.assertEqual((answer.status, answer.text), (200, wanted))
            self.system("DELETE", "/functions", {"functionName": "shell"}, 202)
        # It may look at its variables before it reads, and is tried with some.
        self.gateway.deploy("shell", BUSYBOX, annotations={"mayfly.dev/fresh": "true"},
                            envProcess="busybox sh -c 'test -n \"$Http_Method\" || exit 7; echo $Http_Method $A'")
        self.assertEqual(self.gateway.invoke("shell", b"").text, "POST\n")
        self.system("DELETE", "/functions", {"functionName": "shell"}, 202)
        self.system("POST", "/functions", {"service": "shell", "image": DEEDS, "annotations": {
            "mayfly.dev/fresh": "true", "mayfly.dev/warm-up": "x"}}, 400)

    def test_async(self):
        answer = self.gateway.request("POST", "/async-function/echo", b"later")
        self.assertEqual(answer.status, 202)
        self.assertRegex(answer.headers["X-Call-Id"], f"^{UUID}$")
        path = f"/calls/{answer.headers['X-Call-Id']}"
        until(lambda: self.get(path)["state"] == "done", "the call is done")
        call = self.get(path)
        self.assertEqual((call["name"], call["namespace"]), ("echo", NAMESPACE))
        self.assertIsInstance(self.get("/calls"), list)
        self.system("GET", "/calls/nothing", None, 404)
        for url in ("ftp://x/", "http://", "nothing", "http://user@host/"):
            answer = self.gateway.request("POST", "/async-function/echo", b"", {"X-Callback-Url": url})
            self.assertEqual(answer.status, 400, url)
        self.assertEqual(self.gateway.request("POST", "/async-function/nobody", b"").status, 404)

    def test_metrics(self):
        self.gateway.invoke("echo", b"x")
        text = self.gateway.request("GET", "/metrics", auth=True).text
        function = f'function_name="echo.{NAMESPACE}"'
        for name in (f"gateway_function_invocation_total{{{function}", f"gateway_functions_seconds_bucket{{{function}",
                     f"gateway_function_invocation_started{{{function}", f"gateway_service_count{{{function}",
                     'mayfly_http_connections{listener="main"}'):
            self.assertIn(name, text)
        self.assertEqual(self.gateway.request("GET", "/healthz").status, 200)


if __name__ == "__main__":
    unittest.main()
