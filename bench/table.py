#!/usr/bin/env python3
"""Figures of the benchmark as Markdown.

usage: table.py RESULTS.json
Prints the tables.
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
    "gateway": "The gateway, by HTTP",
}

PAIRS = (
    ("hello", "hello-kvm", "fork, exec", "process-fork-exec"),
    ("hello", "hello-kvm", "crun, a container", "container-crun"),
    ("hello in Go", "go-hello-inside", "process", "go-hello-outside"),
    ("Python with numpy", "python-numpy-inside", "process", "python-numpy-outside"),
    ("SHA-256 of 64 MiB", "digest-inside", "process", "digest-outside"),
    ("objects in a photograph", "detect-guest", "in-process", "detect-inprocess"),
)

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


def gateway_lines(results):
    """How much servers do, and what functions take that wait."""
    servers = [row for row in results["rows"] if "most_per_second" in row]
    if servers:
        yield ""
        yield "| requests by HTTP, 64 under way | a second |"
        yield "|---|---:|"
        for row in servers:
            yield f"| {row['title'].removesuffix(', at half of its most')} | {row['most_per_second']:,.0f} |"
    memory = results.get("gateway")
    if memory:
        yield ""
        yield "| memory of the gateway and its machines | |"
        yield "|---|---:|"
        for row in memory:
            yield f"| {row['title']} | {row['bytes'] / 2**20:.0f} MiB |"


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
    lines += gateway_lines(results)
    if results["checks"]:
        lines += ["", *check_lines(results)]
    reasons = {}
    for row in results["left_out"]:
        reasons.setdefault(row["reason"], []).append(row["name"])
    for reason, names in reasons.items():
        lines += ["", f"Left out: {', '.join(names)}: {reason}"]
    return "\n".join(lines) + "\n"


def pairs_lines(results):
    """The few rows of README.md: the same work in a machine of its own and without Mayfly."""
    rows = {row["name"]: row for row in results["rows"]}
    yield "| median (p99) | in a machine | without one |"
    yield "|---|---:|---:|"
    for title, inside, way, outside in PAIRS:
        if inside in rows and outside in rows:
            yield f"| {title} | {both_text(rows[inside])} | {way}: {both_text(rows[outside])} |"


def both_text(row):
    return f"{time_text(row['p50_ns'])} ({time_text(row['p99_ns'])})"


def pairs(results):
    return "\n".join([machine_text(results) + ".", "", *pairs_lines(results)]) + "\n"


def replace(page, text):
    """A page with `text` between its marks; none where it has no marks."""
    marked = re.compile(f"({re.escape(BEGIN)}\n).*?({re.escape(END)})", re.DOTALL)
    if not marked.search(page):
        return None
    return marked.sub(lambda match: match[1] + "\n" + text + "\n" + match[2], page, count=1)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__.strip())
    try:
        print(tables(json.loads(pathlib.Path(sys.argv[1]).read_text())), end="")
    except (OSError, ValueError) as problem:
        sys.exit(f"table.py: {problem}")


if __name__ == "__main__":
    main()
