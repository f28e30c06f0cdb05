"""The benchmark's work in Python: python3 handler.py bare|modules|numpy [FILE]

Each line of standard input (or of FILE, for a process without one) is a number and a request; what
a script does once is done before the first."""

import sys


def bare():
    return lambda number: sum(range(number))


def modules():
    import hashlib
    import json
    import re

    def work(number):
        text = json.dumps({"numbers": list(range(number)), "unit": "µs"})
        found = re.findall(r"\d*7\b", text)
        return hashlib.sha256(" ".join(found).encode()).hexdigest()
    return work


def numpy():
    import numpy as np
    left, right = np.random.default_rng(1).standard_normal((2, 64, 64))

    def work(number):
        return f"{(left * number @ right).sum():.6f}"
    return work


def main():
    work = {"bare": bare, "modules": modules, "numpy": numpy}[sys.argv[1]]()
    lines = open(sys.argv[2]) if len(sys.argv) > 2 else sys.stdin
    for line in lines:
        print(work(int(line)), flush=True)


main()
