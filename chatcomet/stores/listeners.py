"""Listeners: those who are told of what was appended, and of what was pruned."""

from __future__ import annotations

from collections.abc import Sequence

from twisted.logger import Logger

from chatcomet.core.message import Message
from chatcomet.core.store import Pruned, Told


class Listeners:
    """All who subscribed to one store.  One that raises is logged, and keeps nothing from the others."""

    _log = Logger()

    def __init__(self) -> None:
        self._told: list[Told] = []
        self._pruned: list[Pruned] = []

    def add(self, told: Told, pruned: Pruned | None) -> None:
        """From now on, `tell` calls `told` too, and `tell_pruned` calls `pruned`."""
        self._told.append(told)
        if pruned is not None:
            self._pruned.append(pruned)

    def tell(self, room: str, messages: Sequence[Message]) -> None:
        """Call every listener, in the order in which they came."""
        for told in tuple(self._told):
            try:
                told(room, messages)
            except Exception:
                self._log.failure("room {room}: a listener raised", room=room)

    def tell_pruned(self, room: str, first: int) -> None:
        """Call every listener who wants to know that `room` keeps nothing before `first`."""
        for pruned in tuple(self._pruned):
            try:
                pruned(room, first)
            except Exception:
                self._log.failure("room {room}: a listener raised", room=room)
