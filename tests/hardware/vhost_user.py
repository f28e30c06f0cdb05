"""The backend's side of a vhost-user device: what QEMU says over a Unix socket, the memory of its guest, and
split virtqueues in it (virtio 1.2, 2.7; QEMU's docs/interop/vhost-user.rst). For tests, on x86: stores become
visible in their order."""
import mmap
import os
import socket
import struct

VERSION_1 = 1 << 32
PROTOCOL_FEATURES = 1 << 30
PROTOCOL_CONFIG = 1 << 9

(GET_FEATURES, SET_FEATURES, SET_OWNER, SET_MEM_TABLE, SET_VRING_NUM, SET_VRING_ADDR, SET_VRING_BASE, GET_VRING_BASE,
 SET_VRING_KICK, SET_VRING_CALL, SET_VRING_ERR, GET_PROTOCOL_FEATURES, SET_PROTOCOL_FEATURES, SET_VRING_ENABLE,
 GET_CONFIG) = (1, 2, 3, 5, 8, 9, 10, 11, 12, 13, 14, 15, 16, 18, 24)
RING_INDEX, RING_WITHOUT_FD = 0xff, 0x100

HEADER = struct.Struct("<III")
REGION = struct.Struct("<QQQQ")
DESCRIPTOR = struct.Struct("<QIHH")
DESCRIPTOR_NEXT, DESCRIPTOR_WRITE = 1, 2
USED = struct.Struct("<II")


class Memory:
    """What the guest has as memory."""

    def __init__(self, payload, fds):
        count, = struct.unpack_from("<I", payload)
        self.regions = []
        for number in range(count):
            guest, size, user, offset = REGION.unpack_from(payload, 8 + number * REGION.size)
            view = memoryview(mmap.mmap(fds[number], offset + size))[offset:]
            self.regions.append((guest, user, size, view))
            os.close(fds[number])

    def _find(self, place, address, length):
        for region in self.regions:
            offset = address - region[place]
            if 0 <= offset and offset + length <= region[2]:
                return region[3][offset:offset + length]
        raise ValueError(f"{length} bytes at {address:#x} are not in the guest's memory")

    def at_guest(self, address, length):
        return self._find(0, address, length)

    def at_user(self, address, length):
        """By an address of QEMU's."""
        return self._find(1, address, length)


class Ring:
    """One virtqueue: pop() takes what the guest offers, push() hands it back."""

    def __init__(self):
        self.size = self.next = self.used_index = 0
        self.enabled = False
        self.addresses = self.descriptors = self.available = self.used = self.memory = None
        self.kick = self.call = -1

    def start(self, memory):
        descriptors, used, available = self.addresses
        self.memory = memory
        self.descriptors = memory.at_user(descriptors, self.size * DESCRIPTOR.size)
        self.available = memory.at_user(available, 4 + 2 * self.size)
        self.used = memory.at_user(used, 4 + USED.size * self.size)
        self.used_index, = struct.unpack_from("<H", self.used, 2)

    def stop(self):
        self.descriptors = self.available = self.used = self.memory = None

    def is_empty(self):
        return (not self.enabled or self.available is None
                or struct.unpack_from("<H", self.available, 2)[0] == self.next)

    def peek(self):
        """The next chain: its head, and its parts that are to be read and to be written. None where there is none."""
        if self.is_empty():
            return None
        head, = struct.unpack_from("<H", self.available, 4 + 2 * (self.next % self.size))
        parts, index = ([], []), head
        for _ in range(self.size):
            address, length, flags, following = DESCRIPTOR.unpack_from(self.descriptors, index * DESCRIPTOR.size)
            parts[1 if flags & DESCRIPTOR_WRITE else 0].append(self.memory.at_guest(address, length))
            if not flags & DESCRIPTOR_NEXT:
                return head, *parts
            index = following
        raise ValueError("a chain of descriptors has no end")

    def pop(self):
        """What peek() says, taken."""
        chain = self.peek()
        if chain:
            self.next = (self.next + 1) & 0xffff
        return chain

    def push(self, head, written):
        USED.pack_into(self.used, 4 + USED.size * (self.used_index % self.size), head, written)
        self.used_index = (self.used_index + 1) & 0xffff
        struct.pack_into("<H", self.used, 2, self.used_index)
        # The guest is always told: whether it wants to be could only be read behind a fence.
        if self.call >= 0:
            os.eventfd_write(self.call, 1)


class Backend:
    """What QEMU has said so far. `config` is what the device's configuration space holds."""

    def __init__(self, connection, rings, config, features=0):
        self.connection, self.config = connection, config
        self.offered = features | VERSION_1 | PROTOCOL_FEATURES
        self.features = 0
        self.rings = [Ring() for _ in range(rings)]
        self.memory = None

    def receive(self):
        """Does what one message asks for. Returns False where QEMU has hung up."""
        header, fds, _, _ = socket.recv_fds(self.connection, HEADER.size, 8, socket.MSG_WAITALL)
        if not header:
            return False
        request, _, length = HEADER.unpack(header)
        payload = self.connection.recv(length, socket.MSG_WAITALL) if length else b""
        answer = self._answer(request, payload, fds)
        if answer is not None:
            self.connection.sendall(HEADER.pack(request, 5, len(answer)) + answer)
        return True

    def _answer(self, request, payload, fds):
        if request == GET_FEATURES:
            return struct.pack("<Q", self.offered)
        if request == GET_PROTOCOL_FEATURES:
            return struct.pack("<Q", PROTOCOL_CONFIG)
        if request == GET_CONFIG:
            offset, length, flags = struct.unpack_from("<III", payload)
            part = self.config[offset:offset + length]
            return struct.pack("<III", offset, length, flags) + part.ljust(length, b"\0")
        if request == SET_FEATURES:
            self.features, = struct.unpack("<Q", payload)
        elif request == SET_MEM_TABLE:
            self.memory = Memory(payload, fds)
        elif request in (SET_VRING_KICK, SET_VRING_CALL, SET_VRING_ERR):
            self._set_event(request, payload, fds)
        elif request in (SET_VRING_NUM, SET_VRING_BASE, SET_VRING_ADDR, SET_VRING_ENABLE, GET_VRING_BASE):
            return self._ask_ring(request, payload)
        elif request not in (SET_OWNER, SET_PROTOCOL_FEATURES):
            raise ValueError(f"QEMU asks for what was not offered: request {request}")
        return None

    def _set_event(self, request, payload, fds):
        value, = struct.unpack("<Q", payload)
        ring = self.rings[value & RING_INDEX]
        fd = -1 if value & RING_WITHOUT_FD else fds[0]
        if request == SET_VRING_CALL:
            ring.call, fd = fd, ring.call
        elif request == SET_VRING_KICK:
            ring.kick, fd = fd, ring.kick
            ring.start(self.memory)
            # Without the protocol's features there is no message that enables a ring.
            ring.enabled = ring.enabled or not self.features & PROTOCOL_FEATURES
        if fd >= 0:
            os.close(fd)

    def _ask_ring(self, request, payload):
        index, value = struct.unpack_from("<II", payload)
        ring = self.rings[index]
        if request == SET_VRING_NUM:
            ring.size = value
        elif request == SET_VRING_BASE:
            ring.next = value
        elif request == SET_VRING_ADDR:
            ring.addresses = struct.unpack_from("<QQQ", payload, 8)
        elif request == SET_VRING_ENABLE:
            ring.enabled = bool(value)
        else:
            ring.stop()
            ring.enabled = False
            return struct.pack("<II", index, ring.next)
        return None
