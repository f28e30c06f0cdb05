"""The record of emulated machines: what they printed, with a line for each check, "ok: NAME" or "not ok: NAME". A log
that is kept in part keeps its end, so what failed is told there once more."""

FIRST, LAST = 20, 8  # lines of a check that are repeated; what it says first is the cause, mostly


def excerpt(lines):
    """The lines, without the middle where they are many."""
    left_out = len(lines) - FIRST - LAST
    if left_out <= 0:
        return lines
    return lines[:FIRST] + [f"({left_out} lines are left out)"] + lines[-LAST:]


def failures(printed):
    """What the checks that failed have printed: the lines between the check before and their own."""
    told, lines = [], []
    for line in printed.splitlines():
        lines.append(line.rstrip())
        if line.startswith("not ok: "):
            told += excerpt(lines)
        if line.startswith(("ok: ", "not ok: ")):
            lines = []
    return "\n".join(told)
