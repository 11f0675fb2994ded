"""Rooms: the list of them, one of them, and who types in it."""

from __future__ import annotations

from unittest.mock import patch

from chatcomet.access.asker import holder
from chatcomet.access.identity import Session
from chatcomet.api import rooms as rooms_module
from chatcomet.api.polling import Poll, look, poll
from chatcomet.api.rooms import RoomState, room, rooms, typing
from chatcomet.core.message import Cursor
from chatcomet.core.roster import GRACE_SECONDS, TYPING_SECONDS, Listed
from chatcomet.errors import Malformed, StoreUnavailable
from tests.unit.api.running_chat import EPOCH, NOON, SOMEBODY, ChatTestCase

ADA = holder(Session("a", "ada", NOON), None)


class RoomsTests(ChatTestCase):
    retain = 2

    def names(self, after: str = "") -> list[str]:
        return [state.room for state in self.successResultOf(rooms(self.chat, after, SOMEBODY))]

    def test_those_posted_to_by_name(self) -> None:
        self.assertEqual(self.names(), [])
        for name in ("lobby", "attic", "cellar", "lobby"):
            self.add("hello", room=name)
        self.hub.room("unused")
        self.assertEqual(self.names(), ["attic", "cellar", "lobby"])

    def test_what_is_known_of_each(self) -> None:
        self.add("one", "two", "three")
        poll(self.chat, Poll("lobby", Cursor(EPOCH, 3)), ADA)
        (state,) = self.successResultOf(rooms(self.chat, "", SOMEBODY))
        self.assertEqual(state, RoomState("lobby", Cursor(EPOCH, 3), 1, 1, None))

    def test_listing_makes_no_room(self) -> None:
        self.add("hello")
        self.names()
        self.assertEqual(len(self.hub), 0)

    def test_one_part_after_the_other(self) -> None:
        for name in ("a", "b", "c"):
            self.add("hello", room=name)
        with patch.object(rooms_module, "ROOMS", 2):
            self.assertEqual((self.names(), self.names("b"), self.names("c")), (["a", "b"], ["c"], []))

    def test_fails_with_the_store(self) -> None:
        self.store.close()
        self.failureResultOf(rooms(self.chat, "", SOMEBODY), StoreUnavailable)


class RoomTests(ChatTestCase):
    retain = 2

    def state(self) -> RoomState:
        return self.successResultOf(room(self.chat, "lobby", SOMEBODY))

    def test_one_that_nobody_has_used(self) -> None:
        state = self.state()
        self.assertEqual((state.room, state.cursor, state.first, state.readers), ("lobby", Cursor(EPOCH, 0), 0, 0))
        assert state.roster is not None
        self.assertEqual((state.roster.count, state.roster.people), (0, ()))

    def test_what_is_known_of_it(self) -> None:
        self.add("one", "two", "three")
        poll(self.chat, Poll("lobby", Cursor(EPOCH, 3)), ADA)
        look(self.chat, Poll("lobby", Cursor(EPOCH, 3)), 0, ADA)
        state = self.state()
        self.assertEqual((state.cursor, state.first, state.readers), (Cursor(EPOCH, 3), 1, 1))
        assert state.roster is not None
        self.assertEqual((state.roster.count, state.roster.people), (1, (Listed("ada", False),)))

    def test_looking_at_it_does_not_keep_it(self) -> None:
        self.state()
        self.clock.pump([60.0] * 3)
        self.assertEqual(len(self.hub), 0)

    def test_fails_with_the_store(self) -> None:
        self.store.close()
        self.failureResultOf(room(self.chat, "lobby", SOMEBODY), StoreUnavailable)

    def test_raises_for_what_is_no_room(self) -> None:
        self.assertRaises(Malformed, room, self.chat, "Lobby", SOMEBODY)
        self.assertEqual(len(self.hub), 0)


class TypingTests(ChatTestCase):
    def people(self) -> tuple[Listed, ...]:
        return self.hub.room("lobby").roster.state.people

    def test_shows_between_two_polls_too(self) -> None:
        poll(self.chat, Poll("lobby", Cursor(EPOCH, 0), wait_seconds=0), ADA)
        typing(self.chat, "lobby", ADA)
        self.assertEqual(self.people(), (Listed("ada", True),))
        self.clock.advance(TYPING_SECONDS)
        self.assertEqual(self.people(), (Listed("ada", False),))
        self.clock.advance(GRACE_SECONDS)
        self.assertEqual(self.people(), ())

    def test_who_is_not_here_does_not_type(self) -> None:
        typing(self.chat, "lobby", ADA)
        self.assertEqual(self.people(), ())

    def test_raises_for_what_is_no_room(self) -> None:
        self.assertRaises(Malformed, typing, self.chat, "a/b", ADA)
