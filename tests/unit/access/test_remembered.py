"""Remembered: who has signed in just now."""

from __future__ import annotations

from unittest.mock import patch

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from chatcomet.access import remembered as remembered_module
from chatcomet.access.accounts import Account
from chatcomet.access.remembered import (
    CHANGES_SEEN_SECONDS,
    CHANGES_UNSEEN_SECONDS,
    Remembered,
)

ADA = Account("Ada", "print of ada")
NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1)
ADDRESSES = st.none() | st.sampled_from(["192.0.2.1", "2001:db8::1"])


class RememberedTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.good: set[str | None] = {None, "print of ada", "print of bob"}
        self.remembered = Remembered(b"k" * 32, self.good.__contains__, self.clock)
        self.key = self.remembered.key("ada", b"secret", "192.0.2.1")

    def add(self, key: bytes | None = None, account: Account = ADA) -> None:
        self.remembered.add(key or self.key, account)

    def test_for_a_while(self) -> None:
        self.assertIsNone(self.remembered.get(self.key))
        self.add()
        self.clock.advance(CHANGES_SEEN_SECONDS - 0.1)
        self.assertEqual(self.remembered.get(self.key), ADA)
        self.clock.advance(0.1)
        self.assertIsNone(self.remembered.get(self.key))
        self.assertEqual(self.remembered._successes, {})

    def test_for_a_shorter_one_where_no_change_would_be_seen(self) -> None:
        self.add(None, Account("Ada"))
        self.clock.advance(CHANGES_UNSEEN_SECONDS - 0.1)
        self.assertEqual(self.remembered.get(self.key), Account("Ada"))
        self.clock.advance(0.1)
        self.assertIsNone(self.remembered.get(self.key))

    def test_until_the_account_changes_and_not_for_another(self) -> None:
        self.add()
        self.add(b"bob", Account("bob", "print of bob"))
        self.good.remove("print of ada")
        self.assertIsNone(self.remembered.get(self.key))
        self.assertIsNotNone(self.remembered.get(b"bob"))
        self.good.add("print of ada")
        self.assertIsNone(self.remembered.get(self.key))

    def test_no_more_than_there_is_room_for(self) -> None:
        with patch.object(remembered_module, "REMEMBERED", 3):
            for number in range(5):
                self.add(bytes([number]))
            self.add(b"\2")  # again: it is the newest
            self.add(b"\5")
        self.assertEqual(list(self.remembered._successes), [b"\4", b"\2", b"\5"])

    def test_what_has_ended_goes(self) -> None:
        for number in range(5):
            self.add(bytes([number]))
        self.clock.advance(CHANGES_SEEN_SECONDS)
        self.add()
        self.assertEqual(list(self.remembered._successes), [self.key])

    def test_nothing_of_a_password_is_kept(self) -> None:
        self.add()
        self.assertNotIn("secret", repr(vars(self.remembered)))
        self.assertNotEqual(Remembered(b"x" * 32, bool, self.clock).key("ada", b"secret", "192.0.2.1"), self.key)

    @settings(deadline=None)
    @given(*[st.tuples(NAMES, st.binary(), ADDRESSES)] * 2)
    def test_keys_are_equal_only_for_equals(
        self, one: tuple[str, bytes, str | None], other: tuple[str, bytes, str | None]
    ) -> None:
        self.setUp()
        self.assertEqual(self.remembered.key(*one) == self.remembered.key(*other), one == other)

    def test_where_one_part_ends_and_the_next_begins(self) -> None:
        keys = {
            self.remembered.key(name, password, address)
            for name, password, address in (
                *(("ada", b"x", None), ("adax", b"", None), ("ad", b"ax", None)),
                *(("ada", b"\0x", None), ("ada", b"", "x"), ("ada", b"x\0", None), ("ada", b"x", "x")),
            )
        }
        self.assertEqual(len(keys), 7)
