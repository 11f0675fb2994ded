"""A client of event streams over a blocking socket: it reads block by block, or line by line, and hides nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from tests.integration.plain_client import PATIENCE_SECONDS, Address, Connection, request

NDJSON = "application/x-ndjson"


@dataclass(frozen=True)
class Block:
    """One block of an event stream, field by field; a comment is under ``""``."""

    fields: tuple[tuple[str, str], ...]

    def __getitem__(self, name: str) -> str:
        """The field `name`, which is there once."""
        (value,) = (value for field, value in self.fields if field == name)
        return value

    @property
    def names(self) -> list[str]:
        """The names of its fields, as they came."""
        return [name for name, _ in self.fields]

    def json(self) -> Any:
        """Its data, which is JSON."""
        return json.loads(self["data"])


class Stream:
    """The answer to one ``GET`` that has no end; `head` is what came before the first of it."""

    def __init__(
        self,
        address: Address,
        path: str,
        headers: Mapping[str, str] | None = None,
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> None:
        self.connection = Connection(address, patience_seconds)
        self._decoded = b""
        try:
            self.connection.send(request("GET", path, headers=headers))
            self.head = self.connection.read_head()
        except BaseException:
            self.connection.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.close()

    def block(self) -> Block:
        """The next block of an event stream, comments alone included."""
        lines = self._until(b"\n\n").decode().split("\n")
        return Block(tuple(_field(line) for line in lines))

    def line(self) -> Any:
        """The next line of NDJSON; None for an empty one."""
        line = self._until(b"\n")
        return json.loads(line) if line else None

    def rest(self) -> bytes:
        """What comes until the end of the answer."""
        while chunk := self.connection.read_chunk():
            self._decoded += chunk
        rest, self._decoded = self._decoded, b""
        return rest

    def _until(self, mark: bytes) -> bytes:
        while mark not in self._decoded:
            chunk = self.connection.read_chunk()
            if not chunk:
                raise ConnectionError(f"the stream ended after {self._decoded!r}")
            self._decoded += chunk
        before, self._decoded = self._decoded.split(mark, 1)
        return before


def _field(line: str) -> tuple[str, str]:
    name, _, value = line.partition(":")
    return name, value.removeprefix(" ")
