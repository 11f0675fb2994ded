"""Passwords: what one is, and the text of a file of their Argon2 hashes (RFC 9106).

A line is ``NAME:HASH``, where HASH begins with ``$argon2``; empty lines and those that begin with ``#`` say nothing.
"""

from __future__ import annotations

import re
import unicodedata
from base64 import b64decode, b64encode
from dataclasses import dataclass, field
from hashlib import blake2b

from argon2 import PasswordHasher

from chatcomet.access.identity import GUEST, check_name, fold
from chatcomet.errors import Malformed

PASSWORD_BYTES = 1_024

_HASH = re.compile(
    r"\$argon2(?:id|i|d)(?:\$v=(?:16|19))?\$m=(?P<kib>[1-9][0-9]{0,6}),t=[1-9][0-9]?,p=(?P<lanes>[1-9][0-9]?)"
    r"\$(?P<salt>[A-Za-z0-9+/]{11,86})\$(?P<digest>[A-Za-z0-9+/]{6,171})",
    re.ASCII,
)
"""A hash as Argon2's own encoder writes it; its decoder reads no other.  Up to 99 passes, and 9.5 GiB."""

_MEMORY_KIB = 2 * 1024 * 1024
"""As much memory as a hash may take: what RFC 9106 would choose first.  More is a slip of the pen."""

_LANE_KIB = 8  # the least that Argon2 takes

_COMMENT = "#"


@dataclass(frozen=True, slots=True)
class Entry:
    """A line: an account's name as it is shown, its hash, and the line's number from 1."""

    name: str
    hash: str = field(repr=False)
    line: int

    @property
    def fingerprint(self) -> str:
        """What is another for every other account, and for this one when its password has changed.

        It may be shown: of the hash, which has a salt, nobody learns anything from it.
        """
        return blake2b(f"{fold(self.name)}:{self.hash}".encode(), digest_size=16).hexdigest()


def encode_password(text: str) -> bytes:
    """The password `text` as it is hashed: composed, so that every keyboard's é is the same (RFC 8265, 4.2.2).

    Raises `Malformed` for what is none: nothing, or so much that hashing it would be somebody's sport.
    """
    try:
        password = unicodedata.normalize("NFC", text[: PASSWORD_BYTES + 1]).encode()
    except UnicodeEncodeError as error:
        raise Malformed("a password is text in Unicode") from error
    if not password or len(text) > PASSWORD_BYTES or len(password) > PASSWORD_BYTES:
        raise Malformed(f"a password has 1 to {PASSWORD_BYTES:,} bytes")
    return password


def hash_password(password: bytes) -> str:
    """A new hash of `password`, with what argon2-cffi takes to be right today.  Takes long."""
    return PasswordHasher().hash(password)


def check_account(text: str) -> str:
    """The account's name that `text` stands for.  Raises `Malformed` for what can't be one in such a file."""
    name = check_name(text)
    if fold(name) == GUEST:
        raise Malformed(f"{GUEST} is what all are called who have no account")
    if ":" in name or name.startswith(_COMMENT):
        raise Malformed(f"an account's name has no colon, and does not begin with {_COMMENT}")
    return name


def parse_entries(text: str) -> dict[str, Entry]:
    """The accounts of a file that says `text`, by folded name.  Raises `Malformed`, which names the line."""
    entries: dict[str, Entry] = {}
    for number, line in enumerate(text.split("\n"), 1):
        try:
            entry = _parse_line(line, number)
        except Malformed as error:
            raise Malformed(f"line {number}: {error}") from error
        if entry is None:
            continue
        other = entries.setdefault(fold(entry.name), entry)
        if other is not entry:
            raise Malformed(f"line {number}: {entry.name!r} is on line {other.line} already")
    return entries


def replace_entry(text: str, name: str, new_hash: str | None) -> str:
    """`text` with the line of `name` (checked) replaced, or added; or without it, where `new_hash` is None.

    All other lines stay as they are.  Raises `Malformed` for a text that is no such file.
    """
    old = parse_entries(text).get(fold(name))
    lines = text.split("\n")
    if not lines[-1]:
        lines.pop()
    new = [] if new_hash is None else [f"{name}:{new_hash}"]
    place = slice(len(lines), len(lines)) if old is None else slice(old.line - 1, old.line)
    lines[place] = new
    return "".join(f"{line}\n" for line in lines)


def _parse_line(line: str, number: int) -> Entry | None:
    line = line.strip()
    if not line or line.startswith(_COMMENT):
        return None
    name, colon, hashed = line.partition(":")
    if not colon:
        raise Malformed("this should be NAME:HASH")
    name = check_account(name)
    _check_hash(name, hashed.strip())
    return Entry(name, hashed.strip(), number)


def _check_hash(name: str, hashed: str) -> None:
    """What is wrong is said here, and not when somebody signs in.  No error tells the hash: it may be a password."""
    form = _HASH.fullmatch(hashed)
    if form is None or not (_is_base64(form["salt"]) and _is_base64(form["digest"])):
        raise Malformed(f"what stands behind {name!r} is no Argon2 hash: chatcomet passwd makes one")
    if not int(form["lanes"]) * _LANE_KIB <= int(form["kib"]) <= _MEMORY_KIB:
        raise Malformed(f"the hash behind {name!r} takes more than 2 GiB of memory, or too little for Argon2")


def _is_base64(text: str) -> bool:
    """Whether `text`, which has no padding, is what an encoder would write."""
    try:
        return b64encode(b64decode(text + "=" * (-len(text) % 4))).decode().rstrip("=") == text
    except ValueError:
        return False
