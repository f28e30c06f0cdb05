"""Steps of a test with engines: commands with a limit of time, and what came of them."""
import subprocess
import time

COMMAND_S = 60  # a command that takes longer hangs


class Ended:
    """What a command left: its status, what it printed, and what it complained of."""

    def __init__(self, command, status, out, err):
        self.command, self.status, self.out, self.err = command, status, out, err

    def __str__(self):
        return (f"{' '.join(self.command)[:300]}\n    status {self.status}\n    out {self.out[-600:]!r}\n"
                f"    err {self.err[-900:]!r}")


def run(*command, feed=None, limit=COMMAND_S, environment=None):
    """Runs a command to its end. One that outlives the limit is killed, and has the status None."""
    command = [str(word) for word in command]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL if feed is None else subprocess.PIPE,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment) as process:
        feed = None if feed is None else feed.encode()
        try:
            out, err = process.communicate(feed, limit)
            status = process.returncode
        except subprocess.TimeoutExpired:
            process.kill()
            status = None
            try:
                out, err = process.communicate(timeout=2)
                err += f" (killed after {limit} s)".encode()
            except subprocess.TimeoutExpired:  # somebody who inherited its output lives on
                out, err = b"", f"(killed after {limit} s; its output stays open)".encode()
        return Ended(command, status, out.decode(errors="replace"), err.decode(errors="replace"))


def must(*command, **options):
    """Runs a command that the rig itself needs."""
    ended = run(*command, **options)
    if ended.status != 0:
        raise RuntimeError(f"the rig failed: {ended}")
    return ended.out


def until(question, limit=60):
    """Asks until the answer is true, or the limit in seconds is over. Returns the last answer."""
    end = time.monotonic() + limit
    while not (answer := question()) and time.monotonic() < end:
        time.sleep(0.05)
    return answer


class Steps:
    """Counts steps and says which failed."""

    def __init__(self, only="", known=None):
        """`known` has steps that are known to fail, each with the reason; one that passes is a failure, too."""
        self.only, self.known = only, known or {}
        self.passed, self.failed, self.differ = 0, [], []

    def wanted(self, name):
        return self.only in name

    def check(self, name, right, seen):
        if name in self.known:
            reason = self.known[name]
            if not right:
                self.differ.append(name)
                print(f"known: {name}: {reason}", flush=True)
                return False
            right, seen = False, f"it passes now, and is not to be listed as known: {reason}"
        if right:
            self.passed += 1
            print(f"ok: {name}", flush=True)
        else:
            self.failed.append(name)
            print(f"not ok: {name}\n  {seen}", flush=True)
        return right

    def tell(self, whole):
        """Prints the counts. Returns the exit status."""
        known = f", {len(self.differ)} known to differ" if self.differ else ""
        print(f"{whole}: {self.passed} passed, {len(self.failed)} failed{known}")
        return 1 if self.failed or not self.passed else 0

    def walk(self, prefix, steps, *arguments):
        """Runs functions that each are one group of steps; what one raises is its failure."""
        for step in steps:
            name = f"{prefix}: {step.__doc__.splitlines()[0].rstrip('.')}"
            if not self.wanted(name):
                continue
            try:
                step(lambda what, right, seen, name=name: self.check(f"{name}: {what}", right, seen), *arguments)
            except Exception as error:  # pylint: disable=broad-except
                self.check(name, False, f"{type(error).__name__}: {error}")
