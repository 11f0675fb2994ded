"""Answers, read by somebody who believes nothing: what a server may send, byte by byte, and nothing else.

Which answers come to a mutated request nobody can know; but each is one that is known, has its form, says no more than
answers say here, and ends where it says that it ends.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

PROBLEMS = Path(__file__).parents[3] / "docs" / "problems.md"
_ROW = re.compile(r"^\| `(/problems/[a-z-]+)` \| (\d{3}) \|", re.M)

MEANT = {
    (problem, int(status)) for problem, status in _ROW.findall(PROBLEMS.read_text()) if problem != "/problems/fault"
}
"""The problems that are documented, each with its status; but for the one for a fault, which there may not be."""

FAILING = {"/problems/sign-in-unavailable", "/problems/store-busy"}
"""Of these, those above 500 that may come: where too much is asked at once."""

PLAIN = {100, 101, 200, 201, 204, 302}
SEEDS_OWN = {404, 408, 410}
"""Of the seed's protocol, which has no problems."""

NAMES = {
    *("server", "date", "cache-control", "x-content-type-options", "content-type", "content-length", "connection"),
    *("transfer-encoding", "location", "allow", "retry-after", "set-cookie", "www-authenticate", "upgrade", "vary"),
    *("sec-websocket-version", "sec-websocket-accept", "x-accel-buffering", "content-security-policy"),
    *("referrer-policy", "access-control-allow-origin", "access-control-expose-headers"),
    *("access-control-allow-methods", "access-control-allow-headers", "access-control-max-age"),
}
"""All headers that there are: any other one would be somebody's who has smuggled it in."""

LISTS = {"connection"}
"""Those that may come in several lines (RFC 9110, 5.3): to be closed, and to be asked for an upgrade."""

_STATUS = re.compile(rb"HTTP/1\.[01] ([1-5][0-9]{2}) [A-Za-z -]+")
_HEADER = re.compile(rb"([A-Za-z][A-Za-z-]*): ([\x20-\x7e]*)")


class Strange(AssertionError):
    """What came is nothing that may come."""


def check(received: bytes) -> Iterator[int]:
    """The statuses of the answers that `received` is, to its end, where the last one may be cut short.

    Raises `Strange`.
    """
    while received:
        head, blank, rest = received.partition(b"\r\n\r\n")
        if not blank:
            if len(head) > 20_000 or not b"HTTP/1.1 ".startswith(head[:9]):
                raise Strange(f"this is no beginning of an answer: {head[:200]!r}")
            return
        status, headers = _read_head(head)
        yield status
        if status == 101:
            _check_frames(rest)
            return
        received = _check_body(status, headers, rest)


def _read_head(head: bytes) -> tuple[int, dict[str, str]]:
    first, *lines = head.split(b"\r\n")
    match = _STATUS.fullmatch(first)
    if match is None:
        raise Strange(f"this is no first line: {first[:200]!r}")
    headers: dict[str, str] = {}
    for line in lines:
        pair = _HEADER.fullmatch(line)
        if pair is None:
            raise Strange(f"this is no header: {line[:200]!r}")
        name = pair[1].decode().lower()
        if name not in NAMES or (name in headers and name not in LISTS):
            raise Strange(f"this header is unknown, or twice there: {line[:200]!r}")
        value = pair[2].decode()
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return int(match[1]), headers


def _check_body(status: int, headers: dict[str, str], rest: bytes) -> bytes:
    """What is behind the body that `rest` begins with."""
    if status in (100, 204):
        return rest
    if headers.get("transfer-encoding") == "chunked":
        return _check_chunks(rest)
    if "content-length" not in headers:  # it ends with the connection
        return b""
    length = int(headers["content-length"])
    if length and (not rest or rest.startswith(b"HTTP/1.1 ")):  # HEAD was asked
        return rest
    if len(rest) >= length:
        _check_content(status, headers.get("content-type", ""), rest[:length])
    return rest[length:]


def _check_content(status: int, kind: str, body: bytes) -> None:
    if kind == "application/problem+json":
        problem = json.loads(body)
        if (problem["type"], status) not in MEANT or problem["status"] != status:
            raise Strange(f"this problem is not documented: {status} {body[:300]!r}")
        if status >= 500 and problem["type"] not in FAILING:
            raise Strange(f"this is not meant to fail: {body[:300]!r}")
    elif status not in PLAIN and (body or status not in SEEDS_OWN):
        raise Strange(f"this should be a problem: {status} {body[:300]!r}")
    elif kind == "application/json":
        json.loads(body)


def _check_chunks(rest: bytes) -> bytes:
    while rest:
        size, end, data = rest.partition(b"\r\n")
        if not re.fullmatch(rb"[0-9a-f]{1,8}", size):
            raise Strange(f"this is no chunk: {rest[:200]!r}")
        length = int(size, 16)
        if not end or len(data) < length + 2:
            return b""  # it was on its way
        if data[length : length + 2] != b"\r\n":
            raise Strange(f"this chunk does not end: {rest[:200]!r}")
        rest = data[length + 2 :]
        if not length:
            return rest
    return rest


def _check_frames(rest: bytes) -> None:
    while len(rest) >= 2:
        first, second = rest[0], rest[1]
        if first & 0x70 or first & 0x0F not in (1, 8, 9, 10) or second & 0x80:
            raise Strange(f"this is no server's frame: {rest[:200]!r}")
        extended = {126: 2, 127: 8}.get(second, 0)
        length = int.from_bytes(rest[2 : 2 + extended], "big") if extended else second
        payload, rest = rest[2 + extended : 2 + extended + length], rest[2 + extended + length :]
        if first & 0x0F == 1 and rest:
            json.loads(payload)
