"""Images that want out: nothing of the host is read, written, made or mounted, whatever they have in them."""
import os
import stat
import subprocess

from bundle import files_below, host_folder
from steps import run, until

SECRET = "the host's secret"
NONE, READS = "0000000000000000", "0000000000000004"  # CAP_DAC_READ_SEARCH: the root server reads for any user
WRITES = "000000000000000f"  # and CAP_DAC_OVERRIDE, CAP_CHOWN, CAP_FOWNER: it writes for any user


class Watched:
    """A folder of the host, and whether it is as it was."""

    def __init__(self, runtime):
        self.folder = host_folder(runtime, f"host{next(runtime.numbers)}")
        self.before = files_below(self.folder)

    def untouched(self):
        return files_below(self.folder) == self.before


def links(check, runtime):
    """links of the image"""
    watched = Watched(runtime)
    up = "/" + "../" * 20
    for what, target in (("an absolute one", watched.folder), ("one that climbs", f"{up}{watched.folder}"),
                         ("one over /proc", f"/proc/1/root{watched.folder}"),
                         ("one over /proc/self", f"/proc/self/root{watched.folder}"),
                         ("one over a descriptor", "/proc/self/fd/3"), ("one to itself", "link")):
        bundle = runtime.bundle().shell("cat /link/secret /link; echo written >/link/secret; echo made >/link/made; "
                                        "mkdir /link/dir; ls /link/; echo end")
        (bundle.root / "link").symlink_to(target)
        ended = runtime.run(bundle)
        check(what, ended.status == 0 and SECRET not in ended.out and watched.untouched(), ended)
    bundle = runtime.bundle().shell(f"cat {up}{watched.folder}/secret; cat {watched.folder}/secret; echo end")
    ended = runtime.run(bundle)
    check("a path that climbs", ended.out == "end\n", ended)
    bundle = runtime.bundle().shell(f"mkdir -p /a/b; cd /a/b; ln -s {up}{watched.folder} out; cat out/secret; "
                                    f"cat /proc/1/root{watched.folder}/secret; echo end")
    ended = runtime.run(bundle)
    check("a link that it makes", ended.out == "end\n" and watched.untouched(), ended)


def mounts(check, runtime):
    """mounts on links of the image"""
    up = "/" + "../" * 20
    given = runtime.folder / f"given{next(runtime.numbers)}"
    given.mkdir()
    (given / "file").write_text("given\n", encoding="ascii")
    for what, target in (("an absolute one", "{}"), ("one that climbs", up + "{}"), ("one over /proc", "/proc/1/root{}"),
                         ("one to itself", "/etc/out")):
        for kind, extra in (("bind", {"source": str(given), "options": ["rbind", "rw"]}),
                            ("a file", {"source": str(given / "file"), "options": ["bind", "rw"]}),
                            ("tmpfs", {"type": "tmpfs", "source": "tmpfs"})):
            for destination in "/etc/out", "/etc/out/made/deep":
                watched = Watched(runtime)
                bundle = runtime.bundle().shell(f"cat {watched.folder}/secret /etc/out/secret; echo end")
                (bundle.root / "etc/out").symlink_to(target.format(watched.folder))
                bundle.config["mounts"] += [{"destination": destination, **extra}]
                ended = runtime.run(bundle)  # it may be refused
                check(f"{what}, {kind} on {destination}", ended.status is not None and SECRET not in ended.out
                      and watched.untouched(), ended)
    watched = Watched(runtime)
    for destination in f"{up}{watched.folder}/made", f"/data/../../../..{watched.folder}/made", f"/..{watched.folder}":
        bundle = runtime.bundle().shell("echo end")
        bundle.config["mounts"] += [{"destination": destination, "source": str(given), "options": ["bind"]}]
        ended = runtime.run(bundle)
        check(f"{destination[:30]}…", ended.status is not None and watched.untouched(), ended)
    check("what was given is as it was", (given / "file").read_text() == "given\n" and len(list(given.iterdir())) == 1,
          list(given.iterdir()))


