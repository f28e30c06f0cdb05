"""Lets a Python program end without the destruction of the libraries that it has imported.

When a program is over, Python destroys all that is left of it: every module, and so nearly every
object, one after another. That writes to most of a machine's memory, which is then thrown away.

`mayfly root python` puts this module into images, and a line beside it that calls install() when the
interpreter starts. What the end of a program is remains Python's: threads are joined and handlers of
atexit have run before anything is done here. Then the modules of libraries are hidden from the
interpreter, with a reference to them that is never given up. It goes on as ever: it flushes the
standard streams, destroys the program's own modules, and ends with the program's status. What
libraries in C and C++ would do then is left out, too: output is flushed, and no more.
"""

import atexit
import gc
import os
import sys

try:
    import _signal as _signals  # the part of signal that is in the interpreter
except ImportError:
    import signal as _signals

FULL_END = "MAYFLY_FULL_END"  # in the environment: Python destroys everything, as elsewhere

# What runs code of the program's when it is destroyed, and finds all globals if Python does it.
_SUSPENDED = {"generator", "coroutine", "async_generator"}

_libraries = ()  # the folders of modules that are not the program's own
_kept = []  # nobody can reach it but this module, which is in it: so both stay


def _is_real_end():
    """Whether the interpreter calls, and not the program through atexit; and it is the main one."""
    try:
        sys._getframe(2)
        return False
    except ValueError:
        pass
    try:
        _signals.set_wakeup_fd(-1)
        return True
    except ValueError:
        return False


def _file(module):
    name = getattr(module, "__dict__", {}).get("__file__")
    return name if isinstance(name, str) else ""


def _own_modules():
    """The program's own modules, by name."""
    own, files = {"__main__": sys.modules["__main__"]}, {}
    for name, module in sys.modules.items():
        top = name.partition(".")[0]  # so that few of a library's modules are touched
        if top in sys.stdlib_module_names:
            continue
        if top not in files:
            files[top] = _file(sys.modules.get(top))
        file = files[top] or _file(module)
        if file and not file.startswith(_libraries):
            own[name] = module
    return own


def _has_finalisers(own):
    """Whether the program has classes with __del__ of its own, or code that was left in the middle.
    Python calls these while all globals are still there, which takes a search of all objects."""
    kinds = set()
    for module in own.values():
        for value in module.__dict__.values():
            kind = type(value)
            kinds.add(value if issubclass(kind, type) else kind)
    for kind in kinds:
        if kind.__name__ in _SUSPENDED:
            return True
        for base in kind.__mro__:
            if "__del__" in base.__dict__ and base.__dict__.get("__module__") in own:
                return True
    return False


def _end_libraries_in_c():
    """Has exit() write what C and C++ have in their buffers, and end there. Of what is handed to it
    the last comes first. Where ctypes is not loaded, as numpy and torch do it, libraries have
    little to do, and loading it would take longer."""
    ctypes = sys.modules.get("ctypes")
    if not ctypes:
        return
    library = ctypes.CDLL(None)
    pointers = [ctypes.c_void_p] * 3
    library.on_exit.argtypes, library.__cxa_atexit.argtypes = pointers[:2], pointers
    library.on_exit(ctypes.cast(library._exit, ctypes.c_void_p), None)  # is given the status
    library.__cxa_atexit(ctypes.cast(library.fflush, ctypes.c_void_p), None, None)
    try:
        streams = ctypes.CDLL("libstdc++.so.6", mode=os.RTLD_NOLOAD)
    except OSError:
        return  # no C++ here
    flush = ctypes.cast(streams._ZNSo5flushEv, ctypes.c_void_p)  # std::ostream::flush()
    for name in ("_ZSt4cout", "_ZSt4cerr", "_ZSt4clog"):
        stream = ctypes.c_void_p.in_dll(streams, name)
        if stream.value:  # something uses it, and so made it
            library.__cxa_atexit(flush, ctypes.addressof(stream), None)


def _end():
    if os.environ.get(FULL_END) or not _is_real_end():
        return
    try:
        own = _own_modules()
        if _has_finalisers(own):
            return
        _end_libraries_in_c()
    except Exception:  # odd modules: Python knows what to do with them
        return
    _kept.append((_kept, sys.modules.copy()))
    own["sys"], own["builtins"] = sys, sys.modules["builtins"]
    sys.modules.clear()
    sys.modules.update(own)
    gc.freeze()  # and no search for what can be freed


def install(*folders):
    """Has programs end so. What is not in the folders of libraries, Python's and these, is a program's
    own. Handlers of atexit run in the reverse order: this one has to be the first that is there."""
    global _libraries
    if hasattr(sys, "stdlib_module_names"):  # Python 3.10
        ours = (os.path.dirname(os.__file__), os.path.dirname(os.path.abspath(__file__)), *folders)
        _libraries = tuple(os.path.join(folder, "") for folder in ours)
        atexit.register(_end)
