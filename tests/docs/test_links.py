#!/usr/bin/env python3
"""What the pages point to is there: files, headings of pages, and paths in this tree. And the README is
short.

usage: test_links.py
"""

import pathlib
import re
import subprocess
import sys

TOP = pathlib.Path(__file__).resolve().parents[2]
SKIP = 77
README_WORDS = 900  # what is longer belongs into docs/
LINK = re.compile(r"\]\(([^)#\s]*)(?:#([^)\s]*))?\)")
# `lib/util/error.h`, and `functions/hello` for functions/hello.c.
PATH = re.compile(r"`([\w.-]+/[\w./-]+)`")
HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)


def anchors(page):
    """Of headings, as GitHub makes them."""
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
            for heading in HEADING.findall(page.read_text())}


def check_links(page):
    for target, anchor in LINK.findall(page.read_text()):
        if "://" in target:
            continue
        found = (page.parent / target).resolve() if target else page
        if not found.exists():
            yield f"links to {target}, which is not there"
        elif anchor and found.suffix == ".md" and anchor not in anchors(found):
            yield f"links to {target}#{anchor}: there is no such heading"


def check_paths(page, folders):
    for path in PATH.findall(page.read_text()):
        if path.split("/")[0] in folders and not any(
                (TOP / name).exists() for name in (path, path + ".c")):
            yield f"names {path}, which is not there"


def main():
    listing = subprocess.run(["git", "-C", TOP, "ls-files", "-z"], check=False, text=True,
                             stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    if listing.returncode:
        print("skipped: this is no checkout")
        sys.exit(SKIP)
    names = listing.stdout.rstrip("\0").split("\0")
    folders = {name.split("/")[0] for name in names if "/" in name}
    pages = [TOP / name for name in names if name.endswith(".md") and (TOP / name).exists()]
    problems = [f"{page.relative_to(TOP)} {problem}" for page in pages
                for problem in (*check_links(page), *check_paths(page, folders))]
    words = len((TOP / "README.md").read_text().split())
    if words >= README_WORDS:
        problems.append(f"README.md has {words} words")
    assert pages and not problems, "\n".join(problems)


if __name__ == "__main__":
    main()
