"""Legs: one way of reading a room, from one request or stream on; whoever goes on after it has its cursor and no more.

`ask` sees to it that something is asked for; `take` waits for what comes, a part at a time.  Between two calls nothing
is taken off the wire (by a socket a frame or two are): that is a slow reader.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Any, NamedTuple

from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.sync.client import ClientConnection, connect, unix_connect

from tests.integration.plain_client import PATIENCE_SECONDS, Address, Answer, Connection, request
from tests.integration.stream_client import NDJSON, Stream

SEED_ROOM = "lobby"

Message = dict[str, Any]


class Seen(NamedTuple):
    """What came: messages or, where some were lost to the reader, the problem that says so; and the cursor after it."""

    messages: list[Message]
    cursor: str
    lost: Mapping[str, Any] | None = None


class Leg(ABC):
    """`cursor`: where it begins.  Any call may raise OSError: the connection is lost."""

    def __init__(self, address: Address, room: str, cursor: str) -> None:
        self.address = address
        self.room = room
        self.cursor = cursor

    @abstractmethod
    def ask(self) -> None:
        """See to it that something is asked for: a poll is sent, unless one is; a stream asks by itself."""

    @abstractmethod
    def take(self) -> Seen:
        """What comes next, maybe nothing; `cursor` is after it."""

    @abstractmethod
    def leave(self) -> None:
        """Vanish, whatever is on its way."""


class Polls(Leg):
    """``GET /rooms/R/messages?cursor=``, one after the other over one connection."""

    def __init__(self, address: Address, room: str, cursor: str) -> None:
        super().__init__(address, room, cursor)
        self._connection = Connection(address)
        self._asked = False

    def ask(self) -> None:
        if not self._asked:
            self._asked = True
            self._connection.send(request("GET", self.path()))

    def take(self) -> Seen:
        self.ask()
        seen = self.read(self.answer())
        self.cursor = seen.cursor
        return seen

    def answer(self) -> Answer:
        """The answer to what was asked, as it is."""
        self._asked = False
        return self._connection.read()

    def leave(self) -> None:
        self._connection.reset()

    def path(self) -> str:
        """What is asked for next."""
        return f"/rooms/{self.room}/messages?cursor={self.cursor}"

    def read(self, answer: Answer) -> Seen:
        """What `answer` brings."""
        if answer.status == 410:
            problem = answer.json()
            return Seen([], problem["earliest"], problem)
        assert answer.status == 200, answer
        return self.read_page(answer.json())

    def read_page(self, document: Any) -> Seen:
        """What a page brings."""
        assert document["room"] == self.room
        return Seen(document["messages"], document["cursor"])


class PollsOfRooms(Polls):
    """``GET /poll``, which asks for another room as well."""

    aside = "aside"

    def __init__(self, address: Address, room: str, cursor: str) -> None:
        super().__init__(address, room, cursor)
        with Connection(address) as connection:
            page = connection.ask("GET", f"/rooms/{self.aside}/messages").json()
        self._aside_cursor = page["cursor"]

    def path(self) -> str:
        return f"/poll?at={self.aside}:{self._aside_cursor}&at={self.room}:{self.cursor}"

    def read_page(self, document: Any) -> Seen:
        pages = {page["room"]: page for page in document["pages"]}
        self._aside_cursor = pages.get(self.aside, {"cursor": self._aside_cursor})["cursor"]
        return super().read_page(pages[self.room]) if self.room in pages else Seen([], self.cursor)


class SeedGets(Polls):
    """``GET /chat/get/N``, which brings the text alone."""

    def path(self) -> str:
        assert self.room == SEED_ROOM
        return f"/chat/get/{self.cursor.partition('.')[2]}"

    def read(self, answer: Answer) -> Seen:
        epoch, _, number = self.cursor.partition(".")
        if answer.status == 410:
            with Connection(self.address) as connection:
                first = connection.ask("GET", f"/rooms/{self.room}").json()["first"]
            return Seen([], f"{epoch}.{first}", {"status": 410, "earliest": f"{epoch}.{first}"})
        if answer.status == 408:
            return Seen([], self.cursor)
        assert answer.status == 200, answer
        return Seen([{"seq": int(number), "text": answer.body.decode()}], f"{epoch}.{int(number) + 1}")


class Events(Leg):
    """``GET /rooms/R/events``"""

    accept = "text/event-stream"
    introduction = 2  # blocks: the cursor, and when to come again

    def __init__(self, address: Address, room: str, cursor: str) -> None:
        super().__init__(address, room, cursor)
        self._stream = Stream(address, f"/rooms/{room}/events?cursor={cursor}", {"Accept": self.accept})
        assert self._stream.head.status == 200, self._stream.head
        for _ in range(self.introduction):
            assert self._read(self._stream) == Seen([], cursor)

    def ask(self) -> None:
        """A stream asks by itself."""

    def take(self) -> Seen:
        seen = self._read(self._stream)
        self.cursor = seen.cursor
        return seen

    def leave(self) -> None:
        self._stream.connection.reset()

    def _read(self, stream: Stream) -> Seen:
        block = stream.block()
        if "id" not in block.names:
            return Seen([], self.cursor)
        if "event" in block.names:
            assert block["event"] == "lost"
            return Seen([], block["id"], block.json())
        return Seen([block.json()] if "data" in block.names else [], block["id"])


class Lines(Events):
    """``GET /rooms/R/events`` as NDJSON."""

    accept = NDJSON
    introduction = 1

    def _read(self, stream: Stream) -> Seen:
        line = stream.line() or {"cursor": self.cursor}
        return Seen([line["message"]] if "message" in line else [], line["cursor"], line.get("lost"))


class Frames(Leg):
    """``GET /rooms/R/socket``"""

    def __init__(self, address: Address, room: str, cursor: str) -> None:
        super().__init__(address, room, cursor)
        self._open = ExitStack()
        try:
            self._talk = self._open.enter_context(_connect(address, f"/rooms/{room}/socket?cursor={cursor}"))
        except (InvalidHandshake, EOFError) as error:
            raise ConnectionError(str(error)) from error
        assert self.take() == Seen([], cursor)

    def ask(self) -> None:
        """A socket asks by itself."""

    def take(self) -> Seen:
        try:
            document = json.loads(self._talk.recv(PATIENCE_SECONDS))
        except ConnectionClosed as error:
            raise ConnectionError(str(error)) from error
        if "problem" in document:
            seen = Seen([], document["problem"]["earliest"], document["problem"])
        else:
            assert document["room"] == self.room
            seen = Seen(document["messages"], document["cursor"])
        self.cursor = seen.cursor
        return seen

    def leave(self) -> None:
        self._talk.socket.close()
        self._open.close()


def _connect(address: Address, path: str) -> AbstractContextManager[ClientConnection]:
    """An open socket; no more than a frame or two of it are taken before they are asked for."""
    uri = f"ws://127.0.0.1{path}"
    if isinstance(address, Path):
        return unix_connect(str(address), uri, close_timeout=0.1, max_size=None, max_queue=1)
    assert isinstance(address, int), "no sockets over TLS here"
    return connect(uri.replace("127.0.0.1", f"127.0.0.1:{address}"), close_timeout=0.1, max_size=None, max_queue=1)


Transport = Callable[[Address, str, str], Leg]

TRANSPORTS: dict[str, Transport] = {
    "poll": Polls,
    "poll of rooms": PollsOfRooms,
    "event stream": Events,
    "lines": Lines,
    "socket": Frames,
    "seed": SeedGets,
}
