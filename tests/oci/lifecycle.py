"""The life of a container, as runtime.md of the OCI runtime specification has it."""
import json
import os
import signal
import subprocess
import threading

from steps import until


def create_and_start(check, runtime):
    """create and start"""
    bundle = runtime.bundle().shell("echo ran; exit 7")
    bundle.config["annotations"] = {"org.example": "kept"}
    with runtime.create(bundle, "first") as container:
        if not check("create", container.made.status == 0, container):
            return
        state = runtime.state("first")
        check("its state", state and state["ociVersion"] and state["id"] == "first" and state["status"] == "created"
              and state["pid"] == container.pid and state["bundle"] == str(bundle.folder)
              and state.get("annotations", {}).get("org.example") == "kept", state)
        check("its process waits", os.path.exists(f"/proc/{container.pid}") and container.said() == "", container)
        check("and is a child of who adopts it", not container.ended(), container.exit)
        ended = container.start()
        check("start", ended.status == 0, ended)
        check("its exit status", container.wait() == 7, container.exit)
        check("its output", container.said() == "ran\n", container)
        state = runtime.state("first")
        check("it is stopped", state and state["status"] == "stopped", state)
        ended = container.delete()
        check("delete", ended.status == 0 and runtime.state("first") is None, ended)
        check("of its state nothing stays", not (runtime.root / "first").exists(), list(runtime.root.iterdir()))


def names(check, runtime):
    """names"""
    bundle = runtime.bundle().process("sleep", "600").write()
    with runtime.create(bundle, "twice") as container:
        ended = runtime("create", "--bundle", bundle.folder, "twice")
        check("one that is taken", ended.status == 1 and runtime.status("twice") == "created", ended)
        check("its owner is unharmed", container.start().status == 0 and runtime.status("twice") == "running",
              runtime.state("twice"))
    bad = ["", ".", "..", "../up", "a/b", "/etc", "x" * 5000, "a b", "a\nb"]
    for name in bad if runtime.is_mayfly else bad[:1]:  # crun removes ROOT/.. for "delete .."
        ended = runtime("create", "--bundle", bundle.folder, name)
        check(f"{name[:20]!r} is none", ended.status == 1, ended)
        for command in "state", "start", "delete":
            ended = runtime(command, name)
            check(f"{command} of {name[:20]!r}", ended.status == 1, ended)
    check("nothing was made elsewhere", not (runtime.folder / "up").exists() and runtime.folder.exists(),
          list(runtime.folder.iterdir()))
    for name in "a", "A_b+c-d.e", "0", "x" * 128:
        with runtime.create(bundle, name) as container:
            check(f"{name[:20]!r} is one", container.made.status == 0, container)


def order(check, runtime):
    """order"""
    bundle = runtime.bundle().process("sleep", "600")
    for command, *more in ("start",), ("state",), ("delete",), ("kill", "9"), ("pause",), ("exec", "true"):
        ended = runtime(command, "nobody", *more)
        check(f"{command} of one that there is not", ended.status == 1, ended)
    with runtime.create(bundle) as container:
        container.start()
        check("runs", runtime.status(container.name) == "running", runtime.state(container.name))
        ended = container.start()
        check("start twice", ended.status == 1, ended)
        ended = container.delete()
        check("delete of one that runs", ended.status == 1 and runtime.status(container.name) == "running", ended)
        ended = container.kill()
        check("kill", ended.status == 0 and container.wait() == 137, container.exit)
        ended = container.kill()
        check("kill of a stopped one", ended.status == 1, ended)
        ended = container.start()
        check("start of a stopped one", ended.status == 1, ended)
        ended = runtime("exec", container.name, "true")
        check("exec in a stopped one", ended.status not in (0, None), ended)
        ended = container.delete()
        check("delete", ended.status == 0, ended)
        ended = container.delete()
        check("delete twice", ended.status == 1, ended)


def force(check, runtime):
    """delete --force"""
    for started in False, True:
        with runtime.create(runtime.bundle().process("sleep", "600")) as container:
            if started:
                container.start()
            ended = container.delete("--force")
            check(f"{'running' if started else 'created'}", ended.status == 0 and container.wait() == 137,
                  f"{ended} {container.exit}")
            ended = container.delete("--force")
            check("twice", ended.status == 0, ended)
            check("is gone", runtime.state(container.name) is None, runtime.state(container.name))
    ended = runtime("delete", "--force", "never-was")
    check("one that there never was", ended.status == 0, ended)


def killed_before_start(check, runtime):
    """kill of a created one"""
    with runtime.create(runtime.bundle().shell("echo ran")) as container:
        ended = container.kill()
        check("kill", ended.status == 0 and container.wait() == 137, f"{ended} {container.exit}")
        check("is stopped, and never ran", until(lambda: runtime.status(container.name) == "stopped")
              and container.said() == "", container)
        ended = container.start()
        check("does not start", ended.status == 1, ended)


