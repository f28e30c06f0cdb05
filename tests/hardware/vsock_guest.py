"""A guest of Linux with a vsock, as Firecracker and Kata have it: a program of the vAccel API in there classifies
photographs by an accelerator host that serves the guest's hybrid socket (docs/firecracker.md)."""
import contextlib
import os
import pathlib
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time

import machine

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import acceld_host  # noqa: E402  pylint: disable=wrong-import-position

HERE = pathlib.Path(__file__).resolve().parent
LIMIT = 120
CONTEXT = 3
AGENT_PORT, AGENT_CHUNK, AGENT_CHUNKS = 1024, 64 << 10, 16
LARGE = 4 << 20  # bytes: many times what fits into a vsock's buffers
DEVICE = "vhost-user-vsock-pci"
MODULES = ("drivers/virtio/virtio_ring", "drivers/virtio/virtio", "drivers/virtio/virtio_pci_modern_dev",
           "drivers/virtio/virtio_pci_legacy_dev", "drivers/virtio/virtio_pci", "net/vmw_vsock/vsock",
           "net/vmw_vsock/vmw_vsock_virtio_transport_common", "net/vmw_vsock/vmw_vsock_virtio_transport")
INIT = f"""#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devices /dev
for module in {" ".join(name.rpartition("/")[2] for name in MODULES)}; do
	[ ! -e /modules/$module.ko ] || insmod /modules/$module.ko
done
sh /vsock.sh
echo "the machine ends"
poweroff -f
"""


def build_root(root, build, kernel, photo):
    for folder in ("proc", "sys", "dev"):
        (root / folder).mkdir(parents=True)
    for source, target in (("/bin/busybox", "/bin/busybox"), (build / "tests/hardware/vsock_classify", "/classify"),
                           (build / "lib/accel/libvaccel.so.0", "/lib/libvaccel.so.0"),
                           (build / "tests/hardware/vsock_echo", "/echo"), (HERE / "vsock.sh", "/vsock.sh"),
                           (photo, "/dog.jpg")):
        machine.add(root, source, target)
    # What follows a JPEG's end is no part of the picture.
    (root / "large.jpg").write_bytes(photo.read_bytes().ljust(LARGE, b"\0"))
    machine.add_modules(root, kernel, MODULES)
    (root / "init").write_text(INIT, encoding="ascii")
    (root / "init").chmod(0o755)


def classify_here(build, *photos):
    """The host's own answers, by the plugin in the program's process, in the form of vsock.sh."""
    environment = {name: value for name, value in os.environ.items() if name != "VACCEL_RPC_ADDRESS"}
    environment["VACCEL_PLUGINS"] = str(build / "plugins/onnx/libvaccel-onnx.so")
    done = subprocess.run([build / "tests/hardware/vsock_classify", *photos], check=False, text=True,
                          stdout=subprocess.PIPE, env=environment)
    return f"{done.stdout.rstrip()}\n exit {done.returncode}".replace("\n", "|")


def talk_to_agent(uds, said):
    """Connects to the guest from the host as Kata does to its agent, while the guest uses its accelerators."""
    for _ in range(10 * LIMIT):
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(LIMIT)
            client.connect(str(uds))
            client.sendall(b"CONNECT %d\n" % AGENT_PORT)
            stream = client.makefile("rb")
            line = stream.readline()
            if not line:  # nobody listens yet
                time.sleep(0.1)
                continue
            sound = bool(re.fullmatch(rb"OK \d+\n", line))
            for _ in range(AGENT_CHUNKS):
                chunk = os.urandom(AGENT_CHUNK)
                client.sendall(chunk)
                sound = sound and stream.read(AGENT_CHUNK) == chunk
            said.append(sound)
            return


def await_path(path, there):
    """Whether a path comes, or goes, within ten seconds."""
    end = time.monotonic() + 10
    while path.exists() != there and time.monotonic() < end:
        time.sleep(0.02)
    return path.exists() == there


