#!/usr/bin/env python3
"""Further ways to mayfly-acceld: TLS with certificates of all sorts, vsock, the hybrid vsocks of sandboxes that
come and go; and thousands of clients."""
import os
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import threading
import time
import unittest

import remote
from remote import Client, Failed, Gone, Host, connect_tcp, connect_unix, wait_for

MANY = 10000


class Authority:
    """Makes certificates."""

    def __init__(self, directory, name):
        self.directory, self.name = directory, name
        self.openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                     "-subj", f"/CN={name}", "-keyout", self.path("key"), "-out", self.path("pem"))

    def path(self, kind, name=None):
        return os.path.join(self.directory, f"{name or self.name}.{kind}")

    def openssl(self, *words):
        subprocess.run(["openssl", *words], check=True, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)

    def issue(self, name, days=2, extensions=""):
        """A certificate for a name, and its key."""
        with open(self.path("ext", name), "w", encoding="ascii") as file:
            file.write(f"subjectAltName=DNS:{name}\n{extensions}")
        self.openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", f"/CN={name}",
                     "-keyout", self.path("key", name), "-out", self.path("csr", name))
        self.openssl("x509", "-req", "-in", self.path("csr", name), "-CA", self.path("pem"), "-CAkey",
                     self.path("key"), "-CAcreateserial", "-days", str(days), "-extfile", self.path("ext", name),
                     "-out", self.path("pem", name))
        return self.path("pem", name), self.path("key", name)


