"""Root trees out of packages of Debian that this machine has installed, with all that they depend on."""

import os
import pathlib
import re
import shutil
import subprocess


class Missing(Exception):
    """Which package is not installed."""


def ask(*words):
    return subprocess.run(["dpkg-query", *words], capture_output=True, text=True, check=False).stdout


def installed():
    """Names, and for names that others provide, one of these; with what each depends on."""
    names, provided = {}, {}
    for line in ask("-W", "-f=${db:Status-Abbrev}\\t${Package}\\t${Depends}, ${Pre-Depends}\\t${Provides}\\n").splitlines():
        status, name, depends, provides = line.split("\t")
        if not status.startswith("ii"):
            continue
        names[name] = [[re.split(r"[ :(]", one.strip())[0] for one in wanted.split("|")]
                       for wanted in depends.split(",") if wanted.strip()]
        for one in provides.split(","):
            if one.strip():
                provided[one.split()[0]] = name
    return names, provided


def closure(packages):
    names, provided = installed()
    found, left = set(), list(packages)
    for name in packages:
        if name not in names:
            raise Missing(f"{name} is not installed")
    while left:
        name = left.pop()
        if name in found or name not in names:
            continue
        found.add(name)
        for choices in names[name]:
            left.extend([provided.get(one, one) for one in choices if one in names or one in provided][:1])
    return sorted(found)


# What no server needs, and is large.
LEFT_OUT = re.compile(r"/usr/share/(doc|man|locale|info|i18n|lintian)/|/usr/share/zoneinfo/.|/usr/sbin/.|"
                      r"/usr/lib/x86_64-linux-gnu/(gconv|perl|perl-base)/.")


def make_tree(tree, packages):
    """Copies their files into the directory `tree`, which is there."""
    tree = pathlib.Path(tree)
    for name in "bin", "lib", "lib64", "sbin":
        (tree / "usr" / name).mkdir(parents=True, exist_ok=True)
        (tree / name).symlink_to(f"usr/{name}")
    for name in "tmp", "etc", "proc", "root":
        (tree / name).mkdir()
    (tree / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
    files = ask("-L", *closure(packages)).splitlines()
    files += [line.split(" ")[0] for line in ask("-W", "-f=${Conffiles}\n", *closure(packages)).split() if line.startswith("/")]
    alternatives = pathlib.Path("/etc/alternatives")
    files += [str(one) for one in alternatives.iterdir()]
    for file in dict.fromkeys(files):
        source = pathlib.Path(file)
        if not file.startswith("/") or LEFT_OUT.search(file) or not os.path.lexists(file):
            continue
        target = tree / file[1:]
        if source.is_dir() and not source.is_symlink():
            target.mkdir(parents=True, exist_ok=True)
        elif not os.path.lexists(target):
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target, follow_symlinks=False)
