"""The place where engines run: namespaces of their own, and all state in memory that goes with them.

/run is a file system in memory there, so that neither engine meets one of this machine; what engines keep
elsewhere by default lies below it, too. The process namespace ends whatever they started.
"""
import os
import pathlib
import shutil
import subprocess

import place
from images import BUSYBOX, LIBRARY, PYTHON
from steps import must, run, until

PROGRAMS = ("containerd", "ctr", "podman", "conmon", "crun", "runc", "umoci", "skopeo", "unshare", "iptables",
            "protoc", "cc")
CNI_PLUGINS = ("/usr/lib/cni", "/opt/cni/bin")
STATE = pathlib.Path("/run/rig")
# Groups that engines and kubelets keep for all their containers.
ENGINES_OWN = ("kubepods", "libpod_parent", "rig", "k8s.io")
# What podman itself mounts when it likes to, and keeps.
PODMANS_OWN = ("/run/netns", f"{STATE}/podman/overlay")
# Empty ones of its own take the place of these.
REPLACED = ("/var/lib", "/var/tmp", "/etc/containers", "/etc/cni")
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
    for path in BUSYBOX, PYTHON, LIBRARY, *REPLACED:
        if not os.path.exists(path):
            return f"{path} is not there (tools/setup containers)"
    tried = run("unshare", *place.NAMESPACES, "sh", "-c", "mount -t tmpfs rig /run && ip link set lo up")
    if tried.status != 0:
        return f"no namespaces here: {tried.err.strip()}"
    return place.why_no_groups()


def cni_plugins():
    return next((folder for folder in CNI_PLUGINS if os.path.exists(f"{folder}/bridge")), None)


def prepare(build):
    """Makes the place ready, once inside. Returns the folder for state."""
    must("mount", "--make-rprivate", "/")
    must("mount", "-t", "tmpfs", "-o", "mode=755", "rig", "/run")
    STATE.mkdir()
    os.chdir(STATE)  # conmon leaves a file where it is
    for folder in REPLACED:
        own = STATE / folder.strip("/").replace("/", "-")
        own.mkdir()
        must("mount", "--bind", own, folder)
    place.mount_groups()
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
    wrapper.write_text(f'#!/bin/sh\nMAYFLY_LIBDIR="{build}" exec "{build}/mayfly-oci" "$@"\n', encoding="ascii")
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
    """Control groups but for those that engines keep."""
    return [folder for folder in place.cgroups() if os.path.basename(folder) not in ENGINES_OWN]


def mounts():
    """Mount points but for those that podman keeps."""
    return [point for point in place.mounts() if point not in PODMANS_OWN]
