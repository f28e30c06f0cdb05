#!/usr/bin/env python3
"""The mayfly command as a user meets it: help, errors, completion, doctor and models.

usage: test_command.py MAYFLY
"""

import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

MAYFLY = pathlib.Path(sys.argv.pop(1)).resolve()
LIMIT = 60  # seconds for one command


def mayfly(*arguments, **variables):
    return subprocess.run([MAYFLY, *arguments], text=True, capture_output=True, timeout=LIMIT,
                          stdin=subprocess.DEVNULL, env={**os.environ, **variables}, check=False)


def verbs():
    listing = mayfly("--help").stdout.partition("Verbs:\n")[2].partition("\n\n")[0]
    return [line.split()[0] for line in listing.splitlines() if line[2] != " "]


class Help(unittest.TestCase):
    def test_every_verb_has_help(self):
        self.assertIn("doctor", verbs())
        for verb in verbs():
            by_option, by_verb = mayfly(verb, "--help"), mayfly("help", verb)
            self.assertEqual(by_option.returncode, 0, verb)
            self.assertEqual(by_option.stdout, by_verb.stdout)
            self.assertTrue(by_option.stdout.startswith(f"Usage: mayfly {verb} "))
            self.assertIn("--help", by_option.stdout)

    def test_lines_fit_a_terminal(self):
        for verb in verbs():
            for line in mayfly("help", verb).stdout.splitlines():
                if not line.startswith(("Usage:", "  ")) or line.startswith(" " * 28):
                    self.assertLessEqual(len(line), 80, line)

    def test_nothing_said_is_misuse(self):
        result = mayfly()
        self.assertEqual((result.returncode, result.stdout), (2, ""))
        self.assertIn("Usage:", result.stderr)

    def test_version(self):
        self.assertRegex(mayfly("--version").stdout, r"^mayfly \d+\.\d+\.\d+\n$")
        self.assertEqual(mayfly("--version").stdout, mayfly("version").stdout)

    def test_full_disk_is_told(self):
        with open("/dev/full", "w", encoding="ascii") as full:
            result = subprocess.run([MAYFLY, "--help"], stdout=full, stderr=subprocess.PIPE,
                                    text=True, timeout=LIMIT, check=False)
        self.assertEqual(result.returncode, 1)
        self.assertIn("cannot write to standard output", result.stderr)

    def test_manual_names_every_option(self):
        page = mayfly("help", "--man").stdout.replace("\\-", "-")
        self.assertTrue(page.startswith(".TH MAYFLY 1"))
        for verb in verbs():
            self.assertIn(f".SS mayfly {verb} ", page)
        self.assertIn("--json", page)

    @unittest.skipUnless(shutil.which("groff"), "no groff to read the manual page")
    def test_manual_is_clean_troff(self):
        page = mayfly("help", "--man").stdout
        result = subprocess.run(["groff", "-man", "-ww", "-Tutf8", "-Kutf8"], input=page, text=True,
                                capture_output=True, timeout=LIMIT, check=True)
        self.assertEqual(result.stderr, "")


class Log(unittest.TestCase):
    def test_unknown_level_is_told_once(self):
        result = mayfly("version", MAYFLY_LOG="typo")
        self.assertEqual(result.returncode, 0)
        self.assertEqual(result.stderr, "mayfly: warning: MAYFLY_LOG=typo is no level: it may be "
                                        "error, warn, info or debug\n")

    def test_known_levels_are_taken(self):
        for level in ("", "error", "warn", "warning", "info", "debug"):
            self.assertEqual(mayfly("version", MAYFLY_LOG=level).stderr, "", level)


