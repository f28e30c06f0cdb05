"""Directories of a test's own: the run-time directory, and a cache with the models that are there."""
import os
import pathlib
import re
import shutil

CACHE = pathlib.Path(os.environ.get("MAYFLY_CACHE") or pathlib.Path(
    os.environ.get("XDG_CACHE_HOME") or pathlib.Path(os.environ["HOME"], ".cache"), "mayfly"))
PHOTO = CACHE / "photos" / "dog.jpg"
USED = ("models", "onnxruntime", "photos")
SERVER_FILES = re.compile(r"mayfly(/acceld(-[0-9a-f]{12})?\.(sock|sock\.lock|sock\.key|log))?")
TEMPORARY = re.compile(r"\.(?!sha256)[A-Za-z0-9]{6}$")


def link_or_copy(source, target):
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


class Directories:
    def __init__(self, folder):
        self.runtime = pathlib.Path(folder, "runtime")
        self.cache = pathlib.Path(folder, "cache")
        self.runtime.mkdir()
        self.cache.mkdir()
        # No symbolic links: an accelerator host does not follow them out of its cache.
        for name in filter(os.path.isdir, (CACHE / used for used in USED)):
            shutil.copytree(name, self.cache / pathlib.Path(name).name,
                            copy_function=link_or_copy)
        for name in CACHE.glob("manifest*"):
            link_or_copy(name, self.cache / name.name)

    def environment(self):
        return {**os.environ, "XDG_RUNTIME_DIR": str(self.runtime),
                "MAYFLY_CACHE": str(self.cache)}

    def unexpected(self):
        """Files in the run-time directory that nobody should have left."""
        names = {str(file.relative_to(self.runtime)) for file in self.runtime.rglob("*")}
        return {name for name in names if not SERVER_FILES.fullmatch(name)}

    def temporary(self):
        """Files of the cache that somebody began to write."""
        return {file for file in self.cache.rglob("*") if TEMPORARY.search(file.name)}
