"""What a server's answers hold: JSON values to messages, pages, rooms; and what a program makes of a message's data.

Each `read_…` takes what JSON said and raises `Trouble` if that is not what this server answers: then it was
somebody else who did, or a server that is not well, and asking again is right.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

from chatcomet.client.errors import Problem, Trouble
from chatcomet.core.message import Cursor, Message, Page
from chatcomet.errors import Malformed

_YEAR_10000 = 253402300800  # seconds since 1970: no clock shows it, and no calendar of Python's reaches it


@dataclass(frozen=True, slots=True)
class Posted:
    """A message that is in the log, and the cursor after it."""

    message: Message
    cursor: Cursor


@dataclass(frozen=True, slots=True)
class RoomState:
    """A room as it is now: the cursor after its newest message, the seq of the first that is kept, how many read."""

    room: str
    cursor: Cursor
    first: int
    readers: int


def parse_data(message: Message) -> object:
    """The value that the message's data is; None where it has none."""
    return None if message.data is None else json.loads(message.data)


def parse_json(body: bytes) -> object:
    """The value that `body` is.  Raises `Trouble` if it is no JSON."""
    try:
        return json.loads(body, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise Trouble("the answer says that it is JSON, and is not") from error


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")


def message_json(message: Message) -> str:
    """The message as on the wire, in one line of ASCII."""
    members: dict[str, object] = {
        "seq": message.seq,
        "author": message.author,
        "text": message.text,
        "at": round(message.at, 3),
    }
    if message.data is not None:
        members["data"] = parse_data(message)
    if message.erased:
        members["erased"] = True
    return json.dumps(members)


def read_cursor(value: object) -> Cursor:
    """A cursor of its text."""
    try:
        return Cursor.parse(value if isinstance(value, str) else "")
    except Malformed as error:
        raise Trouble("the answer has no cursor where one should be") from error


def read_message(value: object) -> Message:
    """A message of its object; its data become JSON text."""
    match value:
        case {"seq": int(seq), "author": str(author), "text": str(text), "at": int(at) | float(at), **rest}:
            if seq >= 0 and 0 <= at < _YEAR_10000:
                data = _data_text(rest["data"]) if "data" in rest else None
                return Message(seq, author, text, float(at), data, rest.get("erased") is True)
    raise Trouble("the answer has no message where one should be")


def _data_text(data: object) -> str:
    try:
        return json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    except ValueError as error:  # a number beyond all floats
        raise Trouble("the answer has data that are no JSON") from error


def read_page(room: str) -> Callable[[object], Page]:
    """Reads pages of `room`."""

    def read(value: object) -> Page:
        match value:
            case {"cursor": str(cursor), "messages": list(messages)}:
                return Page(room, tuple(map(read_message, messages)), read_cursor(cursor))
        raise Trouble("the answer is not a page of messages")

    return read


def read_posted(value: object) -> Posted:
    """The answer to a post."""
    match value:
        case {"message": message, "cursor": str(cursor)}:
            return Posted(read_message(message), read_cursor(cursor))
    raise Trouble("the answer to a post has no message")


def read_rooms(value: object) -> tuple[tuple[RoomState, ...], str | None]:
    """All rooms of a list, and after what to ask for more."""
    match value:
        case {"rooms": list(rooms), **rest}:
            following = rest.get("next")
            return tuple(map(_read_room, rooms)), following if isinstance(following, str) else None
    raise Trouble("the answer is not a list of rooms")


def _read_room(value: object) -> RoomState:
    match value:
        case {"room": str(room), "cursor": str(cursor), "first": int(first), "readers": int(readers)}:
            return RoomState(room, read_cursor(cursor), first, readers)
    raise Trouble("the answer has no room where one should be")


def read_name(value: object) -> str:
    """The name in a session."""
    match value:
        case {"name": str(name)}:
            return name
    raise Trouble("the answer is not a session")


def read_nothing(_: object) -> None:
    """For answers whose status says all."""


def read_problem(status: int, value: object) -> Problem:
    """The problem that an answer of `status` holds: an empty one if it is no problem document."""
    members = value if isinstance(value, dict) else {}

    def text(name: str) -> str:
        member = members.get(name)
        return member if isinstance(member, str) else ""

    return Problem(status, text("type"), text("title"), text("detail"), members)
