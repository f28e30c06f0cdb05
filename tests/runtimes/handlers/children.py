"""Passes its request through pipes of a child, and tells how children end that it executes and forks."""
import os
import subprocess
import sys

request = sys.stdin.read()
print(subprocess.run(["sort"], input=request, capture_output=True, text=True, check=True).stdout)
print(subprocess.call(["sh", "-c", "exit 3"]))
child = os.fork()
if not child:
    os._exit(7)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
