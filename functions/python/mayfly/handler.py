"""Handlers that see an HTTP request: what is behind mayfly.Request and mayfly.serve_http().

The gateway sends an SCGI head and the body, and takes a CGI response (gateway/contracts/contract_handler.c).
"""

import os
import re
import sys
import types

__all__ = ["Headers", "Request", "Server"]

_READ_BYTES = 65536  # malloc takes no mapping of its own for so much
_READ_MOST = 1 << 20
_HEAD_MOST = 4 << 20
_REHEARSALS = 20  # the interpreter has fitted all code before
_TEXT, _BYTES, _JSON = "text/plain; charset=utf-8", "application/octet-stream", "application/json"
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_UNFIT = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
# What the gateway says, or the status.
_OURS = {"status", "content-length", "transfer-encoding", "connection", "keep-alive", "trailer",
         "te", "upgrade"}
_FAILED = b"Internal Server Error\n"


class Headers:
    """Headers by name, in whatever case: headers["Accept"], headers.get("Accept"), "Accept" in
    headers; headers.all("Accept") for each of that name, items() for all in their order."""

    def __init__(self, items=()):
        self._items = tuple(items.items() if hasattr(items, "items") else items)

    def items(self):
        return self._items

    def all(self, name):
        name = name.lower()
        return [value for one, value in self._items if one.lower() == name]

    def get(self, name, otherwise=None):
        name = name.lower()
        for one, value in self._items:
            if one.lower() == name:
                return value
        return otherwise

    def __getitem__(self, name):
        value = self.get(name)
        if value is None:
            raise KeyError(name)
        return value

    def __contains__(self, name):
        return self.get(name) is not None

    def __iter__(self):
        return (name for name, _ in self._items)

    def __len__(self):
        return len(self._items)

    def __repr__(self):
        return f"Headers({list(self._items)!r})"


class Request:
    """A request: .method, .path (decoded), .query (text behind "?", or ""), .target (both as they
    came), .headers, .body (bytes), .read(size) for a body that is taken in parts, .json()."""

    def __init__(self, method="GET", path="/", query="", headers=(), body=b"", target=None):
        """For warm_up() and tests; those of a gateway are made by Server."""
        self.method, self.path, self.query = method, path, query
        self.target = target if target is not None else path + ("?" + query if query else "")
        self._headers = headers if isinstance(headers, Headers) else Headers(headers)
        self._body = body
        self._here, self._left = b"", 0

    @property
    def headers(self):
        if isinstance(self._headers, bytes):
            lines = self._headers.decode("latin-1").split("\n")
            self._headers = Headers(tuple(line.split(": ", 1)) for line in lines if line)
        return self._headers

    def _expect(self, here, length):
        """A body of which some is here, and the rest on standard input."""
        self._here, self._left = here[:length], length
        self._body = None

    @property
    def length(self):
        """Bytes of the body that were not read."""
        return self._left if self._body is None else len(self._body)

    def read(self, size=_READ_BYTES):
        """The next bytes of the body, at most `size`; none at its end."""
        if self._body is not None:
            part, self._body = self._body[:size], self._body[size:]
            return part
        if self._here:
            part, self._here = self._here[:size], self._here[size:]
        else:
            part = os.read(0, min(size, self._left)) if self._left else b""
            if self._left and size and not part:
                raise EOFError("the body of the request does not come")
        self._left -= len(part)
        return part

    @property
    def body(self):
        if self._body is None:
            parts = []
            while self._left:
                parts.append(self.read(_READ_MOST if self._left > _READ_MOST else _READ_BYTES))
            self._body = parts[0] if len(parts) == 1 else b"".join(parts)
        return self._body

    def json(self):
        import json  # not every function needs it
        return json.loads(self.body)

    def __repr__(self):
        return f"<Request {self.method} {self.target}>"


class NoRequest(Exception):
    """What comes is no SCGI head."""


def _read():
    return os.read(0, _READ_BYTES)


def _read_head(read):
    """The fields, and what came of the body with them."""
    data = read()
    number, colon, rest = data.partition(b":")
    while not colon and data and len(data) < 8:
        more = read()
        if not more:
            break
        data += more
        number, colon, rest = data.partition(b":")
    if not colon or not number.isdigit() or len(number) > 7 or int(number) > _HEAD_MOST:
        raise NoRequest
    length = int(number)
    while len(rest) <= length:
        more = read()
        if not more:
            raise NoRequest
        rest += more
    fields = rest[:length].split(b"\0")
    if rest[length] != ord(",") or len(fields) % 2 != 1:
        raise NoRequest
    return dict(zip(fields[::2], fields[1::2])), rest[length + 1:]


