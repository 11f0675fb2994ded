"""A plain WebSocket client over a blocking socket: it opens one for whomever it is told to, and may be refused."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Self

from websockets.frames import Close, Frame, Opcode

from tests.integration.plain_client import PATIENCE_SECONDS, Address, Connection, request

_HANDSHAKE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}


class PlainSocket:
    """What is asked for at `path`; `answer` is 101 where it is open."""

    def __init__(
        self,
        address: Address,
        path: str,
        headers: Mapping[str, str] | None = None,
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> None:
        self.connection = Connection(address, patience_seconds)
        try:
            self.connection.send(request("GET", path, headers={**_HANDSHAKE, **(headers or {})}))
            self.answer = self.connection.read_head()
            if self.answer.status != 101:
                body = self.connection.take(int(self.answer.headers["content-length"]))
                self.answer = replace(self.answer, body=body)
        except BaseException:
            self.connection.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.close()

    def say(self, document: object) -> None:
        """Send one message."""
        self.connection.send(Frame(Opcode.TEXT, json.dumps(document).encode()).serialize(mask=True))

    def hear(self) -> Any:
        """The next message; where it closes, its `Close`."""
        head = self.connection.take(2)
        length = head[1]
        if length > 125:
            length = int.from_bytes(self.connection.take(2 if length == 126 else 8))
        data = self.connection.take(length)
        return Close.parse(data) if head[0] & 15 == Opcode.CLOSE else json.loads(data)

    def hear_one_of(self, *members: str) -> Any:
        """The next message that has one of these members; others are passed over."""
        while True:
            document = self.hear()
            if any(member in document for member in members):
                return document

    def hear_of(self, member: str, until: Callable[[Any], bool]) -> Any:
        """The next such member that is there, not empty, and of which `until` is true."""
        while True:
            found = self.hear_one_of(member)[member]
            if found and until(found):
                return found
