"""Sends back what comes over a WebSocket."""
import asyncio
import os

import websockets


async def echo(connection):
    async for message in connection:
        await connection.send(message + "!")


async def main():
    async with websockets.serve(echo, "", int(os.environ["PORT"]), max_size=1 << 24):
        await asyncio.Future()


asyncio.run(main())
