"""Moderation: nobody may, yet."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from chatcomet.api.moderation import erase
from chatcomet.errors import Malformed, NotAllowed


class EraseTests(SynchronousTestCase):
    def test_nobody_may(self) -> None:
        error = self.assertRaises(NotAllowed, erase, "lobby", 41)
        self.assertIn("41", str(error))

    def test_raises_for_what_is_no_room(self) -> None:
        self.assertRaises(Malformed, erase, "Lobby", 0)
