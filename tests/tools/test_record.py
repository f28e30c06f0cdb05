#!/usr/bin/env python3
"""What tests/hardware/record.py repeats of checks that failed.

usage: test_record.py RECORD.py
"""
import importlib.util
import sys

LONG = [f"line {number}" for number in range(100)]
PRINTED = "\n".join(["6.1", "ok: clones", "it fell\r", "at 0x1000\r", "not ok: stack", "ok: halt", "a quiet one"] +
                    LONG + ["not ok: spin", "the machine ends"])


def main():
    spec = importlib.util.spec_from_file_location("record", sys.argv[1])
    record = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(record)
    wanted = ["it fell", "at 0x1000", "not ok: stack", "a quiet one"] + LONG[:record.FIRST - 1]
    wanted += [f"({102 - record.FIRST - record.LAST} lines are left out)"]
    wanted += LONG[-record.LAST + 1:] + ["not ok: spin"]
    got = record.failures(PRINTED).split("\n")
    for name, said, expected in (("failures", got, wanted), ("none", record.failures("ok: a\nok: b\n"), "")):
        if said != expected:
            sys.exit(f"{name}: got {said}, wanted {expected}")


main()
