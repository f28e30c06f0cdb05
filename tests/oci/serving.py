"""Servers in containers, and clients who want to have more of them than others."""
import os
import pathlib
import resource
import shutil
import socket
import time

from steps import until

PORT = 8001
LIMIT = 128  # descriptors of the container's process
SERVER = "tests/system/server"


def ask(text=b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", limit=20):
    """The first line of the answer."""
    with socket.create_connection(("127.0.0.1", PORT), limit) as client:
        client.settimeout(limit)
        client.sendall(text)
        said = b""
        while piece := client.recv(65536):
            said += piece
    return said


def answers():
    try:
        return ask().startswith(b"HTTP/1.1 200")
    except OSError:
        return False


def processor_s(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def server(runtime):
    """A bundle of a server in the network of this process."""
    bundle = runtime.bundle().process("/server", "events", str(PORT))
    shutil.copy(pathlib.Path(os.path.dirname(runtime.program), SERVER), bundle.root / "server")
    bundle.config["annotations"] = {"mayfly.dev/contract": "http", "mayfly.dev/port": str(PORT), "mayfly.dev/slots": "2"}
    bundle.config["linux"]["namespaces"] = [{"type": "mount"}]
    del bundle.config["hostname"]
    return bundle


def many_clients(check, runtime):
    """more clients than descriptors"""
    if not runtime.is_mayfly:
        return
    with runtime.create(server(runtime)) as container:
        resource.prlimit(container.pid, resource.RLIMIT_NOFILE, (LIMIT, LIMIT))
        started = container.start()
        if not check("serves", started.status == 0 and until(answers, 30), container):
            return
        idle = [socket.create_connection(("127.0.0.1", PORT), 20) for _ in range(2 * LIMIT)]
        time.sleep(1)
        before, began = processor_s(container.pid), time.monotonic()
        time.sleep(2)
        share = (processor_s(container.pid) - before) / (time.monotonic() - began)
        check("wait without work", share < 0.3, f"{share:.2f} of a processor")
        for client in idle:
            client.close()
        check("serves when they have gone", until(answers, 20), container)


def heads(check, runtime):
    """heads that are odd"""
    if not runtime.is_mayfly:
        return
    with runtime.create(server(runtime)) as container:
        container.start()
        if not check("serves", until(answers, 30), container):
            return
        for what, text in (("a line first", b"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
                           ("a blank before the colon", b"GET / HTTP/1.1\r\nConnection : keep-alive\r\nHost: a\r\n\r\n"),
                           ("one that is continued", b"GET / HTTP/1.1\r\nHost: a\r\nConnection: keep\r\n -alive\r\n\r\n"),
                           ("nothing but its end", b"\r\n\r\n")):
            said = ask(text)
            check(what, said.startswith(b"HTTP/1.1 200"), said)
        start = b"GET / HTTP/1.1\r\nA: "
        said = ask(start + b"x" * (65536 - len(start)))
        check("one that has no end", said.startswith(b"HTTP/1.1 431"), said)
        check("serves afterwards", answers(), container)


ALL = (many_clients, heads)
