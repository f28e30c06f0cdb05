#!/usr/bin/env python3
"""A vsock for a guest of QEMU whose other end is a hybrid socket, as Firecracker has it: connections of the guest to
port P of context 2 go to the Unix socket UDS_P; who connects to UDS and writes "CONNECT P\\n" reaches port P of
the guest, and reads "OK N\\n" first. For QEMU's vhost-user-vsock-pci; ends with QEMU. For tests.

usage: vsock_device.py QEMU_SOCKET UDS CONTEXT"""
import collections
import os
import select
import socket
import struct
import sys

import vhost_user

RECEIVE, TRANSMIT = 0, 1  # the guest's view
HOST = 2
PACKET = struct.Struct("<QQIIIHHIII")
STREAM = 1
REQUEST, RESPONSE, RESET, SHUTDOWN, DATA, CREDIT_UPDATE, CREDIT_REQUEST = range(1, 8)
NO_MORE_RECEIVED, NO_MORE_SENT = 1, 2
ROOM = 256 << 10  # bytes that are kept for a Unix socket that does not take them
FIRST_PORT = 1 << 30
MASK = 0xffffffff


class Connection:
    """Between a Unix socket and a port of the guest. Counters of bytes are of 32 bits, and wrap."""

    def __init__(self, unix, host_port, guest_port):
        unix.setblocking(False)
        self.unix, self.host_port, self.guest_port = unix, host_port, guest_port
        self.established = False
        self.waiting = bytearray()  # from the guest
        self.forwarded = self.told = 0  # bytes of the guest that have gone on; the guest knows of so many
        self.sent = self.guest_room = self.guest_forwarded = 0
        self.asked = self.unix_ended = self.guest_ended = self.shut = False

    def credit(self):
        return self.guest_room - ((self.sent - self.guest_forwarded) & MASK)


