#!/usr/bin/env python3
"""Servers in containers: each connection has a machine of its own, and bad clients harm nobody.

usage: test_serving.py RUNTIME SERVER READER

READER waits for standard input.
"""

import contextlib
import ctypes
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

SKIPPED = 77
PORT = 8080
BUSYBOX = "/bin/busybox"
LIMIT = 60  # seconds for anything
NEW_MOUNTS, NEW_NETWORK = 0x20000, 0x40000000


def enter_namespaces():
    """Ports of this test's own. False where it may not have that."""
    library = ctypes.CDLL(None, use_errno=True)
    if library.unshare(NEW_MOUNTS | NEW_NETWORK):
        return False
    return not subprocess.run(["ip", "link", "set", "lo", "up"], check=False).returncode


class Container:
    """A container of that contract, and what it says."""

    def __init__(self, runtime, server, folder, *arguments, contract="http", slots=2, program=None, name="server",
                 mounted=None):
        self.folder = pathlib.Path(folder)
        self.name = f"serving-{os.getpid()}-{contract}-{arguments[0] if arguments else ''}"
        self.command = [runtime, "--root", str(self.folder / "state")]
        bundle = self.folder / self.name
        (bundle / "rootfs").mkdir(parents=True)
        shutil.copy(program or server, bundle / "rootfs" / name)
        self.call("spec", "--bundle", str(bundle))
        config = json.loads((bundle / "config.json").read_text())
        config["process"]["args"] = ["/" + name, *arguments]
        config["annotations"] = {"mayfly.dev/contract": contract, "mayfly.dev/port": str(PORT),
                                 "mayfly.dev/slots": str(slots)}
        if mounted:  # as /data; and the root could be written
            config["root"]["readonly"] = False
            config["mounts"] = [{"destination": "/data", "source": str(mounted), "options": ["bind"]}]
        config["linux"]["namespaces"] = [one for one in config["linux"]["namespaces"] if one["type"] != "network"]
        (bundle / "config.json").write_text(json.dumps(config))
        self.log = open(bundle / "log", "wb")
        self.process = subprocess.Popen([*self.command, "run", "--bundle", str(bundle), self.name],
                                        stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)

    def call(self, *words):
        return subprocess.run([*self.command, *words], capture_output=True, timeout=LIMIT, check=True)

    def said(self):
        return (self.folder / self.name / "log").read_text(errors="replace")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.call("delete", "--force", self.name)
        self.process.wait(LIMIT)
        self.log.close()


def connect():
    """When the server is ready."""
    until = time.monotonic() + LIMIT
    while True:
        with contextlib.suppress(ConnectionRefusedError):
            return socket.create_connection(("127.0.0.1", PORT), timeout=LIMIT)
        assert time.monotonic() < until, "nobody listens"
        time.sleep(0.02)


def exchange(data, half_close=False):
    with connect() as client:
        client.sendall(data)
        if half_close:
            client.shutdown(socket.SHUT_WR)
        return read_all(client)


def read_all(client):
    answer = b""
    while part := client.recv(65536):
        answer += part
    return answer


def post(length):
    return b"POST / HTTP/1.1\r\nHost: here\r\nContent-Length: %d\r\n\r\n" % length + b"x" * length


def check_answers(length=10, count=1):
    for _ in range(count):
        answer = exchange(post(length))
        # Each machine has had no other request.
        assert answer.endswith(b"request 1, %d bytes\n" % length), answer[-200:]


def at_once(count):
    failed = []

    def ask():
        try:
            check_answers(count=5)
        except (AssertionError, OSError) as error:
            failed.append(error)
    threads = [threading.Thread(target=ask) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LIMIT)
    assert not failed, failed[0]


