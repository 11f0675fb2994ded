"""Handshake: whether a request opens a WebSocket (RFC 6455, 4.2.1), and the answer to one that does.

No extension is ever agreed on: compression costs memory for each connection, and messages are short.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Protocol

from websockets.utils import accept_key

from chatcomet.errors import Malformed, UpgradeRequired
from chatcomet.http.query import Header

VERSION = "13"
_KEY = re.compile(r"[A-Za-z0-9+/]{22}==", re.ASCII)


class Offer(Header, Protocol):
    """Whatever has a header in which lines may be of the same name."""

    def values(self, name: str) -> Sequence[str]:
        """What each line of that `name` says, as Latin-1 text."""


def check_line(method: bytes, version: bytes) -> None:
    """Raise `UpgradeRequired` for a request that opens nothing by its first line.  A HEAD opens nothing."""
    if method != b"GET" or version != b"HTTP/1.1":
        raise UpgradeRequired("what is spoken here is a WebSocket: open one")


def read_handshake(offer: Offer) -> str:
    """The key that a WebSocket is opened with.  Raises `UpgradeRequired`, and `Malformed` for a key that is none."""
    if "websocket" not in _tokens(offer, "Upgrade") or "upgrade" not in _tokens(offer, "Connection"):
        raise UpgradeRequired("what is spoken here is a WebSocket: open one")
    if offer.header("Sec-WebSocket-Version") != VERSION:
        raise UpgradeRequired(f"WebSockets are spoken here in version {VERSION}")
    keys = offer.values("Sec-WebSocket-Key")
    if len(keys) != 1 or not _KEY.fullmatch(keys[0]):
        raise Malformed("Sec-WebSocket-Key should be there once, and be 16 bytes in base64")
    return keys[0]


def switch(key: str) -> bytes:
    """The answer after which a WebSocket that was asked for by `key` is spoken."""
    return (
        "HTTP/1.1 101 Switching Protocols\r\nServer: chatcomet\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Accept: {accept_key(key)}\r\n\r\n"
    ).encode()


def _tokens(offer: Offer, name: str) -> set[str]:
    """What a header lists, in lower case."""
    return {token.strip().lower() for token in ",".join(offer.values(name)).split(",")}
