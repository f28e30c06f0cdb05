#!/usr/bin/env python3
"""Figures of the benchmark as a picture.

usage: draw.py RESULTS.json PICTURE.svg
Draws all rows; draw_requests() draws the few that README.md shows. Bars are medians, whiskers reach
to p99. Each panel has a scale of its own: a linear one, or a logarithmic one where its figures are
too far apart for that. A whisker without an end goes beyond its panel.
"""

import json
import math
import pathlib
import sys
from xml.sax.saxutils import escape

from table import HEADINGS, machine_text, size_text, time_text

WIDTH = 1000
LABELS = 320  # where the bars begin
BARS = 450  # their room
ROW, GAP, BAR = 22, 20, 13
TOP = 50

# Where the largest median is more than so many times the smallest, the scale is logarithmic.
LINEAR_RANGE = 120

# Pictures are looked at in pages that are light or dark.
STYLE = """<style>
  .page { fill: #ffffff } text { fill: #1b2733 } .soft { fill: #556677 } .tick { fill: #777777 }
  .machine { fill: #2f6fb0 } .other { fill: #b0562f } .tail { stroke: #555555 } .grid { stroke: #dddddd }
  @media (prefers-color-scheme: dark) {
    .page { fill: #0d1117 } text { fill: #e6edf3 } .soft { fill: #9aa7b4 } .tick { fill: #8b949e }
    .machine { fill: #4c93d9 } .other { fill: #d97b4c } .tail { stroke: #aab4be } .grid { stroke: #30363d }
  }
</style>"""

# Groups that share a panel, and so a scale.
PANELS = (("request", "process"), ("container",), ("python",), ("go",), ("machine",), ("detect",),
          ("digest",), ("read",), ("call",), ("system call",), ("gateway",))
# Rows that have nothing of Mayfly in them.
COMPARED = {"process-fork-exec", "process-posix-spawn", "process-vfork", "process-vfork-own",
            "process-fork", "container-crun", "container-runc",
            "python-bare-outside", "python-modules-outside", "python-numpy-outside",
            "python-bare-outside-tight", "python-modules-outside-tight",
            "python-numpy-outside-tight",
            "go-hello-outside", "go-hello-outside-tight", "go-compute-outside",
            "detect-runtime", "digest-outside", "read-outside", "getpid-outside", "syscall-outside",
            "instruction-outside",
            "gateway-alone", "gateway-process", "gateway-watchdog", "gateway-crun",
            "gateway-socket-1", "gateway-socket-10", "gateway-socket-100"}

# The rows of the picture in README.md, with titles that need no headings; "other" is what has no
# machine of its own.
REQUESTS = (("hello-kvm", "machine", "hello in a machine of its own"),
            ("process-posix-spawn", "other", "by posix_spawn"),
            ("process-fork-exec", "other", "by fork and exec"),
            ("container-crun", "other", "in a container of crun's"),
            ("python-numpy-inside", "machine", "Python with numpy, in a machine of its own"),
            ("python-numpy-outside", "other", "as a process"),
            ("detect-guest", "machine", "objects in a photograph, in a machine of its own"),
            ("detect-inprocess", "other", "in the caller's process"))


class Scale:
    """From nanoseconds to a place in the picture."""

    def __init__(self, rows):
        medians = [row["p50_ns"] for row in rows]
        tails = max(row["p99_ns"] for row in rows)
        self.logarithmic = max(medians) > LINEAR_RANGE * min(medians)
        if self.logarithmic:
            self.low = math.floor(math.log10(min(medians) / 2))
            self.high = math.ceil(math.log10(max(medians)))
        else:
            self.low, self.high = 0, min(tails, 1.5 * max(medians))

    def holds(self, nanoseconds):
        return (math.log10(nanoseconds) if self.logarithmic else nanoseconds) <= self.high

    def x(self, nanoseconds):
        value = math.log10(nanoseconds) if self.logarithmic else nanoseconds
        value = min(max(value, self.low), self.high)
        return LABELS + BARS * (value - self.low) / (self.high - self.low)

    def ticks(self):
        if self.logarithmic:
            return [10 ** power for power in range(self.low, self.high + 1)]
        step = 10 ** math.floor(math.log10(self.high))
        step = next(step / part for part in (1, 2, 5, 10) if self.high >= 3 * step / part)
        return [step * i for i in range(int(self.high / step) + 1)]


