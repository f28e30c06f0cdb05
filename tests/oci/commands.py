"""Commands beside the life of a container: exec, ps, pause, resume, update, events, features, spec."""
import json
import os
import re
import time

from bundle import Container
from process import console, read_terminal
from steps import run, until

TICKS = "i=0; while true; do echo tick $i; i=$((i+1)); sleep 0.05; done"


def sleeping(runtime):
    container = runtime.create(runtime.bundle().process("sleep", "600"))
    container.start()
    return container


def group_file(container, name):
    """The file of a container's control group, in whichever hierarchy has it."""
    found = run("find", "/sys/fs/cgroup", "-path", f"*{container.name}*", "-name", name).out.split()
    return min(found, key=len) if found else None


def read_group(container, name):
    path = group_file(container, name)
    return open(path, encoding="ascii").read().strip() if path else None


def executes(check, runtime):
    """exec"""
    with sleeping(runtime) as container:
        ended = runtime("exec", container.name, "sh", "-c", "echo inside $0 $1; exit 7", "a", "b")
        check("status and output", (ended.status, ended.out) == (7, "inside a b\n"), ended)
        ended = runtime("exec", container.name, "cat", feed="fed")
        check("input", (ended.status, ended.out) == (0, "fed"), ended)
        ended = runtime("exec", "--cwd", "/etc", "--env", "MORE=1", container.name, "sh", "-c", "pwd; echo $MORE $PATH")
        check("directory and environment", ended.out == "/etc\n1 /bin\n" or not runtime.is_mayfly, ended)
        ended = runtime("exec", "--user", "1000:1000", container.name, "id", "-u")
        check("user", ended.out == "1000\n", ended)
        ended = runtime("exec", container.name, "no-such-program")
        check("a program that is not there", ended.status not in (0, None) and "no-such-program" in ended.err, ended)
        ended = runtime("exec", container.name, "sh", "-c", "kill -KILL $$")
        check("one that killed itself", ended.status == 137, ended)
        ended = runtime("exec", container.name)
        check("no program", ended.status not in (0, None), ended)
        check("the container lives on", runtime.status(container.name) == "running", runtime.state(container.name))


def by_file(check, runtime):
    """exec --process"""
    with sleeping(runtime) as container:
        file, pid_file = runtime.folder / "process.json", runtime.folder / "exec.pid"
        given = {"terminal": False, "user": {"uid": 0, "gid": 0}, "args": ["sh", "-c", "echo $A; pwd; exit 9"],
                 "env": ["PATH=/bin", "A=b"], "cwd": "/tmp"}
        file.write_text(json.dumps(given))
        ended = runtime("exec", "--process", file, container.name)
        check("waits", (ended.status, ended.out) == (9, "b\n/tmp\n"), ended)
        given["args"] = ["sh", "-c", "sleep 0.2; echo late; exit 4"]
        file.write_text(json.dumps(given))
        output = runtime.folder / "exec.output"
        with open(output, "wb") as to:
            ended = runtime("exec", "--process", file, "--detach", "--pid-file", pid_file, container.name, streams=to)
        check("--detach", ended.status == 0, ended)
        child = Container.__new__(Container)
        child.exit, child.pid = None, int(pid_file.read_text())
        check("ends by itself, as a child of who adopts it", child.wait() == 4 and output.read_text() == "late\n",
              f"{child.exit} {output.read_text()!r}")
        pid_file.unlink()
        for what, text in (("no JSON", "x"), ("no args", json.dumps({**given, "args": []})),
                           ("a relative cwd", json.dumps({**given, "cwd": "x"}))):
            file.write_text(text)
            ended = runtime("exec", "--process", file, "--detach", "--pid-file", pid_file, container.name)
            check(what, (ended.status == 1 or not runtime.is_mayfly) and not pid_file.exists(), ended)
        ended = runtime("exec", "--process", "/no/such/file", container.name)
        check("no file", ended.status not in (0, None), ended)