def masks(check, runtime):
    """masked and read-only paths on links of the image"""
    watched = Watched(runtime)
    for member in "maskedPaths", "readonlyPaths":
        for path in "/out", "/out/secret", f"/../../..{watched.folder}":
            bundle = runtime.bundle().shell("cat /out/secret; echo end")
            (bundle.root / "out").symlink_to(watched.folder)
            bundle.config["linux"][member] = [path]
            ended = runtime.run(bundle)
            (watched.folder / "secret").write_text((watched.folder / "secret").read_text())
            watched.before = files_below(watched.folder)
            check(f"{member} {path[:12]}", SECRET not in ended.out
                  and (watched.folder / "secret").read_text() == f"{SECRET}\n", ended)


def programs(check, runtime):
    """programs that are links"""
    watched = Watched(runtime)
    marker = watched.folder / "ran"
    (watched.folder / "program").write_text(f"#!/bin/sh\necho {SECRET} >{marker}; echo {SECRET}\n", encoding="ascii")
    (watched.folder / "program").chmod(0o755)
    for what, target in (("an absolute one", watched.folder / "program"),
                         ("one that climbs", "../" * 20 + str(watched.folder / "program"))):
        bundle = runtime.bundle().process("/program")
        (bundle.root / "program").symlink_to(target)
        ended = runtime.run(bundle)
        check(what, ended.status not in (0, None) and SECRET not in ended.out and not marker.exists(), ended)
    bundle = runtime.bundle().process("/program")
    (bundle.root / "program").write_text(f"#!{watched.folder}/program\n", encoding="ascii")
    (bundle.root / "program").chmod(0o755)
    ended = runtime.run(bundle)
    check("a script whose interpreter is the host's", ended.status not in (0, None) and not marker.exists(), ended)
    bundle = runtime.bundle().process("pwd", cwd="/out")
    (bundle.root / "out").symlink_to(watched.folder)
    ended = runtime.run(bundle)
    check("a directory to start in", ended.status is not None and not (ended.status == 0 and SECRET in ended.out), ended)


def devices(check, runtime):
    """devices of the image"""
    if not runtime.is_mayfly:  # others leave it to the control group's list
        return
    bundle = runtime.bundle().shell("head -c 20 /data/kmsg; head -c 20 /data/disk; head -c 20 /data/mem; "
                                    "echo x >/data/kmsg; echo end")
    nodes = (("kmsg", stat.S_IFCHR, 1, 11), ("mem", stat.S_IFCHR, 1, 1), ("disk", stat.S_IFBLK, 254, 0),
             ("disk2", stat.S_IFBLK, 8, 0))
    for name, kind, major, minor in nodes:
        os.mknod(bundle.root / "data" / name, 0o666 | kind, os.makedev(major, minor))
    ended = runtime.run(bundle)
    check("give nothing", ended.out == "end\n", ended)


def odd_files(check, runtime):
    """odd files of the image"""
    bundle = runtime.bundle().shell("timeout 1 cat /data/pipe; timeout 1 sh -c 'echo x >/data/pipe'; "
                                    "ls /deep* >/dev/null; ls /data | wc -l; head -c 3 /data/sparse | wc -c; echo end")
    os.mkfifo(bundle.root / "data/pipe", 0o666)
    with open(bundle.root / "data/sparse", "wb") as sparse:
        sparse.truncate(1 << 42)
    deep = bundle.root
    for _ in range(60):
        deep = deep / ("d" * 60)
        deep.mkdir()
    (bundle.root / ("n" * 255)).write_text("x", encoding="ascii")
    (bundle.root / "data").joinpath("new\nline").write_text("x", encoding="ascii")
    os.symlink("x" * 4000, bundle.root / "data/long")
    ended = runtime.run(bundle)
    check("hang nothing", ended.status == 0 and ended.out.endswith("3\nend\n"), ended)


