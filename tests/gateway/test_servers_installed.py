#!/usr/bin/env python3
"""Servers that people bring, as functions: those of Debian that this machine has installed.

usage: test_servers_installed.py MAYFLYD
"""

import asyncio
import os
import pathlib
import shutil
import sys
import tempfile
import unittest

import installed
from gateway import Gateway

try:
    import websockets
except ModuleNotFoundError:
    websockets = None

MAYFLYD = sys.argv.pop(1)
PROGRAMS = pathlib.Path(__file__).resolve().parent / "servers"
PYTHON = ["python3", "python3-minimal"]
TREES = {  # packages, and the command
    "python": (PYTHON, "/usr/bin/python3"),
    "flask": ([*PYTHON, "python3-flask"], "/usr/bin/python3"),
    "gunicorn": ([*PYTHON, "python3-flask", "gunicorn"], "/usr/bin/python3"),
    "waitress": ([*PYTHON, "python3-flask", "python3-waitress"], "/usr/bin/python3"),
    "uvicorn": ([*PYTHON, "python3-uvicorn", "python3-websockets"], "/usr/bin/python3"),
    "hypercorn": ([*PYTHON, "python3-hypercorn"], "/usr/bin/python3"),
    "tornado": ([*PYTHON, "python3-tornado"], "/usr/bin/python3"),
    "aiohttp": ([*PYTHON, "python3-aiohttp"], "/usr/bin/python3"),
    "websockets": ([*PYTHON, "python3-websockets"], "/usr/bin/python3"),
    "node": (["nodejs"], "/usr/bin/node"),
    "php": (["php-cli"], shutil.which("php") or ""),
    "ruby": (["ruby", "ruby-webrick"], "/usr/bin/ruby"),
    "java": (["openjdk-17-jdk-headless"], shutil.which("java") or ""),
}
GUNICORN = "/usr/bin/gunicorn -b 0.0.0.0:8080 --chdir=/app "


class Servers(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.gateway = Gateway(MAYFLYD)
        cls.gateway.start()
        cls.folder = pathlib.Path(tempfile.mkdtemp(prefix="mayfly-servers-"))

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.folder)
        assert cls.gateway.stop() == 0, cls.gateway.log_text()
        cls.gateway.__exit__()

    def deploy(self, name, tree, arguments, **more):
        """The command's own name may be one of Debian's alternatives, which are no package's."""
        packages, command = TREES[tree]
        folder = self.folder / name
        folder.mkdir()
        self.addCleanup(shutil.rmtree, folder)
        try:
            installed.make_tree(folder, packages)
        except installed.Missing as reason:
            self.skipTest(str(reason))
        shutil.copytree(PROGRAMS, folder / "app")
        self.gateway.deploy(name, folder, envProcess=f"{os.path.realpath(command)} {arguments}",
                            envVars={"PYTHONPATH": "/app", "PYTHONDONTWRITEBYTECODE": "1"}, **more)
        self.assertEqual(self.gateway.system("GET", f"/function/{name}").json()["mayfly"]["contract"], "http")

    def serves(self, name, tree, arguments, **more):
        self.deploy(name, tree, arguments, **more)
        for method, path, length in ("GET", "/", 0), ("POST", "/some/path", 10), ("POST", "/", 3_000_000), ("GET", "/", 0):
            answer = self.gateway.request(method, f"/function/{name}{path}", b"x" * length or None)
            self.assertEqual((answer.status, answer.text), (200, f"{method} {path} {length}\n"))

    def test_http_server(self):
        self.serves("http-server", "python", "/app/http_server.py")

    def test_flask(self):
        self.serves("flask", "flask", "/app/flask_server.py")

    def test_gunicorn(self):
        self.serves("gunicorn", "gunicorn", GUNICORN + "flask_server:app")

    def test_gunicorn_with_two_workers(self):
        self.serves("gunicorn-two", "gunicorn", GUNICORN + "-w 2 flask_server:app")

    def test_gunicorn_with_threads(self):
        self.serves("gunicorn-threads", "gunicorn", GUNICORN + "-k gthread --threads=4 flask_server:app")

    def test_waitress(self):
        self.serves("waitress", "waitress", "-m waitress --port=8080 flask_server:app")

    def test_uvicorn(self):
        self.serves("uvicorn", "uvicorn", "-m uvicorn --port=8080 asgi:app")
        self.echoes("uvicorn")

    def test_hypercorn(self):
        self.serves("hypercorn", "hypercorn", "-m hypercorn -b 0.0.0.0:8080 asgi:app")
        self.echoes("hypercorn")

    def test_tornado(self):
        self.serves("tornado", "tornado", "/app/tornado_server.py")

    def test_aiohttp(self):
        self.serves("aiohttp", "aiohttp", "/app/aiohttp_server.py")

    def test_node(self):
        self.serves("node", "node", "/app/server.cjs", limits={"memory": "1G"})

    def test_php(self):
        self.serves("php", "php", "-S 0.0.0.0:8080 /app/server.php")

    def test_webrick(self):
        self.serves("webrick", "ruby", "/app/server.rb")

    def test_java(self):
        self.serves("java", "java", "/app/Serve.java", limits={"memory": "1G"})

    def test_websockets(self):
        self.deploy("websockets", "websockets", "/app/websockets_server.py")
        self.echoes("websockets")

    def echoes(self, name):
        if websockets:
            asyncio.run(self.talk(name))

    async def talk(self, name):
        """A real client: its handshake and the end of both sides are looked at, too."""
        address = f"ws://127.0.0.1:{self.gateway.port}/function/{name}"
        async with websockets.connect(address, max_size=1 << 24) as one, websockets.connect(address) as other:
            for text in "hello", "x" * 300, "y" * 3_000_000:
                await one.send(text)
                self.assertEqual(await one.recv(), text + "!")
            await other.send("other")
            self.assertEqual(await other.recv(), "other!")
        self.assertEqual((one.close_code, other.close_code), (1000, 1000))


if __name__ == "__main__":
    unittest.main()
