"""Strangers, each of whom comes once: by another name, address, ticket or cookie, or for another room.

By hand: ``python -m tests.integration.hostile.strangers [COUNT] [KIND…]``: for each kind a server of its own, and how
much memory that has after each fifth of them.  What it remembers has its limits, so the later fifths add little.
"""

from __future__ import annotations

import select
import sys
import tempfile
import time
from base64 import b64encode
from collections import Counter
from collections.abc import Callable, Iterable
from itertools import islice
from pathlib import Path

from twisted.internet.task import Clock

from chatcomet.access.identity import Session
from chatcomet.access.sessions import Sessions, read_key
from tests.integration.hostile.assault import resident_kib
from tests.integration.hostile.castle import Castle, raise_castle
from tests.integration.plain_client import FORM, JSON, Connection, request
from tests.integration.server import Server

COUNT = 200_000
PARTS = 5
CONNECTIONS = 32
UNLIMITED = ("--session-rate", "0", "--room-rate", "0", "--readers-per-address", "0")

Kind = Callable[["Strangers", int], bytes]
"""The request of the stranger who has this number."""


class Strangers:
    """Those who come to `castle`."""

    def __init__(self, castle: Castle) -> None:
        self.castle = castle
        self._key = read_key(castle.server.folder / "chat.db.key")
        self._ticket = castle.ticket()

    def ask(self, kind: Kind, numbers: Iterable[int]) -> Counter[int]:
        """The statuses of what those with these `numbers` ask, over some connections at once."""
        left = iter(numbers)
        statuses: Counter[int] = Counter()
        poller = select.epoll()
        connections: dict[int, Connection] = {}
        for number in islice(left, CONNECTIONS):
            connection = Connection(self.castle.port)
            connections[connection.fileno()] = connection
            poller.register(connection.fileno(), select.EPOLLIN)
            connection.send(kind(self, number))
        while connections:
            for descriptor, _ in poller.poll(30):
                connection = connections[descriptor]
                statuses[connection.read().status] += 1
                following = next(left, None)
                if following is not None:
                    connection.send(kind(self, following))
                    continue
                del connections[descriptor]
                connection.close()
        poller.close()
        return statuses

    def session(self, number: int, member: bool = False) -> str:
        """The cookie of a session, as the server would have made it."""
        sessions = Sessions(self._key, time.time, Clock())
        return sessions.cookie(Session(f"session{number:015}", f"holder {number}", time.time(), member))

    def forged_ticket(self, number: int) -> str:
        """A ticket that is none."""
        head, claims, signature = self._ticket.split(".")
        return f"{head}.{claims}{number:08}.{signature}"


def cookie(strangers: Strangers, number: int) -> bytes:
    """A session that is none."""
    return _poll("lobby", {"Cookie": f"chatcomet=WyJ{number:060}.{number:027}"})


def holder(strangers: Strangers, number: int) -> bytes:
    """A guest, or a member, who has signed in before."""
    return _poll("lobby", {"Cookie": f"chatcomet={strangers.session(number, member=number % 2 == 0)}"})


def leaver(strangers: Strangers, number: int) -> bytes:
    """Who signs out."""
    return request("DELETE", "/session", headers={"Cookie": f"chatcomet={strangers.session(number)}"})


def forged(strangers: Strangers, number: int) -> bytes:
    """A ticket that is none."""
    return _poll("lobby", {"Authorization": f"Bearer {strangers.forged_ticket(number)}"})


def ticket(strangers: Strangers, number: int) -> bytes:
    """A good ticket."""
    text = strangers.castle.ticket(sub=f"carol{number}", jti=f"jti {number}")
    return _poll("hall", {"Authorization": f"Bearer {text}"})


def room(strangers: Strangers, number: int) -> bytes:
    """A room in which nobody has posted."""
    return _poll(f"room-{number}", {}, "&roster=0")


def looker(strangers: Strangers, number: int) -> bytes:
    """The same, by another route."""
    return request("GET", f"/rooms/room-{number}" + ("", "/messages?before=7", "/bans")[number % 3])


def address(strangers: Strangers, number: int) -> bytes:
    """A client of a proxy."""
    return _poll("lobby", {"X-Forwarded-For": _ip(number)}, "&roster=0")


def poster(strangers: Strangers, number: int) -> bytes:
    """A client of a proxy that posts."""
    return request("POST", "/chat/post", "message=hello", {"X-Forwarded-For": _ip(number), "Content-Type": FORM})


def guest(strangers: Strangers, number: int) -> bytes:
    """Who picks a name."""
    return request("POST", "/session", f'{{"name":"guest {number}"}}', {"Content-Type": JSON})


def guesser(strangers: Strangers, number: int) -> bytes:
    """Who guesses at the password of a name."""
    headers = {"X-Forwarded-For": _ip(number), "Content-Type": JSON}
    return request("POST", "/session", f'{{"name":"name {number}","password":"guess"}}', headers)


def script(strangers: Strangers, number: int) -> bytes:
    """The same with a poll."""
    basic = b64encode(f"script {number}:guess".encode()).decode()
    return _poll("lobby", {"X-Forwarded-For": _ip(number), "Authorization": f"Basic {basic}"})


def misled(strangers: Strangers, number: int) -> bytes:
    """Who takes the server for another one, from a page of another site."""
    name = f"host-{number}.example"
    return f"GET /session HTTP/1.1\r\nHost: {name}\r\nOrigin: https://{name}\r\n\r\n".encode()


STATUSES: dict[Kind, tuple[int, ...]] = {
    cookie: (410,),
    holder: (410,),
    leaver: (204, 503),  # which is said where too many have
    forged: (401,),
    ticket: (410,),
    room: (410,),
    looker: (200,),
    address: (410,),
    poster: (200,),
    guest: (200,),
    guesser: (401,),
    script: (401,),
    misled: (421,),
}
"""How each kind fares, or most of it: by a cursor of elsewhere one is answered at once."""


def _poll(room: str, headers: dict[str, str], more: str = "") -> bytes:
    return request("GET", f"/rooms/{room}/messages?cursor=elsewhere.0&wait=0{more}", headers=headers)


def _ip(number: int) -> str:
    return f"20.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"


def main(count: int, kinds: list[str]) -> None:
    """Tell of each kind."""
    for kind in STATUSES:
        if not kinds or kind.__name__ in kinds:
            with tempfile.TemporaryDirectory() as folder:
                _measure(kind, count, Path(folder))


def _measure(kind: Kind, count: int, folder: Path) -> None:
    started: list[Server] = []

    def start(*options: str, environ: dict[str, str] | None = None) -> Server:
        started.append(Server(folder, *options, environ=environ))
        started[0].start()
        return started[0]

    strangers = Strangers(raise_castle(start, folder, *UNLIMITED))
    statuses: Counter[int] = Counter()
    mebibytes = [resident_kib(started[0].pid) // 1024]
    for part in range(PARTS):
        statuses += strangers.ask(kind, range(part * count // PARTS, (part + 1) * count // PARTS))
        mebibytes.append(resident_kib(started[0].pid) // 1024)
    log = started[0].log
    wrong = [word for word in ("Traceback", "Unhandled", "fault") if word in log]
    told = f"{dict(statuses)}; MiB {mebibytes}; {log.count(chr(10))} lines of log {wrong}"
    print(f"{kind.__name__}: {count}, {told}", flush=True)  # noqa: T201  # this is for whoever measures
    started[0].close()


if __name__ == "__main__":
    main(int(sys.argv[1]) if sys.argv[1:] else COUNT, sys.argv[2:])
