#!/usr/bin/env python3
"""Checks that sources include only what their layer may use, and never in a circle.

usage: layers.py [ROOT]

ROOT/tools/layers.txt names the folders and says what it means. Prints a sentence for each thing that
is wrong and exits with 1 if there is one. A source and the header of the same name count as one unit.
"""

import os
import pathlib
import re
import subprocess
import sys

SOURCES = (".c", ".h", ".S", ".cpp", ".def")
INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]+(["<])([^">]+)[">]', re.MULTILINE)
LAYERS, MAP = "tools/layers.txt", "docs/architecture.md"
# A line of the map: a row of a table that begins with the name of a folder.
MAPPED = re.compile(r"^\| `([\w./-]+)/` \|", re.MULTILINE)


class Layers:
    """The file of layers: folders from the bottom up, and what each may use."""

    def __init__(self, text):
        self.uses = {}  # folder -> folders; a folder always uses itself
        self.whole = set()  # folders whose entry counts for all folders below, too
        self.search, self.generated, self.limit = [], set(), None
        self.problems = []
        for number, line in enumerate(text.splitlines(), 1):
            words = line.partition("#")[0].split()
            if words and not self.read(words[0], words[1:]):
                self.problems.append(f"{LAYERS}:{number}: this is no entry: {line.strip()}")

    def read(self, name, words):
        if name == "files":
            self.limit = int(words[0])
        elif name == "search":
            self.search += words
        elif name == "generated":
            self.generated |= set(words)
        elif name.endswith(("/", "/**")):
            folder = name.removesuffix("**").rstrip("/")
            if name.endswith("**"):
                self.whole.add(folder)
            self.uses[folder] = self.allowed(folder, words)
        else:
            return False
        return True

    def allowed(self, folder, words):
        allowed = {folder}
        for word in words:
            named = word.rstrip("/")
            if word == "*":
                allowed |= set(self.uses)
            elif word.endswith("/*"):
                allowed |= {other for other in self.uses if (other + "/").startswith(word[:-1])}
            elif named in self.uses:
                allowed.add(named)
            else:
                self.problems.append(f"{LAYERS}: {folder}/ may use {named}/, which is not below it")
        return allowed

    def folder_of(self, path):
        """The entry that a file belongs to, or none."""
        folder = os.path.dirname(path)
        if folder in self.uses:
            return folder
        return next((entry for entry in self.whole if folder.startswith(entry + "/")), None)


def list_sources(root):
    listing = subprocess.run(["git", "-C", root, "ls-files", "-z", "--cached", "--others",
                              "--exclude-standard"], check=True, stdout=subprocess.PIPE, text=True)
    return sorted(path for path in set(listing.stdout.split("\0"))
                  if path.endswith(SOURCES) and (root / path).exists())


def find(name, path, layers, sources):
    """The file of this tree that an include in `path` means: looked for beside it, in the folders
    around it, then where layers.txt says. Of several there, one that may be used."""
    folder = os.path.dirname(path)
    places = [folder]
    while folder:
        folder = os.path.dirname(folder)
        places.append(folder)
    allowed = layers.uses.get(layers.folder_of(path), ())
    found = None
    for place in places + layers.search:
        candidate = os.path.normpath(os.path.join(place, name))
        if candidate in sources:
            if place in places or layers.folder_of(candidate) in allowed:
                return candidate
            found = found or candidate
    return found


def read_includes(root, layers, sources, problems):
    """path -> paths that it includes."""
    known = set(sources)
    includes = {}
    for path in sources:
        includes[path] = []
        for quote, name in INCLUDE.findall((root / path).read_text()):
            target = find(name, path, layers, known)
            if target:
                includes[path].append(target)
            elif quote == '"' and name not in layers.generated:
                problems.append(f'{path} includes "{name}", which is nowhere in this tree')
    return includes


def check_folders(layers, includes, problems):
    for path, targets in includes.items():
        folder = layers.folder_of(path)
        if not folder:
            continue
        for target in targets:
            below = layers.folder_of(target)
            if below and below not in layers.uses[folder]:
                problems.append(f"{path} includes {target}: {folder}/ may not use {below}/")


def check_names(layers, sources, problems):
    """Every folder with sources is named, and every name is a folder."""
    for folder in sorted({os.path.dirname(path) for path in sources if not layers.folder_of(path)}):
        problems.append(f"{folder}/ has sources and no line in {LAYERS}")
    for folder in layers.uses:
        if not any(path.startswith(folder + "/") for path in sources):
            problems.append(f"{LAYERS} names {folder}/, where there are no sources")


def check_sizes(layers, sources, problems):
    counts = {}
    for path in sources:
        counts[os.path.dirname(path)] = counts.get(os.path.dirname(path), 0) + 1
    for folder, count in counts.items():
        if layers.limit and count > layers.limit:
            problems.append(f"{folder}/ has {count} sources, more than {layers.limit}")


def check_map(layers, text, problems):
    """The map names the same folders in the same order."""
    mapped, named = MAPPED.findall(text), list(layers.uses)
    missing = [folder for folder in named if folder not in mapped]
    unknown = [folder for folder in mapped if folder not in named]
    problems += [f"{MAP} has no line for {folder}/" for folder in missing]
    problems += [f"{MAP} has a line for {folder}/, which {LAYERS} does not name"
                 for folder in unknown]
    if not missing and not unknown and mapped != named:
        first = next(there for there, here in zip(mapped, named) if there != here)
        problems.append(f"{MAP} and {LAYERS} name {first}/ in a different place")


def find_circles(edges):
    """Sets of nodes that reach each other, by Tarjan's algorithm without recursion."""
    order, low, stack, circles = {}, {}, [], []
    for start in edges:
        work = [(start, iter(()))] if start not in order else []
        while work:
            node, rest = work[-1]
            if node not in order:
                order[node] = low[node] = len(order)
                stack.append(node)
                rest = iter(sorted(edges.get(node, ())))
                work[-1] = (node, rest)
            following = next((n for n in rest if n not in order or n in stack), None)
            if following is not None and following not in order:
                work.append((following, iter(())))
                continue
            if following is not None:
                low[node] = min(low[node], order[following])
                continue
            work.pop()
            if work:
                low[work[-1][0]] = min(low[work[-1][0]], low[node])
            if low[node] == order[node]:
                at = stack.index(node)
                if len(stack) - at > 1:
                    circles.append(stack[at:])
                del stack[at:]
    return circles


def shortest_circle(members, edges):
    """One way round, as short as there is, which is what has to be broken first."""
    inside, best = set(members), None
    for start in sorted(members):
        came, waiting = {start: None}, [start]
        for node in waiting:
            for following in sorted(edges[node] & inside):
                if following == start:
                    way = [node]
                    while came[way[-1]]:
                        way.append(came[way[-1]])
                    way = way[::-1] + [start]
                    if not best or len(way) < len(best):
                        best = way
                elif following not in came:
                    came[following] = node
                    waiting.append(following)
    return best


def check_circles(includes, problems):
    edges = {}
    for path, targets in includes.items():
        unit = os.path.splitext(path)[0]
        edges.setdefault(unit, set()).update(
            os.path.splitext(target)[0] for target in targets)
        edges[unit].discard(unit)
    for members in find_circles(edges):
        way = shortest_circle(members, edges)
        more = f", one of {len(members)} units that include each other" if len(members) > 2 else ""
        problems.append(f"a circle of includes: {' -> '.join(way)}{more}")


def main():
    if len(sys.argv) > 2:
        sys.exit(__doc__.strip())
    root = pathlib.Path(sys.argv[1] if len(sys.argv) == 2 else __file__).resolve()
    if len(sys.argv) == 1:
        root = root.parent.parent
    layers = Layers((root / LAYERS).read_text())
    problems = layers.problems
    sources = list_sources(root)
    includes = read_includes(root, layers, sources, problems)
    check_names(layers, sources, problems)
    check_folders(layers, includes, problems)
    check_circles(includes, problems)
    check_sizes(layers, sources, problems)
    check_map(layers, (root / MAP).read_text(), problems)
    for problem in problems:
        print(f"layers: {problem}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
