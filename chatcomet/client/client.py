"""The client: where the server is, and who asks.

All rooms of a client share its connections, which are kept open between requests, and its cookies: so its session.
Where it has a ticket, or a name and a password, these are shown with each request, and there is no session.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from random import Random
from typing import cast
from urllib.parse import urlsplit

from treq.client import HTTPClient
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.web.client import Agent, HTTPConnectionPool

from chatcomet.client.answers import RoomState, read_name, read_nothing, read_rooms
from chatcomet.client.credentials import Ticket, authorization
from chatcomet.client.exchange import Request
from chatcomet.client.room import Room
from chatcomet.client.server import Server
from chatcomet.errors import Malformed

PATIENCE_SECONDS = 30.0
CONNECT_SECONDS = 10.0
IDLE_CONNECTIONS = 64
"""So many are kept open between two requests: enough for a program that reads many rooms."""


class Client:
    """The server at `url`, with its prefix if it has one.  Raises `Malformed` for what can't be such a URL.

    `patience_seconds`: for how long to try, all in all, before `Unreachable`; a try that is under way may take
    15 seconds more.  `ticket`: one, or a function that gives the one of this moment: it is called for each request,
    and again where that was answered with 401.  `auth`: a name and a password.  `treq`, `clock` and `random` (numbers
    from 0 to 1) are for tests, and for who has their own.
    """

    def __init__(
        self,
        url: str,
        *,
        patience_seconds: float = PATIENCE_SECONDS,
        ticket: Ticket | None = None,
        auth: tuple[str, str] | None = None,
        treq: HTTPClient | None = None,
        clock: IReactorTime | None = None,
        random: Callable[[], float] | None = None,
    ) -> None:
        url = _check_url(url)
        shown = authorization(ticket, auth)
        self._patience_seconds = patience_seconds
        self._pool: HTTPConnectionPool | None = None
        if clock is None:
            from twisted.internet import reactor

            clock = cast(IReactorTime, reactor)
        if treq is None:
            self._pool = HTTPConnectionPool(clock)
            self._pool.maxPersistentPerHost = IDLE_CONNECTIONS
            treq = HTTPClient(Agent(clock, connectTimeout=CONNECT_SECONDS, pool=self._pool))
        luck = random or Random().random  # noqa: S311  # for jitter
        self._server = Server(url, treq, clock, luck, shown)

    def room(self, name: str) -> Room:
        """The room `name`, which need not exist yet.  Raises `Malformed` for what can't be its name."""
        return Room(name, self._server, self._patience_seconds)

    async def rooms(self) -> tuple[RoomState, ...]:
        """The rooms that the server lists, however often one has to ask for them; by name."""
        listed: dict[str, RoomState] = {}
        after: str | None = ""
        while after is not None:
            params = (("after", after),) if after else ()
            rooms, after = await self._server.ask(Request("GET", "rooms", params), read_rooms, self._patience_seconds)
            listed.update((room.room, room) for room in rooms)
        return tuple(listed.values())

    async def sign_in(self, name: str) -> str:
        """Be known as the guest `name` from now on; the name as the server writes it.

        Raises `Refused` if somebody else has it.  It stays taken for ten minutes after its last use, or until
        `sign_out`.
        """
        request = Request("POST", "session", body=json.dumps({"name": name}).encode())
        return await self._server.ask(request, read_name, self._patience_seconds)

    async def sign_out(self) -> None:
        """Be a guest again; the name is free.  With a ticket: revoke it, for all who have it."""
        await self._server.ask(Request("DELETE", "session"), read_nothing, self._patience_seconds)

    def close(self) -> Deferred[None]:
        """Close the connections that wait for another request.  Fires when they are closed."""
        return self._pool.closeCachedConnections() if self._pool is not None else succeed(None)


def _check_url(url: str) -> str:
    """`url` with a slash at its end."""
    try:
        parts = urlsplit(url)
        fits = parts.scheme in ("http", "https") and bool(parts.hostname) and not (parts.query or parts.fragment)
        fits = fits and "@" not in parts.netloc and parts.port != 0
    except ValueError:
        fits = False
    if not fits:
        raise Malformed(f"{url} should be a URL such as http://localhost:8080/ or https://example.org/chat")
    return url.rstrip("/") + "/"