def serves(start):
    with start("blocking") as container:
        check_answers(count=3)
        check_answers(length=3_000_000)
        at_once(8)
        # Heads that are none, too long ones, clients that go away or say nothing.
        assert exchange(b"A" * 70_000).startswith(b"HTTP/1.1 431 ")
        for data in (b"", b"GET", b"POST / HTTP/1.1\r\nContent-Length: 100\r\n\r\nx"):
            with connect() as client:
                client.sendall(data)
        idle = [connect() for _ in range(20)]
        check_answers(count=3)
        for client in idle:
            client.close()
        state = json.loads(container.call("state", container.name).stdout)
        assert state["status"] == "running", state
        check_answers()
        container.call("kill", container.name, "TERM")
        assert container.process.wait(LIMIT) == 128 + signal.SIGTERM, container.said()


def ends_when_connections_have(start):
    with start("blocking") as container:
        check_answers()
        with connect() as client:
            client.sendall(post(10)[:-5])
            time.sleep(0.5)  # it is in its machine now, or will be; either way it is to be answered
            container.call("kill", container.name, "TERM")
            until = time.monotonic() + LIMIT
            while time.monotonic() < until:
                try:
                    socket.create_connection(("127.0.0.1", PORT), timeout=LIMIT).close()
                except OSError:
                    break
            client.sendall(b"x" * 5)
            answer = read_all(client)
            assert b"request 1, 10 bytes" in answer, (answer, container.said())
        assert container.process.wait(LIMIT) == 128 + signal.SIGTERM, container.said()


def does_not_wait_for_silence(start):
    with start("silent") as container:
        with connect() as client:
            client.sendall(post(1))
            time.sleep(0.2)
            container.call("kill", container.name, "TERM")
            container.call("kill", container.name, "TERM")
            assert container.process.wait(LIMIT) == 128 + signal.SIGTERM, container.said()


def serves_connections(start):
    with start("blocking", contract="tcp") as container:
        check_answers(count=2)
        assert b"request 1, 4 bytes" in exchange(post(4)), container.said()
        check_answers()


def keeps_what_is_written_into_mounts(start):
    """And nothing else of it: what a request leaves elsewhere, the next one does not find."""
    with tempfile.TemporaryDirectory() as data:
        with start("nc", "-l", "-p", str(PORT), "-e", "/busybox", "sh", "-c",
                   "echo kept >>/data/log; echo own >>/left; cat /data/log /left", contract="tcp", program=BUSYBOX,
                   name="busybox", mounted=data) as container:
            for count in 1, 2, 3:
                said = exchange(b"")
                assert said == b"kept\n" * count + b"own\n", (said, container.said())
            root = pathlib.Path(container.folder, container.name, "rootfs")
            assert sorted(os.listdir(root)) == ["busybox", "data"], os.listdir(root)
        assert pathlib.Path(data, "log").read_text() == "kept\n" * 3


def answers_for_those_that_do_not(start):
    """A program that ends instead of answering harms only those who asked it."""
    with start("exits") as container:
        for _ in range(3):
            assert exchange(post(1)).startswith(b"HTTP/1.1 502 "), container.said()
    with start("exits", contract="tcp"):
        assert exchange(post(1)) == b""


def tells_of_those_that_do_not_listen(start):
    with start(program=sys.argv[3]) as container:
        assert container.process.wait(LIMIT) == 1 and "contract" in container.said(), container.said()


def main():
    runtime, server = (str(pathlib.Path(word).resolve()) for word in sys.argv[1:3])
    if os.geteuid() or not os.path.exists(BUSYBOX) or not enter_namespaces():
        print(f"needs root, {BUSYBOX} and a network namespace")
        return SKIPPED
    for step in (serves, ends_when_connections_have, does_not_wait_for_silence, serves_connections,
                 keeps_what_is_written_into_mounts,
                 answers_for_those_that_do_not, tells_of_those_that_do_not_listen):
        with tempfile.TemporaryDirectory() as folder:
            step(lambda *words, **options: Container(runtime, server, folder, *words, **options))
        print(f"{step.__name__}: ok")
    return 0


if __name__ == "__main__":
    sys.exit(main())