class Errors(unittest.TestCase):
    def refused(self, status, says, *arguments, **variables):
        result = mayfly(*arguments, **variables)
        self.assertEqual(result.returncode, status, result.stderr)
        self.assertEqual(result.stdout, "")
        self.assertEqual(result.stderr.count("\n"), 1, result.stderr)
        self.assertIn(says, result.stderr)

    def test_unknown_words(self):
        self.refused(2, "unknown verb 'docter': did you mean doctor?", "docter")
        self.refused(2, "unknown verb 'xyzzy': see mayfly --help", "xyzzy")
        self.refused(2, "doctor: unknown option '--jsn': did you mean --json?", "doctor", "--jsn")
        self.refused(1, "unknown verb 'docter': did you mean doctor?", "help", "docter")
        self.refused(2, "'tcsh' is none of bash, zsh, fish", "completion", "tcsh")
        self.refused(2, "did you mean fetch?", "models", "fech")

    def test_values(self):
        self.refused(2, "--log: 'loud' is none of error, warn, info, debug", "version", "--log=loud")
        self.refused(2, "--log needs a value", "version", "--log")
        self.refused(2, "--output: '' names nothing", "root", "build", "/etc", "--output=")
        self.refused(2, "-o: '' names nothing", "snapshot", "-o", "", "hello")
        self.refused(2, "--root: '' names nothing", "run", "--root=", "sh")

    def test_control_groups(self):
        self.refused(125, "no control group", "run", "--cgroup=/tmp", "hello")
        self.refused(125, "'/none' is no control group (No such file or directory)",
                     "run", "--cgroup=/none", "hello")
        self.refused(2, "--cpus: 'all' is not a number", "run", "--cpus=all", "hello")

    def test_image_replaces_no_device(self):
        with tempfile.TemporaryDirectory() as folder:
            os.mkfifo(f"{folder}/pipe")
            self.refused(1, "no ordinary file", "root", "build", folder, "-o", f"{folder}/pipe")
            self.assertEqual(os.listdir(folder), ["pipe"])

    def test_no_home(self):
        self.refused(1, "set HOME or XDG_CACHE_HOME", "models", HOME="", XDG_CACHE_HOME="",
                     MAYFLY_CACHE="")


class Completion(unittest.TestCase):
    def complete(self, *words):
        """What bash offers where `words` stand behind the command, the last one unfinished."""
        line = " ".join(f"'{word}'" for word in ("mayfly", *words))
        script = (f'source <("{MAYFLY}" completion bash)\ncompopt() {{ :; }}\n'
                  f"COMP_WORDS=({line}) COMP_CWORD={len(words)}\n_mayfly\n"
                  'printf "%s\\n" "${COMPREPLY[@]}"\n')
        result = subprocess.run(["bash", "-euc", script], text=True, capture_output=True,
                                timeout=LIMIT, check=False)
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        return result.stdout.split()

    def test_bash(self):
        self.assertEqual(set(verbs()), {word for word in self.complete("") if word[0] != "-"})
        self.assertEqual(self.complete("doc"), ["doctor"])
        self.assertEqual(self.complete("models", "f"), ["fetch"])
        self.assertEqual(self.complete("models", "--json", "f"), ["fetch"])
        self.assertEqual(self.complete("models", "remove", ""), [])
        self.assertIn("--json", self.complete("doctor", "--"))
        self.assertEqual(self.complete("doctor", "--log", "=", "d"), ["debug"])
        self.assertEqual(self.complete("doctor", "--log", "="), ["error", "warn", "info", "debug"])
        self.assertEqual(self.complete("doctor", "--log", "w"), ["warn"])

    def test_other_shells_accept_theirs(self):
        for shell in ("zsh", "fish"):
            script = mayfly("completion", shell)
            self.assertEqual(script.returncode, 0)
            for verb in verbs():
                self.assertIn(verb, script.stdout)
            if shutil.which(shell):
                with tempfile.NamedTemporaryFile("w", suffix=f".{shell}") as file:
                    file.write(script.stdout)
                    file.flush()
                    subprocess.run([shell, "-n", file.name], check=True, timeout=LIMIT)


