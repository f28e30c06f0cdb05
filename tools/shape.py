#!/usr/bin/env python3
"""Measures the shape of the sources: what grows when nobody looks.

usage: shape.py [ROOT]
"""

import collections
import os
import pathlib
import re
import sys

sys.dont_write_bytecode = True
import layers  # noqa: E402

RUN = 6  # lines
# A function's body in the style of these sources: braces of its own in the first column.
BODY = re.compile(r"^(\w[^\n;{}]*(?:\n[ \t]+[^\n;{}]*)*\))\n\{\n(.*?)^\}$", re.MULTILINE | re.DOTALL)
# Lines that repeat by their nature, and so begin or continue no run.
THIN = re.compile(r"(#include\b.*|[{}();,\s]*|/?\*.*|(else|return.{0,12}|break);?)$")


def functions(root, sources):
    """(lines from the name to the closing brace, file, name) of each function in C."""
    for path in sources:
        if path.endswith(".c"):
            for head, body in BODY.findall((root / path).read_text()):
                name = re.search(r"(\w+)\(", head)
                if name:
                    yield head.count("\n") + body.count("\n") + 3, path, name[1]


def repeated_runs(root, sources):
    """How many runs of RUN or more lines stand in two places, letter by letter but for indents."""
    windows = collections.defaultdict(list)
    for path in sources:
        lines = [line.strip() for line in (root / path).read_text().splitlines()]
        lines = [line for line in lines if not THIN.match(line)]
        for at in range(len(lines) - RUN + 1):
            windows[tuple(lines[at:at + RUN])].append((path, at))
    pairs = {(first, second) for places in windows.values() if len(places) < 9
             for i, first in enumerate(places) for second in places[i + 1:]}
    # A pair that continues the pair of the lines before it is the same run.
    return sum(((first[0], first[1] - 1), (second[0], second[1] - 1)) not in pairs
               for first, second in pairs)


def circles(root, sources, named):
    """Circles of includes: of files, and of folders."""
    includes = layers.read_includes(root, named, sources, [])
    units, folders = {}, {}
    for path, targets in includes.items():
        for edges, part in ((units, lambda name: os.path.splitext(name)[0]),
                            (folders, lambda name: named.folder_of(name) or os.path.dirname(name))):
            edges.setdefault(part(path), set()).update(map(part, targets))
            edges[part(path)].discard(part(path))
    return len(layers.find_circles(units)), len(layers.find_circles(folders))


def main():
    if len(sys.argv) > 2:
        sys.exit(__doc__.strip())
    tools = pathlib.Path(__file__).resolve().parent
    root = pathlib.Path(sys.argv[1]).resolve() if len(sys.argv) == 2 else tools.parent
    # An older tree may have no file of layers: this one's says where headers are looked for.
    file = root / layers.LAYERS if (root / layers.LAYERS).exists() else tools / "layers.txt"
    sources = layers.list_sources(root)
    count, folder = max((number, name) for name, number in
                        collections.Counter(map(os.path.dirname, sources)).items())
    print(f"sources in the largest folder   {count} ({folder})")
    of_files, of_folders = circles(root, sources, layers.Layers(file.read_text()))
    print(f"circles of includes             {of_files} of files, {of_folders} of folders")
    product = [path for path in sources if not path.startswith(("tests/", "bench/"))]
    for what, among in (("longest function", product), ("  with tests", sources)):
        lines, path, name = max(functions(root, among))
        print(f"{what:<31} {lines} lines ({name}, {path})")
    print(f"repeated runs of {RUN} lines       {repeated_runs(root, product)}, "
          f"with tests {repeated_runs(root, sources)}")
    print(f"words in README.md              {len((root / 'README.md').read_text().split())}")


if __name__ == "__main__":
    main()
