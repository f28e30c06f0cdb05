"""What cannot be done: one line of JSON says so, the status is 1, and nothing is left behind."""
import json
import signal
import subprocess
import time

from bundle import CONFIG
from steps import run


def member(*path, value):
    """A change of one member of the configuration; a value of ... removes it."""
    def change(config):
        for name in path[:-1]:
            config = config.setdefault(name, {}) if isinstance(config, dict) else config[name]
        if value is ...:
            del config[path[-1]]
        elif path[-1] == "+":
            config.append(value)
        else:
            config[path[-1]] = value
    return change


def text(given):
    """A file that is this text."""
    return lambda config: given


def annotation(name, value):
    return member("annotations", value={f"mayfly.dev/{name}": value})


def mount(**members):
    return member("mounts", "+", value=members)


def namespace(**members):
    return member("linux", "namespaces", "+", value=members)


def nested(count):
    return json.dumps({"ociVersion": "1.0.2"})[:-1] + ', "x": ' + "[" * count + "]" * count + "}"


WHOLE = json.dumps(CONFIG)
FILES = {
    "empty": text(""), "no JSON": text("what?"), "a list": text("[]"), "a number": text("1"), "null": text("null"),
    "cut off": text(WHOLE[:-20]), "more behind it": text(WHOLE + "x"), "no UTF-8": text(WHOLE[:-1] + ', "x": "\udcff"}'),
    "NUL in a text": text(WHOLE.replace("true\"", "tr\\u0000ue\"", 1)), "nested deeply": text(nested(100000)),
    "a name twice": text(WHOLE[:-1] + ', "ociVersion": "1.0.2"}'),
    "a number that is too large": text(WHOLE[:-1] + ', "x": 1' + "0" * 400 + "}"),
    "too long": text(WHOLE[:-1] + ', "x": "' + "x" * (5 << 20) + '"}'),
}
VERSIONS = {f"version {value!r}": member("ociVersion", value=value)
            for value in (..., "", "0.9.0", "2.0.0", "99.1.0", "one", "1", 1, None, "1.0.2\n")}
