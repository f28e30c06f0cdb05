#!/usr/bin/env python3
"""Runs the handlers of rows.toml as processes of the host and in machines, under both isolations, and compares
their answers.

usage: runtimes.py MAYFLY [--isolation=kvm|process] [--only=TEXT]... [--repeat=COUNT] [--small] [--keep]
       runtimes.py --publish | --check

--only: only rows whose item has one of those texts. --small: only rows that say so, with what is installed on this
machine as their root, for `make test`; the others have trees beside the cache (trees.py). --keep: what was found
goes into results.json and docs/runtimes.md; --publish only writes that page, --check says whether it is right.
Exits with 77, saying why, where this machine cannot run it.
"""
import argparse
import base64
import json
import os
import pathlib
import re
import shlex
import statistics
import subprocess
import sys
import tempfile
import tomllib

sys.dont_write_bytecode = True
HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
import compiled  # noqa: E402
import table  # noqa: E402
import trees  # noqa: E402

LIMIT = 900  # seconds for all requests of a row in one isolation
HOST_RUNS = 3


class Row:
    """A row of the table, with all that it takes from its tree."""

    def __init__(self, entry, tree, inputs):
        self.item, self.tree_name = entry["item"], entry["tree"]
        self.environment = {**tree.get("environment", {}), **entry.get("environment", {})}
        self.run, self.memory = entry["run"], entry.get("memory")
        self.small = entry.get("small", False)
        self.input = inputs[entry.get("input", "totals")].encode()

    def command(self, handlers):
        return [word.replace("{handlers}", handlers) for word in shlex.split(self.run)]

    def variables(self):
        return [f"--env={name}={value}" for name, value in self.environment.items()]


class Runner:
    """Runs rows both ways."""

    def __init__(self, mayfly, isolations, repeat):
        self.mayfly, self.isolations, self.repeat = mayfly, isolations, repeat

    def on_host(self, row, root, command):
        """(output, milliseconds); Missing where the command does not succeed."""
        enter = [sys.executable, str(HERE / "host.py"), "/"] if root == "/" else trees.enter_command(root)
        result = subprocess.run([*enter, f"--repeat={HOST_RUNS}", *row.variables(), *command], input=row.input,
                                capture_output=True, timeout=LIMIT, check=False)
        if result.returncode:
            raise trees.Missing(trees.last_line(result.stderr.decode(errors="replace")))
        answer = json.loads(result.stdout)
        if answer["status"]:
            log = base64.b64decode(answer["log"]).decode(errors="replace")
            raise trees.Missing(f"status {answer['status']} on the host: {trees.last_line(log)}")
        return base64.b64decode(answer["output"]), statistics.median(answer["times_ms"])

    def in_machine(self, row, root, command, isolation, work):
        """(status, output, log, milliseconds or None)."""
        stats = work / "stats"
        stats.unlink(missing_ok=True)
        options = [f"--memory={row.memory}"] if row.memory else []
        base = {"PATH": "/usr/bin:/bin", "HOME": "/tmp", "LANG": "C.UTF-8", **row.environment}
        try:
            result = subprocess.run(
                [self.mayfly, "run", f"--isolation={isolation}", f"--root={root}", "--workdir=/", "--setup-timeout=300s",
                 "--timeout=120s", f"--repeat={self.repeat}", f"--stats={stats}", *options,
                 *[f"--env={name}={value}" for name, value in base.items()], *command],
                input=row.input, capture_output=True, timeout=LIMIT, check=False)
        except subprocess.TimeoutExpired:
            return 124, b"", f"no answer in {LIMIT} s", None
        figures = json.loads(stats.read_text()) if stats.exists() and stats.stat().st_size else None
        time = figures["total_us"]["p50"] / 1e3 if figures and figures.get("total_us") else None
        return result.returncode, result.stdout, result.stderr.decode(errors="replace"), time

    def compare(self, row, root):
        """What the row shows: the host's time, and for each isolation a verdict, with its time."""
        command = row.command(str(trees.HANDLERS) if root == "/" else "/handlers")
        output, time = self.on_host(row, root, command)
        found = {"host_ms": time}
        with tempfile.TemporaryDirectory(prefix="mayfly-runtimes-") as work:
            for isolation in self.isolations:
                got, answer, log, time = self.in_machine(row, root, command, isolation, pathlib.Path(work))
                if (got, answer) == (0, output):
                    found[isolation] = {"same": True, "ms": time}
                else:
                    found[isolation] = {"same": False, "why": reason(output, got, answer, log)}
        return found


