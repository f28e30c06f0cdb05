#!/usr/bin/env python3
"""Tenants with weights who all take what they can get: how the device is shared between them.

usage: weigh.py BUILD [--weights=100,300] [--clients=N] [--seconds=S] [--rounds=N]

Each has a socket of its own and as many clients, which detect objects one picture after the other.
"""
import argparse
import os
import pathlib
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))
import acceld_host  # noqa: E402
from measure import PHOTO  # noqa: E402
from share_model import start  # noqa: E402


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--weights", default="100,300")
    parser.add_argument("--clients", type=int, default=6)
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    build, weights = arguments.build.resolve(), arguments.weights.split(",")
    os.environ["LD_LIBRARY_PATH"] = str(build / "lib/accel")
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        config = folder / "acceld.yaml"
        config.write_text("tenants:\n" + "".join(
            f"  - name: weight-{weight}-{place}\n    listen: seqpacket://{folder}/{place}.sock\n"
            f"    weight: {weight}\n" for place, weight in enumerate(weights)), encoding="ascii")
        host = acceld_host.start(build, folder, f"--config={config}", MAYFLY_LOG="error")
        for _ in range(arguments.rounds):
            clients = [(place, start([build / "tests/tenants/clients", "remote",
                                      folder / f"{place}.sock", PHOTO, str(arguments.seconds)]))
                       for place in range(len(weights)) for _ in range(arguments.clients)]
            for _, client in clients:
                client.stdin.write("\n")
                client.stdin.flush()
            done = [0] * len(weights)
            for place, client in clients:
                done[place] += int(client.stdout.readline())
                client.stdin.close()
                if client.wait():
                    raise SystemExit("an op failed")
            print("; ".join(f"weight {weight}: {count} ops" for weight, count in zip(weights, done))
                  + f"; the last has {done[-1] / done[0]:.2f} times the first", flush=True)
        host.terminate()
        host.wait()


if __name__ == "__main__":
    main()
