"""python3 -m mayfly MODULE: imports the module, warms it up, serves requests by its handle()."""

import importlib
import sys

import mayfly


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: python3 -m mayfly MODULE")
    module = importlib.import_module(sys.argv[1])
    if not hasattr(module, "handle"):
        sys.exit(f"mayfly: {sys.argv[1]} has no handle(request)")
    # What a first request does once, such as lazy imports, is then in the snapshot.
    if hasattr(module, "warm_up"):
        module.warm_up()
    mayfly.serve(module.handle)


main()
