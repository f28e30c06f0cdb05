"""For tests: a real mayfly-acceld with tenants, and clients that speak its own protocol
(include/mayfly/wire.h) over streams and with windows. No part of libvaccel is in here: what is tried is
the host's side alone."""
import array
import contextlib
import fcntl
import mmap
import os
import pathlib
import re
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from ports import reserve_port  # noqa: E402,F401

MAGIC = 0x5946594d
HELLO, CALL, MARK, RESET, CANCEL = 1, 2, 3, 4, 5
SESSION_INIT, SESSION_RELEASE = 0x100, 0x101
NOOP, CLASSIFY = 0, 3
INT64, UINT32, FLOAT32_ARRAY, UCHAR_ARRAY, BUFFER = 7, 13, 18, 26, 28
IN_WINDOW = 4

PACKET = struct.Struct("<IHHQQQQiI")
HEADER = struct.Struct("<IHHQqHHiQQQQ")
ARGUMENT = struct.Struct("<IIIIQQQQ")

F_ADD_SEALS, F_SEAL_SHRINK = 1033, 2
LIMIT_S = 20


def aligned(number):
    return (number + 63) // 64 * 64


def encode(op, session=0, inputs=(), outputs=(), deadline_ns=0, lie=None):
    """The message and where its outputs are: inputs are (type, bytes), outputs (type, room)."""
    count = len(inputs) + len(outputs)
    cursor = data = aligned(HEADER.size + count * ARGUMENT.size)
    arguments, parts, places = b"", [], []
    for kind, content in inputs:
        cursor = aligned(cursor)
        arguments += ARGUMENT.pack(kind, 0, 0, 0, cursor, len(content), 0, 0)
        parts.append((cursor, content))
        cursor += len(content)
    sent = cursor
    for kind, room in outputs:
        cursor = aligned(cursor)
        arguments += ARGUMENT.pack(kind, 0, 0, 0, cursor, 0, room, 0)
        places.append(cursor)
        cursor += room
    fields = [MAGIC, 1, op, 77, session, len(inputs), len(outputs), 0, deadline_ns, data, cursor, 0]
    for place, value in (lie or {}).items():
        fields[place] = value
    message = bytearray(sent)
    message[:HEADER.size] = HEADER.pack(*fields)
    message[HEADER.size:HEADER.size + len(arguments)] = arguments
    for offset, content in parts:
        message[offset:offset + len(content)] = content
    return bytes(message), places


class Gone(Exception):
    """The host has hung up."""


class Failed(Exception):
    """A call has failed, with a VACCEL_E… code."""


class Client:
    """One connection over a stream, without a window."""

    def __init__(self, connection, room=1 << 20, hello=True):
        self.connection = connection
        self.tag = 0
        connection.settimeout(LIMIT_S)
        if hello:
            answer = self.ask(HELLO, length=room)
            if answer["status"]:
                raise Failed(answer["status"])
            self.room = answer["length"]

    def send(self, kind, length=0, tag=None, offset=0, more=b""):
        if tag is None:
            self.tag += 1
            tag = self.tag
        self.connection.sendall(PACKET.pack(MAGIC, 1, kind, offset, length, tag, 0, 0, 0) + more)
        return tag

    def read(self, length):
        content = b""
        while len(content) < length:
            try:
                part = self.connection.recv(length - len(content))
            except ConnectionResetError:
                part = b""
            if not part:
                raise Gone()
            content += part
        return content

    def receive(self):
        magic, version, kind, offset, length, tag, _, status, unchanged = PACKET.unpack(
            self.read(PACKET.size))
        assert (magic, version) == (MAGIC, 1), (magic, version)
        return {"kind": kind, "length": length, "tag": tag, "status": status, "unchanged": unchanged}

    def ask(self, kind, length=0, more=b""):
        tag = self.send(kind, length, more=more)
        answer = self.receive()
        assert answer["kind"] == kind and answer["tag"] == tag, answer
        return answer

    def call(self, op, session=0, inputs=(), outputs=(), deadline_ns=0):
        """The outputs' bytes."""
        message, _ = encode(op, session, inputs, outputs, deadline_ns)
        answer = self.ask(CALL, len(message), message)
        if answer["status"]:
            raise Failed(-answer["status"])
        return self.results(self.read(answer["length"]), len(inputs))

    def ask_and_skip(self, length, message):
        """The status of a call whose results do not matter."""
        answer = self.ask(CALL, length, message)
        self.read(answer["length"])
        return answer["status"]

    @staticmethod
    def results(content, input_count):
        header = HEADER.unpack(content[:HEADER.size])
        status, data, count = header[7], header[9], header[5] + header[6]
        if status:
            raise Failed(status, content[data:].decode())
        results, cursor = [], data
        for index in range(input_count, count):
            length = ARGUMENT.unpack_from(content, HEADER.size + index * ARGUMENT.size)[5]
            results.append(content[cursor:cursor + length])
            cursor += length
        assert cursor == len(content), (cursor, len(content))
        return results

    def session(self):
        return struct.unpack("<q", self.call(SESSION_INIT, 0, [(UINT32, struct.pack("<I", 0))],
                                             [(INT64, 8)])[0])[0]

    def noop(self, session):
        self.call(NOOP, session)

    def works(self):
        """A session and an op in it."""
        session = self.session()
        self.classify(session, b"picture")
        return session

    def classify(self, session, picture, room=32):
        return self.call(CLASSIFY, session, [(BUFFER, picture)],
                         [(UCHAR_ARRAY, 16), (UCHAR_ARRAY, room)])[1]

    def is_gone(self, limit_s=LIMIT_S):
        self.connection.settimeout(limit_s)
        try:
            while self.connection.recv(4096):
                pass
            return True
        except ConnectionResetError:
            return True
        except (TimeoutError, socket.timeout):
            return False

    def close(self):
        self.connection.close()