def terminal(check, runtime):
    """exec with a terminal"""
    with sleeping(runtime) as container, console(runtime) as (path, masters):
        file, pid_file = runtime.folder / "process.json", runtime.folder / "terminal.pid"
        file.write_text(json.dumps({"terminal": True, "user": {"uid": 0, "gid": 0}, "cwd": "/", "env": ["PATH=/bin"],
                                    "args": ["sh", "-c", "test -t 0 && echo a terminal"]}))
        ended = runtime("exec", "--process", file, "--detach", "--pid-file", pid_file, "--console-socket", path,
                        container.name)
        check("exec", ended.status == 0 and until(lambda: masters), ended)
        if masters:
            said = read_terminal(masters[0], b"a terminal")
            check("is one", b"a terminal" in said, said)


def ends_with_it(check, runtime):
    """exec that lives when the container ends"""
    with sleeping(runtime) as container:
        file, pid_file = runtime.folder / "process.json", runtime.folder / "orphan.pid"
        file.write_text(json.dumps({"terminal": False, "user": {"uid": 0, "gid": 0}, "cwd": "/", "env": ["PATH=/bin"],
                                    "args": ["sleep", "600"]}))
        runtime("exec", "--process", file, "--detach", "--pid-file", pid_file, container.name)
        pid = int(pid_file.read_text())
        ended = container.delete("--force")
        child = Container.__new__(Container)
        child.exit, child.pid = None, pid
        check("delete --force ends it", ended.status == 0 and child.wait() == 137, f"{ended} {child.exit}")


def processes(check, runtime):
    """ps"""
    with sleeping(runtime) as container:
        ended = runtime("ps", "--format", "json", container.name)
        check("as JSON", container.pid in json.loads(ended.out or "[]"), ended)
        ended = runtime("ps", container.name)
        check("as a table", re.search(rf"\b{container.pid}\b", ended.out), ended)


def paused(check, runtime):
    """pause"""
    with runtime.create(runtime.bundle().shell(TICKS)) as container:
        ended = runtime("pause", container.name)
        check("of one that was not started", ended.status == 1 or not runtime.is_mayfly, ended)
        runtime("resume", container.name)
        container.start()
        until(lambda: "tick 3\n" in container.said())
        ended = runtime("pause", container.name)
        check("pause", ended.status == 0 and runtime.status(container.name) == "paused", ended)
        said = container.said()
        time.sleep(0.3)
        check("it stands still", container.said() == said, container)
        ended = runtime("pause", container.name)
        check("twice", ended.status == 1 or not runtime.is_mayfly, ended)
        ended = runtime("exec", container.name, "true") if runtime.is_mayfly else None
        check("exec meanwhile is refused", not ended or ended.status not in (0, None), ended)
        ended = runtime("resume", container.name)
        check("resume", ended.status == 0 and runtime.status(container.name) == "running"
              and until(lambda: container.said() != said), ended)
        ended = runtime("resume", container.name)
        check("resume of one that runs", ended.status == 1 or not runtime.is_mayfly, ended)
        runtime("pause", container.name)
        ended = container.delete("--force")
        check("delete --force of a paused one", ended.status == 0 and container.wait() == 137, f"{ended} {container.exit}")


