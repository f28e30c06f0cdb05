"""What the configuration says of the program, its streams and its files."""
import array
import contextlib
import json
import os
import socket
import threading

from bundle import files_below, host_folder
from steps import until


@contextlib.contextmanager
def console(runtime):
    """A socket as an engine has it for a terminal. Yields its path and a list that gets the master."""
    path = runtime.folder / f"console{next(runtime.numbers)}"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen(1)
        listener.settimeout(60)
        masters = []

        def take():
            with contextlib.suppress(OSError):
                peer, _ = listener.accept()
                with peer:
                    _, extra, _, _ = peer.recvmsg(4096, socket.CMSG_SPACE(4))
                    for _, _, data in extra:
                        masters.extend(array.array("i", data[:4]))

        taker = threading.Thread(target=take)
        taker.start()
        try:
            yield path, masters
        finally:
            with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as nobody:
                nobody.connect(str(path))  # wakes who waits
            taker.join()
            for master in masters:
                os.close(master)
            path.unlink()


def read_terminal(master, word, limit=60):
    """Reads until the word was there, or the other end closes."""
    said = b""
    os.set_blocking(master, False)

    def more():
        nonlocal said
        try:
            said += os.read(master, 4096)
        except BlockingIOError:
            return False
        except OSError:  # EIO: nobody has it open any more
            return True
        return word in said

    until(more, limit)
    return said


def read(path):
    return path.read_text() if path.is_file() else None


def program(check, runtime):
    """program"""
    ended = runtime.run(runtime.bundle().process("sh", "-c", 'echo "$0|$1|$#"', "a b", "", "$x"))
    check("arguments", ended.out == "a b||2\n", ended)
    ended = runtime.run(runtime.bundle().process("env", env=["PATH=/bin", "A=1", "B=x=y", "EMPTY="]))
    check("environment", set(ended.out.split()) >= {"A=1", "B=x=y", "EMPTY=", "PATH=/bin"}, ended)
    ended = runtime.run(runtime.bundle().process("env", env=["PATH=/bin", "A=1", "A=2"]))
    check("a name that comes twice has its last value", "A=2" in ended.out.split(), ended)
    ended = runtime.run(runtime.bundle().process("pwd", cwd="/etc"))
    check("directory", ended.out == "/etc\n", ended)
    ended = runtime.run(runtime.bundle().process("./busybox", "echo", "here", cwd="/bin"))
    check("a relative path", ended.out == "here\n", ended)
    bundle = runtime.bundle().process("/links/true")
    (bundle.root / "links/two").mkdir(parents=True)
    (bundle.root / "links/true").symlink_to("/links/two/true")
    (bundle.root / "links/two/true").symlink_to("../../bin/true")
    ended = runtime.run(bundle)
    check("a path over links", ended.status == 0, ended)
    bundle = runtime.bundle().process("/script", "given")
    (bundle.root / "script").write_text("#!/bin/sh -e\necho $0 $1\n", encoding="ascii")
    (bundle.root / "script").chmod(0o755)
    ended = runtime.run(bundle)
    check("a script", ended.out == "/script given\n", ended)
    ended = runtime.run(runtime.bundle().process("hostname"))
    check("host name", ended.out == "named\n", ended)


def streams(check, runtime):
    """streams"""
    ended = runtime.run(runtime.bundle().process("cat"), feed="fed " * 50000)
    check("input is output", ended.out == "fed " * 50000, f"{len(ended.out)} bytes, {ended.status}")
    ended = runtime.run(runtime.bundle().process("sh", "-c", "head -c 4 >/dev/null; exit 3"), feed="x" * 300000)
    check("input that is not read", ended.status == 3, ended)
    ended = runtime.run(runtime.bundle().process("sh", "-c", "echo out; echo err >&2"))
    check("two outputs", (ended.out, ended.err) == ("out\n", "err\n"), ended)
    ended = runtime.run(runtime.bundle().process("sh", "-c", "cat; echo end"))
    check("no input", ended.out == "end\n", ended)


