"""Whose files are believed: the rule of trust_path() in lib/util/trust.c, for scripts."""

import grp
import os
import pathlib
import pwd
import stat


def _root_is_mapped():
    try:
        lines = pathlib.Path("/proc/self/uid_map").read_text().split("\n")
    except OSError:
        return True
    return any(line.split()[:1] == ["0"] for line in lines)


def _may_own(user):
    if user in (0, os.geteuid(), os.stat(__file__).st_uid):
        return True
    overflow = int(pathlib.Path("/proc/sys/kernel/overflowuid").read_text())
    return user == overflow and not _root_is_mapped()


def _is_private_group(user, group):
    owners = [entry for entry in pwd.getpwall() if entry.pw_gid == group]
    names = {entry.pw_name for entry in owners}
    return bool(owners) and all(entry.pw_uid == user for entry in owners) and all(
        set(entry.gr_mem) <= names for entry in grp.getgrall() if entry.gr_gid == group)


def _fault(status):
    if not _may_own(status.st_uid):
        return "belongs to another user"
    if stat.S_ISLNK(status.st_mode):
        return None
    if stat.S_ISDIR(status.st_mode) and status.st_mode & stat.S_ISVTX:
        return None
    if status.st_mode & stat.S_IWOTH:
        return "can be written by everybody"
    if status.st_mode & stat.S_IWGRP and not _is_private_group(status.st_uid, status.st_gid):
        return "can be written by its group"
    return None


def steps(path):
    """Each directory and link that leads to `path`, and what it leads to, as far as it is there."""
    done, links = pathlib.Path("/"), 0
    rest = [*pathlib.Path.cwd().parts[1:], *pathlib.Path(path).parts]
    yield done
    while rest:
        name = rest.pop(0)
        if name in ("/", ".."):
            done = pathlib.Path("/") if name == "/" else done.parent
            continue
        done = done / name
        try:
            status = done.lstat()
        except OSError:
            return
        yield done
        if stat.S_ISLNK(status.st_mode):
            links += 1
            if links > 40:
                return
            rest = [*pathlib.Path(os.readlink(done)).parts, *rest]
            done = done.parent


def distrust(path):
    """Why `path` is not to be believed, in a sentence; None where it is, or is not there."""
    for step in steps(path):
        status = step.lstat()
        fault = _fault(status)
        if fault:
            return (f"{path} is not taken: {step} {fault} (user {status.st_uid}, group "
                    f"{status.st_gid}, mode {stat.S_IMODE(status.st_mode):04o}), who could put "
                    f"something else there; make it yours, or use another place")
    return None
