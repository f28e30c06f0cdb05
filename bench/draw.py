#!/usr/bin/env python3
"""Figures of the benchmark as a picture.

usage: draw.py RESULTS.json PICTURE.svg
Bars are medians, whiskers reach to p99. Times are on a logarithmic scale, so that a nanosecond and
a millisecond fit beside each other: a bar's length counts, not its area. Bars of one colour are
compared with each other.
"""

import json
import math
import pathlib
import sys
from xml.sax.saxutils import escape

from table import machine_text, size_text, time_text

WIDTH = 1000
LABELS = 330  # where the bars begin
BARS = 500  # from the first to the last power of ten
ROW, GAP, BAR = 22, 16, 13
TOP = 64

# What is drawn: heading, colour, rows in this order. A row that was not measured is left out.
PANELS = (
    ("One request in a machine of its own", "#2f6fb0",
     ("hello-kvm", "hello-kvm-tight", "hello-process", "pages-1", "pages-10", "pages-100",
      "pages-500", "machine-fresh")),
    ("The same program as a process", "#b0562f",
     ("process-fork-exec", "process-posix-spawn", "process-vfork")),
    ("Objects in a photograph", "#2f8f5b",
     ("detect-guest", "detect-inprocess", "detect-runtime")),
    ("busybox sha256sum of 64 MiB", "#7a5cae", ("digest-inside", "digest-outside")),
    ("Accelerated calls", "#2f8f8f",
     ("noop-inprocess", "session-inprocess", "noop-host", "noop-window")),
    ("A system call", "#8f7a2f",
     ("getpid-inside", "syscall-inside", "getpid-outside", "syscall-outside")),
)


class Picture:
    """Lines of SVG, growing downwards."""

    def __init__(self, low, high):
        self.low, self.high = low, high  # powers of ten of nanoseconds
        self.lines = []
        self.y = TOP

    def x(self, nanoseconds):
        power = min(max(math.log10(nanoseconds), self.low), self.high)
        return LABELS + BARS * (power - self.low) / (self.high - self.low)

    def text(self, x, y, text, style="", anchor="start"):
        self.lines.append(f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" {style}>'
                          f"{escape(text)}</text>")

    def line(self, x1, y1, x2, y2, style):
        self.lines.append(f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" {style}/>')

    def heading(self, text):
        self.y += GAP
        self.text(16, self.y + 14, text, 'font-weight="bold"')
        self.y += ROW

    def bar(self, row, colour):
        middle = self.y + ROW / 2
        median, tail = self.x(row["p50_ns"]), self.x(row["p99_ns"])
        self.text(LABELS - 8, middle + 4, row["title"].partition(":")[0], anchor="end")
        self.lines.append(f'<rect x="{LABELS}" y="{middle - BAR / 2:.1f}" width="{median - LABELS:.1f}" '
                          f'height="{BAR}" fill="{colour}"/>')
        self.line(median, middle, tail, middle, 'stroke="#555"')
        self.line(tail, middle - 4, tail, middle + 4, 'stroke="#555"')
        self.text(max(median, tail) + 8, middle + 4,
                  f"{time_text(row['p50_ns'])}  (p99 {time_text(row['p99_ns'])})")
        self.y += ROW

    def grid(self, bottom):
        lines = []
        for power in range(self.low, self.high + 1):
            x = self.x(10 ** power)
            lines.append(f'<line x1="{x:.1f}" y1="{TOP + 14}" x2="{x:.1f}" y2="{bottom}" '
                         f'stroke="#ddd"/>')
            lines.append(f'<text x="{x:.1f}" y="{TOP + 8}" text-anchor="middle" fill="#777">'
                         f"{time_text(10 ** power)}</text>")
        return lines


def draw_memory(picture, rows):
    picture.heading("Memory of an idle slot")
    for row in rows:
        both = row["process_bytes"] + row["kernel_bytes"]
        picture.text(LABELS - 8, picture.y + 15, f"of {row['slots']}", anchor="end")
        picture.text(LABELS, picture.y + 15,
                     f"{size_text(both)}: {size_text(row['process_bytes'])} in the monitor, "
                     f"{size_text(row['kernel_bytes'])} in the kernel")
        picture.y += ROW


def draw(results):
    rows = {row["name"]: row for row in results["rows"]}
    drawn = [rows[name] for _, _, names in PANELS for name in names if name in rows]
    if not drawn:
        sys.exit("draw.py: nothing was measured that is drawn")
    low = math.floor(math.log10(min(row["p50_ns"] for row in drawn)))
    high = math.ceil(math.log10(max(row["p99_ns"] for row in drawn)))
    picture = Picture(low, max(high, low + 1))
    for heading, colour, names in PANELS:
        there = [rows[name] for name in names if name in rows]
        if there:
            picture.heading(heading)
        for row in there:
            picture.bar(row, colour)
    bottom = picture.y + 4
    if results["memory"]:
        draw_memory(picture, results["memory"])
    height = picture.y + 20
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" '
        f'height="{height}" font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
        '<text x="16" y="26" font-size="17" font-weight="bold">Mayfly: medians, whiskers to p99, '
        "logarithmic scale</text>",
        f'<text x="16" y="46" fill="#555" font-size="11">{escape(machine_text(results))}</text>',
        *picture.grid(bottom), *picture.lines, "</svg>", ""])


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__.strip())
    results = json.loads(pathlib.Path(sys.argv[1]).read_text())
    pathlib.Path(sys.argv[2]).write_text(draw(results))


if __name__ == "__main__":
    main()
