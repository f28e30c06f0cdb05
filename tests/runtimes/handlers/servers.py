"""Starts a server of HTTP with workers, hands it its request over loopback, and prints the answer.

servers.py COMMAND..., where PORT in it is the port."""
import http.client
import os
import signal
import subprocess
import sys
import time

PORT = 8099


def ask(method, body=None):
    connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=60)
    connection.request(method, "/fruit", body)
    response = connection.getresponse()
    return response.status, response.read().decode()


def start(command):
    server = subprocess.Popen([word.replace("PORT", str(PORT)) for word in command], cwd=os.path.dirname(__file__),
                              stderr=subprocess.DEVNULL)
    for _ in range(600):
        try:
            ask("GET")
            return server
        except OSError:
            if server.poll() is not None:
                sys.exit(f"the server ended: {server.returncode}")
            time.sleep(0.1)
    sys.exit("the server does not answer")


serving = start(sys.argv[1:])
print(*ask("POST", sys.stdin.read()))
serving.send_signal(signal.SIGTERM)
print("end", serving.wait())
