"""Commands of which one call of the C library after the other fails, in them and in the container's process: they say so,
or do what they should, and leave nothing behind."""
import os
import pathlib
import re

from bundle import reap
from left import Left
from steps import until

LIMIT_S = 20
ENOUGH = 4  # so many commands without a failing call: there are no more
MOST = 1000
# libmayfly in the container's process has no memory for an event, and so tells nobody of it. The command itself is
# logged with its whole path.
EVENT_LOST = re.compile(r" calloc mayfly-oci\+")
SLEEP = ("sleep", "600")


class Faults:
    """A runtime, and a way to run a command of it with a failing call."""

    def __init__(self, runtime):
        self.runtime, self.plain = runtime, dict(runtime.environment)
        self.library = pathlib.Path(os.path.dirname(runtime.program), "tests/faults/libfailing_calls.so")
        self.log, self.streams = runtime.folder / "faults", runtime.folder / "streams"
        self.failing = ""  # the call that failed last

    def run(self, number, *words):
        self.log.write_text("", encoding="ascii")
        self.runtime.environment = {
            **self.plain, "LD_PRELOAD": str(self.library), "MAYFLY_FAIL": f"mayfly-oci:{number}",
            "MAYFLY_FAIL_LOG": str(self.log), "MAYFLY_FAIL_OWN": os.path.dirname(self.runtime.program)}
        try:
            with open(self.streams, "wb") as streams:
                return self.runtime(*words, limit=LIMIT_S, streams=streams)
        finally:
            self.runtime.environment = self.plain
            self.failing = self.log.read_text()

    def said(self):
        return self.streams.read_text(errors="replace").strip()

    def end(self, name):
        ended = self.runtime("delete", "--force", name)
        reap()
        return ended


def bundle_of_all(runtime):
    """One whose root takes many steps."""
    bundle = runtime.bundle().process(*SLEEP)
    given = bundle.folder / "given"
    given.mkdir()
    bundle.config["mounts"] += [
        {"destination": "/made/deep", "type": "bind", "source": str(given), "options": ["rbind", "ro"]},
        {"destination": "/scratch", "type": "tmpfs", "source": "tmpfs", "options": ["size=1m", "ro"]}]
    bundle.config["linux"].update(maskedPaths=["/etc/group"], readonlyPaths=["/etc"],
                                  resources={"memory": {"limit": 256 << 20}, "pids": {"limit": 100}})
    return bundle.write()


def walk(check, runtime, one):
    """one(faults, number, name): what is wrong, or None. Each has a container's name of its own."""
    if not runtime.is_mayfly:
        return
    faults, left = Faults(runtime), Left(runtime)
    number = whole = failed = 0
    while whole < ENOUGH and number < MOST:
        number += 1
        name = runtime.name()
        wrong = one(faults, number, name)
        call = faults.failing
        whole, failed = (0, failed + 1) if call else (whole + 1, failed)
        ended = faults.end(name)
        if wrong or ended.status != 0:
            check(f"{number}", False, f"{call}{wrong} {ended}\n{faults.said()}")
        if not until(lambda: not left.more(), 5):
            check(f"{number}: leaves nothing behind", False, f"{call}{left.more()}\n{faults.said()}")
            left = Left(runtime)
    check("all calls were tried", failed > 20 and whole == ENOUGH, f"{number}, {failed}")


def creating(check, runtime):
    """create"""
    bundle = bundle_of_all(runtime)

    def one(faults, number, name):
        ended = faults.run(number, "create", "--bundle", bundle.folder, name)
        if ended.status == 0:
            return None if runtime.status(name) == "created" else f"is {runtime.status(name)}, not created"
        if ended.status != 1 or (not faults.said() and "fcntl" not in faults.failing):
            return f"status {ended.status}"
        if name in os.listdir(runtime.root):
            return "its state is left"
        return None

    walk(check, runtime, one)


def of_a_container(command, after=None):
    def step(check, runtime):
        bundle = bundle_of_all(runtime)

        def one(faults, number, name):
            with open(runtime.folder / "streams", "wb") as streams:
                made = runtime("create", "--bundle", bundle.folder, name, streams=streams)
            if made.status != 0 or (command[0] != "start" and runtime("start", name).status != 0):
                return f"{made}"
            ended = faults.run(number, *(name if word == "NAME" else word for word in command))
            if ended.status is None and not EVENT_LOST.search(faults.failing):
                return "hangs"
            return after(runtime, name, ended) if after else None

        walk(check, runtime, one)
    step.__doc__ = " ".join(command)
    return step


def runs(runtime, name, ended):
    """A start that is good has made it run."""
    return None if ended.status or runtime.status(name) == "running" else f"is {runtime.status(name)}, not running"


ALL = (creating, of_a_container(("start", "NAME"), runs), of_a_container(("delete", "--force", "NAME")),
       of_a_container(("exec", "--detach", "NAME", "sleep", "600")), of_a_container(("kill", "NAME", "KILL")))
