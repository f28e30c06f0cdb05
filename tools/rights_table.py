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
    "acceld-tenant": "A tenant's worker of the accelerator host",
    "acceld-code": "A tenant's worker that may run code, beside what others may",
    "acceld-zygote": "The zygote of tenants' workers, beside what those may",
    "acceld": "The supervisor of an accelerator host, beside what all of these may",
    "acceld-relay": "A relay of the accelerator host",
    "acceld-listening": "The supervisor of an accelerator host that listens for tenants, beside these",
    "acceld-metrics": "The metrics of an accelerator host, beside what a relay may",
    "rootd": "The server of a root directory",
    "rootd-writing": "The same, where parts of it can be written, beside those",
    "mayfly-http": "The HTTP worker of the gateway",
    "mayfly-courier": "The courier of the gateway",
    "mayfly-unpacker": "What looks at images from strangers, and packs them",
    "kvm-state": "A monitor of virtual machines that snapshots keep whole (`raw` images), beside all of the first",
    "kvm-kernels": "A monitor of virtual machines whose guests were built for the privileged ring, beside these two",
    "kvm-solo5": "A monitor of Solo5 guests, beside all of these",
    "kvm-unikraft": "A monitor of Unikraft guests, beside all of these but the last",
    "kvm-linux": "A monitor of Linux kernels, beside what all of kernels may",
    "process-solo5-spt": "A monitor of Solo5 guests that make system calls, and such a guest until it has its own filter, beside "
                         "what a monitor of guest processes may",
}


def describe(name, argument, mask, value, kind, purpose):
    if kind == "absent":
        return f"`{name}`: answered with ENOSYS", purpose
    if kind == "trapped":
        return f"`{name}`: answered by the process itself, without the kernel", purpose
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
