#!/usr/bin/env python3
"""Accelerator hosts and their settings, with real hosts: each set of settings has one of its own.

usage: test_hosts.py MAYFLY SOURCES NOOP_PLUGIN
"""

import json
import os
import pathlib
import pwd
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

MAYFLY = pathlib.Path(sys.argv.pop(1)).resolve()
SOURCES = pathlib.Path(sys.argv.pop(1))
NOOP = str(pathlib.Path(sys.argv.pop(1)).resolve())
LIMIT = 60  # seconds for one command
PREFIXES = ("CUDA_", "LD_", "NVIDIA_", "OMP_", "VACCEL_")


def settings():
    """The names in the table from which the code of a host reads."""
    table = (SOURCES / "lib/util/host_settings.c").read_text(encoding="utf-8")
    return re.findall(r'\[HOST_\w+\] = \{"(\w+)"', table)


class WithRuntime(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.runtime = folder.name
        self.environment = {name: value for name, value in os.environ.items()
                            if name not in settings() and not name.startswith(PREFIXES)}
        self.environment.pop("XDG_CACHE_HOME", None)
        self.environment |= {"XDG_RUNTIME_DIR": self.runtime,
                             "HOME": pwd.getpwuid(os.getuid()).pw_dir}
        self.addCleanup(self.mayfly, "acceld", "stop", "--all")

    def mayfly(self, *arguments, cwd=None, **variables):
        return subprocess.run([MAYFLY, *arguments], text=True, capture_output=True, timeout=LIMIT,
                              stdin=subprocess.DEVNULL, cwd=cwd, check=False,
                              env={**self.environment, **variables})

    def status(self, **variables):
        return json.loads(self.mayfly("acceld", "status", "--json", **variables).stdout)

    def name(self, cwd=None, **variables):
        return json.loads(self.mayfly("acceld", "status", "--json", cwd=cwd,
                                      **variables).stdout)["name"]

    def start(self, **variables):
        """A host for these settings, started as a function does it. Returns its entry."""
        result = self.mayfly("run", "classify", VACCEL_PLUGINS=NOOP, **variables)
        hosts = [host for host in self.status(VACCEL_PLUGINS=NOOP, **variables)["hosts"]
                 if host["own"]]
        self.assertEqual(len(hosts), 1, result.stderr)
        return hosts[0]


def runs(process):
    """A zombie, where nobody reaps orphans, does not."""
    try:
        return pathlib.Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


class Names(WithRuntime):
    def test_without_settings_the_name_is_plain(self):
        self.assertEqual(self.status()["name"], "acceld")
        self.assertEqual(self.status()["settings"], [])

    def test_each_setting_makes_another_host(self):
        self.assertGreater(len(settings()), 10)
        names = {}
        for variable in [*settings(), *(prefix + "ANY" for prefix in PREFIXES)]:
            if variable == "LD_ANY":
                variable = "LD_BIND_NOW"
            value = "/nowhere" if variable != "MAYFLY_LOG" else "error"
            report = self.status(**{variable: value})
            self.assertRegex(report["name"], r"^acceld-[0-9a-f]{12}$", variable)
            self.assertEqual(report["settings"], [f"{variable}={value}"])
            names[report["name"]] = variable
            if variable in settings():
                self.assertEqual(self.name(**{variable: ""}), "acceld", variable)
        self.assertEqual(len(names), len(settings()) + len(PREFIXES))

    def test_the_default_written_out_is_the_default(self):
        self.assertEqual(self.name(MAYFLY_MODEL_DETECT="ssd", MAYFLY_ONNX_THREADS="1",
                                   MAYFLY_MODEL_MEMORY="1G", MAYFLY_LOG="warn"), "acceld")
        home = self.environment["HOME"]
        self.assertEqual(self.name(MAYFLY_CACHE=f"{home}/.cache/mayfly", HOME="/elsewhere"),
                         "acceld")

    def test_cache_counts_and_not_who_named_it(self):
        one = self.name(HOME="/home/two")
        self.assertNotEqual(one, "acceld")
        self.assertEqual(one, self.name(XDG_CACHE_HOME="/home/two/.cache"))
        self.assertEqual(one, self.name(MAYFLY_CACHE="/home/two/.cache/mayfly"))

    def test_relative_paths_mean_the_directory(self):
        for variable in ("MAYFLY_CACHE", "MAYFLY_LIBDIR", "MAYFLY_ONNXRUNTIME"):
            self.assertEqual(self.name(cwd="/usr", **{variable: "here"}),
                             self.name(cwd="/", **{variable: "/usr/here"}))
        self.assertEqual(self.name(cwd="/usr", VACCEL_PLUGINS="noop:./a.so"),
                         self.name(cwd="/", VACCEL_PLUGINS="noop:/usr/./a.so"))
        self.assertEqual(self.name(cwd="/usr", VACCEL_PLUGINS="noop"),
                         self.name(cwd="/", VACCEL_PLUGINS="noop"))

    def test_two_settings_are_not_one_with_a_newline(self):
        self.assertNotEqual(
            self.name(MAYFLY_MODEL_DETECT="a\nMAYFLY_MODEL_POSE=b"),
            self.name(MAYFLY_MODEL_DETECT="a", MAYFLY_MODEL_POSE="b"))

    def test_a_host_reads_its_settings_from_the_table_only(self):
        """What is left are: where things are, and what is no host's."""
        allowed = {("acceld/common/rights.c", '"HOME"'), ("lib/util/paths.c", "name"),
                   ("lib/util/log.c", '"MAYFLY_LOG"'), ("lib/accel/library/host.c", "name"),
                   ("lib/accel/state/config.c", "name"), ("lib/accel/state/config.c", "old_name"),
                   ("lib/accel/transports/remote_host.c", "names[i]"),
                   ("lib/accel/transports/tls.c", "variable"),
                   # VACCEL_… variables, as all of them settings by their prefix.
                   ("plugins/exec/exec.c", "name"), ("plugins/exec/exec.c", "old_name"),
                   ("lib/util/host_settings.c", "settings[setting].name"),
                   ("lib/util/host_settings.c", "setting->name")}
        found = set()
        for folder in ("acceld", "plugins", "lib"):
            for file in (SOURCES / folder).rglob("*.[ch]"):
                for argument in re.findall(r"\bgetenv\(([^)]*)\)",
                                           file.read_text(encoding="utf-8")):
                    found.add((str(file.relative_to(SOURCES)), argument))
        self.assertEqual(found, allowed)
        paths = (SOURCES / "lib/util/paths.c").read_text(encoding="utf-8")
        self.assertLessEqual(set(re.findall(r'set_variable\("(\w+)"\)', paths)),
                             {*settings(), "HOME", "XDG_CACHE_HOME", "XDG_RUNTIME_DIR"})

    def test_manual_tells_each(self):
        page = self.mayfly("help", "--man").stdout
        for variable in settings():
            self.assertIn(variable, page)


class Hosts(WithRuntime):
    def test_settings_do_not_go_to_the_host_of_others(self):
        one = self.start()
        again = self.start()
        other = self.start(MAYFLY_MODEL_CLASSIFY="other")
        self.assertEqual(one["process"], again["process"])
        self.assertNotEqual(one["process"], other["process"])
        self.assertIn("MAYFLY_MODEL_CLASSIFY=other", other["settings"])
        self.assertNotIn("MAYFLY_MODEL_CLASSIFY=other", one["settings"])
        report = self.status()
        self.assertEqual({host["process"] for host in report["hosts"]},
                         {one["process"], other["process"]})
        self.assertFalse(any(host["own"] for host in report["hosts"]))
        text = self.mayfly("acceld", "status", VACCEL_PLUGINS=NOOP)
        self.assertEqual(text.returncode, 0)
        self.assertIn(f"{one['name']} runs as process {one['process']}\n", text.stdout)
        self.assertIn(f"  VACCEL_PLUGINS={NOOP}\n", text.stdout)
        self.assertIn("for other settings", text.stdout)
        self.assertEqual(self.mayfly("acceld").returncode, 1)
        doctor = {f["name"]: f for f in json.loads(
            self.mayfly("doctor", "--json", VACCEL_PLUGINS=NOOP).stdout)["findings"]}
        self.assertIn(f"VACCEL_PLUGINS={NOOP}", doctor["acceld"]["value"])
        self.assertIn(f"VACCEL_PLUGINS={NOOP}", doctor["acceld_settings"]["value"])
        self.assertIn("MAYFLY_MODEL_CLASSIFY=other", doctor["acceld_other"]["value"])

    def test_stop_ends_the_one_that_is_named_and_waits(self):
        one, two, three = (self.start(), self.start(MAYFLY_MODEL_CLASSIFY="two"),
                           self.start(MAYFLY_MODEL_CLASSIFY="three"))
        result = self.mayfly("acceld", "stop", two["name"])
        self.assertEqual((result.returncode, result.stdout), (0, f"{two['name']} has ended\n"))
        self.assertEqual([runs(host["process"]) for host in (one, two, three)],
                         [True, False, True])
        result = self.mayfly("acceld", "stop", two["name"])
        self.assertEqual((result.returncode, result.stderr.count("\n")), (1, 1))
        self.assertIn(f"no accelerator host '{two['name']}' runs", result.stderr)
        # Without a name: the one for the settings in force.
        result = self.mayfly("acceld", "stop")
        self.assertEqual(result.returncode, 0)
        self.assertIn("acceld does not run\n", result.stdout)
        self.assertIn(f"mayfly acceld stop {one['name']}\n", result.stdout)
        self.assertTrue(runs(one["process"]))
        self.assertEqual(self.mayfly("acceld", "stop", VACCEL_PLUGINS=NOOP).returncode, 0)
        self.assertFalse(runs(one["process"]))
        # By its socket.
        self.assertEqual(self.mayfly("acceld", "stop", three["socket"]).returncode, 0)
        self.assertFalse(runs(three["process"]))
        result = self.mayfly("acceld", "stop", "--all")
        self.assertEqual((result.returncode, result.stdout), (0, "no accelerator host runs\n"))

    def test_stop_all(self):
        hosts = [self.start(), self.start(MAYFLY_MODEL_CLASSIFY="two")]
        self.assertEqual(self.mayfly("acceld", "stop", "--all").returncode, 0)
        self.assertFalse(any(runs(host["process"]) for host in hosts))
        self.assertEqual(self.status()["hosts"], [])

    def test_stop_ends_nothing_else(self):
        """Whatever listens there, or is written into the files beside."""
        host = self.start()
        folder = pathlib.Path(self.runtime, "mayfly")
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener, \
                subprocess.Popen(["sleep", "60"]) as bystander:
            listener.bind(str(folder / "acceld-stranger.sock"))
            listener.listen()
            result = self.mayfly("acceld", "stop", "acceld-stranger")
            self.assertEqual((result.returncode, result.stderr.count("\n")), (1, 1))
            self.assertIn("is no mayfly-acceld", result.stderr)
            os.unlink(folder / "acceld-stranger.sock")
            pathlib.Path(host["socket"] + ".lock").write_text(
                f"pid={bystander.pid}\nprocess={bystander.pid}\n\x1b[31m")
            text = self.mayfly("acceld", "status", VACCEL_PLUGINS=NOOP).stdout
            self.assertNotIn("\x1b", text)
            self.assertEqual(self.mayfly("acceld", "stop", host["name"]).returncode, 0)
            self.assertFalse(runs(host["process"]))
            self.assertIsNone(bystander.poll())
            bystander.kill()

    def test_options_of_a_host_are_told(self):
        program = MAYFLY.parent / "acceld" / "mayfly-acceld"
        subprocess.run([program, "--op-limit=5s"], check=True, timeout=LIMIT,
                       env={**self.environment, "VACCEL_PLUGINS": NOOP})
        [host] = self.status()["hosts"]
        self.assertEqual(host["settings"], [f"VACCEL_PLUGINS={NOOP}", "--op-limit=5s"])

    def test_start_while_another_is_stopped(self):
        """Stopping and using at once: every command ends, with an answer or with the reason."""
        trouble = []

        def use():
            for _ in range(5):
                result = self.mayfly("run", "classify", VACCEL_PLUGINS=NOOP)
                if result.returncode not in (0, 1) and "went away" not in result.stderr:
                    trouble.append(result.stderr)
        user = threading.Thread(target=use)
        user.start()
        while user.is_alive():
            self.mayfly("acceld", "stop", VACCEL_PLUGINS=NOOP)
            time.sleep(0.05)
        self.assertEqual(trouble, [])


class Words(WithRuntime):
    def test_refusals(self):
        for words, says in ((("stopp",), "did you mean stop?"), (("xyz",), "none of status, stop"),
                            (("status", "me"), "takes no arguments"), (("status", "--all"), "lists all"),
                            (("stop", "--all", "me"), "not both"),
                            (("stop", "../acceld"), "no accelerator host '../acceld' runs"),
                            (("stop", "a" * 300), "too long"), (("stop", ""), "no accelerator host")):
            result = self.mayfly("acceld", *words)
            self.assertNotEqual(result.returncode, 0, words)
            self.assertEqual(result.stderr.count("\n"), 1, result.stderr)
            self.assertIn(says, result.stderr)


if __name__ == "__main__":
    unittest.main()
