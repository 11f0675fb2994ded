"""Every choice that an operator has, in one frozen value; ``tap.py`` makes it from the command line."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network

from chatcomet.core.message import DEFAULT_SIZES, Sizes
from chatcomet.errors import Malformed

_RATE = re.compile(r"([1-9][0-9]{0,5})/(s|min|h)(?::([1-9][0-9]{0,5}))?", re.ASCII)
_UNIT_SECONDS = {"s": 1, "min": 60, "h": 3600}


@dataclass(frozen=True, slots=True)
class Rate:
    """How often something may be done: `per_second` for long, and `burst` at once after a pause."""

    per_second: float
    burst: int

    @classmethod
    def parse(cls, text: str) -> Rate:
        """The rate that `text` says, as ``10/s`` or ``10/s:30`` do; without a burst all may come at once.

        Raises `Malformed`.
        """
        match = _RATE.fullmatch(text)
        if match is None:
            raise Malformed("a rate is a number, a slash and s, min or h, and maybe a burst: 10/s, 20/h or 10/s:30")
        return cls(int(match[1]) / _UNIT_SECONDS[match[2]], int(match[3] or match[1]))

    def times(self, count: int) -> Rate:
        """That of `count` who have this one each."""
        return Rate(self.per_second * count, self.burst * count)

    def __str__(self) -> str:
        counts = {unit: round(self.per_second * seconds, 6) for unit, seconds in _UNIT_SECONDS.items()}
        unit = next((unit for unit, count in counts.items() if count >= 1 and count.is_integer()), "h")
        at_once = "" if counts[unit] == self.burst else f":{self.burst}"
        return f"{counts[unit]:.6g}/{unit}{at_once}"


FREE_TRIES = 5
LINE_BYTES = 8 * 1024
HEADER_BYTES = 32 * 1024
BODY_BYTES = 64 * 1024
HEADER_SECONDS = 10.0
BODY_SECONDS = 60.0
IDLE_SECONDS = 75.0


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """How long what comes on a connection may be, and how long it may take (``http/limited.py`` keeps them).

    `line_bytes`: of a first line, and of a header line.  `header_bytes`: of all these of a request.  `body_bytes`: of
    a body, and of a WebSocket's message.  `header_seconds`, `body_seconds`: until these have come, in all.
    `idle_seconds`: for how long nothing has to be asked, or taken.
    """

    line_bytes: int = LINE_BYTES
    header_bytes: int = HEADER_BYTES
    body_bytes: int = BODY_BYTES
    header_seconds: float = HEADER_SECONDS
    body_seconds: float = BODY_SECONDS
    idle_seconds: float = IDLE_SECONDS


DEFAULT_LIMITS = ConnectionLimits()


@dataclass(frozen=True, slots=True)
class Settings:
    """How one server runs.  Units stand in the names; ranges are checked where options are read.

    `listen`: Twisted endpoint strings.  `store`: ``memory:`` or ``sqlite:PATH``.
    `retain`: how many messages a room keeps; 0 keeps all.  `retain_days`: for how many days; 0 keeps them for ever.
    `prefix`: the path under which everything is served: "" or ``/like/this``.
    `origins`: other sites whose pages may read and post, as browsers name them (``https://example.org``).
    `hosts`: the names by which the server may be called, beside addresses and localhost; none for the machine's own,
    ``*`` for any.
    `ticket_keys`: files, each with a key that tickets may be signed with; without any there are no tickets.
    `ticket_audience`: whom tickets have to be for; None: nobody in particular.
    `guests`: whether anything is open to who has neither signed in nor a ticket.
    `rooms`: the path of the file that says what holds in which room (``access/policy.py``).

    Limits, of which None is none: `post_rate` of a session or, without one, an address; `session_rate`, of sessions
    made from one address; `room_rate`, of rooms made by a session or, without one, from an address.  `readers`: how
    many may wait or follow a stream at once; 0 is no limit, None as many as the process has descriptors for.
    `readers_per_address`: how many of these from one address; 0 is no limit.  `proxies`: whose word on where a request
    comes from is believed, and who is not counted by address itself; loopback need not be named.
    `sign_in_tries`: how many sign-ins may fail before the next has to wait (``access/tries.py``).
    `sizes`: how long messages and pages may be.  `connections`: what holds on each of them.
    """

    listen: tuple[str, ...] = ("tcp:8080",)
    store: str = "sqlite:chatcomet.db"
    hold_seconds: float = 25.0
    retain: int = 100_000
    retain_days: float = 0.0
    prefix: str = ""
    origins: frozenset[str] = frozenset()
    hosts: frozenset[str] = frozenset()
    ticket_keys: tuple[str, ...] = ()
    ticket_audience: str | None = None
    guests: bool = True
    rooms: str | None = None
    post_rate: Rate | None = Rate(10.0, 30)
    session_rate: Rate | None = Rate(10 / 60, 10)
    room_rate: Rate | None = Rate(20 / 3600, 20)
    readers: int | None = None
    readers_per_address: int = 200
    proxies: tuple[IPv4Network | IPv6Network, ...] = ()
    sign_in_tries: int = FREE_TRIES
    sizes: Sizes = DEFAULT_SIZES
    connections: ConnectionLimits = DEFAULT_LIMITS
