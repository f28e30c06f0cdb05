"""What the gateway's benchmark starts, and asks."""

import json
import os
import pathlib
import subprocess
import sys

TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TOP / "tests/gateway"))
from gateway import Gateway, until  # noqa: E402,F401  # for whoever imports this

LIMIT = 120  # seconds


class Program:
    """A server that prints its port; killed where it is left."""

    def __init__(self, *command):
        self.process = subprocess.Popen(list(map(str, command)), stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        line = self.process.stdout.readline().strip()
        if not line.isdigit():
            self.stop()
            raise OSError(f"{command[0]} does not serve")
        self.port = int(line)

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


def run_json(*command):
    """One line of JSON from a program."""
    result = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=LIMIT,
                            check=False)
    if result.returncode:
        raise OSError(f"{pathlib.Path(command[0]).name}: {result.stderr.strip()}")
    return json.loads(result.stdout)


class Load:
    """The load generator of a build directory."""

    def __init__(self, build):
        self.program = build / "bench/load"

    def __call__(self, port, path="/", **options):
        told = run_json(self.program, f"--port={port}", f"--path={path}",
                        *(f"--{name}={value}" for name, value in options.items()))
        if told["refused"]:
            raise OSError(f"{told['refused']} of {told['served'] + told['refused']} requests of {path} "
                          f"at port {port} were refused")
        return told


# The least that crun takes: namespaces of its own, a read-only root, no capability.
CONTAINER = {
    "ociVersion": "1.0.2",
    "process": {"args": ["/hello"], "cwd": "/", "user": {"uid": 0, "gid": 0}, "env": ["PATH=/"],
                "noNewPrivileges": True},
    "root": {"path": "rootfs", "readonly": True},
    "mounts": [{"destination": "/proc", "type": "proc", "source": "proc"},
               {"destination": "/dev", "type": "tmpfs", "source": "tmpfs"}],
    "linux": {"namespaces": [{"type": kind} for kind in ("pid", "network", "ipc", "uts", "mount")]},
}


def make_bundle(folder, program):
    """A container with nothing but a program."""
    bundle = folder / "bundle"
    for name in ("proc", "dev"):
        (bundle / "rootfs" / name).mkdir(parents=True)
    (bundle / "config.json").write_text(json.dumps(CONTAINER))
    (bundle / "rootfs/hello").write_bytes(program.read_bytes())
    (bundle / "rootfs/hello").chmod(0o755)
    return bundle


# crun refuses machines that have a part of cgroup 2 and cgroup 1 beside it: it gets to see a plain one.
PLAIN_CGROUP = ("unshare", "--mount", "sh", "-c",
                'mount -t cgroup2 none /sys/fs/cgroup 2>/dev/null; exec "$@"', "sh")


def memory_of(processes):
    """Bytes of memory of processes, shares of what they share."""
    total = 0
    for process in processes:
        for line in pathlib.Path(f"/proc/{process}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                total += int(line.split()[1]) * 1024
    return total


def cache():
    """The rule of paths_cache() in lib/util/paths.c."""
    return pathlib.Path(os.environ.get("MAYFLY_CACHE") or pathlib.Path(
        os.environ.get("XDG_CACHE_HOME") or pathlib.Path(os.environ["HOME"], ".cache"), "mayfly"))
