#!/usr/bin/env python3
"""Figures of the benchmark as Markdown.

usage: table.py RESULTS.json [--update FILE.md]
Prints the tables; with --update puts them into FILE.md between the lines `<!-- bench:begin -->` and
`<!-- bench:end -->` instead.
"""

import json
import pathlib
import re
import sys

# Groups of rows, in the order in which they are shown.
HEADINGS = {
    "request": "A request in a machine of its own",
    "process": "The same program as a process",
    "container": "The same program in a container",
    "python": "Python, unmodified",
    "go": "Go, unmodified",
    "machine": "A machine from nothing",
    "detect": "Objects in a photograph",
    "digest": "Debian's busybox, unmodified",
    "read": "Reading a file of 100 MB",
    "call": "Accelerated calls",
    "system call": "A system call",
}

BEGIN, END = "<!-- bench:begin -->", "<!-- bench:end -->"


def time_text(nanoseconds):
    """Three significant digits, in the unit that suits."""
    for unit, size in (("s", 1e9), ("ms", 1e6), ("µs", 1e3)):
        if nanoseconds >= size:
            return f"{nanoseconds / size:.3g} {unit}" if nanoseconds < 999.5 * size else \
                f"{nanoseconds / size:.0f} {unit}"
    return f"{nanoseconds:.3g} ns"


def size_text(size):
    return f"{size / 1024:.0f} KiB"


def machine_text(results):
    machine = results["machine"]
    parts = [
        f"{machine['processor'] or 'unnamed processor'}, {machine['processors']} cores",
        machine["kernel"],
        f"KVM: {machine['kvm']}",
        f"isolation: {machine['isolation']}",
    ]
    if machine["onnxruntime"]:
        parts.append(f"ONNX Runtime {machine['onnxruntime']}")
    parts.append(machine["date"])
    if machine["commit"]:
        parts.append(f"commit {machine['commit']}")
    return "; ".join(parts)


def row_lines(results):
    yield "| | p50 | p90 | p99 |"
    yield "|---|---:|---:|---:|"
    for group, heading in HEADINGS.items():
        rows = [row for row in results["rows"] if row["group"] == group]
        if rows:
            yield f"| **{heading}** | | | |"
        for row in rows:
            times = " | ".join(time_text(row[key]) for key in ("p50_ns", "p90_ns", "p99_ns"))
            yield f"| {row['title']} | {times} |"


def memory_lines(results):
    yield "| idle slots | each: in the monitor | in the kernel | together |"
    yield "|---:|---:|---:|---:|"
    for row in results["memory"]:
        process, kernel = row["process_bytes"], row["kernel_bytes"]
        yield (f"| {row['slots']} of {row.get('program', 'hello')} | {size_text(process)} | {size_text(kernel)} | "
               f"{size_text(process + kernel)} |")


def interval_text(check):
    return f"{check['low']:.3g} – {check['high']:.3g}" if check["high"] else ""


def check_lines(results):
    yield "| wanted | at most | measured | 95 % interval | |"
    yield "|---|---:|---:|---:|---|"
    for check in results["checks"]:
        unit = f" {check['unit']}".replace(" us", " µs").rstrip()
        held = "held" if check["held"] else "**missed**"
        yield (f"| {check['title']} | {check['wanted']:.3g}{unit} | "
               f"{check['measured']:.3g}{unit} | {interval_text(check)} | {held} |")


def tables(results):
    lines = [machine_text(results) + ".", "", *row_lines(results)]
    if results["memory"]:
        lines += ["", *memory_lines(results)]
    if results["checks"]:
        lines += ["", *check_lines(results)]
    reasons = {}
    for row in results["left_out"]:
        reasons.setdefault(row["reason"], []).append(row["name"])
    for reason, names in reasons.items():
        lines += ["", f"Left out: {', '.join(names)}: {reason}"]
    return "\n".join(lines) + "\n"


def update(path, text):
    page = path.read_text()
    marked = re.compile(f"({re.escape(BEGIN)}\n).*?({re.escape(END)})", re.DOTALL)
    if not marked.search(page):
        sys.exit(f"table.py: {path} has no lines {BEGIN} and {END}")
    path.write_text(marked.sub(lambda match: match[1] + "\n" + text + "\n" + match[2], page, count=1))


def main():
    arguments = sys.argv[1:]
    if len(arguments) not in (1, 3) or (len(arguments) == 3 and arguments[1] != "--update"):
        sys.exit(__doc__.strip())
    try:
        text = tables(json.loads(pathlib.Path(arguments[0]).read_text()))
        if len(arguments) == 3:
            update(pathlib.Path(arguments[2]), text)
        else:
            print(text, end="")
    except (OSError, ValueError) as problem:
        sys.exit(f"table.py: {problem}")


if __name__ == "__main__":
    main()
