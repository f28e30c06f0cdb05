#!/usr/bin/env python3
"""The program of docs/embedding.md, built as its reader would build it against an installation: it
serves requests from four threads, and survives a killed monitor.

usage: test_embedding.py MESON BUILD
"""

import os
import pathlib
import re
import subprocess
import sys
import tempfile

LIMIT = 120  # seconds for one command
LINES = 40
SKIP = 77
PAGE = pathlib.Path(__file__).resolve().parents[2] / "docs/embedding.md"
CACHE = pathlib.Path(os.environ.get("MAYFLY_CACHE") or pathlib.Path(
    os.environ.get("XDG_CACHE_HOME") or pathlib.Path(os.environ["HOME"], ".cache"), "mayfly"))
PHOTOGRAPH = CACHE / "photos" / "dog.jpg"


def main():
    meson, build = sys.argv[1:]
    if not PHOTOGRAPH.exists():
        print(f"skipped: there is no {PHOTOGRAPH}")
        sys.exit(SKIP)
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder, "root")
        subprocess.run([meson, "install", "-C", build, "--no-rebuild", "--quiet",
                        f"--destdir={root}"], check=True, timeout=LIMIT)
        description = next(root.rglob("mayfly.pc"))
        libraries = description.parent.parent
        program = PAGE.read_text().partition("```c\n")[2].partition("```\n")[0]
        assert program.count("\n") <= LINES, program.count("\n")
        source = pathlib.Path(folder, "photographs.c")
        source.write_text(program)
        flags = subprocess.run(
            ["pkg-config", "--cflags", "--libs", "mayfly"], check=True, text=True,
            stdout=subprocess.PIPE, timeout=LIMIT,
            env=os.environ | {"PKG_CONFIG_PATH": str(description.parent),
                              "PKG_CONFIG_SYSROOT_DIR": str(root),
                              "PKG_CONFIG_ALLOW_SYSTEM_LIBS": "1",
                              "PKG_CONFIG_ALLOW_SYSTEM_CFLAGS": "1"}).stdout.split()
        subprocess.run(["cc", "-Wall", "-Wextra", "-Wno-unused-parameter", "-Werror", "-o",
                        source.with_suffix(""), source, *flags, "-pthread"], check=True,
                       timeout=LIMIT)
        variables = os.environ | {"XDG_RUNTIME_DIR": folder, "LD_LIBRARY_PATH": str(libraries)}
        variables.pop("MAYFLY_LIBDIR", None)
        with open(PHOTOGRAPH, "rb") as photograph:
            result = subprocess.run([source.with_suffix("")], stdin=photograph, timeout=LIMIT,
                                    stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                    env=variables, check=False)
        told = result.stdout + result.stderr
        assert result.returncode == 0, told
        lines = result.stdout.splitlines()
        assert lines[-1] == "100 served", told
        assert lines.count("prepared") == 2, told
        assert [line for line in lines if re.search("killed by signal 9", line)], told


main()
