"""Recent: what was found out of late, kept so as not to be found out again.

It is kept for as long as it is used: what was not used between two calls of `age`, which go by a clock, is forgotten;
so that a crowd leaves nothing behind for long.  It is in two halves, those used since the last call and the others:
to keep them in the order of their use would cost each look more than it saves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")

_PARTS = 8


class Recent(Generic[K, V]):
    """`most`: how much is kept, by what `weigh` says of each.  What is too much is dropped, unused things first."""

    def __init__(self, most: int, weigh: Callable[[K, V], int] = lambda key, value: 1) -> None:
        self._most = most
        self._weigh = weigh
        self._used: dict[K, V] = {}  # since the last call of `age`
        self._used_weight = 0
        self._others: dict[K, V] = {}
        self._others_weight = 0

    def __len__(self) -> int:
        """How many are kept."""
        return len(self._used) + len(self._others)

    def __iter__(self) -> Iterator[K]:
        """All that are kept, in any order."""
        yield from self._used
        yield from self._others

    def get(self, key: K) -> V | None:
        """What was found; None where that is not known, or not any more."""
        found = self._used.get(key)
        if found is None and self._others:
            found = self._others.pop(key, None)
            if found is not None:
                weight = self._weigh(key, found)
                self._others_weight -= weight
                self._used_weight += weight
                self._used[key] = found
        return found

    def put(self, key: K, found: V) -> None:
        """Keep it."""
        self.forget(key)
        weight = self._weigh(key, found)
        if self._used_weight + weight > self._most:
            self.age()  # all were used: of those some have to go
        while self._others and self._used_weight + self._others_weight + weight > self._most:
            self._drop_some()
        self._used[key] = found
        self._used_weight += weight

    def forget(self, key: K) -> None:
        """Keep it no longer, if it is kept."""
        if (found := self._used.pop(key, None)) is not None:
            self._used_weight -= self._weigh(key, found)
        elif (found := self._others.pop(key, None)) is not None:
            self._others_weight -= self._weigh(key, found)

    def _drop_some(self) -> None:
        """Of the unused ones, the first: many at once, since all that were dropped are passed to find the next."""
        for key in list(islice(self._others, 1 + len(self._others) // _PARTS)):
            self.forget(key)

    def age(self) -> None:
        """Forget what was not used since this was called last."""
        self._others, self._others_weight = self._used, self._used_weight
        self._used, self._used_weight = {}, 0
