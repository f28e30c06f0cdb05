"""Ports of this machine for servers that tests start."""
import socket

held = []


def hold_port():
    """A socket at a free TCP port of 127.0.0.1, which no other process is given while the socket is there. It does not
    listen, so that a server may, and the next one when that has died."""
    holder = socket.socket()
    holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    holder.bind(("127.0.0.1", 0))
    return holder


def reserve_port():
    """Such a port for as long as this process lives."""
    held.append(hold_port())
    return held[-1].getsockname()[1]
