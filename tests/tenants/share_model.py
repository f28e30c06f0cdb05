#!/usr/bin/env python3
"""Many clients in processes of their own on one model, beside one process that runs the same ops with
as many threads.

usage: share_model.py BUILD [--clients=N] [--seconds=S] [--rounds=N]

By turns. Says how many ops there were in both ways, and how much memory the models took.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))
import acceld_host  # noqa: E402
from measure import PHOTO  # noqa: E402


def pss(process):
    rollup = pathlib.Path(f"/proc/{process}/smaps_rollup").read_text(encoding="ascii")
    return next(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:")) / 1024


def start(words):
    process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    if process.stdout.readline() != "ready\n":
        raise SystemExit(f"{words[0]} fails")
    return process


def finish(processes, memory_of):
    for process in processes:
        process.stdin.write("\n")
        process.stdin.flush()
    counts = [int(process.stdout.readline() or 0) for process in processes[:-1]]
    memory = pss(memory_of(processes)) if memory_of else 0
    counts.append(int(processes[-1].stdout.readline() or 0))
    for process in processes:
        process.stdin.close()
        if process.wait():
            raise SystemExit("an op failed")
    return sum(counts), memory


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    build = arguments.build.resolve()
    program, plugin = build / "tests/tenants/clients", build / "plugins/onnx/libvaccel-onnx.so"
    os.environ["LD_LIBRARY_PATH"] = str(build / "lib/accel")
    ratios = []
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        host = acceld_host.start(build, folder, MAYFLY_LOG="error", MAYFLY_ONNX_THREADS="1")
        worker = next(int(line.split()[0]) for line in subprocess.run(
            ["ps", "-o", "pid=,comm=", "--ppid", str(host.pid)], capture_output=True, text=True,
            check=True).stdout.splitlines() if "acceld-worker" in line)
        for _ in range(arguments.rounds):
            direct, own = finish([start([program, "direct", plugin, PHOTO, str(arguments.seconds),
                                         str(arguments.clients)])], None)
            many, shared = finish([start([program, "remote", folder / "acceld.sock", PHOTO,
                                          str(arguments.seconds)])
                                   for _ in range(arguments.clients)], lambda _: worker)
            ratios.append(many / direct)
            print(f"one process with {arguments.clients} threads: {direct / arguments.seconds:6.1f} ops/s; "
                  f"{arguments.clients} processes: {many / arguments.seconds:6.1f} ops/s, "
                  f"{ratios[-1]:.3f} of it; the worker has {shared:.0f} MiB (PSS)", flush=True)
        models = json.loads(subprocess.run(
            [build / "mayfly", "accel", f"--socket={folder}/acceld.sock", "--json", "ls"],
            capture_output=True, text=True, check=True).stdout)["models"]
        host.terminate()
        host.wait()
    print(f"median {statistics.median(ratios):.3f}; loaded: "
          + ", ".join(f"{each['name']} ({each['memory'] >> 20} MiB)" for each in models))


if __name__ == "__main__":
    main()
