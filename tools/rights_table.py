#!/usr/bin/env python3
"""Puts the allow-lists of system calls into docs/security.md, between its two marks.

    list-rights | tools/rights_table.py --check|--write docs/security.md

list-rights is built from the tables that the filters are made of (tests/confine/list_rights.c).
"""
import sys

BEGIN = "<!-- rights:begin -->\n"
END = "<!-- rights:end -->\n"
ROLES = {
    "kvm": "A monitor of virtual machines",
    "process": "A monitor of guest processes, and a guest process until it has its own filter",
    "acceld-worker": "A worker of the accelerator host",
    "acceld": "The supervisor of an accelerator host, beside what its workers may",
    "rootd": "The server of a root directory",
}


def describe(name, argument, mask, value, kind, purpose):
    if kind == "absent":
        return f"`{name}`: answered with ENOSYS", purpose
    if name == "ioctl" and argument != "0":
        request, _, purpose = purpose.partition(": ")
        return f"`ioctl` {request}", purpose
    if argument != "0":
        whole = mask.lower() in ("0xffffffff", "0xffffffffffffffff")
        bits = "is" if whole else f"has of the bits {mask}"
        name = f"`{name}` where argument {argument} {bits} {value}"
    else:
        name = f"`{name}`"
    return name, purpose + ("; not on every machine or at every time" if kind == "seldom" else "")


def render(lines):
    parts, role = [], None
    for line in lines:
        now, name, _, argument, mask, value, kind, purpose = line.rstrip("\n").split("\t")
        if now != role:
            role = now
            parts.append(f"\n### {ROLES[role]}\n\n| system call | for |\n|---|---|\n")
        parts.append("| {} | {} |\n".format(*describe(name, argument, mask, value, kind, purpose)))
    return "".join(parts) + "\n"


def main():
    if len(sys.argv) != 3 or sys.argv[1] not in ("--check", "--write"):
        sys.exit(__doc__)
    action, path = sys.argv[1:]
    with open(path, encoding="utf-8") as file:
        page = file.read()
    before, rest = page.split(BEGIN)
    after = rest.split(END)[1]
    wanted = before + BEGIN + render(sys.stdin) + END + after
    if action == "--write":
        with open(path, "w", encoding="utf-8") as file:
            file.write(wanted)
        return 0
    if page != wanted:
        print(f"{path} is out of date: run list-rights | tools/rights_table.py --write {path}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