def user(check, runtime):
    """user"""
    ended = runtime.run(runtime.bundle().process("id", user={"uid": 1000, "gid": 1000, "additionalGids": [77]}))
    check("user, group and more groups", "uid=1000(ada) gid=1000(ada)" in ended.out and "77(plus)" in ended.out, ended)
    ended = runtime.run(runtime.bundle().process("sh", "-c", "umask", user={"uid": 0, "gid": 0, "umask": 0o27}))
    check("umask", ended.out.strip() == "0027", ended)
    bundle = runtime.bundle().shell("cat /etc/private; touch /etc/new && echo made", user={"uid": 1000, "gid": 1000})
    (bundle.root / "etc/private").write_text("for root only\n", encoding="ascii")
    (bundle.root / "etc/private").chmod(0o600)
    ended = runtime.run(bundle)
    check("has no rights of root", ended.out == "" and ended.status != 0 and not (bundle.root / "etc/new").exists(),
          ended)
    ended = runtime.run(runtime.bundle().shell(
        "ulimit -n", rlimits=[{"type": "RLIMIT_NOFILE", "soft": 200, "hard": 300}]))
    check("limits", ended.out == "200\n", ended)


def root(check, runtime):
    """root"""
    bundle = runtime.bundle().shell("echo new >/data/new; mkdir /data/dir; ln -s new /data/link; cat /data/link")
    ended = runtime.run(bundle)
    check("can be written", ended.out == "new\n" and read(bundle.root / "data/new") == "new\n"
          and (bundle.root / "data/dir").is_dir() and (bundle.root / "data/link").is_symlink(), ended)
    for annotation, stays in ("memory", False), ("writable", True):
        bundle = runtime.bundle().shell("echo new >/data/new; cat /data/new")
        bundle.config["annotations"] = {"mayfly.dev/root": annotation}
        ended = runtime.run(bundle)
        check(f"is written {annotation}", ended.out == "new\n" and ((bundle.root / "data/new").exists() == stays
                                                                   or not runtime.is_mayfly), ended)
    with runtime.create(runtime.bundle().shell("echo main >/data/main; while ! test -e /data/go; do sleep 0.02; done; "
                                               "cat /data/go")) as container:
        container.start()
        until((container.bundle.root / "data/main").exists, 20)
        ended = runtime("exec", container.name, "sh", "-c", "cat /data/main; echo from exec >/data/go")
        check("is the same for exec", ended.out == "main\n" and container.wait() == 0
              and container.said() == "from exec\n", f"{ended} {container}")
    bundle = runtime.bundle().shell("echo new >/data/new || echo refused")
    bundle.config["root"]["readonly"] = True
    ended = runtime.run(bundle)
    check("to read only", ended.out == "refused\n" and not (bundle.root / "data/new").exists()
          and "Read-only file system" in ended.err, ended)
    bundle = runtime.bundle().shell("echo x >/data/new; echo y >/etc/new || echo refused; cat /data/new /data/in/secret; "
                                    "echo z >/data/in/z || echo refused")
    bundle.config["root"]["readonly"] = True
    shared = host_folder(runtime, f"shared{next(runtime.numbers)}")
    bundle.config["mounts"] += [{"destination": "/data", "type": "tmpfs", "source": "tmpfs"},
                                {"destination": "/data/in", "source": str(shared), "options": ["bind", "ro"]}]
    ended = runtime.run(bundle)
    check("with mounts in it", ended.out == "refused\nx\nthe host's secret\nrefused\n"
          and len(os.listdir(shared)) == 1, ended)
    bundle = runtime.bundle().process("cat", "/etc/passwd")
    bundle.config["root"]["path"] = str(bundle.root)
    ended = runtime.run(bundle)
    check("an absolute path", "ada:x" in ended.out, ended)
    bundle.write()
    ended = runtime("run", runtime.name(), directory=bundle.folder)
    check("the bundle is the present directory", "ada:x" in ended.out, ended)