class WindowClient(Client):
    """One connection over a Unix socket with a window, whichever the socket's type."""

    def __init__(self, connection, size=1 << 20, seal=True):
        self.window_fd = os.memfd_create("window", os.MFD_ALLOW_SEALING)
        os.ftruncate(self.window_fd, size)
        if seal:
            fcntl.fcntl(self.window_fd, F_ADD_SEALS, F_SEAL_SHRINK)
        self.window = mmap.mmap(self.window_fd, size)
        super().__init__(connection, hello=False)
        hello = PACKET.pack(MAGIC, 1, HELLO, 0, size, 1, 0, 0, 0)
        connection.sendmsg([hello], [(socket.SOL_SOCKET, socket.SCM_RIGHTS,
                                      array.array("i", [self.window_fd]))])
        answer = self.receive()
        if answer["status"]:
            raise Failed(answer["status"])
        assert answer["length"] == 0, "the window did not get through"

    def read(self, length):
        if self.connection.type == socket.SOCK_SEQPACKET:
            content = self.connection.recv(length)
            if not content:
                raise Gone()
            return content
        return super().read(length)

    def call(self, op, session=0, inputs=(), outputs=(), deadline_ns=0):
        message, places = encode(op, session, inputs, outputs, deadline_ns)
        self.window[:len(message)] = message
        answer = self.ask(CALL, len(self.window))
        if answer["status"]:
            raise Failed(-answer["status"])
        header = HEADER.unpack(self.window[:HEADER.size])
        if header[7]:
            raise Failed(header[7], self.window[header[9]:header[10]].decode())
        results = []
        for index, place in enumerate(places):
            length = ARGUMENT.unpack_from(self.window, HEADER.size +
                                          (len(inputs) + index) * ARGUMENT.size)[5]
            results.append(self.window[place:place + length])
        return results

    def close(self):
        super().close()
        self.window.close()
        os.close(self.window_fd)


def connect_unix(path, kind=socket.SOCK_STREAM):
    connection = socket.socket(socket.AF_UNIX, kind)
    connection.settimeout(LIMIT_S)
    connection.connect(path)
    return connection


def connect_tcp(port):
    connection = socket.create_connection(("127.0.0.1", port), timeout=LIMIT_S)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def wait_for(condition, limit_s=LIMIT_S):
    """What `condition` says as soon as it says something, or at last."""
    end = time.monotonic() + limit_s
    while not (said := condition()) and time.monotonic() < end:
        time.sleep(0.01)
    return said


def children(pid, name):
    try:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
            found = [int(word) for word in file.read().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []
    result = []
    for child in found:
        try:
            with open(f"/proc/{child}/comm", encoding="ascii") as file:
                if file.read().strip() == name:
                    result.append(child)
        except (FileNotFoundError, ProcessLookupError):
            pass
    return result


class Host:
    """mayfly-acceld in a directory of its own, with a configuration."""

    def __init__(self, config=None, arguments=(), plugins=None, log="info"):
        self.directory = tempfile.mkdtemp(prefix="mayfly-test-", dir="/tmp")
        self.config = self.path("acceld.yaml")
        self.log_path = self.path("log")
        if config is not None:
            self.write(config)
            arguments = [*arguments, f"--config={self.config}"]
        reader, writer = os.pipe()
        environment = dict(os.environ, XDG_RUNTIME_DIR=self.directory, MAYFLY_LOG=log,
                           VACCEL_PLUGINS=plugins or os.environ["NOOP_PLUGIN"])
        with open(self.log_path, "wb") as output:
            self.process = subprocess.Popen(
                [os.environ["MAYFLY_ACCELD"], "--foreground", f"--ready-fd={writer}", *arguments],
                env=environment, pass_fds=[writer], stderr=output, stdout=output)
        os.close(writer)
        with os.fdopen(reader, "rb") as ready:
            self.said = ready.read().decode()

    def path(self, name):
        return os.path.join(self.directory, name)

    def write(self, config):
        with open(self.config, "w", encoding="utf-8") as file:
            file.write(config.replace("@", self.directory))

    def reload(self, config=None):
        if config is not None:
            self.write(config)
        said = self.log().count("configuration")
        self.process.send_signal(signal.SIGHUP)
        assert wait_for(lambda: self.log().count("the configuration") > said), self.log()

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as file:
            return file.read()

    def worker(self):
        found = children(self.process.pid, "acceld-worker")
        return found[0] if found else None

    def relays(self):
        return children(self.process.pid, "acceld-relay")

    def watches(self):
        """How many directories it watches. Descriptors come and go meanwhile."""
        total = 0
        for name in os.listdir(f"/proc/{self.process.pid}/fdinfo"):
            with (contextlib.suppress(OSError),
                  open(f"/proc/{self.process.pid}/fdinfo/{name}", encoding="ascii") as file):
                total += file.read().count("inotify wd:")
        return total

    def stop(self, number=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(number)
        status = self.process.wait(LIMIT_S)
        found = re.search(r"(?s)(ERROR: \w+Sanitizer|runtime error|WARNING: ThreadSanitizer).{,3000}", self.log())
        assert not found, found.group(0)
        subprocess.run(["rm", "-rf", self.directory], check=True)
        return status

    def __enter__(self):
        return self

    def __exit__(self, *details):
        if details[0]:
            print("the host's log:\n" + self.log())
        self.stop()
