"""What people do with podman."""
import json
import os
import re
import time

from rig import STATE, runtime_path
from steps import must, run, until

SERVER = """import http.server
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = b"asked for " + self.path.encode()
        self.send_response(200); self.send_header("Content-Length", str(len(body))); self.end_headers()
        self.wfile.write(body)
http.server.HTTPServer(("", 8000), Handler).serve_forever()
"""
# What makes Mayfly serve each request in a machine of its own; to others it means nothing.
SERVES = {"mayfly.dev/contract": "http", "mayfly.dev/port": "8000", "mayfly.dev/slots": "4"}
AS_SERVER = tuple(f"--annotation={name}={value}" for name, value in SERVES.items())
HASHES = "import hashlib, json, sys; print(json.dumps([hashlib.sha256(b'x').hexdigest()[:8], sys.argv[1]]))"
TICKS = "i=0; while test $i -lt 1000; do echo tick $i; i=$((i+1)); sleep 0.1; done"


class Podman:
    """podman with one runtime; names of containers end with the runtime's."""

    def __init__(self, runtime):
        self.runtime = runtime
        self.command = ("podman", "--root", str(STATE / "podman"), "--runroot", "/run/podman", "--log-level=error",
                        f"--runtime={runtime_path(runtime)}")

    def __call__(self, *words, **options):
        return run(*self.command, *words, **options)

    def load(self, archives):
        for archive in archives:
            must(*self.command, "load", "-q", "-i", archive)

    def run(self, *words, **options):
        return self("run", "--rm", "--network=none", *words, **options)

    def start(self, name, *words):
        """Starts a container that lives on, without a network."""
        self("rm", "-f", "-t", "0", name)
        return self("run", "-d", "--name", name, "--network=none", *words)

    def inspect(self, name, form):
        return self("inspect", "--format", form, name).out.strip()

    def state(self, name):
        return self.inspect(name, "{{.State.Status}}")


def hello_and_status(check, podman):
    """run"""
    ended = podman.run("localhost/hello:1")
    check("says hello", (ended.status, ended.out) == (0, "hello from a container\n"), ended)
    ended = podman.run("localhost/hello:1", "42")
    check("gives the status on", ended.status == 42, ended)
    ended = podman.run("localhost/box:1", "no-such-program")
    check("127 for a program that is not there", ended.status == 127 and "no-such-program" in ended.err, ended)


def process(check, podman):
    """process"""
    ended = podman.run("-e", "GIVEN=by hand", "-w", "/etc", "--hostname", "named", "localhost/box:1", "sh", "-c",
                       'echo "$1|$GIVEN|$FROM_IMAGE|$(pwd)|$(hostname)"', "sh", "a b")
    check("arguments, environment, directory, host name", ended.out == "a b|by hand|yes|/etc|named\n", ended)
    ended = podman.run("-u", "1000:1000", "localhost/box:1", "sh", "-c", "id -u; id -g; touch /etc/x || echo refused")
    check("user", ended.out.startswith("1000\n1000\n"), ended)
    check("has no rights of root", "refused" in ended.out, ended)
    ended = podman.run("-i", "localhost/box:1", "wc", "-c", feed="x" * 100000)
    check("standard input", ended.out == "100000\n", ended)
    ended = podman.run("localhost/box:1", "sh", "-c", "echo out; echo err >&2")
    check("streams stay apart", (ended.out, ended.err) == ("out\n", "err\n"), ended)
    ended = podman.run("localhost/box:1", "sh", "-c", "seq 1 200000 | wc -l; seq 1 100000")
    check("long output", ended.out == "200000\n" + "".join(f"{n}\n" for n in range(1, 100001)),
          f"{len(ended.out)} bytes, status {ended.status}, {ended.err[-300:]}")
    ended = podman.run("localhost/python:1", "-c", HASHES, "one")
    check("Python", ended.out == '["2d711642", "one"]\n', ended)


