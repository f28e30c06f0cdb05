"""Steps in which Mayfly differs from what is asked for, and why: what its library OS has not got yet."""

GROUPS = "the library OS begins a program with one group"
TERMINAL = "the library OS has no terminals: streams are files to a program"

KNOWN = {
    "process: user: user, group and more groups": GROUPS,
    "process: user: umask": "a program begins with a mask of 022",
    "process: user: limits": "a program begins with the library OS's own limits",
    "process: terminal: is one": TERMINAL,
    "process: terminal: has its size": TERMINAL,
    "process: terminal: its end": TERMINAL,
    "commands: exec with a terminal: is one": TERMINAL,
}
