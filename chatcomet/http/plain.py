"""Plain requests: complete, in one piece, and in the form that nearly all clients give them.

The fast lane understands these and no others.  What is read here is read as `HTTPChannel` reads it; where anything
is in question (a header that stands there twice or frames a body, folded lines, escapes in the target, another
version of HTTP) the answer is None, and `HTTPChannel` has the request.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from chatcomet.settings import ConnectionLimits

MOST_BYTES = 16 * 1024
"""Of a plain request."""

_LINE_BYTES = 4 * 1024
_HEAD_BYTES = 8 * 1024  # which no line in it exceeds
_HEADERS = 100

_LINE = re.compile(rb"(GET|POST) (/[A-Za-z0-9._~/-]*)(?:\?([A-Za-z0-9._~:&=-]*))? HTTP/1\.1")
_HEADER = re.compile(rb"([A-Za-z0-9!#$%&'*+.^_`|~-]+):([\t\x20-\x7e\x80-\xff]*)\r\n")

_OTHERWISE = frozenset((b"expect", b"transfer-encoding", b"upgrade", b"trailer", b"te"))
"""What asks for more than an answer."""

_OTHERWISE_THAN_UPGRADE = (_OTHERWISE - {b"upgrade"}) | {b"content-length"}
_UPGRADING = (b"upgrade", b"keep-alive, upgrade")
"""How browsers, and what is between, say that a connection is to be upgraded."""


@dataclass(frozen=True, slots=True)
class Line:
    """A request's first line: its method, path and query; a query has each parameter's values in their order."""

    method: bytes
    path: str
    args: Mapping[bytes, list[bytes]]


@dataclass(frozen=True, slots=True)
class Head:
    """A request's header: the values by their names in small letters, and the length of the body that follows."""

    headers: Mapping[bytes, bytes]
    length: int

    def header(self, name: str) -> str | None:
        """The header `name` as Latin-1 text, or None."""
        value = self.headers.get(_key(name))
        return None if value is None else value.decode("latin-1")

    def values(self, name: str) -> list[str]:
        """The same in a list; no name stands here twice."""
        value = self.header(name)
        return [] if value is None else [value]


@cache
def _key(name: str) -> bytes:
    """The name of a header, as it is looked up; those that are asked for stand in this program."""
    return name.lower().encode()


def most_bytes(limits: ConnectionLimits) -> int:
    """Of a plain request, so that it keeps these, whatever it consists of."""
    longest = (
        (limits.line_bytes, max(_LINE_BYTES, _HEAD_BYTES)),
        (limits.header_bytes, _LINE_BYTES + _HEAD_BYTES),
        (limits.body_bytes, MOST_BYTES),
    )
    return min([MOST_BYTES, *(limit for limit, plain in longest if limit < plain)])


def read_line(line: bytes) -> Line | None:
    """A first line without its end; None if it is not plain."""
    match = _LINE.fullmatch(line) if len(line) <= _LINE_BYTES else None
    if match is None:
        return None
    method, path, arguments = match.groups()
    args: dict[bytes, list[bytes]] = {}
    for argument in arguments.split(b"&") if arguments else ():
        name, equals, value = argument.partition(b"=")
        if equals:
            args.setdefault(name, []).append(value)
    return Line(method, path.decode(), args)


def read_head(block: bytes) -> Head | None:
    """The header lines with the empty one behind them; None if they are not plain."""
    headers = _read_headers(block)
    if headers is None or not headers.keys().isdisjoint(_OTHERWISE):
        return None
    length = headers.get(b"content-length", b"0")
    if headers.get(b"connection", b"keep-alive").lower() != b"keep-alive" or not re.fullmatch(rb"[0-9]{1,6}", length):
        return None
    return Head(headers, int(length))


def read_upgrade(block: bytes) -> Head | None:
    """The same of a request for another protocol, which has no body."""
    headers = _read_headers(block)
    if headers is None or not headers.keys().isdisjoint(_OTHERWISE_THAN_UPGRADE):
        return None
    if headers.get(b"connection", b"").lower() not in _UPGRADING or b"upgrade" not in headers:
        return None
    return Head(headers, 0)


def _read_headers(block: bytes) -> Mapping[bytes, bytes] | None:
    if len(block) > _HEAD_BYTES:
        return None
    headers: dict[bytes, bytes] = {}
    at, end = 0, len(block) - 2
    while at < end:
        match = _HEADER.match(block, at)
        if match is None:
            return None
        name = match[1].lower()
        if name in headers:
            return None
        headers[name] = match[2].strip(b" \t")
        at = match.end()
    if at != end or block[end:] != b"\r\n" or len(headers) > _HEADERS:
        return None
    return headers
