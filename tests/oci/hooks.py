"""Hooks: when they run, what they get, and what becomes of a container if one fails."""
import json

KINDS = ("prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop")
# What a hook's state may say at its time; the specification leaves room for the deprecated one.
STATUSES = {"prestart": ("creating", "created"), "createRuntime": ("creating", "created"),
            "createContainer": ("creating", "created"), "startContainer": ("created", "running"),
            "poststart": ("running",), "poststop": ("stopped",)}


def hook(text, **members):
    return {"path": "/bin/sh", "args": ["sh", "-c", text], "env": ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"], **members}


def kinds(runtime):
    """startContainer's programs are the image's own, so that Mayfly does not run them on the host."""
    return [kind for kind in KINDS if kind != "startContainer" or not runtime.is_mayfly]


def order(check, runtime):
    """order and state"""
    log = runtime.folder / "hooks.log"
    bundle = runtime.bundle().process("sleep", "600")
    # createContainer's and startContainer's run in the container's mount namespace: its folder is the bundle's.
    bundle.config["hooks"] = {kind: [hook(f"echo {kind}{number} >>{log}; cat >{log}.{kind}{number}")
                                     for number in (1, 2)]
                              for kind in kinds(runtime) if kind != "startContainer"}
    bundle.config["annotations"] = {"org.example": "kept"}
    with runtime.create(bundle) as container:
        before = [f"{kind}{number}" for kind in KINDS[:3] for number in (1, 2)]
        said = log.read_text().split() if log.exists() else []
        check("create runs three kinds, in their order", container.made.status == 0 and said == before,
              f"{container} {said}")
        container.start()
        before += ["poststart1", "poststart2"]
        check("start runs poststart", log.read_text().split() == before, log.read_text())
        container.kill()
        container.wait()
        check("the end runs none", log.read_text().split() == before, log.read_text())
        container.delete()
        before += ["poststop1", "poststop2"]
        check("delete runs poststop", log.read_text().split() == before, log.read_text())
        for name in before:
            state = json.loads(log.with_name(f"hooks.log.{name}").read_text())
            good = state["id"] == container.name and state["status"] in STATUSES[name[:-1]] and \
                state["bundle"] == str(bundle.folder) and state["ociVersion"] and \
                state.get("annotations", {}).get("org.example") == "kept"
            if not name.startswith(("createContainer", "poststop")):
                good = good and state["pid"] == container.pid
            check(f"state of {name}", good, state)


def arguments(check, runtime):
    """arguments"""
    file = runtime.folder / "hook-arguments"
    bundle = runtime.bundle()
    bundle.config["hooks"] = {"createRuntime": [
        {"path": "/bin/sh", "args": ["renamed", "-c", f'echo "$0|$1|$A|$HOME" >{file}', "zero", "one"],
         "env": ["A=x y"]}]}
    ended = runtime.run(bundle)
    check("are the hook's, and the environment, too", ended.status == 0 and file.read_text() == "zero|one|x y|\n",
          f"{ended} {file.read_text() if file.exists() else None}")
    bundle = runtime.bundle()
    bundle.config["hooks"] = {"createRuntime": [{"path": "/bin/true"}]}
    ended = runtime.run(bundle)
    check("need not be given", ended.status == 0, ended)
    bundle.config["hooks"] = {"createRuntime": [hook("exit 0")]}
    bundle.shell("echo hooked")
    ended = runtime.run(bundle)
    check("input that a hook does not read", ended.status == 0 and ended.out == "hooked\n", ended)


def failures(check, runtime):
    """failure"""
    for kind in KINDS[:3]:
        file = runtime.folder / f"after-{kind}"
        bundle = runtime.bundle().shell("echo ran")
        bundle.config["hooks"] = {kind: [hook("echo why it failed >&2; exit 5"), hook(f"touch {file}")]}
        with runtime.create(bundle) as container:
            check(f"of {kind} is create's", container.made.status in (1, 255) and runtime.state(container.name) is None
                  and not file.exists() and not container.pid_file.exists(), container)
            lines = container.runtime.log_lines() if container.made.status else []
            check(f"of {kind} leaves no state", not (runtime.root / container.name).exists(), lines)
    for kind in "poststart", "poststop":
        file = runtime.folder / f"after-{kind}"
        bundle = runtime.bundle().shell("echo ran; exit 3")
        bundle.config["hooks"] = {kind: [hook("exit 5"), hook(f"touch {file}")]}
        with runtime.create(bundle) as container:
            ended = container.start()
            if runtime.is_mayfly:  # runc and crun are stricter than the specification
                check(f"of {kind} changes nothing", ended.status == 0 and container.wait() == 3,
                      f"{ended} {container.exit}")
            container.wait()
            ended = container.delete()
            check(f"of {kind} does not keep it from delete", ended.status == 0, ended)
            check(f"of {kind} does not keep others from running", file.exists() or not runtime.is_mayfly, kind)


def bad(check, runtime):
    """bad ones"""
    for what, given in (("that is not there", {"path": "/no/such/hook"}), ("with a relative path", {"path": "true"}),
                        ("without a path", {}), ("with a path that is none", {"path": 1}),
                        ("that is a directory", {"path": "/tmp"}),
                        ("with a time of 0", hook("exit 0", timeout=0)),
                        ("with a negative time", hook("exit 0", timeout=-1)),
                        ("with arguments that are none", {"path": "/bin/true", "args": "x"})):
        bundle = runtime.bundle()
        bundle.config["hooks"] = {"createRuntime": [given]}
        with runtime.create(bundle) as container:
            check(f"one {what}", container.made.status == 1 or not runtime.is_mayfly, container)
    bundle = runtime.bundle()
    bundle.config["hooks"] = {"createRuntime": {"path": "/bin/true"}}
    with runtime.create(bundle) as container:
        check("no list", container.made.status == 1 or not runtime.is_mayfly, container)


def too_slow(check, runtime):
    """time"""
    bundle = runtime.bundle()
    bundle.config["hooks"] = {"createRuntime": [hook("sleep 600 & sleep 600" if runtime.is_mayfly else "exec sleep 600", timeout=1)]}
    with runtime.create(bundle) as container:
        check("one that takes too long is ended, and create fails", container.made.status == 1, container)


def of_the_image(check, runtime):
    """startContainer"""
    bundle = runtime.bundle().shell("cat /data/hooked")
    bundle.config["hooks"] = {"startContainer": [{"path": "/bin/sh", "args": ["sh", "-c", "cat >/data/hooked"]}]}
    with runtime.create(bundle) as container:
        if runtime.is_mayfly:
            check("is refused: a program of the image would run on the host", container.made.status == 1
                  and not (bundle.root / "data/hooked").exists(), container)
            return
        container.start()
        check("runs in the container", container.wait() == 0 and container.name in container.said(), container)


ALL = (order, arguments, failures, bad, too_slow, of_the_image)
