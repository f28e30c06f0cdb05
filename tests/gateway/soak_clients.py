"""The load of soak.py: what clients ask, and which answers are right."""

import contextlib
import http.client
import json
import os
import random
import socket
import threading
import time

PATIENCE_S = 90  # nothing takes so long but what hangs
PIECE = 65536


class Lost(Exception):
    """A connection that ended before its answer did."""


class Client:
    """One thread's connection, which is kept while it lasts."""

    def __init__(self, soak, seed):
        self.soak, self.random = soak, random.Random(seed)
        self.connection, self.count, self.name = None, 0, f"c{seed}"
        self.used = 0  # when the connection was used last

    def token(self):
        self.count += 1
        return f"{self.name}-{self.count}-{self.random.randrange(1 << 30):x}"

    def close(self):
        if self.connection:
            self.connection.close()
        self.connection = None

    def ask(self, method, path, body=None, headers=None, read=None):
        """Status, headers and body; Lost where the connection ends."""
        try:
            return self.ask_once(method, path, body, headers or {}, read)
        except (OSError, http.client.HTTPException) as error:
            self.close()
            if isinstance(error, TimeoutError):
                self.soak.problem("hung", f"{method} {path}")
            raise Lost(f"{type(error).__name__}: {error}") from error

    def ask_once(self, method, path, body, headers, read):
        if not self.connection:
            self.connection = http.client.HTTPConnection("127.0.0.1", self.soak.gateway.port,
                                                         timeout=PATIENCE_S)
        self.connection.request(method, path, body, headers)
        answer = self.connection.getresponse()
        content = read(answer) if read else answer.read()
        self.used = time.monotonic()
        if answer.will_close or self.random.random() < 0.05:
            self.close()
        return answer.status, answer.headers, content

    def system(self, method, path, body=None, **more):
        headers = {"Authorization": self.soak.authorization}
        if body is not None:
            body = json.dumps(body).encode()
            headers["Content-Type"] = "application/json"
        return self.ask(method, "/system" + path, body, headers, **more)