def mounts(check, runtime):
    """mounts"""
    shared = host_folder(runtime, f"shared{next(runtime.numbers)}")
    bundle = runtime.bundle().shell("cat /in/secret; echo out >/in/new; cat /one")
    bundle.config["mounts"] += [
        {"destination": "/in", "type": "bind", "source": str(shared), "options": ["rbind", "rw"]},
        {"destination": "/one", "type": "bind", "source": str(shared / "secret"), "options": ["bind", "ro"]}]
    ended = runtime.run(bundle)
    check("a directory and a file", ended.out == "the host's secret\n" * 2, ended)
    check("can be written", read(shared / "new") == "out\n", ended)
    for where in "writable", "memory":
        files = host_folder(runtime, f"files{next(runtime.numbers)}")
        (files / "one").write_text("one\n", encoding="ascii")
        bundle = runtime.bundle().shell("echo more >>/in/secret; mv /in/secret /in/moved; echo two >>/one; mkdir /in/dir; "
                                        "cat /in/one /in/moved; rmdir /in || echo busy")
        bundle.config["annotations"] = {"mayfly.dev/root": where}
        bundle.config["mounts"] += [
            {"destination": "/in", "type": "bind", "source": str(files), "options": ["rbind"]},
            {"destination": "/one", "type": "bind", "source": str(files / "one"), "options": ["bind"]}]
        ended = runtime.run(bundle)
        check(f"keep what is written, root {where}", ended.out == "one\ntwo\nthe host's secret\nmore\nbusy\n"
              and sorted(os.listdir(files)) == ["dir", "moved", "one"] and read(files / "one") == "one\ntwo\n", ended)
    files = host_folder(runtime, f"owned{next(runtime.numbers)}")
    for name, mode in ("roots", 0o755), ("groups", 0o775), ("his", 0o700):
        (files / name).mkdir()
        (files / name).chmod(mode)
    os.chown(files / "groups", 0, 77)
    os.chown(files / "his", 1000, 0)
    (files / "one").write_text("one\n", encoding="ascii")
    bundle = runtime.bundle().shell("for i in roots groups his; do echo x >/in/$i/x && echo $i; done; echo two >>/one || echo one;"
                                    "cat /etc/private || echo private; echo z >/etc/z || echo root", user={"uid": 1000, "gid": 1000,
                                    "additionalGids": [77]})
    (bundle.root / "etc/private").write_text("private\n", encoding="ascii")
    (bundle.root / "etc/private").chmod(0o600)
    bundle.config["mounts"] += [
        {"destination": "/in", "type": "bind", "source": str(files), "options": ["rbind"]},
        {"destination": "/one", "type": "bind", "source": str(files / "one"), "options": ["bind"]}]
    ended = runtime.run(bundle)
    owner = os.stat(files / "groups/x") if (files / "groups/x").exists() else None
    check("as their owners let the user", ended.out == "groups\nhis\none\nprivate\nroot\n" and read(files / "one") == "one\n"
          and owner and (owner.st_uid, owner.st_gid) == (1000, 1000), ended)
    for where in "writable", "memory":
        bundle = runtime.bundle().shell("echo no >/in/no || echo refused; echo no >/one || echo refused")
        bundle.config["annotations"] = {"mayfly.dev/root": where}
        bundle.config["mounts"] += [
            {"destination": "/in", "type": "bind", "source": str(shared), "options": ["rbind", "ro"]},
            {"destination": "/one", "type": "bind", "source": str(shared / "secret"), "options": ["bind", "ro"]}]
        ended = runtime.run(bundle)
        check("to read only", ended.out == "refused\nrefused\n" and not (shared / "no").exists()
              and "Read-only file system" in ended.err and (shared / "secret").read_text() == "the host's secret\n", ended)
    bundle = runtime.bundle().shell("ls /data; echo x >/data/x; cat /data/x")
    (bundle.root / "data/covered").touch()
    bundle.config["mounts"] += [{"destination": "/data", "type": "tmpfs", "source": "tmpfs", "options": ["size=1m"]}]
    ended = runtime.run(bundle)
    check("an empty file system", ended.out == "x\n" and not (bundle.root / "data/x").exists(), ended)
    for where in "writable", "memory":
        bundle = runtime.bundle().shell("cat /data/old /data/dir/deep; echo more >>/data/old; rm -r /data/dir; echo x >/data/new; "
                                        "cat /data/old; ls /data; stat -c %a /data /tmp; echo y >/tmp/y; echo z >/etc/z")
        bundle.config["annotations"] = {"mayfly.dev/root": where}
        (bundle.root / "data/dir").mkdir()
        (bundle.root / "data/old").write_text("old\n", encoding="ascii")
        (bundle.root / "data/dir/deep").write_text("deep\n", encoding="ascii")
        (bundle.root / "tmp").chmod(0o750)
        before = files_below(bundle.root)
        bundle.config["root"]["readonly"] = True
        bundle.config["mounts"] += [
            {"destination": folder, "type": "tmpfs", "source": "tmpfs", "options": ["tmpcopyup", *more]}
            for folder, more in (("/data", ["mode=751"]), ("/tmp", [] if runtime.is_mayfly else ["mode=750"]))]
        ended = runtime.run(bundle)
        check(f"one in which is what was there, root {where}", ended.out == "old\ndeep\nold\nmore\nnew\nold\n751\n750\n"
              and "/etc/z" in ended.err and "/tmp/y" not in ended.err and files_below(bundle.root) == before, ended)
    bundle = runtime.bundle().shell("cat /made/by/it/secret")
    bundle.config["mounts"] += [{"destination": "/made/by/it", "source": str(shared), "options": ["bind"]}]
    ended = runtime.run(bundle)
    check("a place that is not there yet", ended.out == "the host's secret\n", ended)
    (bundle.folder / "beside").write_text("beside it\n", encoding="ascii")
    bundle = bundle.shell("cat /data/one")
    bundle.config["mounts"] += [{"destination": "/data/one", "source": "beside", "options": ["bind"]}]
    ended = runtime.run(bundle)
    check("a source relative to the bundle", ended.out == "beside it\n", ended)
    bundle = runtime.bundle().shell("cat /proc/self/status | head -n 1; ls /dev/null /dev/zero; cat /hidden /hidden2/x; "
                                    "echo x >/etc/x || echo refused")
    (bundle.root / "hidden").write_text("hidden\n", encoding="ascii")
    (bundle.root / "hidden2").mkdir()
    (bundle.root / "hidden2/x").write_text("hidden\n", encoding="ascii")
    bundle.config["linux"].update(maskedPaths=["/hidden", "/hidden2", "/proc/kcore", "/none"],
                                  readonlyPaths=["/etc", "/proc/sys", "/none"])
    ended = runtime.run(bundle)
    check("what is masked", "hidden\n" not in ended.out and "Name:" in ended.out and "/dev/zero" in ended.out, ended)
    check("what is to be read only", "refused" in ended.out, ended)
    bundle.shell("echo x >/hidden; echo x >/hidden2/x; rm -rf /hidden /hidden2; mv /hidden2 /moved; cat /moved/x; echo end")
    ended = runtime.run(bundle)
    check("what is masked is not written", ended.out == "end\n" and read(bundle.root / "hidden") == "hidden\n"
          and read(bundle.root / "hidden2/x") == "hidden\n", ended)


