"""Blocks: what one ``[[rooms]]`` of a policy says, read and checked; docs/rooms.md describes it for people."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from chatcomet.access.identity import GUEST, check_name, fold
from chatcomet.access.patterns import check_pattern
from chatcomet.access.rules import EVERYONE, MEMBERS, NOBODY, Audience, Rules
from chatcomet.errors import Malformed

MOST = 10**18 - 1
MOST_DAYS = 10**6 - 1
MOST_POSTS = 10**6
LEAST_POSTS = 10**-5
"""A second; about one a day.  Of less, nobody would live to see the second one."""

_WORDS = {"everyone": EVERYONE, "members": MEMBERS, "nobody": NOBODY}


def read_block(block: Mapping[str, object]) -> tuple[str, Rules]:
    """The pattern of `block`, and what holds for the rooms that match it.  Raises `Malformed`, with the key's name."""
    for key in block:
        if key not in _READ:
            raise Malformed(f"{key!r} is not known; it may be one of {', '.join(_READ)}")
    read = {key: _keyed(key, reader, block[key]) for key, reader in _READ.items() if key in block}
    if "name" not in read:
        raise Malformed('name is missing: a room, or a pattern such as "team-*"')
    pattern: str = read.pop("name")
    if "read" in read:
        read.setdefault("post", read["read"])
    return pattern, Rules(**read)


def _keyed(key: str, reader: Callable[[object], Any], value: object) -> Any:
    try:
        return reader(value)
    except Malformed as error:
        raise Malformed(f"{key}: {error}") from error


def _audience(value: object) -> Audience:
    if isinstance(value, str) and value in _WORDS:
        return _WORDS[value]
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise Malformed('should be "everyone", "members", "nobody" or a list of names')
    return Audience(names=frozenset(map(_name, value)))


def _name(text: str) -> str:
    name = fold(check_name(text))
    if name == GUEST:
        raise Malformed('nobody is called "guest"; guests are in "everyone", and in no list')
    return name


def _moderators(value: object) -> Audience:
    audience = _audience(value)
    if audience.guests:
        raise Malformed('can\'t be "everyone": any guest could ban all others; "members", "nobody" or a list of names')
    return audience


def _whole(least: int, most: int, what: str) -> Callable[[object], int]:
    def read(value: object) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise Malformed(f"should be {what}")
        return value

    return read


def _days(value: object) -> float:
    days = _real(value)
    if days is None or not 0 <= days <= MOST_DAYS:
        raise Malformed("should be a number of days, such as 30 or 0.5, or 0 to keep messages for ever")
    return days


def _posts(value: object) -> float:
    posts = _real(value)
    if posts is None or not (posts == 0 or LEAST_POSTS <= posts <= MOST_POSTS):
        raise Malformed(f"should be a number from {LEAST_POSTS:.5f} to {MOST_POSTS}, such as 10 or 0.5, or 0: no limit")
    return posts


def _real(value: object) -> float | None:
    if not isinstance(value, int | float) or isinstance(value, bool) or abs(value) > MOST:
        return None
    return float(value)


_READ: dict[str, Callable[[object], Any]] = {
    "name": check_pattern,
    "read": _audience,
    "post": _audience,
    "create": _audience,
    "moderate": _moderators,
    "retain": _whole(0, MOST, "a whole number of messages, or 0 to keep all"),
    "retain_days": _days,
    "posts_per_second": _posts,
    "post_burst": _whole(1, MOST_POSTS, f"a whole number of posts, from 1 to {MOST_POSTS}"),
}
