"""The place where engines run: namespaces of their own, and all state in memory that goes with them.

/run is a file system in memory there, so that neither engine meets one of this machine; what engines keep
elsewhere by default lies below it, too. The process namespace ends whatever they started.
"""
import os
import pathlib
import shutil
import subprocess

from images import BUSYBOX, LIBRARY, PYTHON
from steps import must, run, until

PROGRAMS = ("containerd", "ctr", "podman", "conmon", "crun", "runc", "umoci", "skopeo", "unshare", "iptables",
            "protoc", "cc")
CNI_PLUGINS = ("/usr/lib/cni", "/opt/cni/bin")
INSIDE = "MAYFLY_CONTAINER_RIG"
STATE = pathlib.Path("/run/rig")
CGROUPS = pathlib.Path("/sys/fs/cgroup")
NAMESPACES = ("--mount", "--net", "--pid", "--uts", "--ipc", "--cgroup", "--fork", "--kill-child", "--mount-proc")
# Groups that engines and kubelets keep for all their containers.
ENGINES_OWN = ("kubepods", "libpod_parent", "rig", "k8s.io")
# What podman itself mounts when it likes to, and keeps.
PODMANS_OWN = ("/run/netns", f"{STATE}/podman/overlay")
KEPT_ELSEWHERE = ("/var/lib/containers", "/var/lib/containerd", "/var/lib/cni", "/etc/containers", "/etc/cni",
                  "/var/tmp")
BRIDGE = """{"cniVersion": "0.4.0", "name": "%s", "plugins": [
 {"type": "bridge", "bridge": "%s", "isGateway": true, "ipMasq": false,
  "ipam": {"type": "host-local", "ranges": [[{"subnet": "10.86.%d.0/24"}]], "routes": [{"dst": "0.0.0.0/0"}]}},
 {"type": "portmap", "capabilities": {"portMappings": true}}]}
"""
CONTAINERS_CONF = """[containers]
default_ulimits = ["nofile=20000:20000", "nproc=20000:20000"]
log_driver = "k8s-file"
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
[network]
network_backend = "cni"
network_config_dir = "/etc/cni/net.d"
cni_plugin_dirs = ["%s"]
"""
CONTAINERD_CONF = """version = 2
root = "%(state)s/containerd"
state = "/run/containerd"
disabled_plugins = ["io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.zfs"]
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "localhost/pause:1"
  restrict_oom_score_adj = true
  disable_apparmor = true
[plugins."io.containerd.grpc.v1.cri".containerd]
  default_runtime_name = "%(default)s"
[plugins."io.containerd.grpc.v1.cri".cni]
  bin_dir = "%(cni)s"
  conf_dir = "%(state)s/cri-net"
"""
HANDLER = """[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.%s]
  runtime_type = "io.containerd.runc.v2"
  pod_annotations = ["mayfly.dev/*"]
  container_annotations = ["mayfly.dev/*"]
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.%s.options]
  BinaryName = "%s"
"""


def why_not():
    """The reason why this machine cannot have the rig, or None."""
    if os.geteuid() != 0:
        return "engines in namespaces of their own need root"
    missing = [program for program in PROGRAMS if not shutil.which(program)]
    if missing:
        return f"not installed: {' '.join(missing)} (tools/setup containers)"
    if not cni_plugins():
        return "the plugins of CNI are not installed (tools/setup containers)"
    if run("/usr/bin/python3", "-c", "import grpc, google.protobuf").status != 0:
        return "gRPC for Debian's Python is not installed (tools/setup containers)"
    for path in BUSYBOX, PYTHON, LIBRARY:
        if not os.path.exists(path):
            return f"{path} is not there, and images are made of it"
    tried = run("unshare", *NAMESPACES, "sh", "-c", "mount -t tmpfs rig /run && ip link set lo up")
    if tried.status != 0:
        return f"no namespaces here: {tried.err.strip()}"
    if (CGROUPS / "cgroup.controllers").exists():
        return "this machine has control groups of version 2 only, below which the rig cannot put itself yet"
    try:
        remove_groups(make_groups())
    except OSError as error:
        return f"no control groups can be made: {error}"
    return None


def hierarchies():
    """The mounted hierarchies of control groups of version 1, by their options."""
    lines = [line.split() for line in pathlib.Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()]
    named = {"rw", "ro", "xattr", "clone_children", "noprefix", "cpuset_v2_mode"}
    return {",".join(option for option in line[-1].split(",") if option not in named): pathlib.Path(line[4])
            for line in lines if line[line.index("-") + 1] == "cgroup"}


def make_groups():
    """Makes a group in each hierarchy, for all that runs in the rig. Returns them."""
    groups = []
    for mount in hierarchies().values():
        groups.append(mount / f"mayfly-rig-{os.getpid()}")
        groups[-1].mkdir()
        for name in "cpuset.cpus", "cpuset.mems":  # empty ones, and nothing can enter
            if (mount / name).exists():
                (groups[-1] / name).write_text((mount / name).read_text(encoding="ascii"), encoding="ascii")
    return groups


def remove_groups(groups):
    for group in groups:
        for folder, _, _ in os.walk(group, topdown=False):
            until(lambda folder=folder: removed(folder), 5)


