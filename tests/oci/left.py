"""What could be left behind by a container: mounts, control groups, processes, sockets, files."""
import os
import pathlib

import place
from steps import until

FOLDERS = ("/run", "/dev/shm", "/tmp")


def sockets():
    """Names of bound Unix sockets, with those of no file."""
    lines = pathlib.Path("/proc/net/unix").read_text(encoding="utf-8", errors="replace").splitlines()[1:]
    return sorted(line.split()[7] for line in lines if len(line.split()) > 7)


def names_below(folder, but):
    found = []
    for base, folders, files in os.walk(folder):
        if pathlib.Path(base) == but:
            folders.clear()
            continue
        found += [os.path.join(base, name) for name in folders + files]
    return found


class Left:
    """Compares with how it was when this was made."""

    def __init__(self, runtime):
        self.runtime = runtime
        self.before = self.look()

    def look(self):
        return {"mounts": place.mounts(), "control groups": place.cgroups(), "processes": place.processes(),
                "sockets": sockets(),
                "files": sorted(name for folder in FOLDERS for name in names_below(folder, self.runtime.folder)),
                "state": sorted(os.listdir(self.runtime.root)) if self.runtime.root.exists() else []}

    def more(self):
        """What there is more than before."""
        now = self.look()
        return {what: sorted(set(now[what]) - set(self.before[what])) for what in now
                if now[what] != self.before[what] and set(now[what]) - set(self.before[what])}

    def check(self, check, what="leaves nothing behind", limit=30):
        until(lambda: not self.more(), limit)
        return check(what, not self.more(), self.more())
