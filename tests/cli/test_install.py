#!/usr/bin/env python3
"""An installation works by itself: its parts are found, and a request goes through.

The example of docs/functions.md is built as its reader would build it.

usage: test_install.py MESON BUILD
"""

import json
import os
import pathlib
import subprocess
import sys
import tempfile

LIMIT = 60  # seconds for one command
GUIDE = pathlib.Path(__file__).resolve().parents[2] / "docs/functions.md"


def main():
    meson, build = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([meson, "install", "-C", build, "--no-rebuild", "--quiet",
                        f"--destdir={folder}/root"], check=True, timeout=LIMIT)
        command = next(pathlib.Path(folder, "root").rglob("bin/mayfly"))
        variables = {**os.environ, "XDG_RUNTIME_DIR": folder}
        variables.pop("MAYFLY_LIBDIR", None)

        def mayfly(*arguments, **options):
            return subprocess.run([command, *arguments], env=variables, capture_output=True,
                                  timeout=LIMIT, check=False, **options)

        findings = json.loads(mayfly("doctor", "--json").stdout)["findings"]
        parts = {finding["name"]: finding for finding in findings
                 if finding["name"] in ("plugins", "acceld_program")}
        assert len(parts) == 2, findings
        for finding in parts.values():
            assert finding["state"] == "ok", finding
        assert parts["acceld_program"]["value"].startswith(f"{folder}/root/"), findings
        assert parts["plugins"]["value"].startswith("onnx "), findings
        assert " noop" in parts["plugins"]["value"], findings

        # Containers' processes are this command again, and find their parts beside it.
        runtime = subprocess.run([command.with_name("mayfly-oci"), "features"], env=variables, capture_output=True,
                                 timeout=LIMIT, check=True)
        assert "createRuntime" in json.loads(runtime.stdout)["hooks"], runtime

        unknown = mayfly("models", "fetch", "nonesuch")
        assert b"there is no nonesuch" in unknown.stderr, unknown.stderr

        served = mayfly("run", "echo", input=b"a request\n")
        assert served.stdout == b"a request\n", served

        example = pathlib.Path(folder, "count.c")
        example.write_text(GUIDE.read_text().partition("```c\n")[2].partition("```\n")[0])
        subprocess.run([command.parent / "mayfly-cc", "-Wextra", "-Werror", "-o",
                        example.with_suffix(""), example], check=True, timeout=LIMIT)

        # A function in Python, by the interpreter that mayfly root python packs.
        if pathlib.Path("/usr/bin/python3").exists():
            function = pathlib.Path(folder, "upper.py")
            function.write_text("def handle(request):\n    return request.upper()\n")
            packed = mayfly("root", "python", function, "-o", function.with_suffix(".img"))
            assert packed.returncode == 0, packed.stderr
            served = mayfly("run", function.with_suffix(".img"), input=b"a request")
            assert served.stdout == b"A REQUEST", served

        share = command.parent.parent / "share"
        assert (share / "man/man1/mayfly.1").read_text().startswith(".TH MAYFLY 1")
        for script in ("bash-completion/completions/mayfly", "zsh/site-functions/_mayfly",
                       "fish/vendor_completions.d/mayfly.fish"):
            assert "doctor" in (share / script).read_text(), script


if __name__ == "__main__":
    main()
