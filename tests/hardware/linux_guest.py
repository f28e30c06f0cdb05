"""Linux in Mayfly: in the emulated machine with SVM, which has a vsock of its own, Mayfly boots Debian's kernel with a
busybox. That one reads a block device, pings over a network, and classifies a photograph by the accelerator host of
this machine, over its vsock (docs/unikernels.md)."""
import pathlib
import re
import tempfile

import machine
import vsock_guest

HERE = pathlib.Path(__file__).resolve().parent
LIMIT = 200
PARTS = ("mayfly", "monitor/mayfly-monitor", "monitor/process_guest", "guest/libos.elf", "rootd/mayfly-rootd",
         "tests/hardware/pvh-kernel")
OUTER_MODULES = ("virt/lib/irqbypass", "arch/x86/kvm/kvm", "arch/x86/kvm/kvm-amd", "drivers/net/tun")
INNER_MODULES = ("drivers/virtio/virtio_ring", "drivers/virtio/virtio", "drivers/virtio/virtio_mmio",
                 "drivers/block/virtio_blk", "net/core/failover", "drivers/net/net_failover",
                 "drivers/net/virtio_net", "drivers/char/hw_random/virtio-rng", "net/vmw_vsock/vsock",
                 "net/vmw_vsock/vmw_vsock_virtio_transport_common", "net/vmw_vsock/vmw_vsock_virtio_transport")
OUTER_INIT = vsock_guest.INIT.replace("sh /vsock.sh", "mount -t tmpfs tmp /tmp\n" + "".join(
    f"insmod /modules/{name.rpartition('/')[2]}.ko\n" for name in OUTER_MODULES) + "sh /linux_guest.sh")


def add_script(root, source, target):
    machine.add(root, HERE / source, target)
    (root / target.lstrip("/")).chmod(0o755)


def build_inner(root, build, kernel, photo):
    """What the inner kernel has as its initial RAM disk."""
    for folder in ("proc", "sys", "dev"):
        (root / folder).mkdir(parents=True)
    for source, target in (("/bin/busybox", "/bin/busybox"), (build / "tests/hardware/vsock_classify", "/classify"),
                           (build / "lib/accel/libvaccel.so.0", "/lib/libvaccel.so.0"), (photo, "/dog.jpg")):
        machine.add(root, source, target)
    machine.add_modules(root, kernel, INNER_MODULES)
    (root / "modules/list").write_text("\n".join(name.rpartition("/")[2] for name in INNER_MODULES), encoding="ascii")
    add_script(root, "linux_inner.sh", "/init")


def build_outer(root, build, kernel, inner):
    for folder in ("proc", "sys", "dev", "tmp"):
        (root / folder).mkdir(parents=True)
    machine.add(root, "/bin/busybox", "/bin/busybox")
    machine.add(root, build / "tests/hardware/vsock_relay", "/relay")
    for part in PARTS:
        machine.add(root, build / part, f"/mayfly/{part}")
    image, = (kernel / "boot").glob("vmlinuz-*")
    machine.add(root, image, "/vmlinuz")
    machine.add_modules(root, kernel, OUTER_MODULES + vsock_guest.MODULES)
    machine.pack(inner, root / "inner")
    add_script(root, "linux_guest.sh", "/linux_guest.sh")
    (root / "init").write_text(OUTER_INIT, encoding="ascii")
    (root / "init").chmod(0o755)


def run(build, kernel):
    """Returns what the machine printed, with a line for each check, and whether it was skipped."""
    photo = machine.cache_path("photos") / "dog.jpg"
    reason = vsock_guest.why_not(kernel, photo)
    if reason:
        return f"skipped: Linux in Mayfly: {reason}", True
    with tempfile.TemporaryDirectory(dir="/tmp") as name:
        work = pathlib.Path(name)
        build_inner(work / "inner", build, kernel, photo)
        build_outer(work / "root", build, kernel, work / "inner")
        wanted = vsock_guest.classify_here(build, photo)
        with vsock_guest.accelerator_host(build, work, "linux-1") as (_, _, _, devices):
            printed = machine.boot(kernel, work / "root", work, limit=LIMIT, devices=devices)
    lines = dict(re.findall(r"^([a-z ]+): (.*?)\s*$", printed, re.M))
    release, = (path.name for path in (kernel / "lib/modules").iterdir())
    said = vsock_guest.judge((
        ("Debian's kernel boots in Mayfly", release, lines.get("inner")),
        ("it reads its block device", lines.get("disk", "no line"), lines.get("inner disk")),
        ("it pings over its network", "3 packets transmitted, 3 packets received, 0% packet loss",
         lines.get("inner ping")),
        ("it has randomness", "16", lines.get("inner randomness")),
        ("it classifies over its vsock, as the host does", wanted, lines.get("inner own")),
        ("it ends by turning itself off", "0", lines.get("ended")),
        ("a kernel that is cut off", True, "a Linux kernel that is cut off" in lines.get("cut off", "")),
        ("a kernel that is too large", True, "needs memory from 16 to" in lines.get("too large", "")),
        ("a PVH kernel of our own", "a PVH kernel: hello 0", lines.get("own kernel"))))
    return f"{printed}{said}\n", False
