"""Passes its request through pipes of children of an event loop; "pidfd" says that it shall watch them by pidfds."""
import asyncio
import sys


async def ask(line):
    child = await asyncio.create_subprocess_exec("tr", "a-z", "A-Z", stdin=asyncio.subprocess.PIPE,
                                                 stdout=asyncio.subprocess.PIPE)
    output, _ = await child.communicate(line.encode())
    return output.decode().strip(), child.returncode


async def serve(request):
    for answer in await asyncio.gather(*[ask(line) for line in request.splitlines()]):
        print(*answer)
    failing = await asyncio.create_subprocess_shell("exit 3")
    print(await failing.wait())


if "pidfd" in sys.argv:
    asyncio.set_child_watcher(asyncio.PidfdChildWatcher())
asyncio.run(serve(sys.stdin.read()))
