"""Query: a request's parameters, each once, each in its form.  All raise `Malformed`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Protocol
from urllib.parse import quote

from chatcomet.core.message import DEFAULT_LIMIT, PAGE_MESSAGES, Cursor, parse_number
from chatcomet.errors import Malformed

_SECONDS = re.compile(r"[0-9]{1,9}(\.[0-9]{1,3})?", re.ASCII)
_ELSEWHERE = Cursor("elsewhere", 0)  # no store's epoch has nine letters


class Query(Protocol):
    """Whatever has a method and parameters."""

    @property
    def method(self) -> bytes:
        """``GET``, or another."""

    @property
    def args(self) -> Mapping[bytes, list[bytes]] | None:
        """The values of each parameter, in their order."""


class Header(Protocol):
    """Whatever has a header."""

    def header(self, name: str) -> str | None:
        """The header `name` as Latin-1 text, or None."""


def in_ascii(line: bytes) -> bytes:
    """A target, or the first line that has it, as Twisted takes it: curl, for one, sends a URL's other characters as
    they were typed."""
    return line if line.isascii() else quote(line, bytes(range(128))).encode()


def parameter(request: Query, name: str) -> str | None:
    """The parameter `name`, or None where it is not given."""
    values = (request.args or {}).get(name.encode())
    if not values:
        return None
    if len(values) > 1:
        raise Malformed(f"{name} is given more than once")
    try:
        return values[0].decode()
    except UnicodeDecodeError as error:
        raise Malformed(f"{name} is no UTF-8 text") from error


def number(request: Query, name: str) -> int | None:
    """A whole number of 18 digits at most, without leading zeros."""
    text = parameter(request, name)
    if text is None:
        return None
    value = parse_number(text)
    if value is None:
        raise Malformed(f"{name} should be a whole number without leading zeros")
    return value


def cursors(request: Query) -> dict[str, Cursor]:
    """``at=ROOM:CURSOR``, any number of times, each room once."""
    found: dict[str, Cursor] = {}
    for value in (request.args or {}).get(b"at", []):
        room, _, cursor = value.decode("latin-1").partition(":")
        if room in found:
            raise Malformed(f"the room {room} is asked for more than once")
        found[room] = Cursor.parse(cursor)
    return found


def beginning(asked: Query, header: Header) -> Cursor | None:
    """Where an event stream is to begin: `Last-Event-ID`, which wins, or `cursor`; None: at the head.

    A browser sends `Last-Event-ID` by itself, and were it refused for that it would never come again.  So what is no
    cursor there is taken for one of another log: the reader is told that messages may be lost to it, and goes on.
    """
    last = header.header("Last-Event-ID")
    if last:
        try:
            return Cursor.parse(last)
        except Malformed:
            return _ELSEWHERE
    cursor = parameter(asked, "cursor")
    return Cursor.parse(cursor) if cursor else None


def limit(request: Query) -> int:
    """``limit``: how many messages a page may have; more than `PAGE_MESSAGES` is taken for that."""
    value = number(request, "limit")
    if value == 0:
        raise Malformed("limit should be 1 at least")
    return DEFAULT_LIMIT if value is None else min(value, PAGE_MESSAGES)


def wait_seconds(request: Query) -> float | None:
    """``wait``: for how long to be suspended.  HEAD is never suspended."""
    text = parameter(request, "wait")
    if text is not None and not _SECONDS.fullmatch(text):
        raise Malformed("wait should be a number of seconds, such as 10 or 2.5")
    if request.method == b"HEAD":
        return 0.0
    return None if text is None else float(text)


def read_key(header: str | None) -> str | None:
    """The key of an `Idempotency-Key` header: a quoted string (as the IETF's draft has it) or bare."""
    if header is not None and len(header) >= 2 and header[0] == header[-1] == '"':
        return header[1:-1]
    return header