def files(check, podman):
    """files"""
    shared = STATE / f"shared-{podman.runtime}"
    shared.mkdir(exist_ok=True)
    (shared / "in").write_text("from the host\n", encoding="ascii")
    ended = podman.run("-v", f"{shared}:/data", "localhost/box:1", "sh", "-c", "cat /data/in; echo back >/data/out")
    out = shared / "out"
    check("a mounted directory", ended.out == "from the host\n", ended)
    check("can be written", out.exists() and out.read_text() == "back\n", ended)
    ended = podman.run("-v", f"{shared}:/data:ro", "localhost/box:1", "sh", "-c",
                       "cat /data/in; echo x >/data/never || echo refused")
    check("one to read only", ended.out == "from the host\nrefused\n" and not (shared / "never").exists(), ended)
    ended = podman.run("--tmpfs", "/scratch", "localhost/box:1", "sh", "-c", "echo x >/scratch/y; cat /scratch/y")
    check("a file system in memory", ended.out == "x\n", ended)
    ended = podman.run("--read-only", "localhost/box:1", "sh", "-c", "echo x >/etc/y || echo refused")
    check("a root to read only", ended.out == "refused\n", ended)
    name = f"kept-{podman.runtime}"
    podman.start(name, "localhost/box:1", "sh", "-c", "echo kept >/etc/kept")
    podman("wait", name)
    ended = podman("cp", f"{name}:/etc/kept", "-")
    check("what it wrote stays in its layer", "kept" in ended.out, ended)
    podman("rm", name)


def life(check, podman):
    """life"""
    name = f"life-{podman.runtime}"
    ended = podman.start(name, "localhost/box:1", "sh", "-c", TICKS)
    if not check("starts", ended.status == 0, ended):
        return
    check("logs", until(lambda: "tick 3\n" in podman("logs", name).out), podman("logs", name))
    state = json.loads(podman("inspect", name).out)[0]["State"]
    check("inspect says that it runs", state["Running"] and os.path.exists(f"/proc/{state['Pid']}"), state)
    ended = podman("exec", name, "sh", "-c", "echo inside; exit 7")
    check("exec", (ended.status, ended.out) == (7, "inside\n"), ended)
    ended = podman("exec", "-i", "-e", "MORE=1", "-w", "/etc", name, "sh", "-c", "cat; echo $MORE $(pwd)", feed="fed\n")
    check("exec with input, environment and directory", ended.out == "fed\n1 /etc\n", ended)
    ended = podman("pause", name)
    check("pause", ended.status == 0 and podman.state(name) == "paused", ended)
    before = podman("logs", name).out
    time.sleep(0.5)
    check("paused is still", podman("logs", name).out == before, before)
    ended = podman("unpause", name)
    check("unpause", ended.status == 0 and until(lambda: podman("logs", name).out != before), ended)
    ended = podman("kill", "-s", "KILL", name)
    check("kill", ended.status == 0 and until(lambda: podman.state(name) == "exited"), podman.state(name))
    check("its status", podman.inspect(name, "{{.State.ExitCode}}") == "137", podman.inspect(name, "{{.State}}"))
    ended = podman("start", name)
    check("starts again", ended.status == 0 and podman.state(name) == "running", ended)
    ended = podman("rm", "-f", "-t", "0", name)
    check("rm of a running one", ended.status == 0 and podman("inspect", name).status != 0, ended)


def stop(check, podman):
    """stop"""
    name = f"stop-{podman.runtime}"
    podman.start(name, "localhost/box:1", "sh", "-c",
                 "trap 'echo bye; exit 3' TERM; echo ready; while true; do sleep 0.1; done")
    until(lambda: "ready" in podman("logs", name).out)
    ended = podman("stop", "-t", "50", name)
    check("the program hears SIGTERM", ended.status == 0 and podman.inspect(name, "{{.State.ExitCode}}") == "3"
          and "bye" in podman("logs", name).out, f"{ended} {podman.inspect(name, '{{.State}}')}")
    ended = podman("rm", name)
    check("rm", ended.status == 0, ended)
    podman.start(name, "localhost/box:1", "sh", "-c", "trap '' TERM; echo ready; while true; do sleep 0.1; done")
    until(lambda: "ready" in podman("logs", name).out)
    ended = podman("stop", "-t", "1", name)
    check("one that does not hear it is killed", podman.inspect(name, "{{.State.ExitCode}}") == "137",
          f"{ended} {podman.inspect(name, '{{.State}}')}")
    podman("rm", name)