def set_user(check, runtime):
    """programs that set their user"""
    watched = Watched(runtime)
    os.chown(watched.folder / "secret", 0, 0)
    (watched.folder / "secret").chmod(0o600)
    watched.before = files_below(watched.folder)
    bundle = runtime.bundle().process("/data/busybox", "sh", "-c", f"cat {watched.folder}/secret /proc/1/root{watched.folder}"
                                      "/secret; echo end", user={"uid": 1000, "gid": 1000})
    bundle.root.joinpath("data/busybox").write_bytes((bundle.root / "bin/busybox").read_bytes())
    (bundle.root / "data/busybox").chmod(0o6755)
    ended = runtime.run(bundle)
    check("reach no more", SECRET not in ended.out and ended.out == "end\n" and watched.untouched(), ended)


def host_processes(check, runtime):
    """processes and sockets of the host"""
    with subprocess.Popen(["sleep", "4242"]) as victim:
        bundle = runtime.bundle().shell("cat /proc/*/cmdline; for p in $(seq 2 400); do kill -9 $p; done; echo end")
        bundle.config["linux"]["namespaces"] += [{"type": "pid"}]
        ended = runtime.run(bundle)
        check("are not seen, and not killed", "4242" not in ended.out and victim.poll() is None, ended)
        victim.kill()
    bundle = runtime.bundle().shell("hostname changed; echo end")
    before = os.uname().nodename
    ended = runtime.run(bundle)
    check("its name stays", os.uname().nodename == before, ended)


def swapped(check, runtime):
    """a root that changes between create and start"""
    watched = Watched(runtime)
    bundle = runtime.bundle().shell("cat /etc/secret; echo x >/etc/new; echo end")
    with runtime.create(bundle) as container:
        os.rename(bundle.root / "etc", bundle.root / "moved")
        os.symlink(watched.folder, bundle.root / "etc")
        container.start()
        container.wait()
        check("leads nowhere else", SECRET not in container.said() and watched.untouched(), container)
    bundle = runtime.bundle().shell("cat /secret; echo end")
    with runtime.create(bundle) as container:
        os.rename(bundle.root, bundle.folder / "moved")
        os.symlink(watched.folder, bundle.root)
        container.start()
        container.wait()
        check("a link in the place of the root", SECRET not in container.said() and watched.untouched(), container)


def rights(check, runtime):
    """what the process of a machine may"""
    # A build with sanitizers cannot be confined.
    if not runtime.is_mayfly or os.environ.get("SANITIZE", "none") not in ("none", "undefined"):
        return
    for annotations, files in (({}, WRITES), ({"mayfly.dev/root": "memory"}, READS)):
        bundle = runtime.bundle().shell("echo runs; sleep 600")
        bundle.config["annotations"] = annotations
        bundle.config["mounts"] = []
        with runtime.create(bundle) as container:
            container.start()
            until(lambda: "runs" in container.said())
            known = run("sh", "-c", f"for p in $(cat /proc/{container.pid}/task/*/children); do "
                        "tr -d '\\0' </proc/$p/environ; done").out
            check("monitor and root server know no variables of the engine's", not known, known)
            tree = run("sh", "-c", f"for p in $(cat /proc/{container.pid}/task/*/children); do "
                       "echo $p $(cat /proc/$p/comm) $(grep -E '^(CapEff|NoNewPrivs|Seccomp):' /proc/$p/status | "
                       "tr '\\n\\t' '  '); done").out
            check("monitor and root server have given up theirs", "mayfly-monitor" in tree and all(
                f"CapEff: {files if 'rootd' in line else NONE} NoNewPrivs: 1 Seccomp: 2" in line
                for line in tree.splitlines()), tree)


ALL = (links, mounts, masks, programs, devices, odd_files, set_user, host_processes, swapped, rights)
