"""Handshake: whether a request opens a WebSocket (RFC 6455, 4.2.1), seen to before anything is answered.

autobahn would read the request a second time, and refuse by itself, in words of its own, what it does not like: so
it is not shown what the peer sent, but a request that says no more than what was checked here.  No extension is in
it: compression costs memory for each connection, and messages are short.
"""

from __future__ import annotations

import re

from chatcomet.errors import Malformed, UpgradeRequired
from chatcomet.http.request import ChatRequest

VERSION = "13"
_KEY = re.compile(r"[A-Za-z0-9+/]{22}==", re.ASCII)


def read_handshake(request: ChatRequest) -> str:
    """The key that `request` opens a WebSocket with.  Raises `UpgradeRequired`, and `Malformed` for a key that is none.

    A HEAD opens nothing.
    """
    if not (
        request.method == b"GET"
        and request.clientproto == b"HTTP/1.1"
        and "websocket" in _tokens(request, "Upgrade")
        and "upgrade" in _tokens(request, "Connection")
    ):
        raise UpgradeRequired("what is spoken here is a WebSocket: open one")
    if request.header("Sec-WebSocket-Version") != VERSION:
        raise UpgradeRequired(f"WebSockets are spoken here in version {VERSION}")
    keys = request.requestHeaders.getRawHeaders("Sec-WebSocket-Key", [])
    if len(keys) != 1 or not _KEY.fullmatch(keys[0]):
        raise Malformed("Sec-WebSocket-Key should be there once, and be 16 bytes in base64")
    return keys[0]


def opening(key: str) -> bytes:
    """A request that opens a WebSocket with `key`, and asks for nothing else."""
    return (
        f"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Version: {VERSION}\r\nSec-WebSocket-Key: {key}\r\n\r\n"
    ).encode()


def _tokens(request: ChatRequest, name: str) -> set[str]:
    """What a header lists, in lower case."""
    values = request.requestHeaders.getRawHeaders(name, [])
    return {token.strip().lower() for token in ",".join(values).split(",")}
