"""Backlog: what is asked on one HTTP/2 connection while its peer leaves much of what was answered.

A page may have 256 KiB, and a hundred may be asked for at once by who takes none.  So as long as more than
`UNTAKEN_BYTES` lie here for one connection, what else is asked on it waits.  What waits for messages holds nothing,
and is in nobody's way.  What is not taken is cut off in its time (`Exchange`), so that this comes to an end.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

UNTAKEN_BYTES = 2 * 1024 * 1024


class Asked(Protocol):
    """A request, and its answer."""

    queued_bytes: int
    """How many bytes of the answer are not sent."""

    def ask(self) -> None:
        """Let it be answered."""


class Backlog:
    """`exchanges`: all of the connection."""

    def __init__(self, exchanges: Mapping[int, Asked]) -> None:
        self._exchanges = exchanges
        self._waiting: dict[Asked, None] = {}  # complete requests, in turn

    def __len__(self) -> int:
        """How many wait."""
        return len(self._waiting)

    @property
    def queued_bytes(self) -> int:
        """How many bytes of all answers are not sent."""
        return sum(each.queued_bytes for each in self._exchanges.values())

    def put(self, exchange: Asked) -> None:
        """One more has come."""
        self._waiting[exchange] = None
        self.begin_some()

    def drop(self, exchange: Asked) -> None:
        """It is no more, if it waited at all."""
        self._waiting.pop(exchange, None)

    def begin_some(self) -> None:
        """Let those be answered that need not wait any more."""
        while self._waiting and self.queued_bytes <= UNTAKEN_BYTES:
            exchange = next(iter(self._waiting))
            del self._waiting[exchange]
            exchange.ask()
