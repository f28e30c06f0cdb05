#!/usr/bin/env python3
"""The binding of the accelerator host's client for OCaml, compiled and used.

usage: test_ocaml.py
"""
import pathlib
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
TOP = HERE.parents[2]
SKIP = 77
SOURCES = [TOP / "guest/solo5/solo5_accel.c",
           *((TOP / "guest/solo5/ocaml" / f"mayfly_accel{end}") for end in ("_stubs.c", ".mli", ".ml")),
           HERE / "ocaml/device.c", HERE / "ocaml/use.ml"]

if not shutil.which("ocamlopt"):
    print("skipped: there is no ocamlopt")
    sys.exit(SKIP)
with tempfile.TemporaryDirectory() as folder:
    for source in SOURCES:
        shutil.copy(source, folder)
    flags = f"-I{TOP / 'include'} -I{HERE} -Wall -Wextra -Werror -O1"
    subprocess.run(["ocamlopt", "-w", "+a-4-9-40..42-70", "-warn-error", "+a", "-ccopt", flags, "-o", "use",
                    *(source.name for source in SOURCES)], cwd=folder, check=True)
    said = subprocess.run(["./use"], cwd=folder, check=True, capture_output=True).stdout
    assert said == b"used\n", said
