"""Listeners: those who are told of what was appended."""

from __future__ import annotations

from collections.abc import Sequence

from twisted.logger import Logger

from chatcomet.core.message import Message
from chatcomet.core.store import Told


class Listeners:
    """All who subscribed to one store.  One that raises is logged, and keeps nothing from the others."""

    _log = Logger()

    def __init__(self) -> None:
        self._told: list[Told] = []

    def add(self, told: Told) -> None:
        """From now on, `tell` calls `told` too."""
        self._told.append(told)

    def tell(self, room: str, messages: Sequence[Message]) -> None:
        """Call every listener, in the order in which they came."""
        for told in tuple(self._told):
            try:
                told(room, messages)
            except Exception:
                self._log.failure("room {room}: a listener raised", room=room)
