"""How messages look: on a terminal for people, on a pipe a line each.

No text may do anything to a terminal but be shown: control characters (ANSI sequences among them), and those that
reverse the direction of writing, are written as Python would.  On a terminal a text's own lines stay lines, but
indented, so that none can pass for a message of its own; on a pipe they are escaped, and so is the backslash, so
that the text can be had back exactly.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence

from chatcomet.client.answers import RoomState
from chatcomet.core.message import Message

_UNSHOWN = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_UNSHOWN_OR_BACKSLASH = re.compile(_UNSHOWN.pattern[:-1] + r"\\]")
_INDENT = " " * len("HH:MM ")

LocalTime = Callable[[float], time.struct_time]


def for_terminal(message: Message, local_time: LocalTime = time.localtime) -> str:
    """``HH:MM author: text``, and a line more for each line break in it; of an erased message, that it was."""
    if message.erased:
        return _head(message, local_time) + "(erased)"
    lines = re.split(r"\r\n|\n|\r", message.text)
    return _head(message, local_time) + f"\n{_INDENT}".join(_UNSHOWN.sub(_escaped, line) for line in lines)


def for_pipe(message: Message, local_time: LocalTime = time.localtime) -> str:
    """``HH:MM author: text`` in one line."""
    return _head(message, local_time) + _UNSHOWN_OR_BACKSLASH.sub(_escaped, message.text)


def shown(text: str) -> str:
    """`text` with nothing in it that a terminal would obey."""
    return _UNSHOWN.sub(_escaped, text)


def rooms_for_terminal(rooms: Sequence[RoomState]) -> list[str]:
    """A table: a room's name, how many messages it keeps, how many read it."""
    width = max(len("ROOM"), *(len(room.room) for room in rooms)) if rooms else len("ROOM")
    table = [("ROOM", "MESSAGES", "READERS"), *map(_row, rooms)]
    return [f"{name:{width}}  {messages:>8}  {readers:>7}" for name, messages, readers in table]


def rooms_for_pipe(rooms: Sequence[RoomState]) -> list[str]:
    """The same without a heading, and with tabs between."""
    return ["\t".join(_row(room)) for room in rooms]


def _row(room: RoomState) -> tuple[str, str, str]:
    return shown(room.room), str(room.cursor.next - room.first), str(room.readers)


def _head(message: Message, local_time: LocalTime) -> str:
    return f"{time.strftime('%H:%M', local_time(message.at))} {shown(message.author)}: "


def _escaped(match: re.Match[str]) -> str:
    return match[0].encode("unicode_escape").decode("ascii")
