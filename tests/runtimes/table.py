"""The table of docs/runtimes.md, made from what was found last about each row (results.json)."""
import datetime
import json
import os
import pathlib
import platform
import sys

HERE = pathlib.Path(__file__).resolve().parent
PAGE = HERE.parents[1] / "docs/runtimes.md"
RESULTS = HERE / "results.json"
BEGIN, END = "<!-- runtimes:begin -->", "<!-- runtimes:end -->"


def time_text(milliseconds):
    if milliseconds is None:
        return "?"
    if milliseconds >= 1000:
        return f"{milliseconds / 1000:.3g} s"
    return f"{milliseconds:.3g} ms" if milliseconds >= 1 else f"{milliseconds * 1000:.3g} µs"


def cell(found, isolation):
    result = found.get(isolation)
    if not result:
        return "not tried"
    if result["same"]:
        return time_text(result["ms"])
    return f"no: {result['why'][:80]}".replace("|", "/")


def lines(described, results):
    yield "| what | from | KVM | process | host |"
    yield "|---|---|---:|---:|---:|"
    for entry in described["row"]:
        found = results["rows"].get(entry["item"])
        origin = entry.get("from") or described["tree"][entry["tree"]]["from"]
        if found:
            yield (f"| {entry['item']} | {origin} | {cell(found, 'kvm')} | {cell(found, 'process')} | "
                   f"{time_text(found['host_ms'])} |")
        else:
            yield f"| {entry['item']} | {origin} | not tried | not tried | |"
    yield ""
    yield results["machine"]


def page_text(described):
    """The page as it should be. None where it has no place for the table."""
    results = json.loads(RESULTS.read_text())
    before, begin, rest = PAGE.read_text().partition(f"{BEGIN}\n")
    _, end, after = rest.partition(f"{END}\n")
    if not begin or not end:
        return None
    return before + begin + "\n".join(lines(described, results)) + "\n" + end + after


def publish(described, check):
    """Writes the page, or says whether it is what the results make it."""
    wanted = page_text(described)
    if wanted is None:
        sys.exit(f"{PAGE} has no lines {BEGIN} and {END}")
    if PAGE.read_text() == wanted:
        return 0
    if check:
        print(f"{PAGE} differs from {RESULTS}: run tests/runtimes/runtimes.py --publish")
        return 1
    PAGE.write_text(wanted)
    return 0


def keep(described, found):
    """Puts what was found now beside what was found of other rows before, and into the page."""
    results = json.loads(RESULTS.read_text()) if RESULTS.exists() else {"rows": {}}
    known = {entry["item"] for entry in described["row"]}
    rows = {**results["rows"], **found}
    results["rows"] = {item: rows[item] for item in sorted(rows) if item in known}
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        processor = next((line.partition(": ")[2].strip() for line in file if line.startswith("model name")), "unknown")
    results["machine"] = (f"Last: {datetime.date.today()}, {processor}, {os.cpu_count()} processors, Linux {platform.release()}, "
                          f"load {os.getloadavg()[1]:.0f}.")
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    publish(described, False)
