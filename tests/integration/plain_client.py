"""A plain HTTP client over a blocking socket, for tests in which bytes matter: it sends what it is given."""

from __future__ import annotations

import fcntl
import json
import select
import socket
import ssl
import struct
import termios
from array import array
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlencode

HOST = "127.0.0.1"
NAME = "chat.localhost"
"""What requests call the server: every server is known as that."""
PATIENCE_SECONDS = 10.0
FORM = "application/x-www-form-urlencoded"
JSON = "application/json"


@dataclass(frozen=True)
class Tls:
    """A TCP port on which TLS is spoken; whoever is there is believed.  `receive_bytes`: what our system takes in."""

    port: int
    receive_bytes: int | None = None


Address = int | Path | Tls
"""Where a server listens: a TCP port, a UNIX socket's path, or a port with TLS."""


@dataclass(frozen=True)
class Answer:
    """What came back.  The names of `headers` are in lower case."""

    status_line: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def status(self) -> int:
        """The status as a number."""
        return int(self.status_line.split(" ")[1])

    def json(self) -> Any:
        """The body, which is JSON."""
        return json.loads(self.body)


class Connection:
    """One connection; it waits for nothing longer than `patience_seconds`."""

    def __init__(self, address: Address, patience_seconds: float = PATIENCE_SECONDS) -> None:
        self._received = b""
        if isinstance(address, int):
            self._socket = socket.create_connection((HOST, address), patience_seconds)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        elif isinstance(address, Tls):
            self._socket = _connect_by_tls(address, patience_seconds)
        else:
            self._socket = socket.socket(socket.AF_UNIX)
            self._socket.settimeout(patience_seconds)
            self._socket.connect(str(address))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def send(self, data: bytes) -> None:
        """Send exactly these bytes."""
        self._socket.sendall(data)

    def read(self, method: str = "GET") -> Answer:
        """The next answer, whole; `method` is that of its request."""
        head = self.read_head()
        return head if method == "HEAD" else replace(head, body=self._body(head.status_line, head.headers))

    def read_head(self) -> Answer:
        """The next answer without its body, which is still to come."""
        status_line, *lines = self._until(b"\r\n\r\n").decode("latin-1").split("\r\n")
        return Answer(status_line, _headers(lines), b"")

    def read_chunk(self) -> bytes:
        """The next chunk of a body that is sent in chunks; empty at its end."""
        length = int(self._until(b"\r\n"), 16)
        chunk = self.take(length + 2)
        assert chunk.endswith(b"\r\n")
        return chunk[:-2]

    def ask(self, method: str, path: str, body: bytes | str = b"", headers: Mapping[str, str] | None = None) -> Answer:
        """Send one request and read its answer."""
        self.send(request(method, path, body, headers))
        return self.read(method)

    @property
    def received(self) -> bytes:
        """What has been received and not read."""
        return self._received

    @property
    def arrived_bytes(self) -> int:
        """How much has come here and waits to be received."""
        count = array("i", [0])
        fcntl.ioctl(self._socket, termios.FIONREAD, count)
        return count[0]

    def silent(self) -> bool:
        """Whether nothing has come, neither an answer nor the end."""
        poller = select.poll()
        poller.register(self._socket, select.POLLIN)
        return not (self._received or poller.poll(0))

    def ended(self) -> bool:
        """Wait for more: whether it is the end of the connection."""
        try:
            return not self._received and not self._socket.recv(1, socket.MSG_PEEK)
        except ConnectionResetError:
            return True

    def receive(self, count: int) -> int:
        """Take at most `count` more bytes from the wire; how many there were (0: the end)."""
        data = self._socket.recv(count)
        self._received += data
        return len(data)

    def fileno(self) -> int:
        """The descriptor of its socket."""
        return self._socket.fileno()

    def close(self) -> None:
        """Say goodbye (FIN)."""
        self._socket.close()

    def reset(self) -> None:
        """Vanish (RST)."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._socket.close()

    def _receive(self) -> None:
        if not self.receive(65536):
            raise ConnectionError(f"the connection ended after {self._received!r}")

    def _body(self, status_line: str, headers: Mapping[str, str]) -> bytes:
        if status_line.split(" ")[1] == "204":
            return b""
        return self.take(int(headers["content-length"]))

    def _until(self, mark: bytes) -> bytes:
        """What comes before `mark`, which is passed over."""
        while mark not in self._received:
            self._receive()
        before, self._received = self._received.split(mark, 1)
        return before

    def take(self, length: int) -> bytes:
        """The next `length` bytes."""
        while len(self._received) < length:
            self._receive()
        taken, self._received = self._received[:length], self._received[length:]
        return taken


def _connect_by_tls(address: Tls, patience_seconds: float) -> ssl.SSLSocket:
    plain = socket.socket()
    plain.settimeout(patience_seconds)
    if address.receive_bytes is not None:
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, address.receive_bytes)
    plain.connect((HOST, address.port))
    return ssl._create_unverified_context().wrap_socket(plain)


def request(method: str, path: str, body: bytes | str = b"", headers: Mapping[str, str] | None = None) -> bytes:
    """One HTTP/1.1 request as bytes."""
    content = body.encode() if isinstance(body, str) else body
    lines = [f"{method} {path} HTTP/1.1", f"Host: {NAME}"]
    if content:
        lines.append(f"Content-Length: {len(content)}")
    lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + content


def ask(port: int, method: str, path: str, body: bytes | str = b"", headers: Mapping[str, str] | None = None) -> Answer:
    """One request over a connection of its own."""
    with Connection(port) as connection:
        return connection.ask(method, path, body, headers)


def post_json(port: int, room: str, body: object, **headers: str) -> Answer:
    """Post a message to `room`; headers are named with ``_`` for ``-``."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return ask(port, "POST", f"/rooms/{room}/messages", json.dumps(body), {"Content-Type": JSON, **named})


def post_text(port: int, text: str) -> Answer:
    """Post as the seed's clients do, to the room ``lobby``."""
    return ask(port, "POST", "/chat/post", urlencode({"message": text}), {"Content-Type": FORM})


def cursor(port: int, room: str) -> tuple[str, int]:
    """The epoch, and the head of `room`."""
    epoch, _, head = ask(port, "GET", f"/rooms/{room}/messages?limit=1").json()["cursor"].partition(".")
    return epoch, int(head)


def settle(port: int) -> None:
    """Return when the server has taken in all that was sent to it before: it reads what came first, first."""
    cursor(port, "lobby")


def _headers(lines: list[str]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(":")
        assert name.lower() not in headers, f"{name} is given twice"
        headers[name.lower()] = value.strip()
    return headers