PROCESS = {
    "no process": member("process", value=...), "process that is none": member("process", value=[]),
    "no args": member("process", "args", value=...), "empty args": member("process", "args", value=[]),
    "args of numbers": member("process", "args", value=[1]),
    "args that are a text": member("process", "args", value="true"),
    "an empty program": member("process", "args", value=[""]),
    "a program that is not there": member("process", "args", value=["/no/such/program"]),
    "a program on no path": member("process", "args", value=["no-such-program"]),
    "a program that is a directory": member("process", "args", value=["/bin"]),
    "a program that cannot be run": member("process", "args", value=["/etc/passwd"]),
    "no cwd": member("process", "cwd", value=...), "a relative cwd": member("process", "cwd", value="bin"),
    "an empty cwd": member("process", "cwd", value=""),
    "a cwd that is a file": member("process", "cwd", value="/etc/passwd"),
    "env of numbers": member("process", "env", value=[1]),
    "a negative user": member("process", "user", value={"uid": -1, "gid": 0}),
    "a user that is too large": member("process", "user", value={"uid": 1 << 32, "gid": 0}),
    "an unknown limit": member("process", "rlimits", value=[{"type": "RLIMIT_NONE", "soft": 1, "hard": 1}]),
    "a limit twice": member("process", "rlimits", value=[{"type": "RLIMIT_CORE", "soft": 1, "hard": 1}] * 2),
    "a soft limit above the hard one": member("process", "rlimits",
                                              value=[{"type": "RLIMIT_CORE", "soft": 2, "hard": 1}]),
    "oomScoreAdj of 5000": member("process", "oomScoreAdj", value=5000),
}
ROOTS = {
    "no root": member("root", value=...), "no path": member("root", value={}),
    "empty path": member("root", "path", value=""),
    "a path that is not there": member("root", "path", value="absent"),
    "a path that is a file": member("root", "path", value="config.json"),
    "the host's root": member("root", "path", value="/"),
    "readonly that is a text": member("root", "readonly", value="yes"),
}
MOUNTS = {
    "a source that is not there": mount(destination="/data", source="/no/such/source", options=["bind"]),
    "no destination": mount(source="/etc", options=["bind"]), "no source": mount(destination="/data", options=["bind"]),
    "a destination that is a number": mount(destination=1, source="/etc"),
    "an unknown type": mount(destination="/data", type="nosuchfs", source="x"),
    "a directory on a file": mount(destination="/etc/passwd", source="/etc", options=["bind"]),
    "a file on a directory": mount(destination="/data", source="/etc/hostname", options=["bind"]),
    "on the root itself": mount(destination="/", source="/etc", options=["bind"]),
    "tmpfs with bad options": mount(destination="/data", type="tmpfs", source="tmpfs", options=["size=much"]),
    "overlay without layers": mount(destination="/data", type="overlay", source="overlay"),
    "more than a machine has": member("mounts", value=[
        {"destination": f"/data/{i}", "source": "/etc/hostname", "options": ["bind"]} for i in range(64)]),
    "mounts that are no list": member("mounts", value={}),
    "below a file": mount(destination="/etc/passwd/x/y", source="/etc", options=["bind"]),
    "a name that is too long": mount(destination="/" + "x" * 300, source="/etc", options=["bind"]),
    "a path that is too long": mount(destination="/x" * 3000, source="/etc", options=["bind"]),
}
LINUX = {
    "namespaces that are no list": member("linux", "namespaces", value={}),
    "an unknown namespace": namespace(type="nosuch"), "a namespace twice": namespace(type="mount"),
    "a namespace that has vanished": member("linux", "namespaces", value=[
        {"type": "mount"}, {"type": "network", "path": "/run/netns/vanished"}]),
    "a namespace of a process that has ended": member("linux", "namespaces", value=[
        {"type": "mount"}, {"type": "network", "path": "/proc/4194304/ns/net"}]),
    "a namespace that is a file": member("linux", "namespaces", value=[
        {"type": "mount"}, {"type": "network", "path": "/etc/hostname"}]),
    "a namespace of another kind": member("linux", "namespaces", value=[
        {"type": "mount"}, {"type": "network", "path": "/proc/self/ns/uts"}]),
    "a relative path of a namespace": member("linux", "namespaces", value=[
        {"type": "mount"}, {"type": "network", "path": "proc/self/ns/net"}]),
    "a group's path that leads outside": member("linux", "cgroupsPath", value="/../../../up"),
    "a group whose name is too long": member("linux", "cgroupsPath", value="/" + "x" * 300),
    "a group that is the root": member("linux", "cgroupsPath", value="/"),
    "a limit of memory that is a text": member("linux", "resources", value={"memory": {"limit": "much"}}),
    "a limit of memory of -5": member("linux", "resources", value={"memory": {"limit": -5}}),
    "a limit of memory of a page": member("linux", "resources", value={"memory": {"limit": 4096}}),
    "processors that there are not": member("linux", "resources", value={"cpu": {"cpus": "4000-4001"}}),
    "processors that are none": member("linux", "resources", value={"cpu": {"cpus": "some"}}),
    "a quota of 1": member("linux", "resources", value={"cpu": {"quota": 1, "period": 100000}}),
    "devices": member("linux", "devices", value=[{"path": "/dev/made", "type": "c", "major": 1, "minor": 3}]),
    "a masked path that is relative": member("linux", "maskedPaths", value=["etc"]),
    "users that are mapped": member("linux", value={
        "namespaces": [{"type": "mount"}, {"type": "user"}],
        "uidMappings": [{"containerID": 0, "hostID": 100000, "size": 1000}],
        "gidMappings": [{"containerID": 0, "hostID": 100000, "size": 1000}]}),
    "a host name without a namespace for it": member("linux", "namespaces", value=[{"type": "mount"}]),
}
ANNOTATIONS = {f"{name}: {value}": annotation(name, value) for name, value in (
    ("memory", "0"), ("memory", "-1"), ("memory", "much"), ("memory", "1k"), ("memory", "999999999999G"), ("memory", ""),
    ("isolation", "none"), ("root", "disk"), ("accelerator", ""), ("accelerator", "../shop"), ("accelerator", "a/b"),
    ("accelerator", ".shop"), ("accelerator", "x" * 64), ("slots", "0"), ("slots", "99999"), ("slots", "x"), ("contract", "carrier pigeon"),
    ("contract", "http"), ("port", "0"), ("port", "65536"), ("port", "http"), ("memory", 5))}
TABLES = {"file": FILES, "version": VERSIONS, "process": PROCESS, "root": ROOTS, "mounts": MOUNTS, "linux": LINUX,
          "annotations": ANNOTATIONS}


