"""Rooms: the list of them, one of them, and who types in it."""

from __future__ import annotations

from math import inf
from unittest.mock import patch

from twisted.internet.defer import CancelledError

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
        return self.listed(SOMEBODY, after)[0]

    def listed(self, asker: Asker, after: str = "") -> tuple[list[str], str | None]:
        """The names that `asker` gets, and after what to ask on."""
        asked = rooms(self.chat, after, asker)
        self.clock.advance(0)
        listing = self.successResultOf(asked)
        return [state.room for state in listing.rooms], listing.next

    def test_those_posted_to_by_name(self) -> None:
        self.assertEqual(self.names(), [])
        for name in ("lobby", "attic", "cellar", "lobby"):
            self.add("hello", room=name)
        self.hub.room("unused")
        self.assertEqual(self.names(), ["attic", "cellar", "lobby"])

    def test_what_is_known_of_each(self) -> None:
        self.add("one", "two", "three")
        poll(self.chat, Poll("lobby", Cursor(EPOCH, 3)), ADA)
        (state,) = self.successResultOf(rooms(self.chat, "", SOMEBODY)).rooms
        self.assertEqual(state, RoomState("lobby", Cursor(EPOCH, 3), 1, 1, None))

    def test_listing_makes_no_room(self) -> None:
        self.add("hello")
        self.names()
        self.assertEqual(len(self.hub), 0)

    def test_one_part_after_the_other(self) -> None:
        for name in ("a", "b", "c"):
            self.add("hello", room=name)
        with patch.object(rooms_module, "ROOMS", 2):
            self.assertEqual(self.listed(SOMEBODY), (["a", "b"], "b"))
            self.assertEqual((self.listed(SOMEBODY, "b"), self.listed(SOMEBODY, "c")), ((["c"], None), ([], None)))

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
            self.assertEqual(self.listed(asker), (names, None))

    def fill(self, teams: int) -> Asker:
        """So many rooms of teams, and `zoo` after them; who asks may read that one alone."""
        for number in range(teams):
            self.add("hello", room=f"team-{number:04}")
        self.add("hello", room="zoo")
        self.policy.policy = CLOSED
        return with_ticket("robot", "read", rooms="*o")  # team-… ends with a digit

    def test_a_part_is_filled_with_what_may_be_read(self) -> None:
        asker = self.fill(20)
        with patch.multiple(rooms_module, ROOMS=1, SLICE=3):
            self.assertEqual(self.listed(asker), (["zoo"], None))

    def test_what_may_not_be_read_says_nothing_after_the_last_part(self) -> None:
        self.fill(20)
        self.add("hello", room="attic")
        with patch.multiple(rooms_module, ROOMS=1, SLICE=3):
            self.assertEqual(self.listed(with_ticket("robot", "read", rooms="attic")), (["attic"], None))

    def test_who_may_read_few_of_many_is_sent_on_and_gets_them_all(self) -> None:
        asker = self.fill(50)
        names: list[str] = []
        after, asked = "", 0
        with patch.multiple(rooms_module, SLICE=3, SLICES=4):
            while True:
                found, following = self.listed(asker, after)
                names, asked = names + found, asked + 1
                if following is None:
                    break
                self.assertNotIn("team", following, "of which the asker is not to know")
                self.assertTrue(following.startswith("~"))
                after = following
        self.assertEqual((names, asked), (["zoo"], 5))

    def test_others_have_their_turn_between_two_slices(self) -> None:
        asker = self.fill(3)
        with patch.multiple(rooms_module, SLICE=3):
            asked = rooms(self.chat, "", asker)
            self.assertNoResult(asked)
            self.clock.advance(0)
        self.assertEqual([state.room for state in self.successResultOf(asked).rooms], ["zoo"])

    def test_who_has_gone_has_no_more_looked_for(self) -> None:
        asker = self.fill(9)
        with patch.multiple(rooms_module, SLICE=3):
            asked = rooms(self.chat, "", asker)
            asked.cancel()
        self.failureResultOf(asked, CancelledError)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_what_leads_nowhere(self) -> None:
        for after in ("~", "~x", "~gAAAAA", "~\N{SNOWMAN}", "~" + "A" * 200):
            self.failureResultOf(rooms(self.chat, after, SOMEBODY), Malformed)

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
