"""Listeners: those who are told of what was appended, of what is not so any more, and of what was ruled."""

from __future__ import annotations

from collections.abc import Sequence

from twisted.logger import Logger

from chatcomet.core.message import Message
from chatcomet.core.rulings import Ruled, Ruling, RulingKey
from chatcomet.core.store import Outdated, Told


class Listeners:
    """All who subscribed to one store.  One that raises is logged, and keeps nothing from the others."""

    _log = Logger()

    def __init__(self) -> None:
        self._told: list[Told] = []
        self._outdated: list[Outdated] = []
        self._ruled: list[Ruled] = []

    def add(self, told: Told, outdated: Outdated | None) -> None:
        """From now on, `tell` calls `told` too, and `tell_outdated` calls `outdated`."""
        self._told.append(told)
        if outdated is not None:
            self._outdated.append(outdated)

    def add_ruled(self, ruled: Ruled) -> None:
        """From now on, `tell_ruled` calls `ruled` too."""
        self._ruled.append(ruled)

    def tell(self, room: str, messages: Sequence[Message]) -> None:
        """Call every listener, in the order in which they came."""
        for told in tuple(self._told):
            try:
                told(room, messages)
            except Exception:
                self._log.failure("room {room}: a listener raised", room=room)

    def tell_outdated(self, room: str, end: int) -> None:
        """Call every listener who wants to know that something before `end` in `room` was pruned or erased."""
        for outdated in tuple(self._outdated):
            try:
                outdated(room, end)
            except Exception:
                self._log.failure("room {room}: a listener raised", room=room)

    def tell_ruled(self, key: RulingKey, ruling: Ruling | None) -> None:
        """Call every listener who wants to know which ruling there is now about `key`."""
        for ruled in tuple(self._ruled):
            try:
                ruled(key, ruling)
            except Exception:
                self._log.failure("a listener to rulings raised")