def refused(check, runtime, what, container, whole=True):
    """What a create looks like that failed as it should."""
    lines = runtime.log_lines()
    try:
        said = [json.loads(line) for line in lines]
    except ValueError:
        said = []
    good = container.made.status == 1 and not container.pid_file.exists()
    if whole:
        good = good and len(said) == 1 and said[0].get("level") == "error" and len(said[0].get("msg", "")) > 10
    check(what, good and runtime.state(container.name) is None, container)


def table(name):
    def step(check, runtime):
        if not runtime.is_mayfly:  # crun freezes itself with all around it for the group "/"
            return
        for what, change in TABLES[name].items():
            bundle = runtime.bundle()
            changed = change(bundle.config)
            if changed is not None:
                bundle.config = changed
            with runtime.create(bundle) as container:
                if container.made.status == 0 and name == "process":
                    ended = container.start()  # a program may be found to be none when it is to start
                    check(what, ended.status == 1, f"{container} {ended}")
                else:
                    refused(check, runtime, what, container)
    step.__doc__ = name
    return step


def places(check, runtime):
    """places"""
    bundle = runtime.bundle().write()
    for what, words in (("no bundle", ("--bundle", "/no/such/bundle", "x")),
                        ("a bundle that is a file", ("--bundle", "/etc/hostname", "x")),
                        ("no id", ("--bundle", bundle.folder)), ("two ids", ("--bundle", bundle.folder, "x", "y")),
                        ("a pid file nowhere", ("--bundle", bundle.folder, "--pid-file", "/no/such/file", "x")),
                        ("an unknown option", ("--bundle", bundle.folder, "--nosuch", "x"))):
        ended = runtime("create", *words)
        check(what, ended.status not in (0, None) and ended.err and runtime.state("x") is None, ended)
        runtime("delete", "--force", "x")
    empty = runtime.folder / "empty"
    empty.mkdir()
    ended = runtime("create", "--bundle", empty, "x")
    check("a bundle without a file", ended.status == 1 and "config.json" in ended.err, ended)
    for what, options in (("a log nowhere", ["--root", runtime.root, "--log", "/no/such/log"]),
                          ("a root that is a file", ["--root", "/etc/hostname"]),
                          ("a format that is none", ["--root", runtime.root, "--log-format", "nosuch"])):
        ended = runtime("create", "--bundle", bundle.folder, "x", options=[str(option) for option in options])
        check(what, ended.status not in (0, None) and ended.err, ended)
    for command in "nosuch", "":
        ended = runtime(command)
        check(f"command {command!r}", ended.status not in (0, None) and ended.err, ended)


def groups(check, runtime):
    """control groups that cannot be made"""
    if not runtime.is_mayfly:
        return
    bundle = runtime.bundle().process("true")
    bundle.config["linux"]["cgroupsPath"] = "/full/one"
    run("sh", "-c", "for h in /sys/fs/cgroup/*; do mkdir $h/full $h/full/one; done; "
        "cat /sys/fs/cgroup/cpuset/cpuset.mems >/sys/fs/cgroup/cpuset/full/cpuset.mems; "
        "mount --bind -o ro /sys/fs/cgroup/memory/full /sys/fs/cgroup/memory/full; "
        "mount -o remount,bind,ro /sys/fs/cgroup/memory/full; rmdir /sys/fs/cgroup/*/full/one")
    bundle.config["linux"]["cgroupsPath"] = "/full/two"
    with runtime.create(bundle) as container:
        refused(check, runtime, "a hierarchy that cannot be written", container)
    left = run("sh", "-c", "ls -d /sys/fs/cgroup/*/full/two").out
    check("takes back the others", not left, left)
    run("sh", "-c", "umount /sys/fs/cgroup/memory/full; rmdir /sys/fs/cgroup/*/full/one /sys/fs/cgroup/*/full")


def killed_meanwhile(check, runtime):
    """create that is killed"""
    bundle = runtime.bundle().process("sleep", "600").write()
    for number, after_s in enumerate((0, 0.002, 0.004, 0.006, 0.01, 0.02)):
        name = f"killed{number}"
        with subprocess.Popen([runtime.program, *runtime.globals(), "create", "--bundle", bundle.folder, name],
                              env=runtime.environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL) as process:
            time.sleep(after_s)
            process.send_signal(signal.SIGKILL)
        ended = runtime("delete", "--force", name)
        check(f"after {after_s} s delete --force cleans up", ended.status == 0 and runtime.state(name) is None, ended)


ALL = (*(table(name) for name in TABLES), places, groups, killed_meanwhile)