def create_then_start(check, podman):
    """create"""
    name = f"made-{podman.runtime}"
    ended = podman("create", "--name", name, "--network=none", "localhost/hello:1", "5")
    podman("init", name)
    check("is made, and has not run", ended.status == 0 and podman.state(name) == "initialized"
          and podman("logs", name).out == "", podman.state(name))
    ended = podman("start", "-a", name)
    check("start", (ended.status, ended.out) == (5, "hello from a container\n"), ended)
    podman("rm", name)
    podman("create", "--name", name, "--network=none", "localhost/hello:1")
    podman("init", name)
    ended = podman("rm", "-f", name)
    check("rm before start", ended.status == 0 and podman("inspect", name).status != 0, ended)


def terminal(check, podman):
    """terminal"""
    ended = podman.run("-t", "localhost/box:1", "sh", "-c", "test -t 0 && test -t 1 && echo a terminal")
    check("run", ended.out == "a terminal\r\n", ended)
    name = f"terminal-{podman.runtime}"
    podman.start(name, "localhost/box:1", "sleep", "600")
    ended = podman("exec", "-t", name, "sh", "-c", "test -t 1 && echo a terminal; exit 4")
    check("exec", (ended.status, ended.out) == (4, "a terminal\r\n"), ended)
    podman("rm", "-f", "-t", "0", name)


def limits(check, podman):
    """limits"""
    name = f"limits-{podman.runtime}"
    podman.start(name, "-m", "256m", "--pids-limit", "100", "localhost/box:1", "sleep", "600")
    ended = podman("stats", "--no-stream", "--format", "{{.MemUsage}} {{.PIDs}}", name)
    used = re.match(r"([\d.]+)(k|M)B / 268\.4MB (\d+)", ended.out)
    check("stats", used and float(used[1]) > 0 and int(used[3]) >= 1, ended)
    podman("rm", "-f", "-t", "0", name)
    ended = podman.run("-m", "128m", "localhost/python:1", "-c", "x = b'x' * (400 << 20); print('too much')")
    check("memory ends", ended.status not in (0, None) and "too much" not in ended.out, ended)


def network(check, podman):
    """network"""
    name = f"network-{podman.runtime}"
    podman("rm", "-f", "-t", "0", name)
    ended = podman("run", "-d", "--name", name, "--network=podman", *AS_SERVER, "localhost/python:1", "-c", SERVER)
    if not check("starts", ended.status == 0, ended):
        return
    address = podman.inspect(name, "{{.NetworkSettings.IPAddress}}")

    def ask():
        return run("python3", "-c", "import sys, urllib.request as r; print(r.urlopen(sys.argv[1], timeout=5).read())",
                   f"http://{address}:8000/one")

    check("a server answers at its address", until(lambda: "asked for /one" in ask().out), ask())
    answers = [ask().out for _ in range(20)]
    check("twenty times", all("asked for /one" in answer for answer in answers), answers)
    ended = podman("stop", "-t", "20", name)
    check("is stopped", ended.status == 0 and podman.state(name) == "exited", ended)
    podman("rm", "-f", "-t", "0", name)


def many(check, podman):
    """many"""
    names = [f"many-{podman.runtime}-{number}" for number in range(6)]
    started = [podman.start(name, "localhost/box:1", "sleep", "600") for name in names]
    check("six at a time", all(ended.status == 0 for ended in started),
          [str(ended) for ended in started if ended.status])
    running = podman("ps", "--format", "{{.Names}}").out.split()
    check("all run", set(names) <= set(running), running)
    ended = podman("rm", "-f", "-t", "0", *names)
    check("rm", ended.status == 0, ended)


ALL = (hello_and_status, process, files, life, stop, create_then_start, terminal, limits, network, many)