def removed(folder):
    try:
        os.rmdir(folder)
    except OSError:  # what was killed has not left yet
        return not os.path.exists(folder)
    return True


def cni_plugins():
    return next((folder for folder in CNI_PLUGINS if os.path.exists(f"{folder}/bridge")), None)


def enter(script, arguments):
    """Runs the script again with the same arguments in namespaces and groups of its own. Returns its status."""
    groups = make_groups()

    def join():
        for group in groups:
            (group / "cgroup.procs").write_text("0", encoding="ascii")

    try:
        return subprocess.run(["unshare", *NAMESPACES, os.path.abspath(script), *arguments], env={**os.environ, INSIDE: "1"},
                              check=False, preexec_fn=join).returncode
    finally:
        remove_groups(groups)


def mount_groups():
    """Mounts the hierarchies without version 2 beside them, which crun would refuse. This process' group is
    their root."""
    options = hierarchies()
    must("mount", "-t", "tmpfs", "rig", CGROUPS)
    for option in options:
        place = CGROUPS / option.removeprefix("name=")
        place.mkdir()
        must("mount", "-t", "cgroup", "-o", f"none,{option}" if "=" in option else option, "rig", place)


def prepare(build):
    """Makes the place ready, once inside. Returns the folder for state."""
    must("mount", "--make-rprivate", "/")
    must("mount", "-t", "tmpfs", "-o", "mode=755", "rig", "/run")
    STATE.mkdir()
    os.chdir(STATE)  # conmon leaves a file where it is
    for place in KEPT_ELSEWHERE:
        if os.path.isdir(place):
            own = STATE / place.strip("/").replace("/", "-")
            own.mkdir()
            must("mount", "--bind", own, place)
    mount_groups()
    must("ip", "link", "set", "lo", "up")
    must("sysctl", "-q", "-w", "net.ipv4.ip_forward=1")
    must("hostname", "rig")
    configure_engines()
    write_wrapper(build)
    return STATE


def configure_engines():
    containers = pathlib.Path("/etc/containers")
    containers.mkdir(parents=True, exist_ok=True)
    (containers / "policy.json").write_text('{"default": [{"type": "insecureAcceptAnything"}]}', encoding="ascii")
    (containers / "registries.conf").write_text("", encoding="ascii")
    (containers / "containers.conf").write_text(CONTAINERS_CONF % cni_plugins(), encoding="ascii")
    for number, (folder, name) in enumerate((("/etc/cni/net.d", "podman"), (STATE / "cri-net", "cri"))):
        folder = pathlib.Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "10-rig.conflist").write_text(BRIDGE % (name, f"rig{number}", number), encoding="ascii")


def write_wrapper(build):
    """Engines hand no environment on: what finds the parts of a build is a program of its own."""
    folder = STATE / "bin"
    folder.mkdir()
    wrapper = folder / "mayfly-oci"
    wrapper.write_text(f'#!/bin/sh\nMAYFLY_LIBDIR="{build}" exec "{build}/oci/mayfly-oci" "$@"\n', encoding="ascii")
    wrapper.chmod(0o755)


def runtime_path(runtime):
    return str(STATE / "bin/mayfly-oci") if runtime == "mayfly-oci" else shutil.which(runtime)


class Containerd:
    """containerd for as long as the block lasts."""

    def __init__(self, runtimes):
        config = CONTAINERD_CONF % {"state": STATE, "cni": cni_plugins(), "default": runtimes[0]}
        for runtime in runtimes:
            config += HANDLER % (runtime, runtime, runtime_path(runtime))
        self.config, self.log = STATE / "containerd.toml", STATE / "containerd.log"
        self.config.write_text(config, encoding="ascii")

    def __enter__(self):
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(["containerd", "--config", self.config], stdout=log, stderr=log)
        if not until(lambda: run("ctr", "version").status == 0):
            raise RuntimeError(f"containerd does not start: {self.log.read_text(encoding='utf-8')[-2000:]}")
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(20)

    def complaints(self):
        """The last lines of its log that are no mere news."""
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()
        return [line for line in lines if "level=error" in line or "level=fatal" in line or "failed to load" in line][-8:]


def cgroups():
    """All control groups that are there."""
    return {folder for folder, _, _ in os.walk(CGROUPS) if os.path.basename(folder) not in ENGINES_OWN}


def mounts():
    """Mount points, with how often each is mounted."""
    lines = pathlib.Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()
    return sorted(point for point in (line.split()[4] for line in lines) if point not in PODMANS_OWN)


def processes():
    """Command lines of all processes here but this one."""
    found = []
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().split(b"\0")
            if int(folder.name) != os.getpid() and words[0]:
                found.append(b" ".join(words).decode(errors="replace").strip())
        except OSError:
            pass  # it ended meanwhile
    return sorted(found)


def be_init():
    """Forks; the parent, process 1 of the namespace, reaps orphans until the child has ended."""
    child = os.fork()
    while child:
        ended, status = os.wait()
        if ended == child:
            os._exit(os.waitstatus_to_exitcode(status) & 0xff)
