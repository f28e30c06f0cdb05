"""Requests to functions without a gateway: composed and parsed by the gateway's own code."""

import collections
import subprocess

LIMIT = 120  # seconds for one command

Response = collections.namedtuple("Response", "status length headers body log exit")


class Refused(Exception):
    """What the program wrote is no response."""


def compose(tool, contract, method, target, headers, body):
    """The variables, and what the program reads."""
    done = subprocess.run([tool, "compose", contract, method, target,
                           *(f"{name}:{value}" for name, value in headers)],
                          input=body, capture_output=True, timeout=LIMIT, check=True)
    lines, _, given = done.stdout.partition(b"\n\n") if done.stdout[:1] != b"\n" else \
        (b"", b"", done.stdout[1:])
    return lines.decode().splitlines(), given


def parse(tool, contract, method, output, status):
    done = subprocess.run([tool, "parse", contract, method, str(status)], input=output,
                          capture_output=True, timeout=LIMIT, check=False)
    if done.returncode:
        raise Refused(done.stderr.decode().strip())
    head, _, body = done.stdout.partition(b"\n\n")
    code, length, *lines = head.decode().splitlines()
    return int(code), int(length), [tuple(line.split(": ", 1)) for line in lines], body


class Exchange:
    """A program and its contract. `command` gets the variables and returns the command line."""

    def __init__(self, tool, contract, command):
        self.tool, self.contract, self.command = tool, contract, command

    def run(self, method, target, body=b"", headers=()):
        variables, given = compose(self.tool, self.contract, method, target, headers, body)
        return subprocess.run(self.command(variables), input=given, capture_output=True,
                              timeout=LIMIT, check=False)

    def relay(self, target, parts):
        """Sends parts of the body, each when the one before it has come back. Returns the response."""
        _, given = compose(self.tool, self.contract, "POST", target, (), b"".join(parts))
        head = given[:-sum(map(len, parts))]
        with subprocess.Popen(self.command([]), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, bufsize=0) as process:
            process.stdin.write(head)
            got = b""
            for part in parts:
                process.stdin.write(part)
                while part not in got:
                    more = process.stdout.read(65536)
                    if not more:
                        raise Refused(f"{part} did not come back")
                    got += more
            process.stdin.close()
            got += process.stdout.read()
        return parse(self.tool, self.contract, "POST", got, process.wait())

    def ask(self, method, target, body=b"", headers=()):
        done = self.run(method, target, body, headers)
        try:
            parsed = parse(self.tool, self.contract, method, done.stdout, done.returncode)
        except Refused as error:
            raise Refused(f"{error}\n{done.stderr.decode(errors='replace')}") from error
        return Response(*parsed, done.stderr.decode(errors="replace"), done.returncode)