@unittest.skipUnless(shutil.which("openssl"), "no openssl to make certificates")
class Tls(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.mkdtemp(prefix="mayfly-tls-", dir="/tmp")
        cls.authority = Authority(cls.directory, "ca")
        cls.other = Authority(cls.directory, "other-ca")
        cls.server = cls.authority.issue("host.test")
        cls.port = remote.reserve_port()
        cls.config = f"""
tenants:
  - name: tls
    listen: tls://127.0.0.1:{cls.port}
    certificate: {cls.server[0]}
    key: {cls.server[1]}
    authority: {cls.authority.path("pem")}
    clients: [good.test, also.test, late.test, server-only.test]
    hello-limit: 1m
"""
        cls.host = Host(cls.config)
        assert cls.host.said == "\n", cls.host.said

    @classmethod
    def tearDownClass(cls):
        cls.host.stop()
        shutil.rmtree(cls.directory)

    def connect(self, certificate=None, version=None):
        context = ssl.create_default_context(cafile=self.authority.path("pem"))
        if certificate:
            context.load_cert_chain(*certificate)
        if version:
            context.maximum_version = version
        connection = connect_tcp(self.port)
        try:
            return Client(context.wrap_socket(connection, server_hostname="host.test"))
        except BaseException:
            connection.close()
            raise

    def assert_refused(self, certificate, said):
        before = len(self.host.log())
        with self.assertRaises((ssl.SSLError, Gone, ConnectionError)):
            self.connect(certificate)
        self.assertTrue(wait_for(lambda: said in self.host.log()[before:].lower()), self.host.log()[before:])

    def test_good(self):
        certificate = self.authority.issue("good.test")
        for version in (None, ssl.TLSVersion.TLSv1_2):
            client = self.connect(certificate, version)
            session = client.session()
            for length in (1, 100, 70000, 5 << 20 if not version else 1):
                client.ask_and_skip(*self.message(session, min(length, (1 << 20) - 4096)))
            self.assertEqual(client.works(), 2)
            client.close()

    @staticmethod
    def message(session, length):
        message, _ = remote.encode(remote.CLASSIFY, session, [(remote.BUFFER, bytes(length))],
                                   [(remote.UCHAR_ARRAY, 16), (remote.UCHAR_ARRAY, 32)])
        return len(message), message

    def test_refused(self):
        self.assert_refused(None, "certificate")
        self.assert_refused(self.authority.issue("late.test", days=-1), "expired")
        self.assert_refused(self.other.issue("also.test"), "issuer")
        self.assert_refused(self.authority.issue("stranger.test"), "none of the names")
        self.assert_refused(self.authority.issue("server-only.test", extensions="extendedKeyUsage=serverAuth\n"),
                            "certificate")
        self.assertEqual(self.connect(self.authority.issue("good.test")).works(), 1)

    def test_no_tls(self):
        for content in (b"MYFY" + bytes(100), bytes(100), b"\x16\x03\x01" + bytes(100)):
            with connect_tcp(self.port) as connection:
                connection.sendall(content)
                self.assertTrue(Client(connection, hello=False).is_gone())
        self.assertEqual(self.connect(self.authority.issue("good.test")).works(), 1)

    def test_silent(self):
        port = remote.reserve_port()
        with Host(self.config.replace(str(self.port), str(port)).replace("hello-limit: 1m", "hello-limit: 2s")):
            silent = connect_tcp(port)
            self.assertTrue(Client(silent, hello=False).is_gone())

    def test_strangers_keep_nobody_out(self):
        """All places taken by connections that never show a certificate: they have to leave for those that wait,
        long before their time is over."""
        port = remote.reserve_port()
        with Host(self.config.replace(str(self.port), str(port)).replace("hello-limit: 1m", "hello-limit: 1m\n"
                  "    relay-connections: 20")) as host:
            self.assertTrue(wait_for(host.relays))
            strangers = [connect_tcp(port) for _ in range(60)]
            context = ssl.create_default_context(cafile=self.authority.path("pem"))
            context.load_cert_chain(*self.authority.issue("good.test"))
            client = Client(context.wrap_socket(connect_tcp(port), server_hostname="host.test"))
            self.assertEqual(client.works(), 1)
            for stranger in strangers:
                stranger.close()

    def test_renewed(self):
        """A reload takes the files as they are now; who is connected stays so."""
        certificate = self.authority.issue("also.test")
        client = self.connect(certificate)
        session = client.session()
        old = open(self.server[0], encoding="ascii").read()
        self.authority.issue("host.test")
        self.assertNotEqual(old, open(self.server[0], encoding="ascii").read())
        self.host.reload()

        def serial():
            try:
                return self.connect(certificate).connection.getpeercert()["serialNumber"]
            except (ConnectionError, ssl.SSLError, Gone):
                return None

        first = client.connection.getpeercert()["serialNumber"]
        self.assertTrue(wait_for(lambda: serial() not in (None, first)))
        client.noop(session)

    def test_bad_files(self):
        with Host(self.config.replace(str(self.port), str(remote.reserve_port())).replace(
                self.server[1], "/nowhere/key.pem")) as host:
            self.assertIn("tenant tls: cannot read /nowhere/key.pem", host.said)


class Programs(unittest.TestCase):
    """Programs that know vAccel's API only, with our library: their own checks pass over each way."""

    def run_program(self, program, address, **variables):
        environment = {**os.environ, "VACCEL_RPC_ADDRESS": address, **variables}
        environment.pop("VACCEL_PLUGINS", None)
        done = subprocess.run([program], env=environment, capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(done.returncode, 0, f"{program} at {address}:\n{done.stderr[-2000:]}")

    def test_each_way(self):
        programs = os.environ["ACCEL_PROGRAMS"].split(":")
        port = remote.reserve_port()
        directory = tempfile.mkdtemp(prefix="mayfly-vc-", dir="/tmp")
        self.addCleanup(shutil.rmtree, directory, ignore_errors=True)
        os.makedirs(os.path.join(directory, "box"))
        box = HybridVsock(os.path.join(directory, "box"))
        with Host(f"""
tenants:
  - {{name: a, listen: 'unix://@/a.sock'}}
  - {{name: b, listen: 'tcp://127.0.0.1:{port}'}}
  - {{name: c, listen: 'seqpacket://@/c.sock'}}
sandboxes:
  - directory: {directory}
""") as host:
            self.assertTrue(wait_for(lambda: os.path.exists(box.uds + "_2048")))
            # A guest's vsock ends in this socket.
            for address in (f"unix://{host.path('a.sock')}", f"tcp://127.0.0.1:{port}", f"unix://{host.path('c.sock')}",
                            f"unix://{box.uds}_2048"):
                for program in programs:
                    with self.subTest(address=address, program=os.path.basename(program)):
                        self.run_program(program, address)
        box.close()

    @unittest.skipUnless(shutil.which("openssl"), "no openssl to make certificates")
    def test_tls(self):
        directory = tempfile.mkdtemp(prefix="mayfly-tls-", dir="/tmp")
        self.addCleanup(shutil.rmtree, directory, ignore_errors=True)
        authority, port = Authority(directory, "ca"), remote.reserve_port()
        server, client = authority.issue("localhost"), authority.issue("good.test")
        with Host(f"tenants:\n- name: t\n  listen: tls://127.0.0.1:{port}\n  certificate: {server[0]}\n"
                  f"  key: {server[1]}\n  authority: {authority.path('pem')}\n  clients: [good.test]\n"):
            for program in os.environ["ACCEL_PROGRAMS"].split(":"):
                self.run_program(program, f"tls://localhost:{port}", MAYFLY_TLS_AUTHORITY=authority.path("pem"),
                                 MAYFLY_TLS_CERTIFICATE=client[0], MAYFLY_TLS_KEY=client[1])


class Vsock(unittest.TestCase):
    PORT = 20480

    def setUp(self):
        self.assertTrue(hasattr(socket, "AF_VSOCK"))
        try:
            with socket.socket(socket.AF_VSOCK) as listener, socket.socket(socket.AF_VSOCK) as client:
                listener.bind((socket.VMADDR_CID_ANY, self.PORT - 1))
                listener.listen()
                client.settimeout(2)
                client.connect((1, self.PORT - 1))
        except OSError as error:
            self.skipTest(f"no loopback of vsocks here (module vsock_loopback): {error}")

    def test_loopback(self):
        with Host(f"tenants:\n- {{name: v, listen: 'vsock://:{self.PORT}', clients: ['1']}}\n"
                  f"- {{name: w, listen: 'vsock://:{self.PORT + 1}', clients: ['77']}}\n") as host:
            self.assertEqual(host.said, "\n")
            connection = socket.socket(socket.AF_VSOCK)
            connection.settimeout(remote.LIMIT_S)
            connection.connect((1, self.PORT))
            self.assertEqual(Client(connection).works(), 1)
            other = socket.socket(socket.AF_VSOCK)
            other.settimeout(remote.LIMIT_S)
            other.connect((1, self.PORT + 1))
            self.assertTrue(Client(other, hello=False).is_gone())


class HybridVsock:
    """What Firecracker does with its hybrid vsock, for a guest that is not there: connections of the guest go to
    `<uds>_PORT`; the host's own, which begin with "CONNECT PORT", to the guest."""

    def __init__(self, directory, name="v.sock"):
        self.uds = os.path.join(directory, name)
        self.listener = socket.socket(socket.AF_UNIX)
        # A path may be longer than an address.
        fd = os.open(directory, os.O_PATH | os.O_DIRECTORY)
        self.listener.bind(f"/proc/self/fd/{fd}/{name}")
        os.close(fd)
        self.listener.listen()
        self.accepted = []
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            line = connection.makefile("rb").readline()
            port = int(line.split()[1])
            self.accepted.append(port)
            connection.sendall(b"OK 1073741824\n")
            connection.close()

    def guest_connect(self, port):
        """From within: nobody there is a reset for the guest."""
        directory, name = os.path.split(self.uds)
        fd = os.open(directory, os.O_PATH | os.O_DIRECTORY)
        try:
            connection = socket.socket(socket.AF_UNIX)
            connection.settimeout(remote.LIMIT_S)
            connection.connect(f"/proc/self/fd/{fd}/{name}_{port}")
            return connection
        except OSError:
            connection.close()
            raise
        finally:
            os.close(fd)

    def host_connect(self, port):
        """The other direction, which is no business of ours, goes on working."""
        with connect_unix(self.uds) as connection:
            connection.sendall(f"CONNECT {port}\n".encode())
            return connection.recv(64)

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        os.unlink(self.uds)


class Sandboxes(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.mkdtemp(prefix="mayfly-vc-", dir="/tmp")
        self.addCleanup(shutil.rmtree, self.directory, ignore_errors=True)
        self.id = "0123456789abcdef" * 4

    def make(self, identity, root=False, name="v.sock"):
        directory = os.path.join(self.directory, identity, *(["root"] if root else []))
        os.makedirs(directory, exist_ok=True)
        return HybridVsock(directory, name)

    def reach(self, sandbox, port=2048):
        """A client from within, as soon as somebody listens."""
        def attempt():
            try:
                return Client(sandbox.guest_connect(port))
            except (OSError, Gone):
                return None
        client = wait_for(attempt)
        self.assertTrue(client, "nobody listens for the sandbox")
        return client

    def test_come_and_go(self):
        early = self.make("early")
        with Host(arguments=[f"--vsock-dir={self.directory}"]) as host:
            self.assertEqual(host.said, "\n")
            jailed = self.make(self.id, root=True, name="kata.hvsock")
            clients = [self.reach(early), self.reach(jailed)]
            sessions = [client.session() for client in clients]
            self.assertEqual(sessions, [1, 1])
            self.assertEqual(early.host_connect(1024), b"OK 1073741824\n")
            self.assertEqual(early.accepted, [1024])
            self.assertTrue(wait_for(lambda: len(host.relays()) == 2))
            with self.assertRaises(OSError):
                early.guest_connect(2049)
            # One ends: its client goes, its socket too; the other one does not notice.
            early.close()
            self.assertTrue(clients[0].is_gone())
            self.assertTrue(wait_for(lambda: not os.path.exists(early.uds + "_2048")))
            clients[1].noop(sessions[1])
            self.assertTrue(wait_for(lambda: len(host.relays()) == 1))
            # Another one of the same name is another tenant.
            again = self.make("early")
            self.assertEqual(self.reach(again).works(), 1)
            # The whole directory may go at once.
            jailed.listener.close()
            shutil.rmtree(os.path.join(self.directory, self.id))
            self.assertTrue(clients[1].is_gone())
            self.assertTrue(wait_for(lambda: len(host.relays()) == 1))
            again.close()
        self.assertEqual(os.listdir(os.path.join(self.directory, "early")), [])

    def test_directory_comes_later(self):
        shutil.rmtree(self.directory)
        with Host(arguments=[f"--vsock-dir={self.directory}"]) as host:
            self.assertEqual(host.said, "\n")
            sandbox = self.make("one")
            self.assertEqual(self.reach(sandbox).works(), 1)
            sandbox.close()

    def test_what_is_no_sandbox(self):
        """Files, links and strange names are left alone."""
        target = os.path.join(self.directory, "target")
        os.makedirs(os.path.join(self.directory, "file"))
        with open(os.path.join(self.directory, "file", "v.sock"), "w", encoding="ascii"):
            pass
        os.makedirs(os.path.join(self.directory, "strange name"))
        strange = self.make("strange name")
        outside = tempfile.mkdtemp(prefix="mayfly-outside-", dir="/tmp")
        self.addCleanup(shutil.rmtree, outside, ignore_errors=True)
        linked = HybridVsock(outside)
        os.symlink(outside, target)
        os.makedirs(os.path.join(self.directory, "link"))
        os.symlink(linked.uds, os.path.join(self.directory, "link", "v.sock"))
        with Host(arguments=[f"--vsock-dir={self.directory}"]) as host:
            good = self.make("good")
            self.assertEqual(self.reach(good).works(), 1)
            self.assertEqual(len(host.relays()), 1)
            self.assertEqual(os.listdir(outside), ["v.sock"])
            self.assertEqual(os.listdir(os.path.join(self.directory, "link")), ["v.sock"])
            good.close()
        strange.close()
        linked.close()

    def test_restless(self):
        """A monitor that makes its socket anew all the time, and moves directories away, gets no more by that."""
        with Host(arguments=[f"--vsock-dir={self.directory}"]) as host:
            good = self.make("good")
            client = self.reach(good)
            session = client.session()
            begin, own = time.monotonic(), os.path.join(self.directory, "restless")
            for turn in range(400):
                self.make("restless", root=True).close()
                os.rename(os.path.join(own, "root"), os.path.join(own, f"moved{turn}"))
                time.sleep(0.002)
            times = host.log().count("sandbox restless is a tenant")
            # Once a second, however long that took.
            self.assertLessEqual(times, 2 + time.monotonic() - begin)
            client.noop(session)
            # Watches of the two directories above, of the good one and, maybe, of one root.
            self.assertTrue(wait_for(lambda: host.watches() <= 4), host.watches())
            again = self.make("restless", root=True)
            self.assertEqual(self.reach(again).works(), 1)
            again.close()
            good.close()

    def test_configured(self):
        config = (f"sandboxes:\n- directory: {self.directory}\n  port: 3000\n  sockets: [mine.sock]\n"
                  "  weight: 5\n")
        sandbox, other = self.make("a", name="mine.sock"), self.make("b")
        with Host(config) as host:
            client = self.reach(sandbox, 3000)
            session = client.session()
            self.assertEqual(len(host.relays()), 1)
            host.reload(config.replace("weight: 5", "weight: 6"))
            client.noop(session)
            host.reload("tenants: []\n")
            self.assertTrue(client.is_gone())
            self.assertFalse(os.path.exists(sandbox.uds + "_3000"))
        sandbox.close()
        other.close()

    def test_many(self):
        """Fifty at once, which all end at once."""
        with Host(arguments=[f"--vsock-dir={self.directory}"]) as host:
            sandboxes = [self.make(f"s{i}") for i in range(50)]
            for sandbox in sandboxes:
                self.assertEqual(self.reach(sandbox).works(), 1)
            self.assertEqual(len(host.relays()), 50)
            for sandbox in sandboxes:
                sandbox.close()
            self.assertTrue(wait_for(lambda: not host.relays()))


class Many(unittest.TestCase):
    def test_connects(self):
        """Ten thousand clients, one after the other, leave nothing behind."""
        port = remote.reserve_port()
        with Host(f"tenants:\n- {{name: a, listen: 'tcp://127.0.0.1:{port}'}}\n"
                  "- {name: b, listen: 'unix://@/b.sock'}\n", log="warn") as host:
            def descriptors():
                return [len(os.listdir(f"/proc/{pid}/fd")) for pid in (host.worker(), *sorted(host.relays()))]

            def memory(pid):
                with open(f"/proc/{pid}/statm", encoding="ascii") as file:
                    return int(file.read().split()[1])

            for connect in (lambda: connect_tcp(port), lambda: connect_unix(host.path("b.sock"))):
                Client(connect()).close()
            self.assertTrue(wait_for(lambda: all(count < 20 for count in descriptors()[1:])))
            before, pages = descriptors(), {pid: memory(pid) for pid in host.relays()}
            begin = time.monotonic()
            for number in range(MANY):
                with (connect_tcp(port) if number % 2 else connect_unix(host.path("b.sock"))) as connection:
                    if number % 10 < 2:
                        Client(connection)
            print(f"{MANY} clients in {time.monotonic() - begin:.1f} s")
            self.assertTrue(wait_for(lambda: all(now <= then for now, then in zip(descriptors(), before))),
                            (descriptors(), before))
            # A sanitizer keeps what has been freed.
            if os.environ.get("SANITIZE", "none") in ("none", "undefined"):
                for pid, then in pages.items():
                    self.assertLess(memory(pid), then + 1000, "4 MiB")
            self.assertEqual(Client(connect_tcp(port)).works(), 1)

    def test_shares_of_the_host(self):
        """A tenant with all the connections that it may have keeps nobody else out."""
        with Host("tenants:\n- {name: a, listen: 'unix://@/a.sock', relay-connections: 1000}\n"
                  "- {name: b, listen: 'unix://@/b.sock'}\n", arguments=["--connections=100"], log="warn") as host:
            greedy = []
            refused = 0
            while not refused and len(greedy) < 200:
                try:
                    greedy.append(Client(connect_unix(host.path("a.sock"))))
                except Failed:
                    refused += 1
            self.assertTrue(refused)
            self.assertEqual(Client(connect_unix(host.path("b.sock"))).works(), 1)
            os.kill(host.worker(), signal.SIGKILL)
            self.assertTrue(all(client.is_gone() for client in greedy))
            self.assertEqual(Client(connect_unix(host.path("a.sock"))).works(), 1)


if __name__ == "__main__":
    unittest.main(verbosity=2, warnings="ignore")
