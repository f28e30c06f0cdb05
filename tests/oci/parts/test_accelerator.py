#!/usr/bin/env python3
"""A container's machine and the accelerator host that its annotation names: used where it serves, never started.

usage: test_accelerator.py RUNTIME ACCELD PLUGIN CLASSIFY
"""

import ctypes
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

SKIPPED = 77
LIMIT = 60
NEW_MOUNTS = 0x20000
TENANTS = pathlib.Path("/run/mayfly/tenants")


def enter_namespace():
    """A /run of this test's own. False where it may not have that."""
    if ctypes.CDLL(None, use_errno=True).unshare(NEW_MOUNTS):
        return False
    return not any(subprocess.run(["mount", *words], check=False).returncode
                   for words in (["--make-rprivate", "/"], ["-t", "tmpfs", "test", "/run"]))


def run(runtime, folder, classify, annotations, number):
    """A container that asks what a picture shows."""
    bundle = folder / f"bundle{number}"
    (bundle / "rootfs").mkdir(parents=True)
    shutil.copy(classify, bundle / "rootfs/classify")
    (bundle / "config.json").write_text(json.dumps({
        "ociVersion": "1.0.2", "root": {"path": "rootfs"}, "annotations": annotations,
        "process": {"args": ["/classify"], "cwd": "/", "user": {"uid": 0, "gid": 0}},
        "linux": {"namespaces": [{"type": "mount"}, {"type": "network"}]}}))
    return subprocess.run([runtime, "--root", folder / "state", "run", "--bundle", bundle, f"{os.getpid()}-{number}"],
                          input=b"picture", capture_output=True, timeout=LIMIT, check=False)


def serve(acceld, plugin, folder):
    """A host with a tenant, when it serves."""
    (folder / "acceld.yaml").write_text(f"tenants:\n- {{name: shop, listen: 'seqpacket://{TENANTS}/shop.sock'}}\n")
    reader, writer = os.pipe()
    process = subprocess.Popen([acceld, "--foreground", "--config", folder / "acceld.yaml", f"--ready-fd={writer}"],
                               pass_fds=[writer], stdin=subprocess.DEVNULL,
                               env={**os.environ, "VACCEL_PLUGINS": plugin, "XDG_RUNTIME_DIR": str(folder)})
    os.close(writer)
    with os.fdopen(reader) as ready:
        assert ready.read() == "\n"
    return process


def main():
    runtime, acceld, plugin, classify = sys.argv[1:]
    if os.geteuid() or not enter_namespace():
        print("skipped: mounting needs root")
        return SKIPPED
    TENANTS.mkdir(parents=True)
    os.environ["MAYFLY_LIBDIR"] = os.path.dirname(os.path.abspath(runtime))
    shop = {"mayfly.dev/accelerator": "shop"}
    with tempfile.TemporaryDirectory(dir="/run") as name:
        folder = pathlib.Path(name)
        os.environ["XDG_RUNTIME_DIR"] = str(folder)
        ended = run(runtime, folder, classify, shop, 1)
        assert ended.returncode == 1 and b"cannot connect to the accelerator host" in ended.stderr, ended
        assert not list(pathlib.Path("/run").rglob("*.sock")), "a host was started"
        host = serve(acceld, plugin, folder)
        try:
            ended = run(runtime, folder, classify, shop, 2)
            assert ended.returncode == 0 and b'"label": "dummy"' in ended.stdout, ended
            ended = run(runtime, folder, classify, {}, 3)
            assert ended.returncode == 1 and b"may not use an accelerator" in ended.stderr, ended
        finally:
            host.terminate()
            host.wait(LIMIT)
    return 0


sys.exit(main())