def signals(check, runtime):
    """signals"""
    trap = "trap 'echo heard; exit 5' TERM USR1; echo ready; while true; do sleep 0.05; done"
    for word in "15", "SIGTERM", "TERM", "USR1":
        with runtime.create(runtime.bundle().shell(trap)) as container:
            container.start()
            until(lambda c=container: "ready" in c.said())
            ended = runtime("kill", container.name, word)
            check(f"{word} is heard", ended.status == 0 and container.wait() == 5 and "heard" in container.said(),
                  f"{ended} {container} {container.exit}")
    with runtime.create(runtime.bundle().shell("echo ready; sleep 600")) as container:
        container.start()
        until(lambda: "ready" in container.said())
        for word in "0x9", "SIGNOTHING", "99999", "-1", "":
            ended = runtime("kill", "--", container.name, word)
            check(f"{word!r} is no signal", ended.status == 1 and runtime.status(container.name) == "running", ended)
        ended = runtime("kill", container.name)
        check("SIGTERM without a name", ended.status == 0 and container.wait() == 143, f"{ended} {container.exit}")
    with runtime.create(runtime.bundle().shell("echo ready; sleep 600")) as container:
        container.start()
        until(lambda: "ready" in container.said())
        ended = runtime("kill", "--all", container.name, "9")
        check("--all", ended.status == 0 and container.wait() == 137, f"{ended} {container.exit}")


def its_own_end(check, runtime):
    """exit status"""
    for text, status in (("exit 0", 0), ("exit 1", 1), ("exit 255", 255), ("kill -SEGV $$", 139),
                         ("kill -TERM $$", 143), ("kill -KILL $$", 137)):
        with runtime.create(runtime.bundle().shell(text)) as container:
            container.start()
            check(text, container.wait() == status, f"{container.exit} {container}")
        ended = runtime.run(runtime.bundle().shell(text))
        check(f"run: {text}", ended.status == status, ended)


def process_killed(check, runtime):
    """process that is killed from outside"""
    with runtime.create(runtime.bundle().process("sleep", "600")) as container:
        container.start()
        os.kill(container.pid, signal.SIGKILL)
        check("is stopped", container.wait() == 137 and runtime.status(container.name) == "stopped", container.exit)
        ended = container.delete()
        check("delete", ended.status == 0, ended)


def pid_used_again(check, runtime):
    """pid that another process has now"""
    if not runtime.is_mayfly:
        return
    with runtime.create(runtime.bundle().process("sleep", "600")) as container:
        container.start()
        path = runtime.root / container.name / "state.json"
        kept = json.loads(path.read_text())
        kept["pid"] = os.getpid()
        path.write_text(json.dumps(kept))
        ended = container.kill()
        check("is not killed", ended.status == 1 and runtime.status(container.name) == "stopped", ended)
        os.kill(container.pid, signal.SIGKILL)


def at_once(check, runtime):
    """commands at once"""
    bundle = runtime.bundle().process("sleep", "600").write()
    statuses = []

    def create(number):
        command = [runtime.program, "--root", str(runtime.root), "create", "--bundle", str(bundle.folder), "--pid-file",
                   str(runtime.folder / f"once{number}"), "once"]
        statuses.append(subprocess.run(command, env=runtime.environment, stdin=subprocess.DEVNULL, timeout=60,
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False).returncode)

    threads = [threading.Thread(target=create, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    check("of six that create one id, one does", sorted(statuses) == [0, 1, 1, 1, 1, 1], statuses)
    check("and it is whole", runtime.status("once") == "created", runtime.state("once"))
    ended = runtime("delete", "--force", "once")
    check("delete", ended.status == 0, ended)


def lists(check, runtime):
    """list"""
    with runtime.create(runtime.bundle().process("sleep", "600")) as one, \
            runtime.create(runtime.bundle().process("sleep", "600")) as two:
        two.start()
        ended = runtime("list", "--format", "json")
        found = {entry["id"]: entry for entry in json.loads(ended.out or "[]") or []}
        check("has both", {one.name, two.name} <= set(found), ended)
        check("with what they do", found[one.name]["status"] == "created" and found[two.name]["status"] == "running"
              and found[two.name]["pid"] == two.pid, found)
        ended = runtime("list")
        check("as a table", one.name in ended.out and "running" in ended.out, ended)
        ended = runtime("list", "--quiet")
        check("as names", {one.name, two.name} <= set(ended.out.split()), ended)


def log_of_errors(check, runtime):
    """log"""
    bundle = runtime.bundle()
    bundle.config["root"]["path"] = "absent"
    bundle.write()
    for options in (runtime.globals(), [f"--root={runtime.root}", f"--log={runtime.log}", "--log-format=json"]):
        ended = runtime("create", "--bundle", bundle.folder, "logged", options=options)
        lines = runtime.log_lines()
        said = json.loads(lines[-1]) if lines else {}
        check(f"as JSON with {options[-1]}", ended.status == 1 and len(lines) == 1 and said.get("level") == "error"
              and "absent" in said.get("msg", ""), f"{ended} {lines}")
        check("and on standard error", "absent" in ended.err, ended)
    ended = runtime("create", "--bundle", bundle.folder, "logged", options=["--root", runtime.root])
    check("without one, on standard error", ended.status == 1 and "absent" in ended.err, ended)
    runtime("create", "--bundle", bundle.folder, "logged", options=["--root", runtime.root, "--log", runtime.log])
    check("as text", len(runtime.log_lines()) >= 1 and "absent" in runtime.log_lines()[-1], runtime.log_lines())


ALL = (create_and_start, names, order, force, killed_before_start, signals, its_own_end, process_killed,
       pid_used_again, at_once, lists, log_of_errors)
