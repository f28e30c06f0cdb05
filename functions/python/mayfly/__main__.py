"""python3 -m mayfly [--handler] MODULE: imports the module, warms it up, serves requests by its handle().
With --handler they are HTTP, from a gateway."""

import importlib
import sys

import mayfly
from mayfly.handler import Server


def main():
    is_handler = sys.argv[1:2] == ["--handler"]
    if is_handler:
        del sys.argv[1]
    if len(sys.argv) < 2:
        sys.exit("usage: python3 -m mayfly [--handler] MODULE")
    if len(sys.argv) > 2:
        print(f"{sys.argv[1]}: takes no argument: the request is its input, but got "
              f"{sys.argv[2]!r}", file=sys.stderr)
        sys.exit(2)
    server = Server() if is_handler else None
    module = importlib.import_module(sys.argv[1])
    if not hasattr(module, "handle"):
        sys.exit(f"mayfly: {sys.argv[1]} has no handle(request)")
    # What a first request does once, such as lazy imports, is then in the snapshot.
    if hasattr(module, "warm_up"):
        module.warm_up()
    if server:
        mayfly.serve_http(module.handle, server)
    else:
        mayfly.serve(module.handle)


main()
