"""A room of a server: to post to, to read, to look back in."""

from __future__ import annotations

import json
import secrets
from typing import Final

from chatcomet.client.answers import Posted, read_page, read_posted
from chatcomet.client.exchange import Request
from chatcomet.client.reader import Beginning, Reader
from chatcomet.client.server import Server
from chatcomet.core.message import DEFAULT_LIMIT, Page, check_room_name

NO_DATA: Final = object()
"""What `post` takes for no data: None is the JSON value null."""

_KEY_BYTES = 16


class Room:
    """The room `name`; every method but `messages` raises `Refused` or, after `patience_seconds`, `Unreachable`."""

    def __init__(self, name: str, server: Server, patience_seconds: float) -> None:
        self.name = check_room_name(name)
        self._server = server
        self._patience_seconds = patience_seconds
        self._path = f"rooms/{name}/messages"

    async def post(self, text: str, *, data: object = NO_DATA, key: str | None = None) -> Posted:
        """Post a message, once, however often it has to be sent: `Posted` says where it is in the log.

        `data`: any JSON value.  `key`: the idempotency key, if one was kept from a try in an earlier process;
        `Unreachable` means *unknown*, and posting again with the same key settles it.
        """
        body = {"text": text} if data is NO_DATA else {"text": text, "data": data}
        request = Request(
            "POST",
            self._path,
            body=json.dumps(body, allow_nan=False).encode(),
            key=key or secrets.token_hex(_KEY_BYTES),
        )
        return await self._server.ask(request, read_posted, self._patience_seconds)

    async def history(self, before: int | None = None, limit: int = DEFAULT_LIMIT) -> Page:
        """The newest messages, or those before the seq `before`: `limit` at most, oldest first; none: no older ones.

        Without `before`, `messages(page.cursor)` reads on from there and misses nothing.
        """
        params = [("limit", str(limit))]
        if before is not None:
            params.append(("before", str(before)))
        return await self._server.ask(
            Request("GET", self._path, tuple(params)), read_page(self.name), self._patience_seconds
        )

    def messages(self, cursor: Beginning = None, *, patience_seconds: float | None = None) -> Reader:
        """Reads from `cursor` on, or from the "start", or what comes from now on.

        With `patience_seconds` it raises `Unreachable` after being without an answer for so long; without, it
        tries for as long as it is read.
        """
        return Reader(self.name, self._server, cursor, patience_seconds)
