#!/usr/bin/env python3
"""Requests as OpenFaaS' own command sends them (recorded in 2026), in their order, on one connection, and what
it takes for success.

usage: test_recorded.py MAYFLYD DEEDS
"""

import http.client
import os
import sys
import unittest

from gateway import Gateway, until

MAYFLYD, DEEDS = sys.argv.pop(1), os.path.abspath(sys.argv.pop(1))
EVERY = ('{"service":"every","image":"IMAGE","namespace":"dev","envProcess":"words a b","envVars":{"B":"a b=c",'
         '"GREETING":"hi"},"constraints":["node.platform.os == linux"],"secrets":["word"],"labels":{"x":"y"},'
         '"annotations":{"topic":"t"},"limits":{"memory":"64Mi"},"requests":{"memory":"10Mi","cpu":"100m"},'
         '"readOnlyRootFilesystem":true}')
PLAIN = '{"service":"plain","image":"IMAGE","labels":{},"annotations":{}}'
# What a file with NUL and a byte that is no UTF-8 becomes: the raw value is meant.
SECRET = '{"name":"word","namespace":"dev","value":"\\u0000\\ufffdx","rawValue":"AIF4"}'

# Command; method, target, body, status; part of the answer.
REQUESTS = [
    ("login", "GET", "/system/functions", None, 200, "[]"),
    ("version", "GET", "/system/info", None, 200, '"release"'),
    ("ready", "GET", "/healthz", None, 200, "OK"),
    ("namespace create", "POST", "/system/namespace/",
     '{"name":"dev","annotations":{"openfaas":"1"},"labels":{"a":"b","openfaas":"1"}}', 201, ""),
    ("namespace get", "GET", "/system/namespace/dev", None, 200, '"a":"b"'),
    ("namespace update", "PUT", "/system/namespace/dev",
     '{"name":"dev","annotations":{"openfaas":"1"},"labels":{"a":"c","openfaas":"1"}}', 200, ""),
    ("namespace list", "GET", "/system/namespaces", None, 200, '"dev"'),
    ("secret create", "POST", "/system/secrets", SECRET, 201, ""),
    ("secret create", "POST", "/system/secrets", SECRET, 409, ""),
    ("secret update", "PUT", "/system/secrets", SECRET, 200, ""),
    ("secret list", "GET", "/system/secrets?namespace=dev", None, 200, '"word"'),
    ("deploy", "PUT", "/system/functions", EVERY, 404, ""),
    ("deploy", "POST", "/system/functions", EVERY, 202, ""),
    ("deploy", "PUT", "/system/functions", EVERY, 200, ""),
    ("deploy", "PUT", "/system/functions", PLAIN, 404, ""),
    ("deploy", "POST", "/system/functions", PLAIN, 202, ""),
    ("deploy --replace", "DELETE", "/system/functions", '{"functionName":"plain"}', 202, ""),
    ("deploy --replace", "POST", "/system/functions", PLAIN, 202, ""),
    ("deploy --update=false", "POST", "/system/functions", PLAIN, 409, "there already"),
    ("describe", "GET", "/system/function/every?namespace=dev&usage=1", None, 200, '"readOnlyRootFilesystem":true'),
    ("list", "GET", "/system/functions?namespace=dev", None, 200, '"every"'),
    ("invoke", "PUT", "/function/every.dev?a=b+c", "hello\n", 200, "hi hello\n PUT / a=b+c"),
    ("invoke", "POST", "/function/every.dev", "secret", 200, b"\0\x81x"),
    ("invoke", "POST", "/function/every.dev", "log", 200, "ok"),
    ("invoke", "POST", "/function/nobody.openfaas-fn", "hello\n", 404, "nobody"),
    ("invoke --async", "POST", "/async-function/plain.openfaas-fn", "later\n", 202, ""),
    ("logs", "GET", "/system/logs?follow=false&name=every&namespace=dev&since=2026-01-01T00%3A00%3A00Z&tail=5", None,
     200, ""),
    ("logs", "GET", "/system/logs?follow=false&name=every&namespace=dev&tail=-1", None, 200, ""),
    ("remove", "DELETE", "/system/functions", '{"functionName":"every","namespace":"dev"}', 202, ""),
    ("remove", "DELETE", "/system/functions", '{"functionName":"every","namespace":"dev"}', 404, ""),
    ("remove", "DELETE", "/system/functions", '{"functionName":"plain"}', 202, ""),
    ("secret remove", "DELETE", "/system/secrets", '{"name":"word","namespace":"dev"}', 202, ""),
    ("secret remove", "DELETE", "/system/secrets", '{"name":"word","namespace":"dev"}', 404, ""),
    ("namespace delete", "DELETE", "/system/namespace/dev", '{"name":"dev","labels":{"openfaas":"1"}}', 202, ""),
]


class Recorded(unittest.TestCase):
    def send(self, connection, gateway, method, target, body):
        sent = body.replace("IMAGE", DEEDS).encode() if body is not None else None
        connection.putrequest(method, target, skip_accept_encoding=True)
        connection.putheader("User-Agent", "faas-cli/dev")
        if sent is not None:
            connection.putheader("Content-Length", str(len(sent)))
        if target.startswith("/system"):
            connection.putheader("Authorization", gateway.authorization)
        if sent is not None:
            connection.putheader("Content-Type",
                                 "application/json" if target.startswith("/system") else "text/plain")
        connection.putheader("Accept-Encoding", "gzip")
        connection.endheaders(sent)
        response = connection.getresponse()
        return response, response.read()

    def test_all(self):
        with Gateway(MAYFLYD) as gateway:
            connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=60)
            for command, method, target, body, status, part in REQUESTS:
                with self.subTest(command=command, method=method, target=target):
                    response, answer = self.send(connection, gateway, method, target, body)
                    self.assertEqual(response.status, status, answer)
                    self.assertIn(part if isinstance(part, bytes) else part.encode(), answer)
                    self.assertIsNone(response.getheader("Connection"))
                    if command == "deploy" and status == 200:
                        # The revision before goes on until this one is ready.
                        until(lambda: gateway.system("GET", "/function/every?namespace=dev").json()
                              ["mayfly"]["state"] == "ready", "it is ready")
            connection.close()
            self.assertEqual(gateway.stop(), 0, gateway.log_text())


if __name__ == "__main__":
    unittest.main()
