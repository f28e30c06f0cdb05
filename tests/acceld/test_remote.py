#!/usr/bin/env python3
"""Clients of mayfly-acceld that come over Unix streams and TCP: through relays, or past them with a window;
what they may break and what not."""
import errno
import os
import pathlib
import random
import re
import signal
import socket
import threading
import time
import unittest

import remote
from remote import Client, Failed, Gone, Host, WindowClient, connect_tcp, connect_unix, wait_for

CONFIG = """
tenants:
  - name: stream
    listen: unix://@/stream.sock
    mode: "0666"
    hello-limit: HELLO
    relay-connections: 40
  - name: tcp
    listen: tcp://127.0.0.1:PORT
    hello-limit: HELLO
    message-size: 16M
    message-memory: 64M
  - name: windows
    listen: seqpacket://@/windows.sock
"""


def configure(port, hello_limit):
    return CONFIG.replace("PORT", str(port)).replace("HELLO", hello_limit)


class Remote(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.port = remote.reserve_port()
        cls.host = Host(configure(cls.port, "1m"), plugins=os.environ["PROBE_PLUGIN"])
        assert cls.host.said == "\n", cls.host.said

    @classmethod
    def tearDownClass(cls):
        log = cls.host.log()
        status = cls.host.stop()
        assert status == 0, (status, log)

    def stream(self, **options):
        return Client(connect_unix(self.host.path("stream.sock")), **options)

    def tcp(self, **options):
        return Client(connect_tcp(self.port), **options)

    def all_kinds(self):
        return [self.stream(), self.tcp(), WindowClient(connect_unix(self.host.path("stream.sock"))),
                WindowClient(connect_unix(self.host.path("windows.sock"), socket.SOCK_SEQPACKET))]

    def test_every_way_in(self):
        for client in self.all_kinds():
            session = client.session()
            self.assertEqual(session, 1)
            picture = bytes(range(7))
            # The probe tells what it got; see probe_plugin.c.
            answers = {bytes(client.classify(session, picture)).rstrip(b"\0") for _ in range(3)}
            self.assertEqual(len(answers), 1)
            self.assertTrue(answers.pop())
            with self.assertRaises(Failed):
                client.noop(99)
            client.close()

    def test_modes(self):
        self.assertEqual(os.stat(self.host.path("stream.sock")).st_mode & 0o777, 0o666)
        self.assertEqual(os.stat(self.host.path("windows.sock")).st_mode & 0o777, 0o600)

    def test_mark_and_reset(self):
        client = self.tcp()
        session = client.session()
        client.ask(remote.MARK)
        other = client.session()
        client.send(remote.RESET)
        self.assertEqual(client.session(), other)
        self.assertEqual(session, 1)
        client.close()

    def test_large_messages(self):
        client = self.tcp(room=16 << 20)
        self.assertEqual(client.room, 16 << 20)
        session = client.session()
        picture = random.Random(7).randbytes(10 << 20)
        for _ in range(3):
            client.classify(session, picture)
        client.close()
        greedy = self.tcp(room=1 << 30)
        self.assertEqual(greedy.room, 16 << 20)
        # More than was agreed upon.
        greedy.send(remote.CALL, length=(16 << 20) + 1)
        self.assertTrue(greedy.is_gone())

    def test_memory_is_shared(self):
        """What does not fit is refused, after it has been read; the connection goes on."""
        clients = [self.tcp(room=16 << 20) for _ in range(5)]
        sessions = [client.session() for client in clients]
        message, _ = remote.encode(remote.CLASSIFY, sessions[0], [(remote.BUFFER, bytes(15 << 20))],
                                   [(remote.UCHAR_ARRAY, 16), (remote.UCHAR_ARRAY, 32)])
        for client in clients[:4]:
            client.send(remote.CALL, len(message), more=message[:-1])
        answer = clients[4].ask(remote.CALL, len(message), message)
        self.assertEqual((answer["status"], answer["length"]), (errno.ENOMEM, 0))
        clients[4].classify(sessions[4], b"picture")
        for client in clients[:4]:
            client.connection.sendall(message[-1:])
            answer = client.receive()
            self.assertEqual(answer["status"], 0)
            client.results(client.read(answer["length"]), 1)
        # Idle ones give it back.
        self.assertTrue(wait_for(lambda: not clients[4].ask_and_skip(len(message), message)))
        for client in clients:
            client.close()

    def test_garbage(self):
        pieces = random.Random(3)
        packet = lambda **changes: remote.PACKET.pack(*{  # noqa: E731
            "magic": remote.MAGIC, "version": 1, "kind": remote.HELLO, "offset": 0, "length": 1 << 20,
            "tag": 1, "limit": 0, "status": 0, "unchanged": 0, **changes}.values())
        for content in (pieces.randbytes(200), b"MYFY" + pieces.randbytes(200), b"GET / HTTP/1.1\r\n\r\n",
                        packet(kind=remote.CALL), packet(version=9), packet(kind=77), packet(length=0),
                        b"\xff" * 64):
            for connect in (lambda: connect_unix(self.host.path("stream.sock")),
                            lambda: connect_tcp(self.port)):
                with connect() as connection:
                    connection.sendall(content)
                    connection.settimeout(remote.LIMIT_S)
                    try:
                        while connection.recv(4096):
                            pass
                    except ConnectionResetError:
                        pass
        self.assertEqual(self.tcp().works(), 1)

    def test_bad_messages(self):
        """Refused by the worker, told to the client, and nothing else."""
        client = self.tcp()
        session = client.session()
        lies = [{0: 1}, {1: 9}, {5: 1000}, {9: 1}, {9: 1 << 60}, {10: 1 << 60}, {10: 0}, {6: 65535}]
        for lie in lies:
            message, _ = remote.encode(remote.CLASSIFY, session, [(remote.BUFFER, b"x" * 100)],
                                       [(remote.UCHAR_ARRAY, 16)], lie=lie)
            answer = client.ask(remote.CALL, len(message), message)
            self.assertTrue(answer["status"], lie)
            self.assertEqual(answer["length"], 0)
        answer = client.ask(remote.CALL, 0)
        self.assertTrue(answer["status"])
        answer = client.ask(remote.CALL, 3, b"abc")
        self.assertTrue(answer["status"])
        self.assertEqual(client.session(), 2)
        client.close()

    def test_arguments_in_the_window(self):
        """The window behind a relay is nothing that its client has: memory outside of messages counts nowhere."""
        client = self.tcp(room=16 << 20)
        session = client.session()
        message, _ = remote.encode(remote.CLASSIFY, session, [(remote.BUFFER, b"x"), (remote.FLOAT32_ARRAY, b"")],
                                   [(remote.UCHAR_ARRAY, 16), (remote.UCHAR_ARRAY, 32)])
        place = remote.HEADER.size + remote.ARGUMENT.size
        outside = remote.ARGUMENT.pack(remote.FLOAT32_ARRAY, remote.IN_WINDOW, 0, 0, 1 << 20, 8 << 20, 0, 0)
        message = message[:place] + outside + message[place + len(outside):]
        answer = client.ask(remote.CALL, len(message), message)
        self.assertEqual((answer["status"], answer["length"]), (errno.EBADMSG, 0))
        client.classify(session, b"picture")
        client.close()

    def test_bad_windows(self):
        for seal, size in ((False, 1 << 20), (True, 5000)):
            with self.assertRaises(Failed):
                WindowClient(connect_unix(self.host.path("stream.sock")), size=size, seal=seal)

    def test_hello_in_pieces(self):
        connection = connect_tcp(self.port)
        hello = remote.PACKET.pack(remote.MAGIC, 1, remote.HELLO, 0, 1 << 20, 5, 0, 0, 0)
        for byte in hello:
            connection.sendall(bytes([byte]))
        client = Client(connection, hello=False)
        self.assertEqual(client.receive()["tag"], 5)
        self.assertEqual(client.works(), 1)
        client.close()

    def test_silent_and_slow(self):
        """Who says nothing in time is hung up on, and keeps nobody out who comes later."""
        port = remote.reserve_port()
        with Host(configure(port, "1s"), plugins=os.environ["PROBE_PLUGIN"]) as host:
            silent = [connect_unix(host.path("stream.sock")) for _ in range(40)]
            trickling = connect_tcp(port)
            trickling.sendall(b"MYF")
            self.assertEqual(Client(connect_unix(host.path("stream.sock"))).works(), 1)
            for connection in (*silent, trickling):
                self.assertTrue(Client(connection, hello=False).is_gone())

    def test_hang_up_in_a_message(self):
        for _ in range(20):
            client = self.tcp()
            session = client.session()
            message, _ = remote.encode(remote.CLASSIFY, session, [(remote.BUFFER, b"x" * 5000)],
                                       [(remote.UCHAR_ARRAY, 16)])
            client.send(remote.CALL, len(message), more=message[:1000])
            client.close()
        self.assertEqual(self.tcp().works(), 1)

    def test_many_clients(self):
        failures = []

        def use():
            try:
                for _ in range(10):
                    client = self.tcp()
                    session = client.session()
                    client.classify(session, b"picture")
                    client.close()
            except (Failed, Gone, OSError) as failure:
                failures.append(failure)

        threads = [threading.Thread(target=use) for _ in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(failures, [])

    def test_worker_killed(self):
        """Connections break, and the next ones are served, also those that wait meanwhile."""
        clients = self.all_kinds()
        for client in clients:
            client.session()
        os.kill(self.host.worker(), signal.SIGKILL)
        for client in clients:
            self.assertTrue(client.is_gone())
        for client in self.all_kinds():
            self.assertEqual(client.session(), 1)
            client.close()

    def test_relay_killed(self):
        """What it served breaks; those of other tenants, and with a window, do not notice."""
        stream, tcp, window, packets = self.all_kinds()
        for client in (stream, tcp, window, packets):
            client.session()
        before = self.host.relays()
        self.assertEqual(len(before), 2)
        os.kill(before[0], signal.SIGKILL)
        self.assertTrue(wait_for(lambda: before[0] not in self.host.relays() and
                                 len(self.host.relays()) == 2))
        gone = [client for client in (stream, tcp) if client.is_gone(0.5)]
        self.assertEqual(len(gone), 1)
        for client in (stream, tcp, window, packets):
            if client not in gone:
                client.connection.settimeout(remote.LIMIT_S)
                self.assertTrue(client.classify(1, b"picture"))
        for client in self.all_kinds():
            self.assertEqual(client.session(), 1)


class Rights(unittest.TestCase):
    @unittest.skipUnless(os.environ.get("SANITIZE", "none") in ("none", "undefined"),
                         "a build with sanitizers cannot be confined")
    def test_relay_has_none(self):
        """A filter of system calls and no privileges; and of descriptors what it serves with."""
        with Host(f"tenants:\n- {{name: a, listen: 'tcp://127.0.0.1:{remote.reserve_port()}'}}\n"
                  "- {name: b, listen: 'unix://@/b.sock'}\n") as host:
            self.assertEqual(host.said, "\n")
            self.assertTrue(wait_for(lambda: len(host.relays()) == 2))
            for relay in host.relays():
                def is_confined(pid=relay):
                    with open(f"/proc/{pid}/status", encoding="ascii") as file:
                        status = dict(line.split(":\t", 1) for line in file if ":\t" in line)
                    return (status["NoNewPrivs"].strip(), status["Seccomp"].strip()) == ("1", "2")
                self.assertTrue(wait_for(is_confined))
                names = [os.readlink(f"/proc/{relay}/fd/{fd}") for fd in os.listdir(f"/proc/{relay}/fd")]
                self.assertEqual(sum(name.startswith("socket:") for name in names), 2, names)


class Log(unittest.TestCase):
    def test_strangers_do_not_fill_it(self):
        port, begin = remote.reserve_port(), time.monotonic()
        with Host(f"tenants:\n- {{name: a, listen: 'tcp://127.0.0.1:{port}'}}\n") as host:
            def lines():
                return host.log().count("\n")

            def allowed():
                """200 lines at once and 20 more each second, and what the host says of itself."""
                return 220 + 20 * (time.monotonic() - begin)

            for _ in range(600):
                with connect_tcp(port) as connection:
                    connection.sendall(b"GET / HTTP/1.1\r\n\r\n")
                    Client(connection, hello=False).is_gone()
            self.assertIn("a protocol that is not known here", host.log())
            self.assertLess(lines(), allowed())


class Reload(unittest.TestCase):
    def test_tenants_come_and_go(self):
        first = "tenants:\n- {name: a, listen: 'unix://@/a.sock'}\n- {name: b, listen: 'unix://@/b.sock'}\n"
        with Host(first) as host:
            a = Client(connect_unix(host.path("a.sock")))
            b = Client(connect_unix(host.path("b.sock")))
            a.session(), b.session()
            host.reload("tenants:\n- {name: a, listen: 'unix://@/a.sock', weight: 7}\n"
                        "- {name: c, listen: 'unix://@/c.sock'}\n")
            a.noop(1)
            self.assertTrue(b.is_gone())
            self.assertFalse(os.path.exists(host.path("b.sock")))
            self.assertEqual(Client(connect_unix(host.path("c.sock"))).works(), 1)
            # The address goes to another tenant: whose connections end with it.
            host.reload("tenants:\n- {name: d, listen: 'unix://@/a.sock'}\n")
            self.assertTrue(a.is_gone())
            self.assertEqual(Client(connect_unix(host.path("a.sock"))).works(), 1)
            self.assertFalse(os.path.exists(host.path("c.sock")))
        self.assertFalse(os.path.exists(host.path("a.sock")))

    def test_bad_file_changes_nothing(self):
        with Host("tenants:\n- {name: a, listen: 'unix://@/a.sock'}\n") as host:
            a = Client(connect_unix(host.path("a.sock")))
            session = a.session()
            for bad, said in (("tenants:\n- name: a\n  listen: unix://@/a.sock\n  weight: 0\n",
                               "acceld.yaml:4: weight is 1 to 1000"),
                              ("tenants: [", "acceld.yaml:"),
                              ("tenants:\n- {name: x, listen: 'unix:///nowhere/x.sock'}\n",
                               "tenant x: cannot listen at /nowhere/x.sock")):
                host.reload(bad)
                self.assertIn(said, host.log())
                self.assertIn("the configuration stays as it was", host.log())
                a.noop(session)
            self.assertEqual(Client(connect_unix(host.path("a.sock"))).works(), 1)

    def test_under_load(self):
        """Clients of a tenant that stays notice nothing of many reloads."""
        lines = "tenants:\n- {name: a, listen: 'unix://@/a.sock'}\n- {name: w, listen: 'seqpacket://@/w.sock'}\n"
        with Host(lines) as host:
            ends, failures, calls = threading.Event(), [], []

            def use(connect):
                try:
                    client = connect()
                    session = client.session()
                    while not ends.is_set():
                        client.noop(session)
                        calls.append(1)
                except (Failed, Gone, OSError) as failure:
                    failures.append(failure)

            ways = [lambda: Client(connect_unix(host.path("a.sock"))),
                    lambda: WindowClient(connect_unix(host.path("a.sock"))),
                    lambda: WindowClient(connect_unix(host.path("w.sock"), socket.SOCK_SEQPACKET))]
            threads = [threading.Thread(target=use, args=[way]) for way in ways]
            for thread in threads:
                thread.start()
            for turn in range(10):
                before = len(calls)
                host.reload(lines + "".join(f"- {{name: t{i}, listen: 'unix://@/t{i}.sock'}}\n"
                                            for i in range(turn % 3)))
                self.assertTrue(wait_for(lambda: failures or len(calls) > before + 10))
            ends.set()
            for thread in threads:
                thread.join()
            self.assertEqual(failures, [])


class Documentation(unittest.TestCase):
    def test_every_key_is_told(self):
        """In the example and on the page, which is what people look at."""
        top = pathlib.Path(__file__).resolve().parents[2]
        keys = re.findall(r'\{"([a-z-]+)", KEY_', (top / "acceld/config/config.c").read_text())
        self.assertGreater(len(keys), 25)
        example = (top / "docs/acceld.yaml").read_text()
        page = (top / "docs/tenants.md").read_text()
        for key in keys:
            self.assertRegex(example, rf"(?m)^ +(- )?{key}: ", key)
            self.assertIn(f"`{key}`", page)


class Start(unittest.TestCase):
    def test_bad_file(self):
        with Host("tenants:\n- name: a\n  lisen: unix://@/a.sock\n") as host:
            self.assertIn("acceld.yaml:3: unknown key 'lisen'; did you mean 'listen'?", host.said)
            self.assertNotEqual(host.process.wait(remote.LIMIT_S), 0)

    def test_file_that_others_may_write(self):
        with Host("tenants: []\n") as host:
            os.chmod(host.config, 0o666)
            host.reload()
            self.assertIn("the configuration stays as it was", host.log())

    def test_socket_of_somebody_else(self):
        with socket.socket(socket.AF_UNIX) as other:
            with Host("tenants: []\n") as probe:
                path = probe.path("other.sock")
                other.bind(path)
                other.listen()
                probe.reload(f"tenants:\n- {{name: a, listen: 'unix://{path}'}}\n")
                self.assertIn("Address already in use", probe.log())
                self.assertTrue(os.path.exists(path))


if __name__ == "__main__":
    unittest.main(verbosity=2, warnings="ignore")
