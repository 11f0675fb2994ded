"""Readers that wait: each begins to read, is silent while nothing comes, hears what is posted, and sees its own end."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Self

from websockets.frames import Close

from tests.integration.access_ways import NDJSON, outcome
from tests.integration.access_world import Person, World
from tests.integration.plain_client import Connection, request
from tests.integration.plain_socket import PlainSocket

CODES = {"401": 3000, "403": 3003}
"""With which a socket closes."""


class Waiting:
    """A poll at `path`, suspended."""

    def __init__(self, world: World, who: Person, path: str) -> None:
        self.connection = Connection(world.port)
        self.connection.send(request("GET", who.at(path), headers=who.headers))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.close()

    def hear(self) -> bytes:
        """What comes."""
        answer = self.connection.read()
        assert answer.status == 200, answer
        return answer.body

    def end(self) -> str:
        """How it ends."""
        return outcome(self.connection.read())

    def expected(self, fault: str) -> str:
        """How it should, for that fault."""
        return fault


class Streaming(Waiting):
    """An event stream."""

    accept = "text/event-stream"

    def __init__(self, world: World, who: Person, path: str) -> None:
        self.connection = Connection(world.port)
        headers = {**who.headers, "Accept": self.accept}
        self.connection.send(request("GET", who.at(path), headers=headers))
        assert self.connection.read_head().status == 200
        assert world.epoch.encode() in self.hear()

    def hear(self) -> bytes:
        return self.connection.read_chunk()

    def end(self) -> str:
        last = b""
        while chunk := self.connection.read_chunk():
            last += chunk
        assert not last or last.startswith(b"retry: "), last
        return "the end"

    def expected(self, fault: str) -> str:
        return "the end"


class StreamingLines(Streaming):
    """NDJSON."""

    accept = NDJSON


class Talking(Waiting):
    """A socket."""

    def __init__(self, world: World, who: Person, path: str) -> None:
        self._socket = PlainSocket(world.port, who.at(path), who.headers)
        self.connection = self._socket.connection
        assert self._socket.answer.status == 101
        assert self._socket.hear()["messages"] == []

    def hear(self) -> bytes:
        return str(self._socket.hear()).encode()

    def end(self) -> str:
        problem, close = self._socket.hear()["problem"], self._socket.hear()
        assert isinstance(close, Close)
        return f"{problem['status']} {problem['type'].removeprefix('/problems/')}, {close.code}"

    def expected(self, fault: str) -> str:
        return f"{fault}, {CODES[fault[:3]]}"


Begin = Callable[[World, Person, str], Waiting]

POLLS: Mapping[str, tuple[Begin, str]] = {
    "poll, plain": (Waiting, "/rooms/lobby/messages?cursor={cursor}"),
    "poll, escaped": (Waiting, "/rooms/lobby/message%73?cursor={cursor}"),
    "poll of rooms, plain": (Waiting, "/poll?at=commons:{commons}&at=lobby:{cursor}"),
    "poll of rooms, escaped": (Waiting, "/pol%6C?at=lobby:{cursor}&at=commons:{commons}"),
    "seed GET, plain": (Waiting, "/chat/get/{number}"),
    "seed GET, escaped": (Waiting, "/cha%74/get/{number}"),
}

STREAMS: Mapping[str, tuple[Begin, str]] = {
    "event stream, plain": (Streaming, "/rooms/lobby/events?cursor={cursor}"),
    "event stream, escaped": (Streaming, "/rooms/lobby/event%73?cursor={cursor}"),
    "NDJSON, plain": (StreamingLines, "/rooms/lobby/events?cursor={cursor}"),
    "NDJSON, escaped": (StreamingLines, "/rooms/lobby/event%73?cursor={cursor}"),
    "socket, plain": (Talking, "/rooms/lobby/socket?cursor={cursor}"),
    "socket, escaped": (Talking, "/rooms/lobby/socke%74?cursor={cursor}"),
}
