"""Kernels that run twice: by the Mayfly of this machine, which may have to deprivilege them, and in ring 0 of
the emulated one. Both are to come to the same: what they say on their console, letter by letter, and how they
end."""
import base64
import json
import pathlib
import re
import shlex
import subprocess

LIMIT = 60  # seconds for one guest
NOT_STARTED = 125  # a status of Mayfly's own
INPUTS = {
    "request": b"a request",
    "http": b"GET / HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n",
    "initrd": bytes(range(256)) * 2,
    "disk": len(b"on the disk").to_bytes(8, "little").ljust(512, b"\0") + b"on the disk".ljust(512, b"\0"),
    "blocks": bytes(16 * 512),
    "files/etc/greeting": b"good day",
}
UNIKRAFT = tuple(f"tests/kernels/unikraft/unikraft-{name}" for name in ("linux", "multiboot"))
SOLO5 = "tests/kernels/solo5/solo5-"
IMAGES = (*UNIKRAFT, *(SOLO5 + name for name in ("plain", "block", "request", "http-server")))
# What images do: options of `mayfly run`, and words.
UNIKRAFT_DEEDS = (
    ((), ("line", "param=1", "--", "two words")), ((), ("sleep",)), ((), ("spin",)), ((), ("loops",)), ((), ("bad",)),
    ((), ("wait",)), ((), ("hole",)), ((), ("fault",)), (("--initrd=inputs/initrd",), ("initrd",)),
    (("--block:data=inputs/disk",), ("disk",)), (("--9p:fs0=inputs/files",), ("files",)), (("--repeat=3",), ("echo",)),
    (("--repeat=3",), ("idle",)))
SOLO5_DEEDS = (
    ("plain", (), ("hello",)), ("plain", (), ("arguments", "a", "b c")), ("plain", (), ("status",)),
    ("plain", (), ("breakpoint",)), ("plain", (), ("float",)), ("plain", (), ("many",)), ("plain", (), ("text",)),
    ("plain", (), ("heap",)), ("plain", (), ("hlt",)), ("block", ("--block:disk=inputs/blocks",), ("disk",)),
    ("request", ("--repeat=3",), ("echo",)), ("http-server", ("--net:service=http",), ()))


def commands():
    """Each guest: its name, the file with its request, and the words behind `mayfly`."""
    deeds = [(image, *deed) for image in UNIKRAFT for deed in UNIKRAFT_DEEDS]
    deeds += [(SOLO5 + image, *deed) for image, *deed in SOLO5_DEEDS]
    for image, options, words in deeds:
        name = " ".join((image.rpartition("/")[2], *options, *words))
        request = "inputs/http" if image.endswith("http-server") else "inputs/request"
        yield name, request, ("run", "--isolation=kvm", f"--timeout={LIMIT}s", *options, image, *words)


def put_inputs(folder):
    for name, data in INPUTS.items():
        path = folder / "inputs" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def script():
    """What the emulated machine does, in the folder with Mayfly: a line for each guest. check() is check.sh's."""
    lines = ["cd /mayfly", "both() { # NUMBER REQUEST WORD...",
             "\tnumber=$1 request=$2", "\tshift 2", '\t./mayfly "$@" <"$request" >/tmp/said 2>/tmp/errors',
             '\techo "ring 0: $number: $? $(base64 -w 0 /tmp/said) $(base64 -w 0 /tmp/errors)"', "}"]
    for number, (_, request, words) in enumerate(commands()):
        lines.append(f"both {number} {request} {shlex.join(words)}")
    lines += ["way=$(./mayfly run --isolation=kvm --stats %s well 2>&1 | grep -o 'ring 0')" % UNIKRAFT[0],
              'check "guests in ring 0" "ring 0" "$way"', "cd /", ""]
    return "\n".join(lines)


def way(build):
    """How this machine runs kernels; None: not at all."""
    result = subprocess.run([build / "mayfly", "run", "--isolation=kvm", "--stats=json", build / UNIKRAFT[0], "well"],
                            stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=LIMIT)
    return json.loads(result.stderr)["way"] if result.returncode == 0 else None


def compare(build, folder, printed):
    """Runs them here, in a folder of the caller's, and returns a line for each by what the machine has printed."""
    here = way(build)
    if here is None:
        return "kernels cannot run on this machine: their consoles are not compared\n"
    there = {int(number): (int(status), base64.b64decode(said), base64.b64decode(errors)) for number, status, said, errors
             in re.findall(r"^ring 0: (\d+): (\d+) (\S*) (\S*)\r?$", printed, re.M)}
    put_inputs(folder)
    (folder / "tests").symlink_to(build / "tests")
    lines = []
    for number, (name, request, words) in enumerate(commands()):
        with open(folder / request, "rb") as given:
            result = subprocess.run([build / "mayfly", *words], cwd=folder, stdin=given, capture_output=True, check=False,
                                    timeout=2 * LIMIT)
        wanted, got = (result.returncode, result.stdout), there.get(number)
        if got and got[:2] == wanted and result.returncode != NOT_STARTED:
            lines.append(f"ok: in ring 0 as {here}: {name}")
        else:
            lines += [f"{here}: {wanted} {result.stderr}", f"ring 0: {got}", f"not ok: in ring 0 as {here}: {name}"]
    return "\n".join(lines) + "\n"
