"""Ruling: what one is, and what none can be."""

from __future__ import annotations

from math import inf, nan

from twisted.trial.unittest import SynchronousTestCase

from chatcomet.core.rulings import SUBJECT_CHARACTERS, Ruling, RulingKey
from chatcomet.errors import Malformed, TooLong

BAN = Ruling("ban", "lobby", "bob", 1_010.0, "ada", 1_000.0)


class RulingTests(SynchronousTestCase):
    def test_what_it_is_about(self) -> None:
        self.assertEqual(BAN.key, RulingKey("ban", "lobby", "bob"))

    def test_when_it_is_over(self) -> None:
        self.assertEqual([BAN.is_over(now) for now in (0.0, 1_009.9, 1_010.0, 2_000.0)], [False, False, True, True])
        self.assertFalse(Ruling("ban", "", "bob", inf, "ada", 0.0).is_over(1e300))

    def test_whoever_may_have_a_name_may_be_ruled(self) -> None:
        for name in ("a b", "\u1680ogham", "\ue000", "👨‍👩‍👧", "x" * SUBJECT_CHARACTERS):
            Ruling("ban", "", name, inf, name, 0.0)

    def test_malformed(self) -> None:
        for room in ("Lobby", "a/b", " "):
            self.assertRaises(Malformed, Ruling, "ban", room, "bob", inf, "ada", 0.0)
        for name in ("", "\ud800"):
            self.assertRaises(Malformed, Ruling, "ban", "", name, inf, "ada", 0.0)
            self.assertRaises(Malformed, Ruling, "ban", "", "bob", inf, name, 0.0)
        for until, at in ((nan, 0.0), (inf, nan), (inf, inf)):
            self.assertRaises(Malformed, Ruling, "ban", "", "bob", until, "ada", at)

    def test_too_long(self) -> None:
        self.assertRaises(TooLong, Ruling, "ban", "", "x" * (SUBJECT_CHARACTERS + 1), inf, "ada", 0.0)
