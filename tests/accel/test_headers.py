#!/usr/bin/env python3
"""The public headers as others read them.

    test_headers.py COMPILER C++-COMPILER INCLUDE-DIRECTORY

Each header compiles alone, in every dialect that a program may be written in, without a warning; the
whole can be read by cffi, as a binding for Python does it. C++-COMPILER may be "": none.
"""
import os
import pathlib
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

C_DIALECTS = ["gnu89", "c99", "c11", "c17"]
CPP_DIALECTS = ["c++11", "c++17"]
WARNINGS = ["-Wall", "-Wextra", "-Werror"]
C_WARNINGS = ["-Wshadow", "-Wstrict-prototypes"]


def compile_alone(command, header, include):
    """Compiles a file that has nothing but the header; its complaint, or ''."""
    done = subprocess.run([*command, "-fsyntax-only", f"-I{include}", "-"], text=True,
                          input=f"#include <{header}>\n", capture_output=True, check=False)
    return f"{' '.join(command)}: <{header}>\n{done.stderr}" if done.returncode else ""


def declarations(compiler, include):
    """What the headers of the API declare, with all that cffi cannot or need not know left out."""
    text = subprocess.run([compiler, f"-I{include}", "-E", "-"], text=True, check=True,
                          input="#include <vaccel.h>\n", capture_output=True).stdout
    text = re.sub(r"__attribute__\s*\(\(\s*deprecated\s*\(.*?\)\s*\)\)", "", text, flags=re.S)
    kept, ours = [], False
    for line in text.splitlines():
        place = re.match(r'# \d+ "(.*?)"', line)
        if place:
            name = pathlib.Path(place.group(1))
            ours = "vaccel" in name.parts or name.name == "vaccel.h"
        elif ours:
            if re.search(r"\b(atomic_\w+|pthread_mutex_t)\b", line):
                line = "...;"
            kept.append("" if re.search(r"\bextern\b", line) else line)
    return without_functions("\n".join(kept))


def without_functions(text):
    """Leaves out the bodies of functions that the headers define."""
    out = ""
    while (at := text.find("static inline")) >= 0:
        end = text.index("{", at) + 1
        depth = 1
        while depth:
            depth += {"{": 1, "}": -1}.get(text[end], 0)
            end += 1
        out, text = out + text[:at], text[end:]
    return out + text


def main():
    compiler, cpp_compiler, include = sys.argv[1].split(), sys.argv[2].split(), sys.argv[3]
    headers = ["slog.h", "vaccel.h"]
    headers += sorted(str(path.relative_to(include))
                      for path in pathlib.Path(include, "vaccel").rglob("*.h"))
    commands = [[*compiler, "-xc", f"-std={dialect}", *WARNINGS, *C_WARNINGS]
                for dialect in C_DIALECTS]
    if cpp_compiler:
        commands += [[*cpp_compiler, "-xc++", f"-std={dialect}", *WARNINGS]
                     for dialect in CPP_DIALECTS]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        jobs = [pool.submit(compile_alone, command, header, include)
                for command in commands for header in headers]
        faults = [fault for job in jobs if (fault := job.result())]
    print(f"{len(headers)} headers alone in {len(commands)} dialects: {len(faults)} failed")
    try:
        import cffi
    except ImportError:
        print("cffi is not installed: whether it can read the headers is not tried")
    else:
        ffi = cffi.FFI()
        try:
            ffi.cdef(declarations(compiler[-1], include))
            assert ffi.typeof("struct vaccel_arg").kind == "struct"
            assert ffi.typeof("vaccel_op_type_t").relements["VACCEL_OP_MAX"] == 24
        except Exception as fault:  # of many classes, and each is the test's failure
            faults.append(f"cffi: {type(fault).__name__}: {fault}")
    print("\n".join(faults))
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main())
