"""The values: Draft, Message, Cursor, Page, and their sizes.  All are immutable and compared by what they hold.

`data` travels through the core as JSON *text*, which the core never looks into: None is "no data",
and ``"null"`` is the JSON value null.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import InitVar, dataclass, field
from typing import Any, NamedTuple

from chatcomet.errors import Malformed, TooLong

TEXT_CHARACTERS = 4_000
DATA_BYTES = 16 * 1024
PAGE_BYTES = 256 * 1024
DEFAULT_LIMIT = 50
PAGE_MESSAGES = 200

_ROOM_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}", re.ASCII)
_CURSOR = re.compile(r"([a-z0-9]{1,16})\.(0|[1-9][0-9]{0,17})", re.ASCII)
_NUMBER = re.compile(r"0|[1-9][0-9]{0,17}", re.ASCII)
_ENVELOPE_BYTES = 160  # what a message's other members take on a wire, roughly: the byte limit of a page counts it


def check_room_name(name: str) -> str:
    """`name`, if a room may be called that.  Raises `Malformed`."""
    if not _ROOM_NAME.fullmatch(name):
        raise Malformed("a room's name is 1 to 64 of a-z, 0-9, '.', '_' and '-', and begins with a letter or digit")
    return name


def parse_number(text: str) -> int | None:
    """The number that `text` is, in decimal without leading zeros and of 18 digits at most; or None."""
    return int(text) if _NUMBER.fullmatch(text) else None


class IdempotencyKey(NamedTuple):
    """What makes a repeated draft known: a key, and whose it is (a session's id; "" for nobody's)."""

    scope: str
    value: str


@dataclass(frozen=True, slots=True)
class Sizes:
    """How long a new message's text and data may be, and a page: it holds one message at least."""

    text_characters: int = TEXT_CHARACTERS
    data_bytes: int = DATA_BYTES
    page_bytes: int = PAGE_BYTES

    @property
    def longest(self) -> int:
        """The greatest `Message.size`."""
        return 4 * self.text_characters + self.data_bytes + _ENVELOPE_BYTES


DEFAULT_SIZES = Sizes()


@dataclass(frozen=True, slots=True)
class Draft:
    """A message before it has a `seq`.  Making one that breaks a limit raises `Malformed` or `TooLong`."""

    author: str
    text: str
    data: str | None = None
    key: IdempotencyKey | None = None
    sizes: InitVar[Sizes] = DEFAULT_SIZES

    def __post_init__(self, sizes: Sizes) -> None:
        most = sizes.text_characters
        if len(self.text) > most:
            raise TooLong(f"a message's text has {most} characters at most; this one has {len(self.text)}")
        if not self.text and self.data is None:
            raise Malformed("a message needs a text, or data")
        if not all(map(is_utf8, (self.author, self.text, self.data or ""))):
            raise Malformed("a message is Unicode, without lone surrogates")
        if self.data is not None and len(self.data.encode()) > sizes.data_bytes:
            raise TooLong(f"a message's data has {sizes.data_bytes} bytes of JSON at most")


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a room's log, at its place there.

    `seq` is dense in its room and begins at 0; `at` is seconds since 1970 in UTC and never decreases in a room.
    `erased`: its text and data were taken back; the rest stays, and so does its place.
    """

    seq: int
    author: str
    text: str
    at: float
    data: str | None = None
    erased: bool = False

    def erase(self) -> Message:
        """What is left of this in the log when it has been erased."""
        return Message(self.seq, self.author, "", self.at, erased=True)

    @property
    def size(self) -> int:
        """About how many bytes this takes on a wire."""
        return len(self.text.encode()) + len((self.data or "").encode()) + _ENVELOPE_BYTES


@dataclass(frozen=True, slots=True)
class Cursor:
    """All before `next` has been seen, in the life of the store that is named `epoch`."""

    epoch: str
    next: int

    @classmethod
    def parse(cls, text: str) -> Cursor:
        """The cursor that `text` (``epoch.next``) is.  Raises `Malformed`."""
        match = _CURSOR.fullmatch(text)
        if match is None:
            raise Malformed("a cursor is what an answer carried, as it came: an epoch, a dot and a number")
        return cls(match[1], int(match[2]))

    def __str__(self) -> str:
        return f"{self.epoch}.{self.next}"


@dataclass(frozen=True, slots=True)
class Page:
    """A contiguous run of a room's messages, maybe empty, and the cursor after it.

    `encodings` keeps what an edge made of this page, so that all who were woken with it share
    the work (one entry per form; the core never looks inside).
    """

    room: str
    messages: tuple[Message, ...]
    cursor: Cursor
    encodings: dict[object, Any] = field(default_factory=dict, compare=False, repr=False)


def first_that_fit(messages: Sequence[Message], limit: int, most_bytes: int) -> tuple[Message, ...]:
    """As many of the first `messages` as one page holds: `limit`, `most_bytes`, and one at least."""
    size = 0
    for count, message in enumerate(messages[:limit]):
        size += message.size
        if size > most_bytes and count:
            return tuple(messages[:count])
    return tuple(messages[:limit])


def last_that_fit(messages: Sequence[Message], limit: int, most_bytes: int) -> tuple[Message, ...]:
    """As many of the last `messages` as one page holds."""
    return first_that_fit(messages[::-1], limit, most_bytes)[::-1]


def is_utf8(text: str) -> bool:
    """Whether `text` can be written as UTF-8: it has no lone surrogates."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