def _read_request(read=_read):
    fields, here = _read_head(read)
    try:
        query = fields[b"QUERY_STRING"].decode("latin-1")
        target = fields[b"REQUEST_URI"].decode("latin-1")
        request = Request(fields[b"REQUEST_METHOD"].decode("latin-1"),
                          fields[b"PATH_INFO"].decode("utf-8", "replace"), query, target=target)
        length = int(fields[b"CONTENT_LENGTH"])
        request._headers = fields.get(b"MAYFLY_HEADERS", b"")
    except (KeyError, ValueError) as error:
        raise NoRequest from error
    request._expect(here, length)
    return request


def _lines(headers):
    """(whether a type is among them, the lines). Raises ValueError for what is no header."""
    items = headers.items() if hasattr(headers, "items") else headers
    typed, lines = False, []
    for name, value in items:
        values = value if isinstance(value, (list, tuple)) else [value]
        name = str(name)
        if not _NAME.fullmatch(name) or name.lower() in _OURS:
            raise ValueError(f"{name!r} is no header that a handler may set")
        for one in map(str, values):
            if _UNFIT.search(one):
                raise ValueError(f"the header {name} has a control character: {one!r}")
            lines.append(f"{name}: {one}\r\n")
        typed |= name.lower() == "content-type"
    return typed, "".join(lines)


def _encode(body):
    """Bytes and their type, or None where the body is to be streamed."""
    if body is None:
        return b"", ""
    if isinstance(body, str):
        return body.encode(), _TEXT
    if isinstance(body, (bytes, bytearray, memoryview)):
        return body, _BYTES
    if hasattr(body, "__next__"):
        return None, _BYTES if not isinstance(body, types.GeneratorType) else _TEXT
    import json  # not every function needs it
    return json.dumps(body).encode() + b"\n", _JSON


def _take_apart(result):
    """(status, headers, body) of what a handler returned."""
    if result is None:
        return 204, (), None
    if isinstance(result, tuple) and len(result) in (2, 3) and isinstance(result[0], int):
        status, headers, body = result if len(result) == 3 else (result[0], (), result[1])
        if not 200 <= status <= 599:
            raise ValueError(f"{status} is no status")
        return status, headers or (), body
    return 200, (), result


def _compose(status, headers, body):
    """The head, and the body unless it is to be streamed."""
    typed, lines = _lines(headers)
    data, usual = _encode(body)
    head = f"Status: {status}\r\n{lines}"
    if not typed and usual:
        head += f"Content-Type: {usual}\r\n"
    if data is not None:
        head += f"Content-Length: {len(memoryview(data).cast('B'))}\r\n"
    return f"{head}\r\n".encode(), data


def _rehearse():
    """Python fits code to what it is used for during its first runs, and writes into it for that.
    Before the snapshot that is done once, and afterwards in each clone."""
    fields = (b"CONTENT_LENGTH\0002\0REQUEST_METHOD\0POST\0PATH_INFO\0/\0QUERY_STRING\0\0REQUEST_URI\0/\0"
              b"MAYFLY_HEADERS\0Host: a\nContent-Type: b\nAccept: c\n\0")
    sample = b"%d:%b,{}" % (len(fields), fields)
    for _ in range(_REHEARSALS):
        request = _read_request(lambda: sample)
        request.headers.get("content-type", "")
        for result in (request.body, request.json(), "text", (200, {"A": "b"}, "text")):
            _compose(*_take_apart(result))


class Server:
    """Where responses go. What is printed goes to the log, from when there is one."""

    def __init__(self):
        self.output = os.dup(1)
        os.dup2(2, 1)
        sys.stdout.flush()
        self.begun = False
        _rehearse()

    def _write(self, data):
        view = memoryview(data).cast("B")
        while view:
            view = view[os.write(self.output, view):]

    def _respond(self, status, headers, body):
        head, data = _compose(status, headers, body)
        if data is None:
            self._stream(head, body)
            return
        self.begun = True
        if len(data) <= _READ_BYTES:
            self._write(head + data)
        else:
            self._write(head)
            self._write(data)

    def _stream(self, head, body):
        """The head goes with the first part, so that an exception before it is still a 500."""
        waiting = head
        for part in body:
            data = waiting + (part.encode() if isinstance(part, str) else bytes(part))
            waiting = b""
            self.begun = True
            self._write(data)
        self.begun = True
        self._write(waiting)

    def _fail(self):
        """Ends a request whose handler raised. Taking the interpreter down in order would write to
        most of its memory, for a machine that is thrown away."""
        import traceback
        traceback.print_exc()
        if not self.begun:
            self._respond(500, (("Content-Type", _TEXT),), _FAILED)
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(1)

    def serve(self, handle):
        """One request."""
        self.begun = False
        try:
            request = _read_request()
        except NoRequest:
            print("mayfly: the request does not begin with an SCGI head, as a gateway sends it: "
                  "deploy this function", file=sys.stderr)
            sys.stderr.flush()
            os._exit(2)
        try:
            self._respond(*_take_apart(handle(request)))
            sys.stdout.flush()
        except Exception:
            self._fail()