def terminal(check, runtime):
    """terminal"""
    with console(runtime) as (path, masters):
        bundle = runtime.bundle().shell("test -t 0 && test -t 1 && echo a terminal; read x; echo got $x; stty size",
                                        terminal=True, consoleSize={"height": 33, "width": 77})
        with runtime.create(bundle, options=("--console-socket", path)) as container:
            check("create", container.made.status == 0 and until(lambda: masters), container)
            container.start()
            os.write(masters[0], b"typed\n")
            said = read_terminal(masters[0], b"33 77")
            check("is one", b"a terminal" in said, said)
            check("is typed at", b"got typed" in said, said)
            check("has its size", b"33 77" in said, said)
            check("its end", container.wait() == 0, container.exit)
    bundle = runtime.bundle().process("true", terminal=True)
    with runtime.create(bundle) as container:
        check("a terminal without a socket is refused", container.made.status == 1, container)
    with console(runtime) as (path, _):
        with runtime.create(runtime.bundle(), options=("--console-socket", path)) as container:
            check("a socket without a terminal is refused", container.made.status == 1 or not runtime.is_mayfly, container)
    bundle = runtime.bundle().process("true", terminal=True)
    with runtime.create(bundle, options=("--console-socket", runtime.folder / "absent")) as container:
        check("a socket that is not there", container.made.status == 1, container)


def run_detached(check, runtime):
    """run --detach"""
    bundle = runtime.bundle().process("sleep", "600").write()
    name, file = runtime.name(), runtime.folder / "detached.pid"
    ended = runtime("run", "--detach", "--bundle", bundle.folder, "--pid-file", file, name)
    check("goes on", ended.status == 0 and runtime.status(name) == "running", ended)
    check("its number", runtime.state(name)["pid"] == int(file.read_text()), file.read_text())
    file.unlink()
    ended = runtime("delete", "--force", name)
    check("delete", ended.status == 0, ended)
    ended = runtime("run", "--bundle", runtime.bundle().write().folder, name)
    check("one that has ended is deleted", ended.status == 0 and runtime.state(name) is None, ended)


def settings(check, runtime):
    """annotations"""
    if not runtime.is_mayfly:
        return
    bundle = runtime.bundle().process("cat", "/proc/meminfo")
    bundle.config["annotations"] = {"mayfly.dev/memory": "96M"}
    ended = runtime.run(bundle)
    total = next((int(line.split()[1]) for line in ended.out.splitlines() if line.startswith("MemTotal")), 0)
    check("memory", 64 << 10 <= total <= 96 << 10, f"{total} KiB; {ended}")
    bundle = runtime.bundle().shell("echo isolated")
    bundle.config["annotations"] = {"mayfly.dev/isolation": "process"}
    ended = runtime.run(bundle)
    check("isolation", ended.out == "isolated\n", ended)


ALL = (program, streams, user, root, mounts, terminal, run_detached, settings)
