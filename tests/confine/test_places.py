#!/usr/bin/env python3
"""A request is answered wherever rights can be given up or not, and mayfly doctor says which.

    test_places.py MAYFLY
"""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

MAYFLY = os.path.abspath(sys.argv.pop(1))
TIMEOUT_S = 60
NO_MORE = "echo 0 > /proc/sys/user/max_user_namespaces; "
NO_CAPABILITIES = "setpriv --bounding-set=-all --inh-caps=-all "


def run(*command, given=b"Ada\n"):
    return subprocess.run(command, input=given, capture_output=True, timeout=TIMEOUT_S)


def can(*command):
    return shutil.which(command[0]) and run(*command).returncode == 0


class Places(unittest.TestCase):
    def check(self, *prefix, shell="", missing=(), there=()):
        """In the place that `prefix` makes, after the shell words of `shell`."""
        script = f'{shell} "$@"'
        for isolation in "auto", "process":
            result = run(*prefix, "sh", "-c", script, "sh", MAYFLY, "run",
                         f"--isolation={isolation}", "hello")
            self.assertEqual((result.returncode, result.stdout), (0, b"Hello, Ada!\n"),
                             result.stderr)
            self.check_snapshot(isolation, *prefix, "sh", "-c", script, "sh", MAYFLY)
        report = json.loads(run(*prefix, "sh", "-c", script, "sh", MAYFLY, "doctor",
                                "--json").stdout)
        findings = {finding["name"]: finding for finding in report["findings"]
                    if finding["area"].startswith("rights")}
        self.assertEqual(len(findings), 11)
        for name in missing:
            self.assertEqual(findings[name]["state"], "note", name)
            self.assertTrue(findings[name]["advice"], name)
        for name in there + ("no_new_privileges", "no_capabilities", "system_call_filter"):
            self.assertEqual(findings[name]["state"], "ok", name)

    def check_snapshot(self, isolation, *command):
        """Taken there, and good here; one of another user's where it was taken from him."""
        with tempfile.TemporaryDirectory() as folder:
            os.chmod(folder, 0o777)
            file = os.path.join(folder, "hello.snap")
            taken = run(*command, "snapshot", f"--isolation={isolation}", "-o", file, "hello")
            self.assertEqual((taken.returncode, taken.stdout, os.listdir(folder)),
                             (0, b"", ["hello.snap"]), taken.stderr)
            if os.stat(file).st_uid != os.geteuid():
                served = run(MAYFLY, "run", file)
                self.assertEqual(served.returncode, 125, served.stderr)
                self.assertIn(b"belongs to another user", served.stderr)
                os.chown(file, os.geteuid(), os.getegid())
            served = run(MAYFLY, "run", file)
            self.assertEqual((served.returncode, served.stdout), (0, b"Hello, Ada!\n"),
                             served.stderr)

    def test_here(self):
        self.check()

    def test_ordinary_user(self):
        if os.geteuid():
            self.skipTest("that is test_here")
        nobody = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
        # setpriv itself still has capabilities when it starts a program, and reaches any.
        if not can(*nobody, "sh", "-c", 'exec "$0" version', MAYFLY):
            self.skipTest("setpriv is missing, or nobody may not read the build")
        self.check(*nobody, "env", "-u", "XDG_RUNTIME_DIR")

    def test_without_user_namespaces(self):
        if not can("unshare", "-Ur", "true"):
            self.skipTest("this machine has no user namespaces to begin with")
        self.check("unshare", "-Ur", shell=NO_MORE, missing=("user_namespace",),
                   there=("pid_namespace", "empty_root"))

    def test_without_namespaces(self):
        if not can("unshare", "-Ur", "setpriv", "--bounding-set=-all", "true"):
            self.skipTest("this machine has no user namespaces to begin with")
        self.check("unshare", "-Ur", shell=NO_MORE + NO_CAPABILITIES,
                   missing=("user_namespace", "pid_namespace", "network_namespace",
                            "ipc_namespace", "empty_root"))

    def test_chroot(self):
        # A root of another name: in a chroot no user namespace can be made.
        place = ("unshare", "-Urm", "sh", "-c",
                 "mount -t tmpfs none /mnt && mkdir /mnt/root && mount --rbind / /mnt/root && "
                 "exec chroot /mnt/root \"$@\"", "sh")
        if not can(*place, MAYFLY, "version"):
            self.skipTest("no chroot can be made here")
        self.check(*place, missing=("user_namespace",))


if __name__ == "__main__":
    unittest.main(verbosity=2)