class OddNames(unittest.TestCase):
    def test_reports_are_whole(self):
        """Paths that are no UTF-8: what goes out as JSON is JSON, and nothing is left out."""
        with tempfile.TemporaryDirectory() as home:
            cache = os.path.join(os.fsencode(home), b"caf\xe9")
            os.makedirs(os.path.join(cache, b"models"))
            os.chmod(cache, 0o700)
            variables = {"MAYFLY_CACHE": os.fsdecode(cache), "XDG_RUNTIME_DIR": home}
            reports = {words: subprocess.run(
                [MAYFLY, *words], capture_output=True, timeout=LIMIT, stdin=subprocess.DEVNULL,
                env={**os.environ, **variables}, check=False).stdout
                       for words in (("models", "--json"), ("doctor", "--json"), ("doctor",),
                                     ("acceld", "status", "--json"))}
        shown = f"{home}/caf\ufffd"
        self.assertIn(shown, json.loads(reports["models", "--json"])["cache"])
        findings = json.loads(reports["doctor", "--json"])["findings"]
        text = reports["doctor",].decode(errors="replace")
        self.assertEqual(len(findings), sum(line[:2] == "  " and line[2] != " " and
                                            not line.lstrip().startswith("->")
                                            for line in text.splitlines()))
        self.assertTrue([finding for finding in findings if shown in finding["value"]])
        settings = json.loads(reports["acceld", "status", "--json"])["settings"]
        escaped = f"{home}/caf\\xe9"  # by the host, for its log
        self.assertTrue([setting for setting in settings if escaped in setting], settings)


class Doctor(unittest.TestCase):
    def test_report(self):
        with tempfile.TemporaryDirectory() as home:
            variables = {"MAYFLY_CACHE": f"{home}/cache", "XDG_RUNTIME_DIR": home}
            result = mayfly("doctor", "--json", **variables)
            report = json.loads(result.stdout)
            text = mayfly("doctor", **variables)
        findings = {finding["name"]: finding for finding in report["findings"]}
        missing = [f for f in report["findings"] if f["state"] == "missing"]
        self.assertEqual(report["missing"], len(missing))
        self.assertEqual(result.returncode, 1 if missing else 0)
        self.assertEqual(text.returncode, result.returncode)
        for finding in findings.values():
            self.assertIn(finding["value"], text.stdout)
        self.assertEqual(findings["models"]["state"], "note")
        self.assertIn("mayfly models fetch", findings["models"]["advice"])
        self.assertEqual("takes" in findings["auto"]["value"], report["isolation"] is not None)
        with open("/proc/cpuinfo", encoding="ascii", errors="replace") as cpuinfo:
            flags = next(line.split() for line in cpuinfo if line.startswith("flags"))
        self.assertEqual(findings["avx2"]["state"] == "ok", "avx2" in flags)
        kvm = os.access("/dev/kvm", os.R_OK | os.W_OK)
        if not kvm:
            self.assertTrue(findings["kvm"]["state"] == "note" and findings["kvm"]["advice"])

    def test_advice_can_be_followed(self):
        """What it takes is there: programs on the path, files of modules, rights."""
        with tempfile.TemporaryDirectory() as home:
            for path in (os.environ["PATH"], "/nonexistent"):
                variables = {"MAYFLY_CACHE": f"{home}/cache", "XDG_RUNTIME_DIR": home, "PATH": path}
                report = json.loads(mayfly("doctor", "--json", **variables).stdout)
                advice = [finding["advice"] for finding in report["findings"]]
                self.assertTrue(any("mayfly models fetch" in text for text in advice))
                for text in advice:
                    for program in ("sudo", "apt-get", "systemd-run", "modprobe", "usermod"):
                        if program in text:
                            self.assertTrue(shutil.which(program, path=path), text)
                    if "sudo" in text:
                        self.assertNotEqual(os.geteuid(), 0, text)
                    if "systemd-run" in text:
                        self.assertTrue(os.path.isdir("/run/systemd/system"), text)
                    if "modprobe" in text:
                        self.assertTrue(os.path.isdir(f"/lib/modules/{os.uname().release}"), text)

    def test_chosen_engine_that_is_not_there(self):
        result = mayfly("doctor", "--json", MAYFLY_ONNXRUNTIME="/nonexistent/libonnxruntime.so")
        engine = [f for f in json.loads(result.stdout)["findings"] if f["name"] == "onnxruntime"]
        self.assertEqual([finding["state"] for finding in engine], ["missing"])
        self.assertEqual(result.returncode, 1)


DESCRIPTION = """# a model
title = A model
task = classify
input = pixels
input_size = 32 32
input_layout = nchw
input_type = float32
resize = stretch
decode = scores
output = scores
classes = 2
labels = labels.txt
"""