def limits(check, runtime):
    """update"""
    bundle = runtime.bundle().process("sleep", "600")
    bundle.config["linux"]["resources"] = {"memory": {"limit": 300 << 20}, "pids": {"limit": 200},
                                           "cpu": {"shares": 512, "quota": 50000, "period": 100000}}
    with runtime.create(bundle) as container:
        container.start()
        check("limits are set", read_group(container, "memory.limit_in_bytes") == str(300 << 20)
              and read_group(container, "pids.max") == "200" and read_group(container, "cpu.shares") == "512"
              and read_group(container, "cpu.cfs_quota_us") == "50000", container)
        check("the machine is in them", str(container.pid) in (read_group(container, "cgroup.procs") or "").split(),
              read_group(container, "cgroup.procs"))
        ended = runtime("update", "--resources", "-", container.name, feed=json.dumps(
            {"memory": {"limit": 400 << 20}, "cpu": {"shares": 256}}))
        check("from standard input", ended.status == 0 and read_group(container, "memory.limit_in_bytes") == str(400 << 20)
              and read_group(container, "cpu.shares") == "256", ended)
        file = runtime.folder / "resources.json"
        file.write_text(json.dumps({"pids": {"limit": 150}}))
        ended = runtime("update", f"--resources={file}", container.name)
        check("from a file", ended.status == 0 and read_group(container, "pids.max") == "150", ended)
        for what, text in (("no JSON", "x"), ("a limit that is none", json.dumps({"memory": {"limit": "x"}})),
                           ("no file", None)):
            file.write_text(text) if text else file.unlink()
            ended = runtime("update", "--resources", file, container.name)
            check(what, ended.status == 1 or not runtime.is_mayfly, ended)
    ended = runtime("update", "--resources", "-", "nobody", feed="{}")
    check("one that there is not", ended.status == 1, ended)


def too_much_memory(check, runtime):
    """memory"""
    bundle = runtime.bundle().process("dd", "if=/dev/zero", "of=/dev/null", "bs=400M", "count=1")
    bundle.config["linux"]["resources"] = {"memory": {"limit": 128 << 20, "swap": 128 << 20}}
    with runtime.create(bundle) as container:
        container.start()
        check("ends at the limit", container.wait() not in (0, None), f"{container.exit} {container}")


def events(check, runtime):
    """events"""
    if not runtime.is_mayfly:
        return
    with sleeping(runtime) as container:
        ended = runtime("events", "--stats", container.name)
        said = json.loads(ended.out or "{}")
        check("statistics", ended.status == 0 and said.get("type") == "stats" and said.get("id") == container.name
              and said["data"]["memory"]["usage"]["usage"] > 0 and said["data"]["pids"]["current"] >= 1
              and said["data"]["cpu"]["usage"]["total"] > 0, ended)
    ended = runtime("events", "--stats", "nobody")
    check("of one that there is not", ended.status == 1, ended)


def tells_features(check, runtime):
    """features"""
    if not runtime.is_mayfly:
        return
    ended = runtime("features", options=[])
    said = json.loads(ended.out or "{}")
    check("versions, hooks, options and namespaces", ended.status == 0 and said["ociVersionMin"] and said["ociVersionMax"]
          and "createRuntime" in said["hooks"] and "rbind" in said["mountOptions"]
          and "network" in said["linux"]["namespaces"], ended)
    ended = runtime("--version", options=[])
    check("--version", ended.status == 0 and "spec: 1." in ended.out, ended)
    ended = runtime("--help", options=[])
    check("--help", ended.status == 0 and "create" in ended.out and "delete" in ended.out, ended)


def writes_spec(check, runtime):
    """spec"""
    folder = runtime.folder / f"spec{next(runtime.numbers)}"
    folder.mkdir()
    ended = runtime("spec", options=[], directory=folder)
    config = json.loads((folder / "config.json").read_text())
    check("is a configuration", ended.status == 0 and config["ociVersion"] and config["process"]["args"] and
          config["root"]["path"], ended)
    ended = runtime("spec", options=[], directory=folder)
    check("replaces none", ended.status == 1, ended)
    bundle = runtime.bundle()
    config["process"].update(terminal=False, args=["echo", "by default"])
    bundle.config = config
    ended = runtime.run(bundle)
    check("can be run", (ended.status, ended.out) == (0, "by default\n"), ended)


ALL = (executes, by_file, terminal, ends_with_it, processes, paused, limits, too_much_memory, events,
       tells_features, writes_spec)
