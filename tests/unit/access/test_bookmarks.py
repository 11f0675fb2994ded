"""Bookmarks: they lead back to where they were made, and say nothing."""

from __future__ import annotations

from urllib.parse import quote

from twisted.trial.unittest import SynchronousTestCase

from chatcomet.access.bookmarks import Bookmarks
from chatcomet.errors import Malformed

NAMES = ("a", "lobby", "team-x.y_z", "a" * 64)


class BookmarksTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.bookmarks = Bookmarks(b"k" * 32)

    def test_lead_to_where_they_were_made(self) -> None:
        for name in NAMES:
            self.assertEqual(self.bookmarks.read(self.bookmarks.make(name)), name)
            self.assertEqual(Bookmarks(b"k" * 32).read(self.bookmarks.make(name)), name, "after a restart, too")

    def test_a_name_leads_there_too(self) -> None:
        for name in ("", *NAMES, "Lobby", "what is no name"):
            self.assertEqual(self.bookmarks.read(name), name)

    def test_say_nothing(self) -> None:
        made = [self.bookmarks.make(name) for name in NAMES]
        self.assertEqual({len(each) for each in made}, {len(made[0])}, "nor how long the name is")
        self.assertNotEqual(self.bookmarks.make("lobby"), self.bookmarks.make("lobby"), "nor whether it is the same")

    def test_stand_in_a_url_as_they_are(self) -> None:
        for name in NAMES:
            made = self.bookmarks.make(name)
            self.assertEqual(quote(made, safe=""), made)

    def test_those_of_another_key_and_those_that_were_touched_lead_nowhere(self) -> None:
        made = self.bookmarks.make("lobby")
        for text in (Bookmarks(b"l" * 32).make("lobby"), made[:-1], made + "A", "~" + made[2:], "~", "~\N{SNOWMAN}"):
            self.assertRaises(Malformed, self.bookmarks.read, text)