class Load:
    """Kinds of requests: each method is one that a client makes, and says what came of it."""

    def __init__(self, soak, client):
        self.soak, self.client = soak, client

    def tell(self, kind, function, allowed, begun, status, body=b"", right=True):
        """`allowed`: statuses that are right in any case."""
        self.soak.judge(kind, function, status, status in allowed, right or status not in allowed,
                        begun, body)

    @contextlib.contextmanager
    def attempt(self, kind, function=""):
        begun = time.monotonic()
        since = self.client.used if self.client.connection else begun
        try:
            yield begun
        except Lost as lost:
            self.soak.judge_lost(kind, function, since, str(lost))

    def invoke(self, kind, function, body, allowed, right, headers=None, path=""):
        with self.attempt(kind, function) as begun:
            status, _, answer = self.client.ask("POST", f"/function/{function}{path}", body, headers)
            self.tell(kind, function, allowed, begun, status, answer,
                      status != allowed[0] or right(answer))

    def echo(self):
        token = self.client.token().encode() * self.client.random.choice([1, 1, 1, 100, 3000])
        self.invoke("echo", "echo", token, [200], lambda answer: answer == token)

    def word(self):
        token = self.client.token()
        self.invoke("word", "deeds", token.encode(), [200],
                    lambda answer: answer.split() == f"hi {token} POST /{token} q={token}".encode().split(),
                    path=f"/{token}?q={token}")

    def big(self):
        """A long body, in one of the ways in which bodies come."""
        length = self.client.random.choice([100_000, 1 << 20, (1 << 20) + 1, 5_000_000, 20_000_000])
        token = self.client.token().encode()
        body = (token * (length // len(token) + 1))[:length]
        chunked = self.client.random.random() < 0.3
        sent = (body[i:i + PIECE] for i in range(0, length, PIECE)) if chunked else body
        self.invoke("big", "echo", sent, [200], lambda answer: answer == body)

    def crash(self):
        body, status, right = self.client.random.choice([
            (b"crash", 500, lambda answer: b"crashed" in answer or b"signal" in answer),
            (b"fail", 500, lambda answer: answer == b"no\n")])
        self.invoke("crash", "crashing", body, [status], right)

    def slow(self):
        if self.client.random.random() < 0.3:
            self.invoke("deadline", "slow", b"spin", [504], lambda answer: b"took" in answer)
        else:
            self.invoke("slow", "deeds", b"nap", [200], lambda answer: answer == b"rested\n")

    def zero(self):
        token = self.client.token()
        self.invoke("zero", "idle", token.encode(), [200], lambda answer: token.encode() in answer)

    def full(self):
        self.invoke("full", "narrow", b"nap", [200, 429], lambda answer: answer == b"rested\n")

    def secret(self):
        self.invoke("secret", "teller", b"secret", [200], lambda answer: answer == b"xyzzy")

    def log(self):
        self.invoke("log", "talker", b"log", [200], lambda answer: answer == b"ok\n")

    def redeployed(self):
        token = self.client.token().encode()
        self.invoke("redeployed", "moving", token, [200],
                    lambda answer: answer.startswith(b"r") and token in answer)

    def photograph(self):
        if self.soak.photo:
            self.invoke("photograph", "detect", self.soak.photo, [200], lambda answer: b'"dog"' in answer)

    def nobody(self):
        self.invoke("nobody", "nobody", b"x", [404], lambda answer: b"not found" in answer)

    def bad(self):
        """What is refused before any function hears of it."""
        with self.attempt("bad") as begun:
            method, path, headers, status = self.client.random.choice([
                ("GET", "/system/functions", {"Authorization": "Basic eDp5"}, 401),
                ("POST", "/system/functions", {"Authorization": self.soak.authorization}, 400),
                ("GET", "/nowhere", {}, 404),
                ("POST", "/function/echo", {"X-Long": "x" * 15000, "X-Longer": "y" * 15000}, 431)])
            code, _, body = self.client.ask(method, path, b"{" if method == "POST" else None, headers)
            self.tell("bad", "", [status], begun, code, body)

    def stream(self):
        """Events come one by one, and the client may go in the middle of them."""
        token = self.client.token()
        leave = self.client.random.random() < 0.2

        def read(answer):
            if leave and answer.status == 200:
                first = answer.readline()
                self.client.close()
                return first
            return answer.read()

        with self.attempt("stream", "events") as begun:
            status, _, body = self.client.ask(
                "POST", "/function/events", f"stream {token}".encode(),
                {"Accept": "text/event-stream"}, read)
            events = "".join(f"data: {token} {i}\n\n" for i in range(5)).encode()
            right = events.startswith(body) if leave else body == events
            self.tell("stream left" if leave else "stream", "events", [200], begun, status, body, right)

    def leave(self):
        """Goes without waiting for the answer, or in the middle of its request."""
        with socket.create_connection(("127.0.0.1", self.soak.gateway.port), PATIENCE_S) as connection:
            connection.sendall(b"POST /function/echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3000000\r\n\r\n" +
                               b"x" * self.client.random.choice([0, 10, 100000, 2000000, 3000000]))
        self.soak.count("left")

    def call(self):
        """An asynchronous call; of one that is accepted the callback must hear."""
        token = self.client.token()
        with self.attempt("async", "called") as begun:
            status, headers, body = self.client.ask(
                "POST", "/async-function/called", token.encode(),
                {"X-Callback-Url": f"{self.soak.peer.url}/told"})
            self.tell("async", "called", [202], begun, status, body)
            if status == 202:
                self.soak.accept(token, headers["X-Call-Id"])

    def metrics(self):
        with self.attempt("metrics") as begun:
            status, _, body = self.client.ask("GET", "/metrics",
                                              headers={"Authorization": self.soak.authorization})
            self.tell("metrics", "", [200], begun, status, body, b"mayfly_functions " in body)

    def list(self):
        with self.attempt("list") as begun:
            status, _, body = self.client.system("GET", "/functions")
            right = status != 200 or {"echo", "deeds"} <= {entry["name"] for entry in json.loads(body)}
            self.tell("list", "", [200], begun, status, body, right)


class Operator:
    """Deploys, changes and removes functions of its own, and others that all operators fight for."""

    def __init__(self, soak, seed):
        self.soak, self.client = soak, Client(soak, seed)
        self.load = Load(soak, self.client)
        self.number = 0

    def command(self, kind, method, path, body, allowed):
        with self.load.attempt(kind) as begun:
            status, _, answer = self.client.system(method, path, body)
            self.load.tell(kind, "", allowed, begun, status, answer)
            return status
        return 0

    def invoke(self, name, word, allowed=(200,)):
        token = self.client.token()
        self.load.invoke("new", name, token.encode(), list(allowed),
                         lambda answer: answer.split()[:2] == [word.encode(), token.encode()])

    def deployment(self, name, word, **annotations):
        return {"service": name, "image": self.soak.deeds, "envVars": {"GREETING": word},
                "annotations": annotations, "labels": {"com.openfaas.scale.zero-duration": "2s"}}

    def turn_over(self):
        """A function's whole life."""
        self.number += 1
        name = f"{self.client.name}-{self.number}"
        if self.command("deploy", "POST", "/functions", self.deployment(name, "one"), [202]) != 202:
            self.command("remove", "DELETE", "/functions", {"functionName": name}, [202, 404])
            return
        self.invoke(name, "one")
        if self.command("update", "PUT", "/functions", self.deployment(name, "two"), [200]) == 200:
            for _ in range(3):
                self.load.invoke("new", name, b"x", [200], lambda answer: answer.split()[0] in (b"one", b"two"))
            self.command("rollback", "POST", f"/function/{name}/rollback", {}, [200, 202])
        self.command("scale", "POST", f"/scale-function/{name}", {"serviceName": name, "replicas": 2}, [202])
        self.load.invoke("new", name, b"x", [200], lambda answer: answer.split()[0] in (b"one", b"two"))
        self.command("scale", "POST", f"/scale-function/{name}", {"serviceName": name, "replicas": 0}, [202])
        self.load.invoke("new", name, b"x", [200], lambda answer: answer.split()[0] in (b"one", b"two"))
        while self.command("remove", "DELETE", "/functions", {"functionName": name}, [202, 404]) not in (202, 404):
            if self.soak.over.is_set():
                break
        self.load.invoke("removed", name, b"x", [404], lambda answer: True)

    def fight(self):
        """Any order of commands on a function that others change at the same time."""
        method, allowed = self.client.random.choice(
            [("POST", [202, 409]), ("PUT", [200, 404, 409]), ("DELETE", [202, 404])])
        body = {"functionName": "fought"} if method == "DELETE" else self.deployment("fought", "fight")
        self.command("fight", method, "/functions", body, allowed)
        self.invoke("fought", "fight", (200, 404))

    def move(self):
        self.number += 1
        self.command("redeploy", "PUT", "/functions",
                     self.deployment("moving", f"r{self.client.name}-{self.number}"), [200, 409])

    def secrets(self):
        self.number += 1
        name = f"s-{self.client.name}-{self.number}"
        secret = {"name": name, "value": "x" * 1000}
        self.command("secret", "POST", "/secrets", secret, [201, 409])
        self.command("secret", "PUT", "/secrets", secret, [200, 404])
        self.command("secret", "DELETE", "/secrets", {"name": name}, [202, 404])

    def bad_image(self):
        self.command("bad image", "POST", "/functions",
                     {"service": "bad", "image": os.path.abspath(__file__)}, [400])


def follow_log(soak):
    """Follows a function's log again and again; each line is one that the function wrote."""
    client = Client(soak, "follower")
    while not soak.over.is_set():
        begun = time.monotonic()
        try:
            connection = socket.create_connection(("127.0.0.1", soak.gateway.port), PATIENCE_S)
        except OSError:
            time.sleep(0.05)
            continue
        with connection:
            connection.settimeout(0.2)
            connection.sendall((f"GET /system/logs?name=talker&follow=1&tail=1 HTTP/1.1\r\nHost: x\r\n"
                                f"Authorization: {soak.authorization}\r\n\r\n").encode())
            seen = b""
            while not soak.over.is_set() and len(seen) < 20_000:
                try:
                    part = connection.recv(4096)
                except TimeoutError:
                    continue
                except OSError:
                    part = b""
                if not part:
                    if not soak.was_killed(("http", "mayflyd"), begun):
                        soak.problem("log", "it ended by itself")
                    break
                seen += part
            soak.count("lines of a log", seen.count(b"to the log"))
            if seen and not seen.startswith((b"HTTP/1.1 200", b"HTTP/1.1 503")):
                soak.problem("log", f"{seen[:200]}")
    client.close()


LOADS = {"echo": 12, "word": 12, "big": 2, "crash": 3, "slow": 3, "zero": 1, "full": 3, "secret": 2, "log": 3,
         "redeployed": 5, "photograph": 1, "nobody": 1, "bad": 1, "stream": 3, "leave": 1, "call": 6,
         "metrics": 1, "list": 1}
DUTIES = {"turn_over": 3, "fight": 4, "move": 3, "secrets": 2, "bad_image": 1}


def be_client(soak, seed):
    client = Client(soak, seed)
    load = Load(soak, client)
    while not soak.over.is_set():
        name = client.random.choices(list(LOADS), list(LOADS.values()))[0]
        try:
            getattr(load, name)()
        except OSError as error:  # nobody listens: the gateway is being started
            soak.judge_lost(name, "", time.monotonic() - 1, str(error))
            time.sleep(0.05)
    client.close()


def be_operator(soak, seed):
    operator = Operator(soak, seed)
    while not soak.over.is_set():
        getattr(operator, operator.client.random.choices(list(DUTIES), list(DUTIES.values()))[0])()
    operator.client.close()


def start_all(soak, clients, operators):
    threads = [threading.Thread(target=be_client, args=(soak, number)) for number in range(clients)]
    threads += [threading.Thread(target=be_operator, args=(soak, 100 + number)) for number in range(operators)]
    threads += [threading.Thread(target=follow_log, args=(soak,))]
    for thread in threads:
        thread.start()
    return threads
