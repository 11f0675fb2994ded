"""Rooms: the list of them, one of them, and who types in it."""

from __future__ import annotations

from math import inf
from unittest.mock import patch

from chatcomet.access.asker import Asker, holder, stranger
from chatcomet.access.identity import Session
from chatcomet.access.policy import Policy
from chatcomet.api import rooms as rooms_module
from chatcomet.api.polling import Poll, look, poll
from chatcomet.api.rooms import RoomState, room, rooms, typing
from chatcomet.core.message import Cursor
from chatcomet.core.roster import GRACE_SECONDS, TYPING_SECONDS, Listed
from chatcomet.core.rulings import Ruling
from chatcomet.errors import Malformed, NotAllowed, NotSignedIn, StoreUnavailable
from tests.unit.api.running_chat import EPOCH, NOON, SOMEBODY, ChatTestCase, with_ticket

ADA = holder(Session("a", "ada", NOON), None)
CLOSED = Policy.parse(
    """
    [[rooms]]
    name = "team-*"
    read = "members"

    [[rooms]]
    name = "box"
    read = "nobody"
    post = "everyone"
    """
)


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

    def test_those_that_the_asker_may_read(self) -> None:
        for name in ("attic", "box", "lobby", "team-a", "team-b"):
            self.add("hello", room=name)
        self.policy.policy = CLOSED
        self.successResultOf(self.rulings.rule(Ruling("ban", "attic", "ada", inf, "mo", NOON)))
        readable: list[tuple[Asker, list[str]]] = [
            (stranger(None), ["attic", "lobby"]),
            (self.sign_in("ada"), ["lobby"]),
            (self.account("mo"), ["attic", "lobby", "team-a", "team-b"]),
            (with_ticket("robot", "read", rooms="team-a"), ["team-a"]),
            (with_ticket("robot", "post"), []),
        ]
        for asker, names in readable:
            self.assertEqual([state.room for state in self.successResultOf(rooms(self.chat, "", asker))], names)

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

    def test_is_for_those_who_may_read_it_there_or_not(self) -> None:
        self.policy.policy = CLOSED
        self.add("hello", room="team-a")
        for name in ("team-a", "team-b"):
            self.assertRaises(NotSignedIn, room, self.chat, name, stranger(None))
            self.assertRaises(NotAllowed, room, self.chat, name, with_ticket("robot", "post"))
            self.successResultOf(room(self.chat, name, with_ticket("robot", "read", rooms="team-*")))
        self.assertEqual(len(self.hub), 2)

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

    def test_who_may_not_post_does_not_type(self) -> None:
        ada = self.sign_in("ada")
        poll(self.chat, Poll("lobby", Cursor(EPOCH, 0)), ada)
        self.successResultOf(self.rulings.rule(Ruling("mute", "lobby", "ada", inf, "mo", NOON)))
        self.assertRaises(NotAllowed, typing, self.chat, "lobby", ada)
        self.assertEqual(self.people(), (Listed("ada", False),))
        self.policy.policy = CLOSED
        self.assertRaises(NotSignedIn, typing, self.chat, "team-a", ada)
        self.assertEqual(len(self.hub), 1)

    def test_who_has_no_name_types_unseen(self) -> None:
        poll(self.chat, Poll("lobby", Cursor(EPOCH, 0)), SOMEBODY)
        typing(self.chat, "lobby", SOMEBODY)
        self.assertEqual(self.people(), ())

    def test_raises_for_what_is_no_room(self) -> None:
        self.assertRaises(Malformed, typing, self.chat, "a/b", ADA)
