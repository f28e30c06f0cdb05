#!/usr/bin/env python3
"""tools/layers.py finds what it is there to find.

usage: test_layers.py LAYERS.py

Each case makes one change to a copy of this tree's sources and expects the sentence that names it, and
no other.
"""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

TOP = pathlib.Path(__file__).resolve().parents[2]
SKIP = 77


def run(*command):
    return subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE).stdout


def copy_tree(to):
    listed = run("git", "-C", TOP, "ls-files", "-z", "--cached", "--others",
                 "--exclude-standard", "*.c", "*.h", "*.S", "*.cpp", "*.def", "tools/layers.txt",
                 "docs/architecture.md")
    for name in listed.rstrip("\0").split("\0"):
        if (TOP / name).exists():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(TOP / name, to / name)
    run("git", "-C", to, "init", "--quiet")


class Tree:
    """A copy, in which a file that was changed can be put back."""

    def __init__(self, tool, root):
        self.tool, self.root, self.changed = tool, root, {}
        assert self.findings() == (0, []), f"it says {self.findings()[1]} of the tree as it is"

    def findings(self):
        result = subprocess.run([self.tool, self.root], check=False, text=True,
                                stdout=subprocess.PIPE)
        return result.returncode, result.stdout.splitlines()

    def write(self, name, text):
        path = self.root / name
        self.changed.setdefault(name, path.read_text() if path.exists() else None)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def append(self, name, text):
        self.write(name, (self.root / name).read_text() + text)

    def put_back(self):
        for name, text in self.changed.items():
            if text is None:
                (self.root / name).unlink()
            else:
                (self.root / name).write_text(text)
        self.changed = {}

    def expect(self, *sentences):
        status, lines = self.findings()
        assert status == 1, f"it exits with {status}"
        assert len(lines) == len(sentences), f"it says {lines}"
        for sentence in sentences:
            assert any(sentence in line for line in lines), f"it says {lines} and not {sentence}"
        self.put_back()


def check_circles(tree):
    # Two new files, so that no circle that is there already takes them in.
    tree.write("rootd/planted.h", '#include "rootd/planted_other.h"\n')
    tree.write("rootd/planted_other.c", '#include "planted.h"\n')
    tree.write("rootd/planted_other.h", "")
    tree.expect("a circle of includes: rootd/planted -> rootd/planted_other -> rootd/planted")

    # A source may include its own header: they are one unit.
    tree.write("rootd/planted.h", "")
    tree.write("rootd/planted.c", '#include "planted.h"\n#include "nowhere_at_all.h"\n')
    tree.expect('rootd/planted.c includes "nowhere_at_all.h", which is nowhere in this tree')

    for name, other in ("ab", "bc", "cd", "da"):
        tree.write(f"rootd/planted_{name}.h", f'# include "planted_{other}.h"\n')
    tree.expect("rootd/planted_d -> rootd/planted_a, one of 4 units that include each other")


def check_layers(tree):
    tree.append("lib/util/error.c", '#include "root_server/planted.h"\n')
    tree.write("lib/root_server/planted.h", "")
    tree.expect("lib/util/error.c includes lib/root_server/planted.h: lib/util/ may not use lib/root_server/")

    name = min(path.relative_to(tree.root).as_posix() for path in tree.root.glob("guest/**/*.c"))
    tree.append(name, "#include <util/log.h>\n")
    tree.expect(f"{name} includes lib/util/log.h: {os.path.dirname(name)}/ may not use lib/util/")

    tree.append("tools/layers.txt", "tests/trust/ cellar/ *\n")
    tree.expect("tests/trust/ may use cellar/, which is not below it")
    tree.append("tools/layers.txt", "a word\n")
    tree.expect("this is no entry: a word")


def check_names(tree):
    tree.write("attic/planted.c", "")
    tree.expect("attic/ has sources and no line in tools/layers.txt")
    tree.append("tools/layers.txt", "attic/ include/\n")
    tree.expect("tools/layers.txt names attic/, where there are no sources",
                "docs/architecture.md has no line for attic/")
    tree.append("docs/architecture.md", "\n| `attic/` | what nobody needs |\n")
    tree.expect("docs/architecture.md has a line for attic/, which tools/layers.txt does not name")
    for number in range(31):
        tree.write(f"rootd/planted_{number}.c", "")
    tree.expect("rootd/ has ")
    text = (tree.root / "docs/architecture.md").read_text()
    util, options = "| `lib/util/` |", "| `lib/options/` |"
    tree.write("docs/architecture.md", text.replace(util, "@").replace(options, util)
               .replace("@", options))
    tree.expect("name lib/options/ in a different place")


def main():
    tool = pathlib.Path(sys.argv[1]).resolve()
    if subprocess.run(["git", "-C", TOP, "rev-parse"], check=False, stderr=subprocess.DEVNULL,
                      stdout=subprocess.DEVNULL).returncode:
        print("skipped: this is no checkout")
        sys.exit(SKIP)
    with tempfile.TemporaryDirectory() as name:
        root = pathlib.Path(name)
        copy_tree(root)
        tree = Tree(tool, root)
        check_circles(tree)
        check_layers(tree)
        check_names(tree)


if __name__ == "__main__":
    main()