class Device:
    """All connections of one guest."""

    def __init__(self, backend, uds, context):
        self.backend, self.uds, self.context = backend, uds, context
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(uds)
        self.listener.listen()
        self.connections = {}  # by the host's port and the guest's
        self.callers = {}  # what hosts have written who have not said their port yet
        self.packets = collections.deque()  # for the guest, which has no room for them yet
        self.next_port = FIRST_PORT

    # To the guest.

    def send(self, connection, op, flags=0):
        self.packets.append((connection.host_port, connection.guest_port, op, flags, connection))

    def refuse(self, host_port, guest_port):
        self.packets.append((host_port, guest_port, RESET, 0, None))

    def write(self, host_port, guest_port, op, flags, connection, data=b""):
        """Writes a packet into the guest's next buffers, which are there."""
        head, _, parts = self.backend.rings[RECEIVE].pop()
        told = connection.forwarded if connection else 0
        packet = PACKET.pack(HOST, self.context, host_port, guest_port, len(data), STREAM, op, flags,
                             ROOM if connection else 0, told) + data
        if connection:
            connection.told = told
        written = 0
        for part in parts:
            length = min(len(part), len(packet) - written)
            part[:length] = packet[written:written + length]
            written += length
        if written < len(packet):
            raise ValueError("the guest's buffer is too small for a packet")
        self.backend.rings[RECEIVE].push(head, written)

    def can_send(self):
        return not self.packets and not self.backend.rings[RECEIVE].is_empty()

    def flush(self):
        while self.packets and not self.backend.rings[RECEIVE].is_empty():
            self.write(*self.packets.popleft())

    # From the guest.

    def take(self):
        ring = self.backend.rings[TRANSMIT]
        while chain := ring.pop():
            head, parts, _ = chain
            content = b"".join(parts)
            ring.push(head, 0)
            _, to, guest_port, host_port, length, kind, op, flags, room, forwarded = PACKET.unpack_from(content)
            if to != HOST or kind != STREAM:
                self.refuse(host_port, guest_port)
                continue
            connection = self.connections.get((host_port, guest_port))
            if op == REQUEST and not connection:
                connection = self.connect(host_port, guest_port)
            if not connection:
                if op != RESET:
                    self.refuse(host_port, guest_port)
                continue
            connection.guest_room, connection.guest_forwarded = room, forwarded
            connection.asked = False
            self.obey(connection, op, flags, content[PACKET.size:PACKET.size + length])

    def connect(self, host_port, guest_port):
        unix = socket.socket(socket.AF_UNIX)
        try:
            unix.connect(f"{self.uds}_{host_port}")
        except OSError:
            unix.close()
            return None
        connection = self.connections[host_port, guest_port] = Connection(unix, host_port, guest_port)
        connection.established = True
        self.send(connection, RESPONSE)
        return connection

    def obey(self, connection, op, flags, data):
        if op == RESET:
            self.drop(connection)
        elif op == RESPONSE:
            connection.established = True
            connection.unix.send(f"OK {connection.host_port}\n".encode())
        elif op == DATA:
            connection.waiting += data
            if len(connection.waiting) > ROOM:
                raise ValueError("the guest sends more than it was given credit for")
        elif op == SHUTDOWN:
            connection.guest_ended = connection.guest_ended or bool(flags & NO_MORE_SENT)
            connection.unix_ended = connection.unix_ended or bool(flags & NO_MORE_RECEIVED)
        elif op == CREDIT_REQUEST:
            self.send(connection, CREDIT_UPDATE)

    def drop(self, connection):
        del self.connections[connection.host_port, connection.guest_port]
        connection.unix.close()

    # Unix sockets.

    def accept(self):
        caller, _ = self.listener.accept()
        caller.setblocking(False)
        self.callers[caller] = b""

    def hear(self, caller):
        """One byte after the other: what follows the line is the guest's."""
        said = caller.recv(1)
        line = self.callers[caller] = self.callers[caller] + said
        if said and said != b"\n" and len(line) < 32:
            return
        del self.callers[caller]
        words = line.split()
        if said != b"\n" or len(words) != 2 or words[0] != b"CONNECT" or not words[1].isdigit():
            caller.close()
            return
        connection = Connection(caller, self.next_port, int(words[1]) & MASK)
        self.next_port += 1
        self.connections[connection.host_port, connection.guest_port] = connection
        self.send(connection, REQUEST)

    def forward(self, connection):
        """To the Unix socket, what it takes. Its end is the guest's, once everything has gone."""
        try:
            while connection.waiting:
                length = connection.unix.send(connection.waiting)
                del connection.waiting[:length]
                connection.forwarded = (connection.forwarded + length) & MASK
        except BlockingIOError:
            pass
        except OSError:
            self.refuse(connection.host_port, connection.guest_port)
            self.drop(connection)
            return
        if (connection.forwarded - connection.told) & MASK >= ROOM // 4:
            connection.told = connection.forwarded
            self.send(connection, CREDIT_UPDATE)
        if connection.guest_ended and not connection.waiting:
            if connection.unix_ended:
                self.refuse(connection.host_port, connection.guest_port)
                self.drop(connection)
            elif not connection.shut:
                connection.shut = True
                connection.unix.shutdown(socket.SHUT_WR)

    def read(self, connection):
        """From the Unix socket, as much as the guest has room for."""
        room = sum(len(part) for part in self.backend.rings[RECEIVE].peek()[2]) - PACKET.size
        try:
            data = connection.unix.recv(min(connection.credit(), room))
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data:
            self.write(connection.host_port, connection.guest_port, DATA, 0, connection, data)
            connection.sent = (connection.sent + len(data)) & MASK
        else:
            connection.unix_ended = True
            self.send(connection, SHUTDOWN, NO_MORE_RECEIVED | NO_MORE_SENT)

    def interest(self):
        """What to wait for: a dictionary of file descriptors, with events and what to call."""
        wanted = {self.backend.connection.fileno(): (select.POLLIN, None, None),
                  self.listener.fileno(): (select.POLLIN, self.accept, ())}
        for ring in self.backend.rings:
            if ring.kick >= 0:
                wanted[ring.kick] = (select.POLLIN, os.eventfd_read, (ring.kick,))
        for caller in self.callers:
            wanted[caller.fileno()] = (select.POLLIN, self.hear, (caller,))
        for connection in self.connections.values():
            if connection.waiting:
                wanted[connection.unix.fileno()] = (select.POLLOUT, self.forward, (connection,))
            elif connection.established and not connection.unix_ended and self.can_send():
                if connection.credit() > 0:
                    wanted[connection.unix.fileno()] = (select.POLLIN, self.read, (connection,))
                elif not connection.asked:
                    connection.asked = True
                    self.send(connection, CREDIT_REQUEST)
        return wanted

    def serve(self):
        while True:
            self.take()
            for connection in list(self.connections.values()):
                self.forward(connection)
            self.flush()
            wanted = self.interest()
            self.flush()
            poll = select.poll()
            for fd, (events, _, _) in wanted.items():
                poll.register(fd, events)
            for fd, _ in poll.poll():
                _, call, arguments = wanted[fd]
                if not call:
                    if not self.backend.receive():
                        return
                    break  # descriptors may have changed
                if call != self.read or self.can_send():
                    call(*arguments)


def main():
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    path, uds, context = sys.argv[1], sys.argv[2], int(sys.argv[3])
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        device = Device(None, uds, context)
        connection, _ = listener.accept()
    device.backend = vhost_user.Backend(connection, 3, struct.pack("<Q", context))
    try:
        device.serve()
    except ConnectionError:  # QEMU has ended
        pass
    finally:
        os.unlink(uds)


if __name__ == "__main__":
    main()
