"""What a Python function says to Mayfly.

    import mayfly

    def handle(request):                # bytes
        return request.upper()

    mayfly.serve(handle)

or, of a function that is deployed behind a gateway and sees HTTP,

    def handle(request: mayfly.Request):
        return {"you sent": request.json()} if request.body else (404, {}, "send something")

    mayfly.serve_http(handle)

What was done before serve() is part of the snapshot from which every request is cloned, and so done
once. Outside of Mayfly the same program serves one request and ends. `python3 -m mayfly MODULE`
does the same for a module that has nothing but handle().
"""

import ctypes
import gc
import os
import sys

from mayfly.handler import Headers, Request, Server

__all__ = ["Headers", "Request", "environment", "on_clone", "ready", "serve", "serve_http"]

_SYS_READY = 0x6D660000  # MAYFLY_SYS_READY in mayfly/guest_abi.h
_READ_BYTES = 65536  # malloc takes no mapping of its own for so much

_system_call = ctypes.CDLL(None).syscall
_system_call.argtypes = [ctypes.c_long]
_system_call.restype = ctypes.c_long

_callbacks = []
_collected = False  # what the set-up left behind


def on_clone(callback):
    """Has `callback()` called in each clone, before its request is looked at: for state that the
    set-up drew at random, or that depends on the time. Can be used as a decorator. Callbacks run
    in the order in which they were given, after `random`, `numpy.random` and `ssl` were seeded
    anew."""
    _callbacks.append(callback)
    return callback


def _seed_anew():
    """Generators that their modules keep in the process: all clones would have the same."""
    module = sys.modules.get("random")
    if module:
        module.seed()
    module = sys.modules.get("numpy.random")
    if module:
        module.seed()
    module = sys.modules.get("ssl")
    if module:
        module.RAND_add(os.urandom(32), 32.0)


def _running_loop():
    module = sys.modules.get("asyncio.events")
    return module._get_running_loop() if module else None


def ready():
    """Says that the set-up is done: the snapshot is taken here, and the call returns in each clone.
    Called again it ends the request, with status 0. Returns False where the program does not run
    under Mayfly, and has done nothing then."""
    global _collected
    sys.stdout.flush()
    sys.stderr.flush()
    if not _collected:
        # A collection in a clone would write to every object that is in the snapshot.
        gc.collect()
        gc.freeze()
        _collected = True
    loop = _running_loop()
    if _system_call(_SYS_READY):
        return False
    if loop:
        # Python up to 3.11 takes the clone, which has another id, for a child without a loop.
        sys.modules["asyncio.events"]._set_running_loop(loop)
    _seed_anew()
    for callback in _callbacks:
        callback()
    return True


def environment():
    """The environment with the variables that the request brings, as a dictionary of texts. os.environ
    does not have those: it is copied when the interpreter starts, before there is a request."""
    with open("/proc/self/environ", "rb") as file:
        now = file.read()
    variables = (os.fsdecode(variable).split("=", 1) for variable in now.split(b"\0"))
    return {**dict(variable for variable in variables if len(variable) == 2), **os.environ}


def _read_request():
    parts = []
    while part := os.read(0, _READ_BYTES):
        parts.append(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _encode(response):
    if response is None:
        return b""
    if isinstance(response, str):
        return response.encode()
    if isinstance(response, (bytes, bytearray, memoryview)):
        return response
    import json  # not every function needs it
    return json.dumps(response).encode() + b"\n"


def _fail():
    """Ends a request whose handler raised. Taking the interpreter down in order would write to most
    of its memory, for a machine that is thrown away."""
    import traceback
    traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(1)


def serve(handle):
    """Answers each request, all of standard input as bytes, with handle(request): bytes, text,
    None, or what JSON can say. Where it raises an exception, the request ends with status 1 and a
    traceback in the log. Under Mayfly this does not return."""
    served = False
    while True:
        inside = ready()
        if served and not inside:
            return
        request = _read_request()
        try:
            response = _encode(handle(request))
            sys.stdout.flush()  # what handle() printed comes first
            sys.stdout.buffer.write(response)
            sys.stdout.buffer.flush()
        except Exception:
            _fail()
        served = True


def serve_http(handle, server=None):
    """Answers each HTTP request that a gateway sends, with handle(Request): (status, headers, body),
    (status, body) or a body alone. A body is bytes, text, None, what JSON can say, or an iterator, as of a
    generator, whose parts are sent as they come. None alone is status 204. Where handle() raises an
    exception, the response is 500 and the traceback is in the log. Under Mayfly this does not return."""
    server = server or Server()  # given: made before the module that prints was imported
    served = False
    while True:
        inside = ready()
        if served and not inside:
            return
        server.serve(handle)
        served = True
