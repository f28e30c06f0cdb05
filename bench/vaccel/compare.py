#!/usr/bin/env python3
"""What calls of the vAccel API cost with two libraries, in turns on one machine.

    compare.py PROGRAM OUR-LIBRARY-DIRECTORY THEIR-LIBRARY-DIRECTORY PLUGIN [TURNS]

PROGRAM is calls.c, PLUGIN any plugin that both libraries can load. Each turn is a run with one
library and one with the other; a row's figure is the median of the turns. Says which rows of ours are
dearer, and fails if there is one.
"""
import os
import statistics
import subprocess
import sys


def measure(program, library, plugin):
    environment = dict(os.environ, LD_LIBRARY_PATH=library, VACCEL_PLUGINS=plugin,
                       VACCEL_LOG_LEVEL="1")
    lines = subprocess.run([program, "200"], env=environment, check=True, text=True,
                           stdout=subprocess.PIPE).stdout.splitlines()
    return {name: float(figure) for name, figure in map(str.split, lines)}


def main():
    program, ours, theirs, plugin = sys.argv[1:5]
    turns = int(sys.argv[5]) if len(sys.argv) > 5 else 7
    figures = {ours: [], theirs: []}
    for _ in range(turns):
        for library, runs in figures.items():
            runs.append(measure(program, library, plugin))
    dearer = []
    print(f"{'ns a call':22} {'ours':>9} {'theirs':>9}")
    for name in figures[ours][0]:
        our, their = (statistics.median(run[name] for run in figures[library])
                      for library in (ours, theirs))
        dearer += [name] if our > their else []
        print(f"{name:22} {our:9.1f} {their:9.1f}{'   dearer' if our > their else ''}")
    return bool(dearer)


if __name__ == "__main__":
    sys.exit(main())