class ControlGroups(unittest.TestCase):
    @unittest.skipIf(os.path.exists("/run/systemd/system"), "systemd rules this machine")
    def test_no_systemd(self):
        for variables in ({}, {"DBUS_SYSTEM_BUS_ADDRESS": "nonsense", "DBUS_SESSION_BUS_ADDRESS": "nonsense"}):
            result = mayfly("run", "--cgroup=systemd", "hello", **variables)
            self.assertEqual(result.returncode, 125)
            self.assertRegex(result.stderr, "cannot reach the systemd of this (machine|user) by D-Bus|"
                                            "libsystemd.so.0 is needed")


class Models(unittest.TestCase):
    def setUp(self):
        self.home = tempfile.TemporaryDirectory()
        self.addCleanup(self.home.cleanup)
        self.cache = pathlib.Path(self.home.name)

    def install(self, name, listed=True):
        folder = self.cache / "models" / name
        folder.mkdir(parents=True)
        (folder / "model.onnx").write_bytes(b"weights of " + name.encode())
        (folder / "model.txt").write_text(DESCRIPTION)
        (folder / "labels.txt").write_text("thing\nother thing\n")
        if listed:
            with open(self.cache / "manifest.sha256", "a", encoding="ascii") as manifest:
                for path in folder.iterdir():
                    digest = hashlib.sha256(path.read_bytes()).hexdigest()
                    manifest.write(f"{digest}  {path.relative_to(self.cache)}\n")

    def listing(self):
        result = mayfly("models", "--json", MAYFLY_CACHE=str(self.cache))
        return result, json.loads(result.stdout)["models"]

    def test_empty_cache(self):
        result = mayfly("models", MAYFLY_CACHE=str(self.cache / "none"))
        self.assertEqual(result.returncode, 0)
        self.assertIn("mayfly models fetch", result.stdout)

    def test_states(self):
        self.install("two")
        self.install("one")
        self.install("onesome", listed=False)
        for name in (".hidden", "no\nname", "\x1b[31m", b"\xff", "a b"): # no op could name them
            os.mkdir(os.path.join(os.fsencode(self.cache), b"models", os.fsencode(name)))
        result, models = self.listing()
        self.assertEqual(result.returncode, 0)
        self.assertEqual([(m["name"], m["task"], m["state"]) for m in models],
                         [("one", "classify", "ok"), ("onesome", "classify", "own"),
                          ("two", "classify", "ok")])
        self.assertEqual(models[0]["bytes"], sum(
            path.stat().st_size for path in (self.cache / "models/one").iterdir()))

    def test_changed_and_missing_files(self):
        self.install("one")
        self.install("two")
        (self.cache / "models/one/model.onnx").write_bytes(b"other weights")
        (self.cache / "models/two/model.txt").unlink()
        result, models = self.listing()
        self.assertEqual([model["state"] for model in models], ["changed", "changed"])
        self.assertEqual(result.returncode, 1)
        self.assertIn("mayfly models fetch one", result.stderr)
        doctor = json.loads(mayfly("doctor", "--json", MAYFLY_CACHE=str(self.cache)).stdout)
        self.assertIn("models_changed", [finding["name"] for finding in doctor["findings"]])

    def test_manifest_of_junk(self):
        self.install("one", listed=False)
        (self.cache / "manifest.sha256").write_bytes(b"\n\0\xff" + b"x" * 70000 + b"\nshort")
        result, models = self.listing()
        self.assertEqual((result.returncode, models[0]["state"]), (0, "own"))

    def test_own_models_that_cannot_be_used(self):
        """Each in one way; what is said names the file and, where there are lines, the line."""
        def remove(name):
            return lambda folder: (folder / name).unlink()

        def write(name, data):
            return lambda folder: (folder / name).write_bytes(data)

        text = DESCRIPTION.encode()
        for damage, says in (
                (remove("labels.txt"), "/labels.txt"),
                (remove("model.onnx"), "no model.onnx"),
                (write("model.onnx", b""), "no file with anything in it"),
                (write("model.txt", text.replace(b"classes = 2", b"classes = 3")),
                 "2 labels for a model of 3"),
                (write("model.txt", text.replace(b"32 32", b"32")), "model.txt:5: "),
                (write("model.txt", text.replace(b"nchw", b"nwhc")), "model.txt:6: "),
                (write("model.txt", text + b"clases = 2\n"), "model.txt:13: "),
                (write("model.txt", b"task classify"), "model.txt:1: "),
                (write("model.txt", b"\xff"), 'model.txt:1: "?" is not key = value'),
                (write("model.txt", b"\xff\xfe = 1"), 'model.txt:1: unknown key "??"'),
                (write("model.txt", b"task = \xff"), 'model.txt:1: task: "?" is none of'),
                (write("labels.txt", b"thing\n\nother\n"), "labels.txt:2: ")):
            with self.subTest(says=says):
                self.install("mine", listed=False)
                damage(self.cache / "models/mine")
                result, models = self.listing()
                self.assertEqual((result.returncode, models[0]["state"]), (1, "broken"))
                self.assertIn(says, models[0]["problem"])
                self.assertIn(says, result.stderr)
                table = mayfly("models", MAYFLY_CACHE=str(self.cache))
                self.assertRegex(table.stdout, r"(?m)^mine .* broken$")
                doctor = json.loads(mayfly("doctor", "--json",
                                           MAYFLY_CACHE=str(self.cache)).stdout)
                self.assertIn("models_broken", [found["name"] for found in doctor["findings"]])
                shutil.rmtree(self.cache / "models/mine")

    def test_fetching_what_is_unknown(self):
        result = mayfly("models", "fetch", "nonesuch", MAYFLY_CACHE=str(self.cache))
        self.assertNotEqual(result.returncode, 0)
        self.assertIn("there is no nonesuch", result.stderr)

    def test_names_that_name_nothing(self):
        """An empty one does not stand for everything, nor one with a dash for an option."""
        for word in ("fetch", "remove"):
            for name in ("", "-x", "--list", "a\nb"):
                result = mayfly("models", word, "--", name, MAYFLY_CACHE=str(self.cache))
                self.assertEqual((result.returncode, result.stdout, result.stderr.count("\n")),
                                 (1, "", 1), result.stderr)
                self.assertIn("there is no", result.stderr)
        self.assertFalse((self.cache / "downloads").exists())

    @unittest.skipIf(os.geteuid() == 0, "root may write everywhere")
    def test_cache_that_cannot_be_written(self):
        self.cache.chmod(0o500)
        for word in ("fetch", "remove"):
            result = mayfly("models", word, "face", MAYFLY_CACHE=str(self.cache))
            self.assertEqual(result.returncode, 1)
            self.assertRegex(result.stderr, r"^mayfly: models: \S+ cannot be written: .*\n$")

    @unittest.skipIf(os.geteuid() == 0, "root may write everywhere")
    def test_cache_to_read_only(self):
        """It serves those who may not write it."""
        self.install("one")
        self.cache.chmod(0o500)
        self.assertEqual([model["state"] for model in self.listing()[1]], ["ok"])
        report = json.loads(mayfly("doctor", "--json", MAYFLY_CACHE=str(self.cache)).stdout)
        cache = next(finding for finding in report["findings"] if finding["name"] == "cache")
        self.assertEqual(cache["state"], "note")
        self.assertIn("read only", cache["value"])

    @unittest.skipUnless(shutil.which("unshare"), "no unshare to be without a network")
    def test_fetching_without_a_network(self):
        variables = {**os.environ, "MAYFLY_CACHE": str(self.cache), "PIP_RETRIES": "1"}
        result = subprocess.run(["unshare", "--user", "--net", MAYFLY, "models", "fetch",
                                 "onnxruntime"], env=variables, text=True, capture_output=True,
                                timeout=LIMIT, check=False)
        if "unshare failed" in result.stderr:
            self.skipTest(result.stderr)
        self.assertEqual(result.returncode, 1)
        self.assertIn("needs a network the first time", result.stderr.splitlines()[-1])
        self.assertFalse((self.cache / ".staging").exists())


if __name__ == "__main__":
    unittest.main()
