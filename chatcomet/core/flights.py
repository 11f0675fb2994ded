"""Flights: one question in flight at a time, whoever else asks the same meanwhile shares its answer."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.python.failure import Failure

T = TypeVar("T")


class Flights(Generic[T]):
    """Shares the answers of questions, told apart by a key."""

    __slots__ = ("_passengers",)

    def __init__(self) -> None:
        self._passengers: dict[Hashable, list[Deferred[T]]] = {}

    def __len__(self) -> int:
        """How many questions are in flight."""
        return len(self._passengers)

    def join(self, key: Hashable, ask: Callable[[], Deferred[T]]) -> Deferred[T]:
        """What the question `key` in flight comes to, or, if there is none, what `ask` does.

        Each asker has a Deferred of its own: cancelling it leaves the others as they are.
        """
        passenger: Deferred[T] = Deferred()
        passengers = self._passengers.get(key)
        if passengers is not None:
            passengers.append(passenger)
            return passenger
        self._passengers[key] = [passenger]
        maybeDeferred(ask).addBoth(self._land, key)  # one that raises lands too, or all who follow would wait for ever
        return passenger

    def _land(self, outcome: T | Failure, key: Hashable) -> None:
        for passenger in self._passengers.pop(key):
            passenger.callback(outcome)  # a cancelled one swallows it (Deferred.cancel without a canceller)
