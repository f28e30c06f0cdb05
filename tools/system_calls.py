#!/usr/bin/env python3
"""Makes docs/system-calls.md from the library OS's table of system calls.

usage: system_calls.py CALLS_DEF LINUX_CALLS            prints the page
       system_calls.py CALLS_DEF LINUX_CALLS --check PAGE
       system_calls.py CALLS_DEF LINUX_CALLS --write PAGE

CALLS_DEF is include/mayfly/calls.def, LINUX_CALLS a list of Linux' calls and their numbers. --check fails
where PAGE is not what would be printed.
"""
import difflib
import re
import sys

ENTRY = re.compile(
    r'CALL\((?P<name>\w+),\s*"(?P<arguments>[a-zA-Z]*)",\s*'
    r'(?P<support>FULL|PARTLY|REFUSED)(?:\((?P<text>(?:\s*"[^"]*")+)\s*\))?\),')
STRING = re.compile(r'"([^"]*)"')
COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
FAMILY = re.compile(r"/\* ([^*]+?) \*/")

INTRODUCTION = """\
# System calls

What the library OS answers to each system call of Linux on x86-64. This page is generated from
[`include/mayfly/calls.def`](../include/mayfly/calls.def) by `tools/system_calls.py`; a test fails where it is out of
date.

- **full**: does what the manual page says, as far as it has a meaning for processes on one
  processor with a file tree in memory.
- **partly**: does that, but for what is named.
- **refused**: always answers with the error that is named, for the reason given.
- Everything else answers `ENOSYS`, and is logged once at debug level.

A pointer that the program may not use is `EFAULT`, in every call. What holds for all calls (several
processes, no network, memory) is in [guest-abi.md](guest-abi.md#system-calls).

"""


def read_calls(path):
    """The families in their order, each a list of (name, support, text)."""
    with open(path, encoding="utf-8") as file:
        text = file.read()
    families, position = [], 0
    heading = None
    tokens = sorted([*((match.start(), "family", match) for match in FAMILY.finditer(text)),
                     *((match.start(), "entry", match) for match in ENTRY.finditer(text))],
                    key=lambda token: token[0])
    found = 0
    for position, kind, match in tokens:
        if kind == "family":
            heading = match[1]
            continue
        if heading is None:
            sys.exit(f"{path}: {match['name']} belongs to no family")
        if not families or families[-1][0] != heading:
            families.append((heading, []))
        words = "".join(STRING.findall(match["text"] or ""))
        if bool(words) == (match["support"] == "FULL"):
            sys.exit(f"{path}: {match['name']}: what is missing is said for PARTLY and REFUSED")
        families[-1][1].append((match["name"], match["support"], words))
        found += 1
    entries = len(re.findall(r"\bCALL\(", COMMENT.sub("", text)))
    if found != entries:
        sys.exit(f"{path}: {entries} entries, of which {found} have the form "
                 'CALL(name, "arguments", support)')
    return families


def read_linux(path):
    with open(path, encoding="utf-8") as file:
        pairs = [line.split() for line in file if line.strip() and not line.startswith("#")]
    return {name: int(number) for number, name in pairs}


def render(families, linux):
    served = {name for _, entries in families for name, _, _ in entries}
    unknown = served - linux.keys()
    if unknown:
        sys.exit(f"not calls of Linux: {', '.join(sorted(unknown))}")
    kinds = {"FULL": 0, "PARTLY": 0, "REFUSED": 0}
    for _, entries in families:
        for _, support, _ in entries:
            kinds[support] += 1
    missing = [name for name in linux if name not in served]
    parts = [INTRODUCTION,
             f"Of {len(linux)} calls, {kinds['FULL']} are served in full, {kinds['PARTLY']} partly; "
             f"{kinds['REFUSED']} are refused, and {len(missing)} answer `ENOSYS`.\n"]
    for heading, entries in families:
        parts.append(f"\n## {heading}\n\n| call | number | served | what is missing |\n"
                     "|---|---|---|---|\n")
        parts += [f"| `{name}` | {linux[name]} | {support.lower()} | {text} |\n"
                  for name, support, text in entries]
    parts.append("\n## ENOSYS\n\n")
    line = ""
    for index, name in enumerate(missing):
        word = f"`{name}`" + ("," if index + 1 < len(missing) else ".")
        if len(line) + 1 + len(word) > 100:
            parts.append(line + "\n")
            line = word
        else:
            line = f"{line} {word}".strip()
    parts.append(line + "\n")
    return "".join(parts)


def check(page, path):
    with open(path, encoding="utf-8") as file:
        written = file.read()
    if written == page:
        return 0
    sys.stdout.writelines(difflib.unified_diff(written.splitlines(True), page.splitlines(True),
                                               path, "as it should be"))
    print(f"{path} is out of date: run tools/system_calls.py with --write")
    return 1


def main():
    if len(sys.argv) not in (3, 5):
        sys.exit(__doc__)
    page = render(read_calls(sys.argv[1]), read_linux(sys.argv[2]))
    if len(sys.argv) == 3:
        sys.stdout.write(page)
        return 0
    action, path = sys.argv[3:]
    if action == "--check":
        return check(page, path)
    if action != "--write":
        sys.exit(__doc__)
    with open(path, "w", encoding="utf-8") as file:
        file.write(page)
    return 0


if __name__ == "__main__":
    sys.exit(main())
