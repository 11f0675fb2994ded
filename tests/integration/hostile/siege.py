"""Siege: thousands who connect and do next to nothing, and come again when they are cut off.

By hand: ``python -m tests.integration.hostile.siege PORT SECONDS COUNT CURSOR KIND…``; at its end it tells how its
senders fared.
"""

from __future__ import annotations

import json
import math
import select
import socket
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import count
from statistics import median

from tests.integration.hostile.crowd import Crowd
from tests.integration.plain_client import HOST, JSON, NAME, Connection, cursor

HEADER = f"GET /chat/get/0 HTTP/1.1\r\nHost: {NAME}\r\nX-Slow: ".encode()
BODY = f"POST /chat/post HTTP/1.1\r\nHost: {NAME}\r\nContent-Length: 60000\r\n\r\nmessage=".encode()
PAGES = f"GET /openapi.yaml HTTP/1.1\r\nHost: {NAME}\r\n\r\n".encode() * 80
STREAM = f"GET /rooms/full/events?cursor=%b HTTP/1.1\r\nHost: {NAME}\r\n\r\n".encode()

KINDS: dict[str, bytes] = {"silent": b"", "header": HEADER, "body": BODY, "deaf": PAGES, "stream": STREAM}
"""What each sends at first: nothing; a header, or a body, and then a byte now and then; what asks for much that it
never takes.  `stream` follows a room that has been filled, from `%b`."""

_TRICKLES = ("header", "body")
_DEAF = ("deaf", "stream")
_CHUNK = 4_096
_SMALL = 4_096
"""What the systems of those who take nothing take in."""

_SEGMENT = 1_400
"""As on a real network; over loopback segments are large, and the server's system takes in megabytes for a few."""

KNOCKS_A_SECOND = 500.0
"""So fast they come: what is measured is not how they come, but that they are there."""

TURNS = 20
"""In a second: each who trickles sends in one of them."""

FULL = 60
"""Messages of 16 kB: more than the systems at both ends take in for one connection that takes nothing."""


@dataclass(slots=True)
class Sender:
    """One of them: what it does, and since when."""

    kind: str
    connection: socket.socket
    since: float
    got: bytes = b""

    @property
    def status(self) -> str:
        """How it was told to go: the status of the last answer, if it has heard one."""
        return self.got[9:12].decode() if self.got.startswith(b"HTTP/1.1 ") else "cut"


@dataclass
class Siege(Crowd[Sender]):
    """So many senders at a `port`, as many of each of `kinds`; they begin at the `cursor` of a room that is full.

    `comes_again`: whether one that was cut off is followed by another one.
    """

    port: int
    count: int
    cursor: str = "elsewhere.0"
    kinds: Sequence[str] = tuple(KINDS)
    comes_again: bool = False
    ends: Counter[tuple[str, str]] = field(default_factory=Counter)
    """How many of each kind have ended, by how they were told to go."""
    lives: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    """For how many seconds those lived."""

    def __post_init__(self) -> None:
        super().__init__()

    def begin(self, each_second: float = math.inf) -> None:
        """Let all come, so many in a second."""
        for number in range(self.count):
            self._come(self.kinds[number % len(self.kinds)])
            self.look(1 / each_second)

    def trickle(self, part: int = 0, parts: int = 1) -> None:
        """A byte more of each that trickles; or of those in one of so many parts of them."""
        for sender in list(self._senders.values()):
            if sender.kind in _TRICKLES and sender.connection.fileno() % parts == part:
                with suppress(OSError):
                    sender.connection.send(b"x")

    def _come(self, kind: str) -> None:
        connection = socket.socket()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, _SEGMENT)
        if kind in _DEAF:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _SMALL)
        connection.settimeout(10)
        connection.connect((HOST, self.port))
        connection.sendall(KINDS[kind].replace(b"%b", self.cursor.encode()))
        events = select.EPOLLERR | select.EPOLLHUP if kind in _DEAF else select.EPOLLIN | select.EPOLLRDHUP
        self._join(Sender(kind, connection, time.monotonic()), events)

    def _hear(self, sender: Sender) -> None:
        try:
            data = b"" if sender.kind in _DEAF else sender.connection.recv(_CHUNK)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        sender.got = (sender.got + data)[:_CHUNK]
        if data:
            return
        self.ends[sender.kind, sender.status] += 1
        self.lives[sender.kind].append(time.monotonic() - sender.since)
        self._go(sender)
        if self.comes_again:
            self._come(sender.kind)


def fill(port: int, room: str) -> str:
    """The cursor at the beginning of a room in which there is much."""
    body = json.dumps({"text": "", "data": "x" * 16_000})
    with Connection(port) as connection:
        for _ in range(FULL):
            assert connection.ask("POST", f"/rooms/{room}/messages", body, {"Content-Type": JSON}).status == 201
    return f"{cursor(port, room)[0]}.0"


def main(port: int, seconds: float, senders: int, cursor: str, *kinds: str) -> None:
    """Lay siege for so long."""
    siege = Siege(port, senders, cursor, kinds, comes_again=True)
    siege.begin(KNOCKS_A_SECOND)
    print("begun", flush=True)  # noqa: T201  # this is for whoever started it
    end = time.monotonic() + seconds
    for turn in count():
        siege.trickle(turn % TURNS, TURNS)  # nobody keeps time with the others
        siege.look(1.0 / TURNS)
        if time.monotonic() >= end:
            break
    lives = {kind: [round(point, 1) for point in _spread(lives)] for kind, lives in siege.lives.items()}
    ends = {" ".join(how): number for how, number in sorted(siege.ends.items())}
    print(json.dumps({"there": len(siege), "ended": ends, "seconds (least, median, most)": lives}))  # noqa: T201
    siege.end()


def _spread(lives: list[float]) -> tuple[float, float, float]:
    return min(lives), median(lives), max(lives)


if __name__ == "__main__":
    main(int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]), *sys.argv[4:])
