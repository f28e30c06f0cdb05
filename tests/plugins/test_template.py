#!/usr/bin/env python3
"""The template of a plugin builds against an installed Mayfly, by Meson and by one command, and is used
without being named: by a program, and by an accelerator host for a program that it serves.

usage: test_template.py MESON BUILD
"""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

TEMPLATE = pathlib.Path(__file__).resolve().parents[2] / "docs/plugin-template"
LIMIT = 60

PROGRAM = r"""
#include <stdio.h>
#include <vaccel.h>

int main(void)
{
	struct vaccel_session session;
	unsigned char text[64] = "";
	int result = vaccel_session_init(&session, 0);
	if (result)
		return result;
	result = vaccel_image_detection(&session, "picture", text, 7, sizeof(text));
	puts((char *)text);
	vaccel_session_release(&session);
	return result;
}
"""


def run(*command, **options):
    result = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, check=False,
                            **options)
    assert result.returncode == 0, (command, result.returncode, result.stdout, result.stderr)
    return result.stdout


def wait_for_host(command, variables):
    """Starts a host in the foreground; returns its process when it serves."""
    reader, writer = os.pipe()
    process = subprocess.Popen([*command, f"--ready-fd={writer}"], env=variables,
                               pass_fds=[writer])
    os.close(writer)
    with open(reader, encoding="utf-8") as said:
        line = said.readline()
    assert line == "\n", line
    return process


def main():
    meson, build = sys.argv[1:]
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        run(meson, "install", "-C", build, "--no-rebuild", "--quiet", f"--destdir={folder}/root")
        root = folder / "root"
        library = next(root.rglob("libvaccel.so"))
        package = next(root.rglob("vaccel.pc"))
        variables = {**os.environ, "PKG_CONFIG_PATH": str(package.parent),
                     "PKG_CONFIG_SYSROOT_DIR": str(root), "LD_LIBRARY_PATH": str(library.parent),
                     "XDG_RUNTIME_DIR": name}
        for setting in ("MAYFLY_LIBDIR", "VACCEL_PLUGINS", "MAYFLY_PLUGIN_PATH"):
            variables.pop(setting, None)
        flags = run("pkg-config", "--cflags", "--libs", "vaccel", env=variables).split()

        program = folder / "program"
        program.with_suffix(".c").write_text(PROGRAM)
        run("cc", "-Wall", "-Wextra", "-Werror", program.with_suffix(".c"), "-o", program, *flags)

        by_meson = folder / "by-meson"
        shutil.copytree(TEMPLATE, by_meson)
        run(meson, "setup", by_meson / "build", by_meson, "-Dwerror=true", env=variables)
        run(meson, "compile", "-C", by_meson / "build", env=variables)
        shutil.copy(by_meson / "build/libvaccel-answer.so", by_meson)

        by_hand = folder / "by-hand"
        shutil.copytree(TEMPLATE, by_hand)
        run("cc", "-shared", "-fPIC", "-Wall", "-Wextra", "-Werror", by_hand / "answer.c", "-o",
            by_hand / "libvaccel-answer.so", *flags)

        for plugins in by_meson, by_hand:
            there = {**variables, "MAYFLY_PLUGIN_PATH": str(plugins)}
            told = run(program, env={**there, "VACCEL_PLUGINS": "answer"})
            assert told == "7 bytes, and I cannot see\n", told
            listed = run(next(root.rglob("bin/mayfly")), "doctor", env=there)
            assert "answer onnx" in listed, listed

        # Dropped into a directory of the user's configuration, for a host that is told nothing.
        configuration = folder / "config"
        shutil.copytree(by_hand, configuration / "mayfly/plugins")
        there = {**variables, "XDG_CONFIG_HOME": str(configuration)}
        socket = folder / "host.sock"
        host = wait_for_host([next(root.rglob("mayfly-acceld")), "--foreground",
                              f"--socket={socket}"], there)
        try:
            told = run(program, env={**variables, "VACCEL_RPC_ADDRESS": f"unix://{socket}"})
            assert told == "7 bytes, and I cannot see\n", told
        finally:
            host.terminate()
            host.wait(LIMIT)


if __name__ == "__main__":
    main()
