"""A gateway for tests: a real mayflyd with a state directory of its own, on a free port of this machine."""

import base64
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from ports import hold_port  # noqa: E402

LIMIT = 60  # seconds for whatever a test waits for


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def text(self):
        return self.body.decode(errors="replace")

    def json(self):
        return json.loads(self.body)


def basic(user, password):
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


class NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *arguments):
        return None


def opener(*handlers):
    return urllib.request.build_opener(urllib.request.ProxyHandler({}), NoRedirects, *handlers)


OPENER = opener()


class Gateway:
    """Started where it is entered, ended where it is left; kill() and start() in between are a crash."""

    def __init__(self, command, *options, state=None, context=None):
        """`context`: of TLS, where the options say that it speaks that."""
        self.command, self.options = command, options
        self.scheme = "https" if context else "http"
        self.opener = opener(urllib.request.HTTPSHandler(context=context)) if context else OPENER
        self.own_state = state is None
        self.state = pathlib.Path(state or tempfile.mkdtemp(prefix="mayfly-gateway-"))
        self.holder = hold_port()
        self.port, self.process, self.log = self.holder.getsockname()[1], None, None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()
        self.holder.close()
        if self.log:
            self.log.close()
        if self.own_state:
            shutil.rmtree(self.state, ignore_errors=True)

    def start(self):
        reader, writer = os.pipe()
        if not self.log:
            self.log = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            [self.command, f"--state={self.state}", f"--listen=127.0.0.1:{self.port}",
             f"--ready-fd={writer}", *self.options],
            pass_fds=[writer], stdout=self.log, stderr=self.log, stdin=subprocess.DEVNULL)
        os.close(writer)
        with os.fdopen(reader) as pipe:
            line = pipe.readline()
        if not re.match(rf"serving at https?://.*:{self.port}$", line):
            self.process.wait(LIMIT)
            raise AssertionError(f"mayflyd does not serve: {self.log_text()}")

    def kill(self):
        self.process.kill()
        self.process.wait(LIMIT)

    def stop(self):
        """Ends it as an operator does; returns its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(LIMIT)
            except subprocess.TimeoutExpired:
                self.kill()
                raise
        return self.process.returncode

    def log_text(self):
        self.log.seek(0)
        return self.log.read().decode(errors="replace")

    @property
    def url(self):
        return f"{self.scheme}://127.0.0.1:{self.port}"

    @property
    def password(self):
        return (self.state / "password").read_text().strip()

    @property
    def authorization(self):
        return basic("admin", self.password)

    def request(self, method, path, body=None, headers=None, auth=None, timeout=LIMIT):
        """`body`: bytes, or what JSON can express. `auth`: True, the gateway's own; or (user, password)."""
        headers = dict(headers or {})
        if body is not None and not isinstance(body, (bytes, bytearray)):
            body = json.dumps(body).encode()
            headers.setdefault("Content-Type", "application/json")
        if auth is True:
            headers["Authorization"] = self.authorization
        elif auth:
            headers["Authorization"] = basic(*auth)
        request = urllib.request.Request(self.url + path, data=body, headers=headers, method=method)
        try:
            with self.opener.open(request, timeout=timeout) as response:
                return Answer(response.status, response.headers, response.read())
        except urllib.error.HTTPError as error:
            with error:
                return Answer(error.code, error.headers, error.read())

    def system(self, method, path, body=None, **more):
        return self.request(method, "/system" + path, body, auth=True, **more)

    def deploy(self, name, image, **fields):
        answer = self.system("POST", "/functions", {"service": name, "image": str(image), **fields})
        assert answer.status in (200, 202), f"{answer.status}: {answer.text}"
        return answer

    def invoke(self, name, body=b"", method="POST", headers=None, **more):
        return self.request(method, f"/function/{name}", body, headers, **more)

    def children(self, name):
        """The processes of that name that the gateway has started."""
        found = []
        for status in pathlib.Path("/proc").glob("[0-9]*/status"):
            try:
                text = status.read_text()
            except OSError:
                continue
            if re.search(rf"^PPid:\s{self.process.pid}$", text, re.M) and \
                    re.search(rf"^Name:\s{name[:15]}$", text, re.M) and \
                    not re.search(r"^State:\sZ", text, re.M):
                found.append(int(status.parent.name))
        return found


def until(condition, what, limit=LIMIT):
    """Waits until a condition holds, and returns what it returned."""
    end = time.monotonic() + limit
    while True:
        result = condition()
        if result:
            return result
        assert time.monotonic() < end, f"waited {limit} s for {what}"
        time.sleep(0.01)