def why_not(kernel, photo):
    """Why this machine cannot try it. None where it can."""
    offers = subprocess.run(["qemu-system-x86_64", "-device", "help"], text=True, capture_output=True, check=False)
    if DEVICE not in offers.stdout:
        return f"this QEMU has no {DEVICE}"
    modules, = (kernel / "lib" / "modules").iterdir()
    if not (modules / "kernel" / f"{MODULES[-1]}.ko").exists():
        return f"the kernel in {kernel} has no vsock of virtio"
    if not photo.exists():
        return f"no photograph {photo} (make models)"
    return None


@contextlib.contextmanager
def accelerator_host(build, work, name):
    """An accelerator host, and a vsock device that leads to it: what QEMU is to be told, and the device's process.
    The sandbox's socket is in the directory `name` below `work`."""
    uds = work / "sandboxes" / name / "v.sock"
    uds.parent.mkdir(parents=True)
    host = acceld_host.start(build, work, f"--vsock-dir={work}/sandboxes")
    device = subprocess.Popen(  # pylint: disable=consider-using-with
        [HERE / "vsock_device.py", work / "device.sock", uds, str(CONTEXT)])
    try:
        served = await_path(uds.with_name("v.sock_2048"), True) and await_path(work / "device.sock", True)
        yield served, uds, device, [
            "-object", "memory-backend-memfd,id=memory,size=1024M,share=on", "-machine", "memory-backend=memory",
            "-chardev", f"socket,id=vsock,path={work}/device.sock", "-device", f"{DEVICE},chardev=vsock"]
    finally:
        for process in device, host:
            process.terminate()
            process.wait(20)


def judge(checks):
    """A line for each check: its name, what is wanted, what came."""
    return "".join(f"\nok: {name}" if wanted == got else f"\nnot ok: {name}: wanted '{wanted}', got '{got}'"
                   for name, wanted, got in checks)


def run(build, kernel):
    """Returns what the guest printed, with a line for each check, and whether it was skipped."""
    photo = machine.cache_path("photos") / "dog.jpg"
    reason = why_not(kernel, photo)
    if reason:
        return f"skipped: a guest with a vsock: {reason}", True
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        work = pathlib.Path(name)
        build_root(work / "root", build, kernel, photo)
        both, one = classify_here(build, photo, work / "root/large.jpg"), classify_here(build, photo)
        agent = []
        with accelerator_host(build, work, "guest-1") as (served, uds, device, devices):
            thread = threading.Thread(target=talk_to_agent, args=(uds, agent), daemon=True)
            thread.start()
            printed = machine.boot(kernel, work / "root", work, limit=LIMIT, devices=devices)
            thread.join(10)
            device_status = device.wait(10)
            gone = await_path(uds.with_name("v.sock_2048"), False)
            log = (work / "acceld.log").read_text(encoding="utf-8", errors="replace")
    lines = dict(re.findall(r"^(\w+): (.*?)\s*$", printed, re.M))
    checks = (
        ("the host serves the sandbox's socket", True, served),
        ("the host itself can classify", "exit 0", both[-6:]),
        ("a guest's photographs over vsock, as on the host", both, lines.get("own")),
        ("its agent's connections meanwhile", "True exit 0", f"{agent == [True]} {lines.get('echo')}"),
        ("its own plugins are none", True, "no plugin serves this session" in lines.get("alone", "")),
        ("a port where nobody listens", True,
         "cannot connect to vsock://2:2049: Connection reset by peer" in lines.get("nobody", "")),
        ("and once more", one, lines.get("again")),
        ("the device ends with its guest", 0, device_status),
        ("and the host's socket for it, too", True, gone))
    said = judge(checks)
    log = f"the accelerator host's log:\n{log}" if "\nnot ok: " in said else ""
    return f"{printed}{said}\n{log}", False
