#!/usr/bin/env python3
"""Whether a ratio got worse than the kept one by more than noise.

usage: check.py KEPT.json RESULTS.json...
RESULTS are one or more runs of today. A ratio is worse where the 95 % interval of every run lies
above that of the kept one: what differs between two runs of one program on one machine (where the
kernel put its memory, what the neighbours did) is noise as well, and is seen only across runs.
Exit status 1 where a ratio is worse, 2 where nothing can be compared.
"""

import json
import pathlib
import sys


def ratios(path):
    results = json.loads(pathlib.Path(path).read_text())
    return {check["title"]: check for check in results["checks"]
            if not check["unit"] and check["high"] > 0}


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__.strip())
    try:
        kept = ratios(sys.argv[1])
        runs = [ratios(path) for path in sys.argv[2:]]
    except (OSError, ValueError, KeyError) as problem:
        print(f"check.py: {problem}", file=sys.stderr)
        sys.exit(2)
    compared = [title for title in kept if all(title in run for run in runs)]
    if not compared:
        print("check.py: no ratio is in all of the results", file=sys.stderr)
        sys.exit(2)
    worse = 0
    for title in compared:
        low = min(run[title]["low"] for run in runs)
        measured = ", ".join(f"{run[title]['measured']:.3g}" for run in runs)
        is_worse = low > kept[title]["high"]
        worse += is_worse
        print(f"{'worse' if is_worse else 'fine':6}{title}: kept {kept[title]['measured']:.3g} "
              f"(to {kept[title]['high']:.3g}), now {measured}")
    sys.exit(worse != 0)


if __name__ == "__main__":
    main()