def reason(output, status, answer, log):
    """Why an answer is not the host's, in one line."""
    said = [line for line in log.splitlines() if line.startswith("mayfly:")]
    if said:
        return said[0].removeprefix("mayfly: ")
    if status:
        return f"status {status}: {trees.last_line(log)}"
    pairs = zip(output.decode(errors="replace").splitlines(), answer.decode(errors="replace").splitlines())
    differing = [f"{there!r} for {here!r}" for here, there in pairs if here != there]
    return differing[0] if differing else f"{len(answer)} bytes for {len(output)}"


def choose_root(row, small, made):
    """Where the row's files are; Missing says what is not there."""
    if not small:
        return str(made.get(row.tree_name))
    program = row.command("")[0]
    if not os.access(program, os.X_OK):
        raise trees.Missing(f"{program} is not installed")
    return "/"


def verdict(found, isolation):
    result = found.get(isolation)
    if not result:
        return ""
    if result["same"]:
        return f"{isolation} {table.time_text(result['ms'])}"
    return f"{isolation} differs: {result['why'][:300]}"


def all_or_named(texts, item):
    return not texts or any(text.lower() in item.lower() for text in texts)


def run_rows(arguments, described):
    """How many rows were run, and how many of them differ that should not. What is found is kept at once."""
    made, count, differing = trees.Trees(described["tree"]), 0, 0
    runner = Runner(os.path.abspath(arguments.mayfly), arguments.isolation or ["kvm", "process"], arguments.repeat)
    for entry in described["row"]:
        row = Row(entry, described["tree"][entry["tree"]], described["input"])
        if (arguments.small and not row.small) or not all_or_named(arguments.only, row.item):
            continue
        try:
            found = runner.compare(row, choose_root(row, arguments.small, made))
        except trees.Missing as error:
            print(f"{row.item}: left out: {error}", flush=True)
            continue
        count += 1
        if arguments.keep:
            table.keep(described, {row.item: found})
        differing += any(not found[isolation]["same"] for isolation in runner.isolations)
        verdicts = "; ".join(verdict(found, isolation) for isolation in runner.isolations)
        print(f"{row.item}: host {table.time_text(found['host_ms'])}; {verdicts}", flush=True)
    return count, differing


def main():
    parser = argparse.ArgumentParser(description=re.split(r"\n\n", __doc__)[0])
    parser.add_argument("mayfly", nargs="?")
    parser.add_argument("--isolation", action="append", choices=["kvm", "process"])
    parser.add_argument("--only", action="append", default=[])
    parser.add_argument("--repeat", type=int, default=20)
    for flag in ("--small", "--keep", "--publish", "--check"):
        parser.add_argument(flag, action="store_true")
    arguments = parser.parse_args()
    described = tomllib.loads((HERE / "rows.toml").read_text())
    if arguments.publish or arguments.check:
        return table.publish(described, arguments.check)
    for isolation in arguments.isolation or ["kvm", "process"]:
        why = compiled.why_not(arguments.mayfly, isolation)
        if why:
            print(f"skipped: {why}")
            return compiled.SKIPPED
    count, differing = run_rows(arguments, described)
    print(f"{count} rows, {differing} differ")
    return 1 if differing else 0 if count else compiled.SKIPPED


if __name__ == "__main__":
    sys.exit(main())
