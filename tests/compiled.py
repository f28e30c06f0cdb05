"""What tests of whole programs share: whether they can run here, and programs in Go and Rust,
which are compiled on the way, as the build does without these languages."""
import os
import pathlib
import shutil
import subprocess

SKIPPED = 77  # the exit status for a test that cannot run on this machine


def why_not(mayfly, isolation):
    """The reason why this machine cannot run guests under that isolation, or None."""
    if not os.path.exists(mayfly):
        return f"{mayfly} is not built"
    if isolation == "kvm" and not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return "/dev/kvm is not there, or not for this user"
    return None


def go_command(source, program):
    environment = {**os.environ, "CGO_ENABLED": "0", "GOPROXY": "off", "GOTOOLCHAIN": "local",
                   "GO111MODULE": "off", "GOFLAGS": ""}
    if "HOME" not in os.environ:  # otherwise a second run finds the standard library built
        environment["GOCACHE"] = f"{program}.cache"
    return ["go", "build", "-o", program, source], environment


def rust_command(source, program):
    return ["rustc", "-O", "-C", "target-feature=+crt-static", "-o", program, source], os.environ


COMMANDS = {".go": go_command, ".rs": rust_command}


def build(source, folder):
    """Compiles a source into a static program in the folder. Returns its path and None, or None
    and the reason why it cannot be had here."""
    program = os.path.join(folder, pathlib.Path(source).stem)
    command, environment = COMMANDS[pathlib.Path(source).suffix](source, program)
    if not shutil.which(command[0]):
        return None, f"{command[0]} is not installed"
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if result.returncode:
        return None, f"{command[0]} cannot build it here: {result.stderr}"
    return program, None
