"""Readers: how many there are, and when there are too many."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from chatcomet.access.refusals import Refusals
from chatcomet.api.readers import Readers

ADDRESSES = [None, "192.0.2.1", "192.0.2.2", "2001:db8::/64"]


def limited(most: int, most_each: int) -> Readers:
    return Readers(most, most_each, Refusals(Clock()))


class ReadersTests(SynchronousTestCase):
    def entered(self, readers: Readers, address: str | None, tries: int = 10) -> int:
        """How many of so many are let in."""
        return sum(readers.enter(address) for _ in range(tries))

    def test_in_all(self) -> None:
        readers = limited(3, 0)
        self.assertEqual(self.entered(readers, "192.0.2.1", 2), 2)
        self.assertEqual(self.entered(readers, None), 1)
        self.assertEqual(self.entered(readers, "192.0.2.2"), 0)
        self.assertEqual(readers.count, 3)
        readers.leave("192.0.2.1")
        self.assertEqual(self.entered(readers, "192.0.2.2"), 1)

    def test_from_each_address(self) -> None:
        readers = limited(0, 2)
        for address in ADDRESSES[1:]:
            self.assertEqual(self.entered(readers, address), 2)
        readers.leave("192.0.2.1")
        self.assertEqual(self.entered(readers, "192.0.2.1"), 1)
        self.assertEqual(self.entered(readers, None), 10)

    def test_without_limits(self) -> None:
        readers = limited(0, 0)
        for address in ADDRESSES:
            self.assertEqual(self.entered(readers, address, 1_000), 1_000)

    def test_whoever_was_put_off_is_not_there(self) -> None:
        for readers in (limited(1, 0), limited(0, 1)):
            self.assertEqual(self.entered(readers, "192.0.2.1"), 1)
            readers.leave("192.0.2.1")
            self.assertEqual(self.entered(readers, "192.0.2.1"), 1)
            self.assertEqual(readers.count, 1)

    def test_whoever_is_put_off_is_counted_for_the_operator(self) -> None:
        for readers in (limited(1, 0), limited(0, 1)):
            readers.enter("192.0.2.1")
            with capturedLogs() as events:
                readers.enter("192.0.2.1")
            self.assertEqual([event["name"] for event in events], ["readers"])

    @settings(deadline=None)
    @given(st.integers(0, 6), st.integers(0, 3), st.lists(st.tuples(st.booleans(), st.sampled_from(ADDRESSES))))
    def test_as_a_list_of_them_would(self, most: int, most_each: int, steps: list[tuple[bool, str | None]]) -> None:
        readers = limited(most, most_each)
        listed: list[str | None] = []
        for enters, address in steps:
            if enters:
                full = bool(most) and len(listed) >= most
                greedy = address is not None and bool(most_each) and listed.count(address) >= most_each
                self.assertEqual(readers.enter(address), not full and not greedy)
                if not full and not greedy:
                    listed.append(address)
            elif address in listed:
                readers.leave(address)
                listed.remove(address)
            self.assertEqual(readers.count, len(listed))
        for address in listed:
            readers.leave(address)
        self.assertEqual((readers.count, readers._by_address), (0, {}))
