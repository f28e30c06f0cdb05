#!/usr/bin/env python3
"""OpenFaaS' own command against the gateway, where it is installed (or named by FAAS_CLI).

usage: test_faas_cli.py MAYFLYD DEEDS
"""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

from gateway import LIMIT, Gateway, until

MAYFLYD, DEEDS = sys.argv.pop(1), os.path.abspath(sys.argv.pop(1))
FAAS_CLI = os.environ.get("FAAS_CLI") or shutil.which("faas-cli")
SKIPPED = 77
STACK = f"""
version: 1.0
provider: {{name: openfaas}}
functions:
  one:
    lang: dockerfile
    handler: ./one
    image: {DEEDS}
    environment: {{GREETING: yo}}
    labels: {{com.openfaas.scale.min: 1, com.openfaas.scale.zero: false}}
    annotations: {{topic: cron-function}}
    limits: {{memory: 40Mi}}
    requests: {{memory: 40Mi, cpu: 100m}}
    readonly_root_filesystem: true
    constraints: ["a == b"]
  two:
    lang: dockerfile
    handler: ./two
    image: {DEEDS}
"""


class FaasCli(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.gateway = Gateway(MAYFLYD)
        cls.gateway.start()
        cls.home = tempfile.TemporaryDirectory(prefix="mayfly-faas-cli-")
        cls.environment = {**os.environ, "HOME": cls.home.name, "OPENFAAS_URL": cls.gateway.url,
                           "OPENFAAS_CONFIG": cls.home.name}

    @classmethod
    def tearDownClass(cls):
        cls.home.cleanup()
        status, log = cls.gateway.stop(), cls.gateway.log_text()
        cls.gateway.__exit__()
        assert status == 0, log

    def run_cli(self, *words, wanted=0, says="", given=None):
        result = subprocess.run([FAAS_CLI, *words], input=given, capture_output=True, text=True,
                                timeout=LIMIT, env=self.environment)
        output = result.stdout + result.stderr
        self.assertEqual(result.returncode, wanted, f"{words}: {output}")
        self.assertIn(says, output, words)
        return output

    def test_all(self):
        run = self.run_cli
        run("ready", "--attempts", "3")
        run("list", wanted=1, says="Unauthorized")
        login = ("login", "-u", "admin", "--password-stdin")
        run(*login, given="wrong", wanted=1, says="incorrect")
        run(*login, given=self.gateway.password)
        self.functions()
        self.stack_with_variable()
        self.secrets()
        self.namespaces()
        self.stack()
        run("logout")

    def functions(self):
        run = self.run_cli
        deploy = ("deploy", "--image", DEEDS, "--name", "deeds", "--label", "a=b", "--env")
        run(*deploy, "GREETING=hi", says="Deployed. 202")
        run(*deploy, "GREETING=ho", says="Deployed. 200")
        run("ready", "deeds", "--attempts", "30")
        # The revision before goes on until the other one is ready.
        until(lambda: self.gateway.system("GET", "/function/deeds").json()["mayfly"]["state"] == "ready",
              "the second revision")
        run("list", "-v", says="deeds")
        run("describe", "deeds", says="GREETING: ho")
        run("describe", "nobody", wanted=1, says="No such function")
        run("invoke", "deeds", "--query", "a=b", "--method", "PUT", given="there", says="ho there PUT / a=b")
        run("invoke", "deeds", "--async", given="there", says="asynchronously")
        run("invoke", "nobody", given="", wanted=1, says="404")
        run("invoke", "deeds", given="log", says="ok")
        run("logs", "deeds", "--tail=false", says="to the log")
        self.follow()
        run("remove", "deeds", says="Removing")
        run("remove", "deeds", wanted=1, says="No existing function to remove")
        run("deploy", "--image", "/nowhere", "--name", "x", wanted=1, says="400")

    def follow(self):
        """Lines come while the command waits for more."""
        with subprocess.Popen([FAAS_CLI, "logs", "deeds"], stdout=subprocess.PIPE, text=True,
                              env=self.environment) as process:
            for _ in range(2):
                self.assertIn("to the log", process.stdout.readline())
                self.run_cli("invoke", "deeds", given="log", says="ok")
            process.kill()

    def stack_with_variable(self):
        """It puts ":latest" behind what has no tag, paths too."""
        path = pathlib.Path(self.home.name) / "stack.yml"
        path.write_text(f"""version: 1.0
provider: {{name: openfaas, gateway: "{self.gateway.url}"}}
functions:
  stacked:
    lang: dockerfile
    handler: .
    image: {DEEDS}
    environment: {{GREETING: "${{WORD:-hi}}"}}
    limits: {{memory: 64Mi}}
    annotations: {{mayfly.dev/timeout: 5s}}
""")
        self.run_cli("deploy", "-f", str(path), says="Deployed. 202")
        self.run_cli("invoke", "stacked", given="there", says="hi there")
        self.run_cli("remove", "-f", str(path), says="Removing")

    def secrets(self):
        run = self.run_cli
        run("secret", "create", "word", "--from-literal", "xyzzy", says="201")
        run("secret", "create", "word", "--from-literal", "xyzzy", says="already exists")
        run("secret", "update", "word", "--from-literal", "plugh", says="Updated")
        run("secret", "list", says="word")
        run("deploy", "--image", DEEDS, "--name", "teller", "--secret", "word")
        run("invoke", "teller", given="secret", says="plugh")
        run("remove", "teller")
        run("secret", "remove", "word")
        run("secret", "remove", "word", wanted=1, says="Unable to find secret")
        self.secret_of_a_file()

    def secret_of_a_file(self):
        """The command sends its bytes, and what JSON makes of them."""
        run = self.run_cli
        path = os.path.join(self.home.name, "bytes")
        with open(path, "wb") as file:
            file.write(b"\0\x81x")
        run("secret", "create", "word", f"--from-file={path}", says="201")
        run("deploy", "--image", DEEDS, "--name", "teller", "--secret", "word")
        self.assertEqual(self.gateway.invoke("teller", b"secret").body, b"\0\x81x")
        run("remove", "teller")
        run("secret", "remove", "word")

    def stack(self):
        path = os.path.join(self.home.name, "stack.yml")
        with open(path, "w", encoding="utf-8") as file:
            file.write(STACK)
        run = self.run_cli
        run("deploy", "-f", path, says="Deployed. 202")
        run("deploy", "-f", path, "--filter", "o*", says="Deployed. 200")
        run("diff", "-f", path, says="no differences found")
        run("invoke", "one", given="there", says="yo there")
        run("remove", "-f", path, says="Removing")
        run("list", "-q", says="")

    def namespaces(self):
        run = self.run_cli
        run("namespace", "create", "dev", "--label", "x=y", says="Created")
        run("namespace", "get", "dev", says="x: y")
        run("namespace", "list", says="dev")
        run("namespace", "update", "dev", "--label", "x=z", says="Updated")
        run("namespace", "delete", "dev", says="Removed")


if __name__ == "__main__":
    if not FAAS_CLI:
        print("skipped: there is no faas-cli")
        sys.exit(SKIPPED)
    unittest.main()
