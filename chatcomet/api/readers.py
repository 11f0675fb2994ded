"""Readers: how many wait or follow a stream now, in all and from each address, and when there are too many.

One too many is no error: it is answered at once with what there is, and told when to come again; so nobody is locked
out (law 9).
"""

from __future__ import annotations

import sys

from chatcomet.access.refusals import Refusals


class Readers:
    """`most`: how many there may be in all, `most_each`: from one address; 0 is no limit.

    Who is put off is counted in `refusals`.
    """

    __slots__ = ("_by_address", "_most", "_most_each", "_refusals", "count")

    def __init__(self, most: int, most_each: int, refusals: Refusals) -> None:
        self._most = most or sys.maxsize
        self._most_each = most_each or sys.maxsize
        self._refusals = refusals
        self._by_address: dict[str, int] = {}  # only those from which there are some
        self.count = 0
        """How many there are now."""

    def enter(self, address: str | None) -> bool:
        """Whether one more may be suspended, from `address` as `Proxies` has it; if so, `leave` is owed."""
        if self.count >= self._most:
            self._refusals.count("readers")
            return False
        if address is not None:
            before = self._by_address.get(address, 0)
            if before >= self._most_each:
                self._refusals.count("readers")
                return False
            self._by_address[address] = before + 1
        self.count += 1
        return True

    def leave(self, address: str | None) -> None:
        """One that `enter` let in from `address` is suspended no more."""
        self.count -= 1
        if address is not None:
            left = self._by_address[address] - 1
            if left:
                self._by_address[address] = left
            else:
                del self._by_address[address]
