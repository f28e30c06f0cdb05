#!/usr/bin/env python3
"""The whole public API is there: every name of api.txt is declared, and every function exported.

    test_api.py COMPILER INCLUDE-DIRECTORY LIBRARY

Writes a program that takes the address of each function, and asserts the value of each constant and
the size of each struct; compiles it, links it with LIBRARY and runs it.
"""
import pathlib
import subprocess
import sys
import tempfile


def program(lines):
    text = ["#include <vaccel.h>", "#include <stdio.h>"]
    calls = []
    for line in lines:
        kind, name, *value = line.split()
        if kind == "function":
            calls.append(f"\tcount += (void *)&{name} != (void *)0;")
        elif kind == "constant":
            text.append(f'_Static_assert((long)({name}) == {value[0]}L, "{name}");')
        else:
            text.append(f'_Static_assert(sizeof(struct {name}) == {value[0]}, "{name}");')
    return "\n".join([*text, "int main(void)", "{", "\tunsigned count = 0;", *calls,
                      '\tprintf("%u\\n", count);', "\treturn 0;", "}", ""])


def main():
    compiler, include, library = sys.argv[1].split(), sys.argv[2], sys.argv[3]
    names = pathlib.Path(__file__).with_name("api.txt").read_text(encoding="utf-8").splitlines()
    lines = [line for line in names if line and not line.startswith("#")]
    functions = sum(line.startswith("function ") for line in lines)
    with tempfile.TemporaryDirectory() as folder:
        source, binary = pathlib.Path(folder, "api.c"), pathlib.Path(folder, "api")
        source.write_text(program(lines), encoding="utf-8")
        done = subprocess.run(
            [*compiler, "-std=c11", "-Wall", "-Werror", "-Wno-deprecated-declarations",
             "-Wno-address", f"-I{include}", source, "-o", binary, library,
             f"-Wl,-rpath,{pathlib.Path(library).parent}"],
            capture_output=True, text=True, check=False)
        if done.returncode:
            print(done.stderr)
            return 1
        there = int(subprocess.run([binary], env={"VACCEL_BOOTSTRAP_ENABLED": "0"}, text=True,
                                   capture_output=True, check=True).stdout)
    print(f"{there} of {functions} functions, {len(lines) - functions} constants and structs")
    return there != functions


if __name__ == "__main__":
    sys.exit(main())
