#!/usr/bin/env python3
"""Runs command lines on the host and by `mayfly run`, and compares standard output and exit status.

usage: same_as_host.py MAYFLY ISOLATION PROGRAM...

ISOLATION is kvm or process. The PROGRAMs are static executables, run with and without arguments.
Exits with 77, saying why, where this machine cannot run the test.
"""
import os
import subprocess
import sys

BUSYBOX = "/bin/busybox"
SKIPPED = 77
TIMEOUT_S = 60

FRUIT = b"banana 3\napple 1\ncherry 2\napple 9\n"
SCRATCH = f"/tmp/mayfly-same-as-host-{os.getpid()}"
BINARY = bytes(i * 7 % 256 for i in range(300000))
SCRIPT = """
x=1
for i in 1 2 3; do x=$((x * 2)); echo "$i $x"; done
while read -r name count; do echo "$count: $name"; done
f() { echo "in $1"; return 3; }
f here; echo "status $?"
case $x in 8) echo eight;; *) echo other;; esac
echo kept > "$1"; read -r back < "$1"; echo "$back"
test -d /tmp && echo directory; test -f /tmp || echo "no file"
printf '%05d|%s|%x\\n' 42 text 255
read -r document <<END
a here-document
END
echo "${document#a }" "${missing:-default}"
exit 7
"""

# Arguments of busybox, and what it gets on standard input.
BUSYBOX_LINES = [
    (["sha256sum"], FRUIT),
    (["sha256sum"], b""),
    (["sha256sum"], BINARY),
    (["sha512sum"], BINARY),
    (["md5sum"], BINARY),
    (["cksum"], BINARY),
    (["sort"], FRUIT),
    (["sort", "-rnk2"], FRUIT),
    (["sort", "-u", "-k1,1"], FRUIT),
    (["uniq", "-c"], FRUIT),
    (["awk", "{s += $2} END {print s, NR}"], FRUIT),
    (["awk", "{print toupper($1), sin($2), length($0)}"], FRUIT),
    (["awk", "BEGIN {while (i++ < 20000) print i, i * i}"], b""),
    (["sed", "s/a/A/g"], FRUIT),
    (["sed", "-n", "2,3p"], FRUIT),
    (["sed", "-e", "/apple/d", "-e", "$a the end"], FRUIT),
    (["grep", "an"], FRUIT),
    (["grep", "-c", "nothing"], FRUIT),
    (["grep", "-E", "^(apple|cherry) [0-9]$"], FRUIT),
    (["gzip", "-c"], BINARY),
    (["bzip2", "-c"], BINARY),
    (["gunzip"], b"this is no archive"),
    (["xz", "-d"], b"nor is this"),
    (["tr", "a-z", "A-Z"], FRUIT),
    (["wc"], BINARY),
    (["wc", "-l"], FRUIT),
    (["xxd"], FRUIT),
    (["od", "-c"], FRUIT),
    (["hexdump", "-C"], FRUIT),
    (["base64"], BINARY),
    (["head", "-n", "1"], FRUIT),
    (["tail", "-n", "2"], FRUIT),
    (["cut", "-d", " ", "-f", "2"], FRUIT),
    (["cat", "-n"], FRUIT),
    (["cat"], BINARY),
    (["tac"], FRUIT),
    (["rev"], FRUIT),
    (["nl"], FRUIT),
    (["fold", "-w", "3"], FRUIT),
    (["paste", "-", "-"], FRUIT),
    (["expand"], b"a\tb\n"),
    (["strings"], BINARY),
    (["tee", "/dev/null"], FRUIT),
    (["dd", "bs=7", "count=3"], FRUIT),
    (["cmp", "-", "/dev/null"], FRUIT),
    (["diff", "-", "/dev/null"], FRUIT),
    (["bc"], b"2^100\nscale=20; 1/7\n"),
    (["dc", "-e", "3 4 + p"], b""),
    (["factor", "123456789"], b""),
    (["seq", "1", "3", "20"], b""),
    (["expr", "3", "+", "4"], b""),
    (["date", "-u", "-d", "@1000000000"], b""),
    (["cal", "11", "2026"], b""),
    (["printf", "%05d %s\\n", "42", "abc"], b""),
    (["echo", "-n", "no newline"], b""),
    (["true"], b""),
    (["false"], b""),
    (["test", "-f", "/etc/passwd"], b""),
    (["test", "-f", "/etc/no-such-file"], b""),
    (["ls", "-d", "/tmp", "/dev/null"], b""),
    (["ls", "/etc/no-such-file"], b""),
    (["find", "/tmp", "-maxdepth", "0"], b""),
    (["stat", "-c", "%F %a", "/tmp", "/dev/null"], b""),
    (["no-such-applet"], b""),
    (["sh", "-c", SCRIPT, "sh", SCRATCH], FRUIT),
    (["sh", "-c", "kill -9 $$"], b""),
    (["sh", "-c", "kill -TERM $$; echo not here"], b""),
    (["sh", "-c", "trap '' TERM; kill -TERM $$; echo still here"], b""),
]


def shell_status(code):
    """The exit status as a shell would give it, which is what mayfly gives."""
    return 128 - code if code < 0 else code


def run(command, given):
    result = subprocess.run(command, input=given, capture_output=True, timeout=TIMEOUT_S,
                            env={"PATH": "/usr/bin:/bin", "HOME": os.environ.get("HOME", "/")},
                            check=False)
    return result.stdout, shell_status(result.returncode), result.stderr


def shorten(data):
    return repr(data if len(data) <= 200 else data[:200] + b"...")


def compare(mayfly, isolation, command, given):
    """True where host and guest agree; otherwise says in what they do not."""
    host_output, host_status, _ = run(command, given)
    output, status, log = run([mayfly, "run", f"--isolation={isolation}", *command], given)
    if (output, status) == (host_output, host_status):
        return True
    print(f"differs: {' '.join(command)!r}\n"
          f"  host:  status {host_status}, {len(host_output)} bytes {shorten(host_output)}\n"
          f"  guest: status {status}, {len(output)} bytes {shorten(output)}\n"
          f"  log:   {shorten(log)}")
    return False


def why_not(mayfly, isolation):
    if not os.path.exists(mayfly):
        return f"{mayfly} is not built"
    if isolation == "kvm" and not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return "/dev/kvm is not there, or not for this user"
    return None


def main():
    mayfly, isolation, *programs = sys.argv[1:]
    reason = why_not(mayfly, isolation)
    if reason:
        print(f"skipped: {reason}")
        return SKIPPED
    lines = []
    for program in programs:
        lines.append(([program], FRUIT))
        lines.append(([program, "an argument", ""], BINARY.replace(b"\0", b"")))
    if os.access(BUSYBOX, os.X_OK):
        lines += [([BUSYBOX, *arguments], given) for arguments, given in BUSYBOX_LINES]
    else:
        print(f"without the lines for {BUSYBOX}: it is not installed (Debian: busybox-static)")
    differing = sum(not compare(mayfly, isolation, command, given) for command, given in lines)
    print(f"{isolation}: {len(lines)} command lines, {differing} differ")
    try:
        os.unlink(SCRATCH)
    except FileNotFoundError:
        pass
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
