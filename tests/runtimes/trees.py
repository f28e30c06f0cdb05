"""Root trees for the rows, unpacked beside the cache from packages of Debian, PyPI and npm. Nothing of the host
is changed: packages are downloaded with a list of installed ones that is empty, and their scripts do not run."""
import hashlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

TOP = pathlib.Path(__file__).resolve().parents[2]
HERE = pathlib.Path(__file__).resolve().parent
HANDLERS = HERE / "handlers"
CRATES = HERE / "crates"
sys.path.insert(0, str(TOP / "models"))
import fetch  # noqa: E402

BASE = ["base-files", "coreutils", "dash", "libc-bin"]  # what the commands that build need
MERGED = ["bin", "lib", "lib64", "sbin"]  # links to the same below /usr
LIMIT = 1800  # seconds for one child


class Missing(Exception):
    """Why a tree cannot be had here, in one line."""


def last_line(text):
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "no message"


def run(command, **options):
    """What a command prints. It fails with Missing, where the machine or the network lacks something."""
    try:
        result = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=LIMIT,
                                check=False, stdin=subprocess.DEVNULL, **options)
    except (FileNotFoundError, subprocess.TimeoutExpired) as error:
        raise Missing(str(error)) from error
    if result.returncode:
        raise Missing(f"{command[0]}: {last_line(result.stderr or result.stdout)}")
    return result.stdout


class Debian:
    """Packages of the distribution that this machine's apt knows; apt checks their hashes."""

    def __init__(self, cache):
        self.archives = cache / "archives"
        (self.archives / "partial").mkdir(parents=True, exist_ok=True)
        self.status = cache / "no-packages"
        self.status.touch()

    def apt_get(self, *words):
        return run(["apt-get", "-o", f"Dir::State::status={self.status}", "-o", f"Dir::Cache::archives={self.archives}",
                    "-o", "APT::Sandbox::User=root", "-o", "Debug::NoLocking=1", "--no-install-recommends", "-qq", "-y", *words])

    def install(self, packages, tree):
        """Unpacks the packages, and all that they depend on."""
        for name in MERGED:
            (tree / "usr" / name).mkdir(parents=True)
            (tree / name).symlink_to(f"usr/{name}")
        plan = self.apt_get("--simulate", "install", *packages)
        self.apt_get("--download-only", "install", *packages)
        for name, version, architecture in re.findall(r"^Inst (\S+) \((\S+) .*\[(\w+)\]\)", plan, re.MULTILINE):
            archive = self.archives / f"{name}_{version.replace(':', '%3a')}_{architecture}.deb"
            with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", archive], stdout=subprocess.PIPE) as reader:
                run_from(reader.stdout, ["tar", "--extract", "--keep-directory-symlink", f"--directory={tree}"])
            if reader.returncode:
                raise Missing(f"dpkg-deb cannot read {archive}")


def run_from(stream, command):
    if subprocess.run(command, stdin=stream, check=False).returncode:
        raise Missing(f"{command[0]} failed")


def enter_command(tree):
    """The words before host.py's arguments that let it change its root without being root."""
    rights = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    return ["unshare", "--mount", *rights, sys.executable, str(HERE / "host.py"), str(tree)]


class Trees:
    """The trees that the table describes, each made when it is first asked for."""

    def __init__(self, table):
        # Beside Mayfly's cache, not in it: whoever copies or checks that has no use for gigabytes of these.
        cache = fetch.cache_root()
        self.table, self.cache = table, cache.with_name(f"{cache.name}-runtimes")
        self.cache.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.made = {}

    def key(self, entry):
        """Changes whenever what would be made changes."""
        parts = {name: entry[name] for name in ("build", "host", "links", "npm", "packages", "python") if name in entry}
        digest = hashlib.sha256(json.dumps(parts, sort_keys=True).encode())
        commands = [*entry.get("build", []), *entry.get("host", [])]
        for path in sorted([*HANDLERS.rglob("*"), *CRATES.rglob("*")]):
            named = "crates/" if CRATES in path.parents else path.name
            if path.is_file() and any(named in command for command in commands):
                digest.update(path.read_bytes())
        for kind, lock in (("python", "requirements.txt"), ("npm", "package-lock.json")):
            if kind in entry:
                digest.update((HERE / kind / entry[kind] / lock).read_bytes())
        return digest.hexdigest()[:12]

    def get(self, name):
        """The folder of a tree. Missing says why there is none; so do later calls."""
        if name not in self.made:
            try:
                self.made[name] = self.make(name, self.table[name])
            except (Missing, OSError) as error:
                self.made[name] = Missing(str(error))
        if isinstance(self.made[name], Missing):
            raise self.made[name]
        return self.made[name]

    def make(self, name, entry):
        folder = self.cache / f"{name}-{self.key(entry)}"
        if not folder.is_dir():
            print(f"making the tree {name}", file=sys.stderr, flush=True)
            with tempfile.TemporaryDirectory(dir=self.cache) as work:
                self.fill(entry, pathlib.Path(work, "tree"))
                pathlib.Path(work, "tree").rename(folder)
        # Handlers are this project's, and change: they are the newest ones in every tree.
        shutil.copytree(HANDLERS, folder / "handlers", dirs_exist_ok=True)
        return folder

    def fill(self, entry, tree):
        Debian(self.cache).install([*BASE, *entry["packages"]], tree)
        for name in ("dev", "proc", "sys", "built", "tmp"):
            (tree / name).mkdir(exist_ok=True)
        (tree / "tmp").chmod(0o1777)
        (tree / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
        (tree / "etc/group").write_text("root:x:0:\n")
        for link, target in entry.get("links", {}).items():
            (tree / link).parent.mkdir(parents=True, exist_ok=True)
            (tree / link).symlink_to(target)
        if "python" in entry:
            run([sys.executable, TOP / "functions/python/pack.py", "--unpack", tree / "packages",
                 HERE / "python" / entry["python"]])
        if "npm" in entry:
            shutil.copytree(HERE / "npm" / entry["npm"], tree / "npm")
            run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=tree / "npm")
        shutil.copytree(HANDLERS, tree / "handlers")
        for command in entry.get("build", []):
            run([*enter_command(tree), "--build", "/bin/sh", "-c", command])
        for command in entry.get("host", []):
            with tempfile.TemporaryDirectory(dir=self.cache) as work:
                run(["/bin/sh", "-c", command], cwd=HERE, env={**os.environ, "OUT": str(tree / "built"), "WORK": work})
