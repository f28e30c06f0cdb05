#!/usr/bin/env python3
"""What the README and the guides tell their reader to type works as it stands.

usage: test_paste.py MESON BUILD DOCUMENT

Blocks marked `sh` are pasted into one bash, line after line, and every line must succeed. A block of a
program is written into the file that the sentence before it names ("This is `NAME`:"). An unmarked
block behind "prints" is what the pasted block before it must have printed at its end.

The home directory is a new one, with hard links to the models of this machine's cache; the command is the
installed one, except for the README's, which stays in its build directory. Exits with 77, saying why,
where this machine cannot run the test.
"""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

TOP = pathlib.Path(__file__).resolve().parents[2]
SKIP = 77
LIMIT = 240  # seconds for a document
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
NAMED = re.compile(r"[Tt]his(?:\s+one|\s+file,)?(?:\s+is)?\s+`([\w./]+)`[^`]*:\s*\Z")
PRINTS = re.compile(r"\bprints\s*\Z")
# These set up the machine itself and are what runs this test.
NOT_AGAIN = {"make run", "make test"}


def read_cache():
    """The rule of paths_cache() in lib/util/paths.c."""
    for variable, below in (("MAYFLY_CACHE", ""), ("XDG_CACHE_HOME", "mayfly"),
                            ("HOME", ".cache/mayfly")):
        if os.environ.get(variable):
            return pathlib.Path(os.environ[variable], below)
    return None


def link(source, target):
    """No symbolic links: the accelerator host follows none that lead out of its cache."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def make_home(home):
    """Its cache can be written to without a trace in the real one."""
    cache, real = home / ".cache/mayfly", read_cache()
    if not real or not (real / "photos/dog.jpg").exists():
        print("skipped: no photographs in the cache: run mayfly models fetch")
        sys.exit(SKIP)
    cache.mkdir(parents=True)
    shutil.copy(real / "manifest.sha256", cache)
    for name in ("onnxruntime", "photos", "models", "downloads"):
        if (real / name).exists():
            shutil.copytree(real / name, cache / name, copy_function=link)


def steps(text):
    """(kind, name, text) of what the reader does and sees, in order."""
    end = 0
    for block in BLOCK.finditer(text):
        before, (kind, body), end = text[end:block.start()], block.groups(), block.end()
        named = NAMED.search(before)
        if kind == "sh":
            yield "paste", None, body
        elif named:
            yield "write", named[1], body
        elif not kind and PRINTS.search(before):
            yield "expect", None, body


def paste(shell, body, last):
    """Feeds a block to the shell; its output goes to the file `last`."""
    lines = "\n".join(line for line in body.splitlines() if line not in NOT_AGAIN)
    shell.stdin.write(f"{{\n:\n{lines}\n}} >{last} </dev/null\necho pasted\n")
    shell.stdin.flush()
    return shell.stdout.readline() == "pasted\n"


def registry_is_reachable(folder):
    return subprocess.run(["/usr/bin/python3", "-m", "pip", "download", "--quiet", "--no-deps",
                           "-d", folder, "idna"], capture_output=True, timeout=LIMIT,
                          check=False).returncode == 0


def lay_out(folder, document, meson, build):
    """Where the reader stands: in a checkout, or anywhere with Mayfly installed. Returns PATH."""
    path = os.environ["PATH"]
    if document.name == "README.md":
        (folder / "build").symlink_to(build)
        (folder / "functions").symlink_to(TOP / "functions")
        return path, {}
    root = folder.parent / "root"
    subprocess.run([meson, "install", "-C", build, "--no-rebuild", "--quiet",
                    f"--destdir={root}"], check=True, timeout=LIMIT)
    prefix = next(root.rglob("bin/mayfly")).parent.parent
    return f"{prefix}/bin:{path}", {"PKG_CONFIG_PATH": f"{prefix}/lib/pkgconfig",
                                   "PKG_CONFIG_SYSROOT_DIR": str(root),
                                   "LD_LIBRARY_PATH": f"{prefix}/lib"}


def main():
    meson, build, document = sys.argv[1], *(pathlib.Path(word).resolve() for word in sys.argv[2:])
    with tempfile.TemporaryDirectory() as name:
        home, folder = pathlib.Path(name, "home"), pathlib.Path(name, "here")
        folder.mkdir()
        make_home(home)
        path, variables = lay_out(folder, document, meson, build)
        environment = {key: value for key, value in os.environ.items()
                       if not key.startswith(("MAYFLY_", "XDG_", "VACCEL_"))}
        environment.update(HOME=str(home), PATH=path, XDG_RUNTIME_DIR=f"{name}/run", **variables)
        os.mkdir(f"{name}/run", 0o700)
        last = pathlib.Path(name, "last")
        pasted = 0
        with subprocess.Popen(["bash", "-e"], cwd=folder,
                              env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              text=True) as shell:
            for kind, file, body in steps(document.read_text()):
                print(f"{kind} {file or ''}\n{body}", file=sys.stderr)
                if kind == "write":
                    (folder / file).parent.mkdir(exist_ok=True)
                    (folder / file).write_text(body)
                elif kind == "paste":
                    pasted += 1
                    if not paste(shell, body, last):
                        assert not registry_is_reachable(name), f"this failed: {body}"
                        print("skipped: PyPI cannot be reached")
                        sys.exit(SKIP)
                else:
                    printed = last.read_text()
                    assert printed.endswith(body), f"printed:\n{printed}\nand not:\n{body}"
            shell.stdin.close()
            assert shell.wait(LIMIT) == 0
    assert pasted, "there is nothing to paste"
    print(f"{document.name}: {pasted} blocks pasted")


if __name__ == "__main__":
    main()
