#!/usr/bin/env python3
"""From what a deployment names to what a monitor starts.

usage: test_images.py TOOL MAYFLY ISOLATION
TOOL is the program of images_tool.c.
"""

import base64
import ctypes
import gzip
import hashlib
import io
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "root"))
from oci_layout import write_layout  # noqa: E402

TOOL, MAYFLY = (pathlib.Path(sys.argv.pop(1)).resolve() for _ in range(2))
ISOLATION = sys.argv.pop(1)
LIMIT = 120  # seconds for one command
SKIP = 77
BUSYBOX = "/bin/busybox"


class WithState(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.state = self.folder / "state"
        self.images = self.state / "images"

    def command(self, image, *words):
        return [TOOL, self.state, image, f"annotation:mayfly.dev/isolation={ISOLATION}", *map(str, words)]

    def tool(self, image, *words, **variables):
        """What it says, as a dictionary of lists."""
        result = subprocess.run(self.command(image, *words), capture_output=True, timeout=LIMIT,
                                env={**os.environ, **variables}, check=False)
        self.assertIn(result.returncode, (0, 1), result.stderr)
        said = {}
        for line in result.stdout.strip().decode(errors="replace").splitlines():
            name, _, value = line.partition(" ")
            said.setdefault(name, []).append(value)
        self.assertEqual(result.returncode == 1, "error" in said, said)
        return said

    def good(self, image, *words, **variables):
        said = self.tool(image, *words, **variables)
        self.assertNotIn("error", said, said)
        return said

    def refused(self, image, *words, code=22, **variables):
        """The sentence; the code is EINVAL unless another is expected."""
        said = self.tool(image, *words, **variables)
        self.assertIn("error", said, said)
        found, _, sentence = said["error"][0].partition(" ")
        self.assertEqual(int(found), code, sentence)
        return sentence

    def files(self, ending=""):
        return sorted(str(path.relative_to(self.images)) for path in self.images.rglob(f"*{ending}"))


class Programs(WithState):
    def test_installed_function(self):
        said = self.good("hello", "serve=Bob")
        self.assertEqual(said["response"], ["Hello, Bob!"])
        self.assertEqual((said["frozen"], said["contract"], said["isolation"]),
                         (["1"], ["stdio"], [ISOLATION]))
        self.assertTrue(said["digest"][0].startswith("sha256:"))
        # The same deployment again finds its snapshot; another one does not.
        self.assertNotIn("progress", self.good("hello"))
        self.assertIn("progress", self.good("hello", "env:A=b"))
        self.assertIn("progress", self.good("hello", "limit:memory=64Mi"))
        self.assertEqual(len(self.files(".snapshot")), 3)

    def test_path_with_command_line(self):
        said = self.good(BUSYBOX, "process=busybox tr 'a b' \"c\\\"d\"", "serve=a b")
        self.assertEqual(said["response"], ['c"d'])

    def test_ends_without_reading(self):
        said = self.good(BUSYBOX, "process=busybox echo there", "env:B=c", "serve=x")
        self.assertEqual((said["response"], said["frozen"], said["argument"], said["variable"]),
                         (["there"], ["0"], ["echo", "there"], ["B=c"]))
        self.assertEqual(self.files(".snapshot"), [])

    def test_secrets(self):
        secret = "/var/openfaas/secrets/key"
        said = self.good(BUSYBOX, f"process=busybox cat - {secret}", "secret:key=hidden", "serve=given ")
        self.assertEqual(said["response"], ["given hidden"])
        self.assertNotIn("progress", self.good(BUSYBOX, f"process=busybox cat - {secret}", "secret:key=hidden"))
        # Another secret is another set-up.
        said = self.good(BUSYBOX, f"process=busybox cat - {secret}", "secret:key=other", "serve=given ")
        self.assertEqual(said["response"], ["given other"])
        # Without a snapshot it is there all the same.
        said = self.good(BUSYBOX, f"process=busybox cat {secret}", "secret:key=hidden", "serve=")
        self.assertEqual((said["response"], said["frozen"]), (["hidden"], ["0"]))
        self.assertIn("no name for a file", self.refused(BUSYBOX, "process=busybox cat", "secret:../key=x"))

    def test_warm_up(self):
        """The program has served one request when the snapshot is taken, by its contract: it counts lines."""
        count = "process=busybox sh -c 'n=0; while read a; do n=$((n+1)); echo $n $a; done'"
        for contract, least in (("stdio", 1), ("http", 4)):
            said = self.good(BUSYBOX, count, f"annotation:mayfly.dev/contract={contract}",
                             "annotation:mayfly.dev/warm-up=warm\n", "serve=Ada\n")
            number, name = said["response"][0].split()
            self.assertEqual(name, "Ada")
            self.assertGreater(int(number), least)
        self.assertIn("nothing in it", self.refused(BUSYBOX, "annotation:mayfly.dev/warm-up="))

    def test_contract_of_a_program(self):
        self.assertEqual(self.good("hello-http")["contract"], ["handler"])
        self.assertEqual(self.good("hello-http", "annotation:mayfly.dev/contract=stdio")["contract"], ["stdio"])

    def test_at_once(self):
        said = self.good(BUSYBOX, "process=busybox tr a b", "threads=6", "serve=banana")
        self.assertEqual((said["response"], len(said["digest"])), (["bbnbnb"], 6))
        self.assertEqual(len(self.files(".snapshot")), 1)
        self.assertEqual(len(self.files("busybox")), 1)

    def test_crash(self):
        program = self.folder / "crash"
        program.write_bytes(crashing_program())
        program.chmod(0o755)
        sentence = self.refused(program)
        self.assertIn("crashed before it read a request", sentence)
        self.assertIn("invalid instruction", sentence)

    def test_paths_below(self):
        inside = self.folder / "inside"
        inside.mkdir()
        shutil.copy(BUSYBOX, inside)
        (inside / "link").symlink_to(BUSYBOX)
        said = self.good(inside / "busybox", f"below={inside}", "process=busybox tr a b", "serve=banana")
        self.assertEqual(said["response"], ["bbnbnb"])
        for image in (BUSYBOX, inside / "link", f"{inside}/../inside2", f"docker-archive:{self.folder}"):
            self.assertIn("image: ", self.refused(image, f"below={inside}", "process=busybox tr a b"))
        self.assertIn("not below", self.refused(inside / "link", f"below={inside}", "process=busybox tr a b"))
        # Nor does what is said tell whether there is anything elsewhere.
        (self.folder / "aaa").write_text("no image")
        for form in ("{}", "{}:latest", "oci:{}", "oci:{}:tag", "docker-archive:{}"):
            there, none = (self.refused(form.format(self.folder / name), f"below={inside}") for name in ("aaa", "bbb"))
            self.assertEqual(there, none.replace("bbb", "aaa"))
        self.good("hello", f"below={inside}")

    def test_not_fit(self):
        sentence = self.refused(BUSYBOX, "process=busybox sh -c 'echo Alas >&2; exit 3'")
        self.assertIn("status 3", sentence)
        self.assertIn("Alas", sentence)
        self.assertIn("within its start-up time",
                      self.refused(BUSYBOX, "process=busybox sleep 100", "setup-ms=500"))
        self.assertIn("HTTP servers", self.refused(BUSYBOX, "process=busybox nc -l -p 80",
                                                   "annotation:mayfly.dev/contract=stdio"))
        self.assertIn("signal", self.refused(BUSYBOX, "process=busybox sh -c 'kill -9 $$'"))
        self.assertIn("status 4", self.refused(BUSYBOX, "process=busybox sh -c '(exit 4) || exit $?'"))
        self.assertEqual(self.files(".snapshot"), [])

    def test_names(self):
        self.assertIn("no function is called 'helo'", self.refused("helo"))
        self.assertIn("absolute", self.refused("./hello"))
        self.assertIn("No such file", self.refused("/nowhere/program"))
        self.assertIn("neither a file", self.refused("/dev/null"))
        self.assertIn("too large", self.refused(BUSYBOX, "size=1000"))
        script = self.folder / "script"
        script.write_text("#!/bin/sh\n")
        self.assertIn("script", self.refused(script))


class Registry(WithState):
    """Images of a registry, which runs on this machine."""

    USER = "ada:$2y$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a"  # and her password is "secret"

    def setUp(self):
        super().setUp()
        self.need("skopeo")
        self.saved = self.folder / "image.tar"
        self.saved.write_bytes(archive(docker_archive([archive(TREE)], CONFIG)))

    def need(self, program):
        if not shutil.which(program):
            self.skipTest(f"{program} is not installed")

    def start(self, **settings):
        self.need("docker-registry")
        config = self.folder / "registry.json"  # YAML, too
        config.write_text(json.dumps({"version": 0.1, "storage": {"filesystem": {
            "rootdirectory": str(self.folder / "registry")}}, "http": {"addr": "127.0.0.1:0"}, **settings}))
        log = open(self.folder / "registry.log", "w+b")
        self.addCleanup(log.close)
        self.server = subprocess.Popen(["docker-registry", "serve", config], stdout=log, stderr=subprocess.PIPE,
                                       env={**os.environ, "OTEL_TRACES_EXPORTER": "none"})
        for line in self.server.stderr:
            found = re.search(rb"listening on (127[0-9.]*:[0-9]+)", line)
            if found:
                self.address = found[1].decode()
                break
        else:
            self.fail(f"the registry does not listen: {self.server.wait()}")
        # Nobody may be kept waiting by a full pipe.
        self.reader = threading.Thread(target=self.server.stderr.read)
        self.reader.start()
        self.addCleanup(self.stop)
        self.configure()

    def configure(self):
        registries = self.folder / ".config/containers/registries.conf"
        registries.parent.mkdir(parents=True)
        registries.write_text(f'[[registry]]\nlocation = "{self.address}"\ninsecure = true\n')
        self.variables = {"HOME": str(self.folder)}

    def stop(self):
        self.server.kill()
        self.server.wait()
        self.reader.join()
        self.server.stderr.close()

    def push(self, name, *options):
        subprocess.run(["skopeo", "--insecure-policy", "copy", "-q", "--dest-tls-verify=false", *options,
                        f"docker-archive:{self.saved}", f"docker://{self.address}/{name}"],
                       check=True, timeout=LIMIT, capture_output=True)

    def test_fetched_once(self):
        self.start()
        self.push("team/tr:1")
        said = self.good(f"{self.address}/team/tr:1", "serve=banana", **self.variables)
        self.assertEqual((said["response"], [text.split()[0] for text in said["progress"]]),
                         (["bbnbnb"], ["looking", "fetching", "packing", "starting"]))
        digest = said["digest"][0]
        # The same digest is not fetched again, by whatever name.
        self.push("team/tr:2")
        for name in ("team/tr:1", "team/tr:2", f"team/tr@{digest}", f"team/tr:1@{digest}"):
            said = self.good(f"docker://{self.address}/{name}", **self.variables)
            self.assertEqual([text for text in said.get("progress", []) if "looking" not in text], [], name)
        # Who names a digest that is there needs no registry.
        self.stop()
        self.good(f"{self.address}/team/tr@{digest}", **self.variables)
        self.assertIn("its registry does not answer", self.refused(f"{self.address}/team/tr:1", **self.variables))
        self.assertEqual([name for name in self.files() if name.startswith("work.")], [])

    def test_not_there(self):
        self.start()
        self.push("team/tr:1")
        said = self.refused(f"{self.address}/team/tr:9", **self.variables)
        self.assertIn(f"image: {self.address}/team/tr:9: its registry has no such image", said)
        self.assertNotIn("docker://", said)
        self.assertIn("image:", self.refused(f"{self.address}/team/tr@sha256:{'0' * 64}", **self.variables))
        self.assertIn("no SHA-256", self.refused(f"{self.address}/team/tr@sha256:0", **self.variables))
        self.assertIn("large", self.refused(f"{self.address}/team/tr:1", "size=1000", **self.variables))

    def test_silent(self):
        """Who is waited for in vain is given up in time, or as soon as nobody wants the image any more."""
        with socket.create_server(("127.0.0.1", 0)) as silent:
            self.address = f"127.0.0.1:{silent.getsockname()[1]}"
            self.configure()
            self.assertIn("longer than 0.5 s", self.refused(f"{self.address}/x:1", "fetch-ms=500", **self.variables))
            self.refused(f"{self.address}/x:1", "cancel-when=looking", code=125, **self.variables)

    def test_credentials(self):
        """Those of the file that the operator names, and no others."""
        users = self.folder / "users"
        users.write_text(self.USER + "\n")
        self.start(auth={"htpasswd": {"realm": "test", "path": str(users)}})
        self.push("tr:1", "--dest-creds=ada:secret")
        credentials = self.folder / "auth.json"
        credentials.write_text(json.dumps({"auths": {self.address: {
            "auth": base64.b64encode(b"ada:secret").decode()}}}))
        name = f"{self.address}/tr:1"
        own = {"REGISTRY_AUTH_FILE": str(credentials), **self.variables}
        self.assertIn("--registry-auth", self.refused(name, **own))
        self.assertEqual(self.good(name, f"credentials={credentials}", "serve=banana", **self.variables)["response"],
                         ["bbnbnb"])

    def test_no_skopeo(self):
        self.assertIn("apt install skopeo", self.refused("debian:12", PATH="/nowhere"))


class Fields(WithState):
    """The table of a deployment's fields."""

    def check(self, field, value):
        return self.tool("hello", f"{field}={value}", "check")

    def test_bad_values(self):
        ours, scale = "annotation:mayfly.dev/", "label:com.openfaas.scale."
        bad = {
            "limit:memory": ("12Q", "", "-1", "1.2.3Gi", "0", "40m0", "4Ei", "1e30", "0x10", "1 Gi", "1" * 30),
            "limit:cpu": ("two", "0", "5000", "1e", "m"),
            "request:memory": ("x",), "request:cpu": ("1x",),
            "env:exec_timeout": ("soon",),
            ours + "contract": ("grpc", ""),
            ours + "isolation": ("docker",),
            ours + "timeout": ("0", "-1s", "1y", "1h1", "200h", "1s2", "."),
            ours + "concurrency": ("0", "1025", "x", "1.5"),
            ours + "queue": ("-1", "1000001"),
            ours + "reuse": ("0", "-1", "4294967296", "x"),
            ours + "accel": ("maybe",), ours + "stream": ("2",),
            ours + "idle": ("later",), ours + "schedule": ("", "* * * *", "61 * * * *"),
            ours + "warm-up": ("",), ours + "split": ("101", "half"),
            scale + "min": ("-1", "1025"), scale + "max": ("0", "1025", "many"),
            scale + "factor": ("0", "101"), scale + "target": ("x",), scale + "zero": ("perhaps",),
            scale + "zero-duration": ("0", "long"),
        }
        groups = {"limit": "limits", "request": "requests", "env": "envVars", "annotation": "annotations",
                  "label": "labels"}
        for field, values in bad.items():
            group, _, key = field.partition(":")
            for value in values:
                with self.subTest(f"{field}={value}"):
                    said = self.check(field, value)
                    self.assertIn("error", said)
                    code, _, sentence = said["error"][0].partition(" ")
                    self.assertEqual(code, "22")
                    self.assertTrue(sentence.startswith(f"{groups[group]}.{key}: "), sentence)
        for process in ("'open", '"open', "back\\", "  "):
            self.assertIn("envProcess", self.refused("hello", f"process={process}", "check"))
        self.assertIn("envVars", self.refused("hello", "env:=x", "check"))
        self.assertIn("labels.com.openfaas.scale.min: 3 is more than the 2",
                      self.refused("hello", scale + "min=3", scale + "max=2", "check"))
        self.assertIn("image", self.refused("", "check"))

    def described(self, *words):
        """As it is prepared with these words; memory is what it was prepared with, so that only this needs a start."""
        kept = self.folder / "kept"
        again = any("memory" in word for word in words) or not kept.exists()
        said = self.good(BUSYBOX, "process=busybox true", *words, f"keep={kept}" if again else f"describe={kept}")
        if again and words:
            kept.unlink()
        return {name: values[0] for name, values in said.items() if name != "progress"}

    def test_good_values(self):
        usual = {"memory": 128 << 20, "cpus": 0, "timeout": 60 * 10**9, "idle": 300 * 10**9, "minimum": 0,
                 "maximum": 100, "queue": 1000, "split": 100, "no_acceleration": 0, "stream": 0, "fresh": 0,
                 "reuse": 0, "schedule": "-"}
        ours, scale = "annotation:mayfly.dev/", "label:com.openfaas.scale."
        for words, changes in (
                ([], {}),
                (["limit:memory=64Mi"], {"memory": 64 << 20}),
                (["limit:memory=100M"], {"memory": 10**8}),
                (["limit:memory=0.0625Gi"], {"memory": 64 << 20}),
                (["limit:memory=67108864"], {"memory": 64 << 20}),
                (["limit:memory=6.4e7"], {"memory": 64 * 10**6}),
                (["request:cpu=10m", "request:memory=1Mi"], {}),
                ([ours + "timeout=1m30s"], {"timeout": 90 * 10**9}),
                ([ours + "timeout=1.5s"], {"timeout": 1500 * 10**6}),
                ([ours + "timeout=250ms", "env:exec_timeout=9s"], {"timeout": 250 * 10**6}),
                (["env:exec_timeout=9s"], {"timeout": 9 * 10**9}),
                ([ours + "concurrency=7"], {"maximum": 7}),
                ([scale + "max=8", ours + "concurrency=7"], {"maximum": 7}),
                ([scale + "max=8", scale + "factor=20", scale + "target=50"], {"maximum": 8}),
                ([scale + "min=2"], {"minimum": 2, "idle": 0}),
                ([scale + "min=200"], {"minimum": 200, "maximum": 200, "idle": 0}),
                ([scale + "min=2", scale + "zero=true"], {"minimum": 2}),
                ([scale + "zero=false"], {"idle": 0}),
                ([scale + "zero-duration=15m"], {"idle": 900 * 10**9}),
                ([scale + "zero-duration=15m", ours + "idle=10s"], {"idle": 10 * 10**9}),
                ([ours + "idle=never"], {"idle": 0}),
                ([ours + "queue=0", ours + "split=10"], {"queue": 0, "split": 10}),
                ([ours + "accel=false", ours + "stream=true"], {"no_acceleration": 1, "stream": 1}),
                ([ours + "accel=auto", ours + "contract=auto"], {"contract": "stdio"}),
                ([ours + "schedule=*/5 * * * *"], {"schedule": "*/5 * * * *"}),
                (["annotation:topic=cron-function", "annotation:schedule=0 * * * *"], {"schedule": "0 * * * *"}),
                (["annotation:topic=cron-function", "annotation:schedule=0 * * * *", ours + "schedule=1 * * * *"],
                 {"schedule": "1 * * * *"}),
                (["annotation:schedule=whenever"], {}),
                (["label:anything=1", "annotation:mayfly.dev/unknown=x", "limit:nvidia.com/gpu=1"], {})):
            with self.subTest(words):
                said = self.described(*words)
                for name, value in {**usual, **changes}.items():
                    self.assertEqual(said[name], str(value), name)

    def test_processors(self):
        """Limited where there can be a control group; elsewhere a deployment that wants it is refused."""
        for text, thousandths in (("500m", "500"), ("1", "1000"), ("0.25", "250")):
            said = self.tool(BUSYBOX, "process=busybox true", f"limit:cpu={text}")
            if "error" in said:
                self.assertIn("22 limits.cpu: this gateway cannot limit processors: leave the limit out",
                              said["error"][0])
            else:
                self.assertEqual(said["cpus"], [thousandths])

    def test_little_memory(self):
        self.assertIn("limits.memory: 64 is less than the 1Mi that a function needs; a number alone is bytes",
                      self.refused(BUSYBOX, "process=busybox true", "limit:memory=64"))


class Store(WithState):
    """What stays, and what is removed."""

    def kept(self, image, *words):
        path = self.folder / f"kept{len(list(self.folder.glob('kept*')))}"
        self.good(image, *words, f"keep={path}")
        return path

    def test_trim(self):
        self.kept("hello")
        self.kept("hello", "env:A=b")
        self.kept(BUSYBOX, "process=busybox cat")
        before = self.files()
        # What has just been prepared stays, whatever revisions say.
        self.good("hello", "env:A=c", "trim=")
        self.assertEqual(len(self.files(".snapshot")), 1)
        self.assertNotIn("progress", self.good("hello", "env:A=c"))
        self.assertLess(len(self.files()), len(before))
        first, second = self.kept("hello"), self.kept("hello", "env:A=b")
        self.good("hello", "describe=", f"trim={first}")
        self.assertEqual(len(self.files(".snapshot")), 1)
        self.good("hello", f"describe={first}", "serve=Bob")
        self.refused("hello", f"describe={second}", code=116)
        # The image is there, so the snapshot is taken again from it.
        self.assertIn("starting hello", self.good("hello", "env:A=b", f"earlier={second}")["progress"])
        self.good("hello", "describe=", "trim=")
        self.assertEqual(self.files(), [])
        self.assertIn("deploy it again", self.refused("hello", f"earlier={first}"))

    def test_moved(self):
        """The directory may be moved, with root images that snapshots name."""
        tar = self.folder / "tree.tar"
        tar.write_bytes(archive({**TREE, "etc/mayfly/function.json": b'{"command": ["/bin/tr", "a", "b"]}'}))
        kept = self.kept(tar)
        self.state.rename(self.folder / "other")
        self.state = self.folder / "other"
        self.assertEqual(self.good(tar, f"describe={kept}", "serve=banana")["response"], ["bbnbnb"])

    def test_nobody_else_may_read(self):
        self.good("hello")
        for path in self.state.rglob("*"):
            self.assertEqual(path.stat().st_mode & 0o077, 0, path)

    def test_another_machine(self):
        kept = self.kept("hello")
        data = kept.read_bytes()
        found = [field for field in data.split(b"\0") if len(field) == 64 and field.isalnum()]
        self.assertTrue(found)
        for field in found:
            if not list(self.images.glob(f"{field.decode()}*")):
                kept.write_bytes(data.replace(field, b"0" * 64))
        self.refused("hello", f"describe={kept}", code=116)
        self.assertNotIn("error", self.good("hello", f"earlier={kept}"))

    def test_cancelled(self):
        for image, words, text in ((BUSYBOX, ["process=busybox sleep 100"], "starting"),
                                   (self.large_archive(), [], "packing")):
            with self.subTest(text):
                start = time.monotonic()
                self.refused(image, *words, f"cancel-when={text}", code=125)
                self.assertLess(time.monotonic() - start, 50)
                self.assertEqual(self.files(".snapshot") + self.files(".root"), [])
                self.assertEqual([name for name in self.files() if name.startswith("work.")], [])

    def large_archive(self):
        """One that takes long."""
        path = self.folder / "large.tar"
        with tarfile.open(path, "w") as tar, open("/dev/urandom", "rb") as source:
            entry = tarfile.TarInfo("large")
            entry.size = 64 << 20
            tar.addfile(entry, source)
        return path

    def test_killed(self):
        """Whenever the process is killed, nothing is left that the next one does not remove, and it works."""
        large = self.large_archive()
        for image, words, text in ((large, ["process=large"], "packing"),
                                   (BUSYBOX, ["process=busybox sleep 100"], "starting")):
            for delay in (0, 0.02, 0.1):
                with subprocess.Popen(self.command(image, *words), stdout=subprocess.PIPE) as process:
                    self.assertIn(text.encode(), process.stdout.readline())
                    time.sleep(delay)  # another place of the work, not a wait for something
                    process.send_signal(signal.SIGKILL)
                    process.wait()
                self.good("hello", "describe=", "trim=")
                self.assertEqual(self.files(), [], (image, delay))
        self.assertEqual(self.good("hello", "serve=Bob")["response"], ["Hello, Bob!"])

    def test_snapshot_file(self):
        file = self.folder / "file.snap"
        subprocess.run([MAYFLY, "snapshot", f"--isolation={ISOLATION}", "-o", file, "hello"], check=True,
                       timeout=LIMIT, capture_output=True)
        kept = self.kept(file)
        for word in ("process=x", "env:A=b", "limit:memory=64Mi", "annotation:mayfly.dev/warm-up=x", "secret:a=b"):
            self.assertIn("has started already", self.refused(file, word))
        data = bytearray(file.read_bytes())
        file.unlink()
        self.assertEqual(self.good(file, f"describe={kept}", "serve=Bob")["response"], ["Hello, Bob!"])
        data[100] ^= 1
        file.write_bytes(data)
        self.assertIn("image:", self.refused(file))


def archive(files):
    """A tar archive: a name and its contents (bytes), or what it is a link to (text)."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as tar:
        for name, contents in files.items():
            entry = tarfile.TarInfo(name)
            entry.mode = 0o755
            if isinstance(contents, str):
                entry.type, entry.linkname = tarfile.SYMTYPE, contents
                tar.addfile(entry)
            else:
                entry.size = len(contents)
                tar.addfile(entry, io.BytesIO(contents))
    return data.getvalue()


TREE = {"bin/busybox": pathlib.Path(BUSYBOX).read_bytes(), "bin/tr": "busybox", "bin/sh": "busybox",
        "bin/cat": "busybox", "bin/env": "busybox"}
CONFIG = {"Entrypoint": ["/bin/tr"], "Cmd": ["a", "b"], "Env": ["ONE=1"], "WorkingDir": "/bin"}


def crashing_program():
    """A static ELF program of one instruction, which there is not."""
    address, header = 0x400000, 64 + 56
    elf = struct.pack("<16sHHIQQQIHHHHHH", b"\x7fELF\x02\x01\x01", 2, 62, 1, address + header, 64, 0, 0, 64, 56, 1,
                      64, 0, 0)
    segment = struct.pack("<IIQQQQQQ", 1, 5, 0, address, address, header + 2, header + 2, 0x1000)
    return elf + segment + b"\x0f\x0b"


def docker_archive(layers, config, manifest=None, **others):
    """As docker save writes it: what names other files stands behind them."""
    document = json.dumps({"architecture": "amd64", "os": "linux", "config": config, "rootfs": {
        "type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}" for layer in layers]},
        **others}).encode()
    name = hashlib.sha256(document).hexdigest()
    files, names = {}, []
    for number, layer in enumerate(layers):
        folder = hashlib.sha256(str(number).encode()).hexdigest()
        names.append(f"{folder}/layer.tar")
        files[names[-1]] = layer
    files[f"{name}.json"] = document
    files["manifest.json"] = json.dumps(
        manifest or [{"Config": f"{name}.json", "RepoTags": ["a/b:c"], "Layers": names}]).encode()
    return files


class Trees(WithState):
    """What is packed."""

    def file(self, name, data):
        path = self.folder / name
        path.write_bytes(data)
        return path

    def serves(self, image, *words, request="banana", response="bbnbnb", **variables):
        said = self.good(image, *words, f"serve={request}", **variables)
        self.assertEqual(said["response"], [response], said)
        return said

    def again(self, image, *words, **variables):
        """The same image is not packed again, nor started."""
        self.assertNotIn("progress", self.good(image, *words, **variables))

    def test_dynamic_program(self):
        """Its own path is named, and not that under which it is kept."""
        said = self.refused("/bin/cat")
        self.assertTrue(said.startswith("image: /bin/cat is dynamically linked: link it statically"), said)
        self.assertNotIn(str(self.images), said)

    def test_directory(self):
        folder = self.folder / "tree"
        with tarfile.open(fileobj=io.BytesIO(archive(TREE))) as tar:
            tar.extractall(folder)
        self.assertIn(f"image: {folder} names no command: say what to run by envProcess", self.refused(folder))
        self.serves(folder, "process=/bin/tr a b")
        (folder / "etc/mayfly").mkdir(parents=True)
        (folder / "etc/mayfly/function.json").write_text(
            json.dumps({"command": ["/bin/tr", "a", "b"], "contract": "handler"}))
        self.assertEqual(self.serves(folder)["contract"], ["handler"])
        self.assertEqual(self.good(folder, "annotation:mayfly.dev/contract=http")["contract"], ["http"])
        (folder / "etc/mayfly/function.json").write_text('{"command": ["/bin/tr"], "contract": "none"}')
        self.assertIn('"contract"', self.refused(folder))
        source = self.folder / "source"
        source.mkdir()
        (source / "handler.py").write_text("")
        self.assertIn("mayfly build", self.refused(source))

    def test_archive(self):
        tar = self.file("tree.tar", archive(TREE))
        self.serves(tar, "process=tr a b")
        self.again(tar, "process=tr a b")
        self.assertIn("ended with status 1", self.refused(tar, "process=tr"))
        self.assertIn("no tar archive", self.refused(self.file("text", b"a text\n" * 100)))
        self.assertIn("image:", self.refused(self.file("half.tar.gz", gzip.compress(archive(TREE))[:50000])))

    def test_root_image(self):
        image = self.folder / "tree.img"
        tar = self.file("tree.tar", archive({**TREE, "etc/mayfly/function.json":
                                             b'{"command": ["/bin/tr", "a", "b"]}'}))
        subprocess.run([MAYFLY, "root", "build", tar, "-o", image], check=True, timeout=LIMIT, capture_output=True)
        self.serves(image)
        # It is kept: what becomes of the file does not matter.
        keep = self.folder / "kept"
        self.good(image, f"keep={keep}")
        image.write_bytes(image.read_bytes()[:-4096])
        said = self.good(image, f"describe={keep}", "serve=banana")
        self.assertEqual(said["response"], ["bbnbnb"])
        self.assertIn("image:", self.refused(image))
        image.unlink()
        self.assertNotIn("progress", self.good(image, f"earlier={keep}"))
        self.serves(image, f"earlier={keep}", "process=/bin/tr n x", response="baxaxa")

    def test_layout(self):
        layout = write_layout(self.folder / "layout", [archive(TREE)], {
            **CONFIG, "Labels": {"mayfly.dev/contract": "handler"}, "ExposedPorts": {"80/tcp": {}}})
        said = self.serves(layout)
        manifest = json.loads((layout / "index.json").read_text())["manifests"][0]
        self.assertEqual((said["digest"], said["contract"]), ([manifest["digest"]], ["handler"]))
        self.again(f"oci:{layout}")
        self.assertIn("no image later for", self.refused(f"oci:{layout}:later"))
        manifest["annotations"] = {"org.opencontainers.image.ref.name": "later"}
        (layout / "index.json").write_text(json.dumps({"manifests": [manifest]}))
        self.again(f"oci:{layout}:later")
        self.serves(layout, "process=/bin/sh -c 'read x; echo $ONE $PWD'", "env:ONE=2", request="x\n",
                    response="2 /bin")
        self.assertIn("no OCI image layout", self.refused(f"oci:{self.folder}"))

    def test_watchdog(self):
        """What OpenFaaS' watchdog would run is run without it; there need not even be one in the image."""
        config = {"Cmd": ["/usr/bin/fwatchdog"], "Env": ["PATH=/bin", "fprocess=tr a b"]}
        keep = self.folder / "kept"
        layout = write_layout(self.folder / "layout", [archive(TREE)], config)
        self.serves(layout, f"keep={keep}")
        self.assertEqual(self.good(layout, f"describe={keep}", "serve=banana")["response"], ["bbnbnb"])
        # Without a snapshot the command is needed again.
        self.serves(layout, "annotation:mayfly.dev/fresh=true", f"keep={keep}")
        self.assertEqual(self.good(layout, "annotation:mayfly.dev/fresh=true", f"describe={keep}",
                                   "serve=banana")["response"], ["bbnbnb"])
        self.serves(layout, "env:fprocess=tr n x", response="baxaxa")
        self.serves(layout, "process=tr b x", response="xanana")
        for mode, works in (("streaming", True), ("serializing", True), ("http", True), ("static", False)):
            layout = write_layout(self.folder / mode, [archive(TREE)],
                                  {**config, "Env": [*config["Env"], f"mode={mode}"]})
            if works:
                self.serves(layout)
            else:
                self.assertIn("fwatchdog", self.refused(layout))

    def test_layout_for_others(self):
        layout = write_layout(self.folder / "layout", [archive(TREE)], CONFIG,
                              platform={"os": "linux", "architecture": "arm64"})
        self.assertIn("no image for Linux on x86-64", self.refused(layout))
        tar = self.file("arm.tar", archive(docker_archive([archive(TREE)], CONFIG, architecture="arm64")))
        self.assertIn("arm64", self.refused(tar))

    def test_docker_archive(self):
        saved = docker_archive([archive({**TREE, "bin/gone": b""}), archive({"bin/.wh.gone": b"", "file": b"x"})],
                               {**CONFIG, "Entrypoint": ["/bin/sh", "-c"],
                                "Cmd": ["read x; [ ! -e /bin/gone ] && [ -e /file ] && echo $x $ONE"]})
        for name, data in (("plain.tar", archive(saved)), ("packed.tar.gz", gzip.compress(archive(saved)))):
            with self.subTest(name):
                path = self.file(name, data)
                self.serves(f"docker-archive:{path}", request="good\n", response="good 1")
                self.again(path)

    def test_docker_archive_with_links(self):
        layer = archive(TREE)
        saved = docker_archive([layer, b""], CONFIG)
        second = list(saved)[1]
        saved[second] = f"../{list(saved)[0]}"
        self.serves(f"docker-archive:{self.file('image.tar', archive(saved))}")

    def test_bad_docker_archives(self):
        layers = [archive(TREE)]
        good = docker_archive(layers, CONFIG)
        config = next(name for name in good if name.endswith(".json") and name != "manifest.json")
        twice = json.loads(good["manifest.json"]) * 2
        for change, sentence in (({"manifest.json": b"["}, "no JSON"),
                                 ({"manifest.json": b"{}"}, "no archive of docker save"),
                                 ({"manifest.json": json.dumps(twice).encode()}, "2 images"),
                                 ({"manifest.json": json.dumps([{"Config": config, "Layers": ["../x"]}]).encode()},
                                  "../x is not in it"),
                                 ({"manifest.json": json.dumps([{"Config": config, "Layers": [7]}]).encode()},
                                  "no text"),
                                 ({"manifest.json": json.dumps([{"Config": "none", "Layers": []}]).encode()},
                                  "configuration is not in it"),
                                 ({config: b"{}"}, "names no command"), ({config: b"7"}, "no JSON"),
                                 ({list(good)[0]: b"text" * 1000}, "layer 1")):
            with self.subTest(sentence):
                path = self.file("bad.tar", archive({**good, **change}))
                self.assertIn(sentence, self.refused(f"docker-archive:{path}"))
        self.assertIn("docker save", self.refused(f"docker-archive:{self.file('tree.tar', archive(TREE))}"))
        self.assertEqual([name for name in self.files() if name.startswith("work.")], [])

    def test_what_skopeo_writes(self):
        if not shutil.which("skopeo"):
            self.skipTest("skopeo is not installed")
        saved = self.file("image.tar", archive(docker_archive([archive(TREE)], CONFIG)))
        for target in (f"oci:{self.folder}/layout:tag", f"docker-archive:{self.folder}/other.tar"):
            subprocess.run(["skopeo", "--insecure-policy", "copy", "-q", f"docker-archive:{saved}", target],
                           check=True, timeout=LIMIT, capture_output=True)
            self.serves(target)

    def test_hostile(self):
        """Nothing of it fills the disk, leads out of the tree or takes long."""
        bomb = io.BytesIO()
        with tarfile.open(fileobj=bomb, mode="w:gz", compresslevel=1) as tar:
            entry = tarfile.TarInfo("zeros")
            entry.size = 280 << 20
            with open("/dev/zero", "rb") as source:
                tar.addfile(entry, source)
        self.assertIn("image:", self.refused(self.file("bomb.tar.gz", bomb.getvalue())))
        out = self.file("out.tar", archive({"../../../out": b"x"}))
        self.assertIn("image:", self.refused(out))
        # A layer that is a link to a file of the host's.
        layout = write_layout(self.folder / "layout", [archive(TREE)], CONFIG)
        blob = max((layout / "blobs/sha256").iterdir(), key=lambda path: path.stat().st_size)
        elsewhere = self.folder / "elsewhere"
        blob.rename(elsewhere)
        blob.symlink_to(elsewhere)
        said = self.tool(layout)
        if confined():
            self.assertIn("error", said)
        # More than there may be.
        tar = self.file("tree.tar.gz", gzip.compress(archive(TREE)))
        self.assertIn("large", self.refused(tar, f"size={tar.stat().st_size // 2}"))
        self.assertIn("image:", self.refused(tar, "process=tr a b", f"size={tar.stat().st_size + 10000}"))
        self.assertEqual([name for name in self.files() if name.startswith("work.")], [])


def confined():
    """Whether the kernel has Landlock (landlock_create_ruleset(2) tells its version), and this build uses it: one
    with sanitizers does not."""
    if os.environ.get("SANITIZE", "none") not in ("none", "undefined"):
        return False
    return ctypes.CDLL(None).syscall(444, None, ctypes.c_size_t(0), 1) > 0


def main():
    probe = subprocess.run([MAYFLY, "run", f"--isolation={ISOLATION}", "hello"], input=b"", capture_output=True,
                           timeout=LIMIT, check=False)
    if probe.returncode == 125 and b"cannot be had" in probe.stderr:
        print(probe.stderr.decode(errors="replace"))
        sys.exit(SKIP)
    unittest.main(verbosity=2)


main()
