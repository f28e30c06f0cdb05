#!/usr/bin/env python3
"""Runs clang-tidy over the sources of a build directory, as many at once as there are cores.

A source that passed is not looked at again until it, a header of it, its command or .clang-tidy
changes: the build directory keeps a file of digests. usage: clang_tidy.py BUILD
"""

import concurrent.futures
import hashlib
import json
import os
import pathlib
import shlex
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent


def dependencies(build):
    """What each object was made from, by ninja's log of dependencies: object -> paths."""
    listing = subprocess.run(["ninja", "-C", str(build), "-t", "deps"], check=True, text=True,
                             stdout=subprocess.PIPE).stdout
    found, current = {}, []
    for line in listing.splitlines():
        if line.startswith("    "):
            current.append(line.strip())
        elif ": #deps" in line:
            current = found.setdefault(line.partition(": #deps")[0], [])
    return found


def different(entries):
    """The compilations of each source that define other macros: file -> entries."""
    found = {}
    for entry in entries:
        if entry["file"].endswith(".c"):
            macros = [word for word in shlex.split(entry["command"]) if word.startswith("-D")]
            found.setdefault(entry["file"], {}).setdefault(tuple(macros), entry)
    return {file: list(kinds.values()) for file, kinds in found.items()}


def digest(build, entries, made_from, configuration):
    state = hashlib.sha256(configuration)
    paths = {entries[0]["file"]}
    for entry in entries:
        state.update(entry["command"].encode() + b"\0")
        paths.update(made_from.get(entry["output"], []))
    for path in sorted(paths):
        full = (build / path).resolve()
        if full.is_relative_to(ROOT):
            state.update(str(full).encode() + b"\0" + full.read_bytes())
    return state.hexdigest()


def check(build, database, file):
    """Of a source, clang-tidy looks at all compilations that the database has."""
    return subprocess.run(["clang-tidy", "--quiet", "-p", database, file], text=True,
                          cwd=build, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE)


def main():
    build = pathlib.Path(sys.argv[1]).resolve()
    record = build / "clang-tidy-passed.json"
    passed = set(json.loads(record.read_text())) if record.exists() else set()
    configuration = (ROOT / ".clang-tidy").read_bytes()
    made_from = dependencies(build)
    sources = different(json.loads((build / "compile_commands.json").read_text()))
    wanted = {digest(build, entries, made_from, configuration): file
              for file, entries in sources.items()}
    waiting = {key: file for key, file in wanted.items() if key not in passed}
    failures = 0
    with (tempfile.TemporaryDirectory() as database,
          concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool):
        pathlib.Path(database, "compile_commands.json").write_text(
            json.dumps([entry for entries in sources.values() for entry in entries]))
        runs = {pool.submit(check, build, database, file): key
                for key, file in waiting.items()}
        for run in concurrent.futures.as_completed(runs):
            result = run.result()
            if result.returncode:
                failures += 1
                print(result.stdout or result.stderr, end="", flush=True)
            else:
                passed.add(runs[run])
    record.write_text(json.dumps(sorted(passed & set(wanted))))
    print(f"clang-tidy: {len(waiting)} looked at, {len(wanted) - len(waiting)} unchanged, "
          f"{failures} with findings")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