class Picture:
    """Lines of SVG, growing downwards."""

    def __init__(self):
        self.lines = []
        self.y = TOP

    def text(self, x, y, text, style="", anchor="start"):
        self.lines.append(f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" {style}>'
                          f"{escape(text)}</text>")

    def line(self, x1, y1, x2, y2, kind):
        self.lines.append(f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" '
                          f'class="{kind}"/>')

    def heading(self, text):
        self.y += GAP
        self.text(16, self.y + 14, text, 'font-weight="bold"')
        self.y += ROW

    def bar(self, row, scale, kind):
        middle = self.y + ROW / 2
        median, tail = scale.x(row["p50_ns"]), scale.x(row["p99_ns"])
        self.text(LABELS - 8, middle + 4, row["title"], anchor="end")
        self.lines.append(f'<rect x="{LABELS}" y="{middle - BAR / 2:.1f}" '
                          f'width="{max(median - LABELS, 1):.1f}" height="{BAR}" class="{kind}"/>')
        self.line(median, middle, tail, middle, "tail")
        if scale.holds(row["p99_ns"]):
            self.line(tail, middle - 4, tail, middle + 4, "tail")
        self.text(max(median, tail) + 8, middle + 4,
                  f"{time_text(row['p50_ns'])}  (p99 {time_text(row['p99_ns'])})")
        self.y += ROW

    def panel(self, heading, rows):
        scale = Scale(rows)
        self.heading(heading + (" (logarithmic)" if scale.logarithmic else ""))
        bottom = self.y + ROW * len(rows)
        for tick in scale.ticks():
            self.line(scale.x(tick), self.y, scale.x(tick), bottom + 4, "grid")
            self.text(scale.x(tick), bottom + 15, time_text(tick) if tick else "0",
                      'class="tick" font-size="10"', "middle")
        for row in rows:
            self.bar(row, scale, row.get("kind") or
                     ("other" if row["name"] in COMPARED else "machine"))
        self.y += 12

    def memory(self, rows):
        self.heading("Memory of an idle slot, when there are")
        for row in rows:
            process, kernel = row["process_bytes"], row["kernel_bytes"]
            self.text(LABELS - 8, self.y + 15, f"{row['slots']} of {row.get('program', 'hello')}", anchor="end")
            self.text(LABELS, self.y + 15,
                      f"{size_text(process + kernel)} each: {size_text(process)} in the monitor, "
                      f"{size_text(kernel)} in the kernel")
            self.y += ROW


    def page(self, title, results, kinds=("Mayfly", "without Mayfly")):
        height = self.y + 20
        return "\n".join([
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
            f'width="{WIDTH}" height="{height}" font-family="sans-serif" font-size="12" role="img" '
            f'aria-label="{escape(title)}">', STYLE,
            f'<rect width="{WIDTH}" height="{height}" class="page"/>',
            f'<text x="16" y="26" font-size="17" font-weight="bold">{escape(title)}</text>',
            f'<text x="16" y="46" class="soft" font-size="11">{escape(machine_text(results))}</text>',
            f'<rect x="{WIDTH - 270}" y="16" width="12" height="12" class="machine"/>',
            f'<text x="{WIDTH - 252}" y="26">{kinds[0]}</text>',
            f'<rect x="{WIDTH - 170}" y="16" width="12" height="12" class="other"/>',
            f'<text x="{WIDTH - 152}" y="26">{kinds[1]}</text>',
            *self.lines, "</svg>", ""])


def draw(results):
    picture = Picture()
    for groups in PANELS:
        rows = [row for group in groups for row in results["rows"]
                if row["group"] == group and row["p50_ns"] > 0]
        if rows:
            picture.panel("; ".join(HEADINGS[group] for group in groups), rows)
    if results["memory"]:
        picture.memory(results["memory"])
    return picture.page("What a request costs: medians, whiskers to p99", results)


def draw_requests(results):
    rows = {row["name"]: row for row in results["rows"]}
    picture = Picture()
    shown = [dict(rows[name], title=title, kind=kind) for name, kind, title in REQUESTS
             if name in rows]
    if shown:
        picture.panel("One request", shown)
    return picture.page("What a request costs: medians, whiskers to p99", results,
                        ("a machine", "without one"))


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__.strip())
    results = json.loads(pathlib.Path(sys.argv[1]).read_text())
    pathlib.Path(sys.argv[2]).write_text(draw(results))


if __name__ == "__main__":
    main()
