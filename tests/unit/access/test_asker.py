"""Asker: under which name, for whom it counts, and as whom it may be ruled."""

from __future__ import annotations

from dataclasses import replace
from math import inf

from hypothesis import example, given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from chatcomet.access.accounts import Account
from chatcomet.access.asker import Asker, Clearance, bearer, ended, holder, member, nameless, stranger
from chatcomet.access.grants import Grants
from chatcomet.access.identity import GUEST, Identity, Kind, Session, check_name, fold
from chatcomet.access.rulings import SESSION
from chatcomet.access.sessions import LIFE_SECONDS
from chatcomet.access.tickets import Ticket
from chatcomet.core.roster import Person
from chatcomet.errors import Malformed

NOON = 1_795_354_155.0
HERE = "192.0.2.1"
SESSION_OF_ADA = Session("the id", "Ada", NOON)
MEMBER = Session("another id", "Ada", NOON, member=True)
TICKET = Ticket("Ada", Grants.parse({"*": ["read"]}), NOON + 60, "jti:1")


class KindTests(SynchronousTestCase):
    def test_each_is_known_as_what_it_is(self) -> None:
        known: list[tuple[Asker, Identity]] = [
            (Asker(), Identity()),
            (stranger(HERE), Identity(Kind.STRANGER)),
            (holder(SESSION_OF_ADA, HERE), Identity(Kind.GUEST, "Ada")),
            (nameless(SESSION_OF_ADA, HERE), Identity(Kind.GUEST)),
            (ended(HERE), Identity(Kind.STRANGER)),
            (holder(MEMBER, HERE), Identity(Kind.MEMBER, "Ada")),
            (bearer(TICKET, HERE), Identity(Kind.TICKET, "Ada", TICKET.grants)),
        ]
        for asker, identity in known:
            self.assertEqual(asker.identity, identity)

    def test_the_name_is_as_it_was_picked_or_guest(self) -> None:
        for asker in (holder(SESSION_OF_ADA, HERE), holder(MEMBER, HERE), bearer(TICKET, HERE)):
            self.assertEqual(asker.name, "Ada")
        for asker in (stranger(HERE), nameless(SESSION_OF_ADA, HERE)):
            self.assertEqual(asker.name, GUEST)

    def test_only_who_has_lost_its_name_is_nameless(self) -> None:
        self.assertTrue(nameless(SESSION_OF_ADA, HERE).is_nameless)
        for asker in (stranger(HERE), holder(SESSION_OF_ADA, HERE), holder(MEMBER, HERE), bearer(TICKET, HERE)):
            self.assertFalse(asker.is_nameless)

    def test_one_whose_session_has_ended_is_a_stranger_who_is_known_as_that(self) -> None:
        for address in (HERE, None):
            self.assertNotEqual(ended(address), stranger(address))
            self.assertEqual(replace(ended(address), has_ended=False), stranger(address))

    def test_what_a_gate_has_found_tells_no_two_apart(self) -> None:
        one, other = holder(SESSION_OF_ADA, HERE), holder(SESSION_OF_ADA, HERE)
        one.clear(Clearance(1, frozenset(("lobby",))))
        self.assertEqual(one, other)
        self.assertIsNone(other.cleared)


class CountingTests(SynchronousTestCase):
    def test_a_guest_is_counted_by_the_session(self) -> None:
        for asker in (holder(SESSION_OF_ADA, HERE), nameless(SESSION_OF_ADA, None)):
            self.assertEqual((asker.scope, asker.counted), ("the id", "the id"))

    def test_guests_are_counted_with_those_at_their_address_too(self) -> None:
        crowd = holder(SESSION_OF_ADA, HERE).crowd
        others = (holder(Session("a third id", "bob", NOON), HERE), nameless(SESSION_OF_ADA, HERE))
        self.assertEqual({other.crowd for other in others}, {crowd})
        self.assertNotIn(crowd, (None, HERE, "the id", holder(SESSION_OF_ADA, "192.0.2.99").crowd))

    def test_nobody_else_is(self) -> None:
        askers = (holder(SESSION_OF_ADA, None), stranger(HERE), holder(MEMBER, HERE), bearer(TICKET, HERE))
        self.assertEqual({asker.crowd for asker in askers}, {None})

    def test_a_member_and_who_has_a_ticket_are_whatever_they_come_with(self) -> None:
        sessions = [MEMBER, Session("a third id", "ADA", NOON + 1, member=True)]
        self.assertEqual({holder(session, HERE).counted for session in sessions}, {"member:ada"})
        tickets = [TICKET, Ticket("Ada", Grants(), NOON + 61, "jti:2")]
        self.assertEqual({bearer(ticket, None).scope for ticket in tickets}, {TICKET.scope})

    def test_who_has_nothing_is_counted_by_the_address_and_has_no_keys(self) -> None:
        self.assertEqual((stranger(HERE).scope, stranger(HERE).counted), ("", HERE))
        self.assertEqual((stranger(None).scope, stranger(None).counted), ("", None))

    def test_nobody_is_counted_for_another(self) -> None:
        askers = [
            *(stranger(HERE), holder(SESSION_OF_ADA, HERE), holder(MEMBER, HERE), bearer(TICKET, HERE)),
            holder(Session("a third id", "Ada", NOON), HERE),
        ]
        self.assertEqual(len({asker.counted for asker in askers}), 5)

    def test_the_right_is_what_may_end(self) -> None:
        rights = [asker.right for asker in (holder(SESSION_OF_ADA, HERE), holder(MEMBER, HERE), bearer(TICKET, HERE))]
        self.assertEqual(rights, ["the id", "another id", "jti:1"])
        self.assertEqual(nameless(SESSION_OF_ADA, HERE).right, "the id")
        self.assertIsNone(stranger(HERE).right)

    def test_it_ends_by_itself_one_day(self) -> None:
        sessions = [holder(SESSION_OF_ADA, HERE), holder(MEMBER, HERE), nameless(SESSION_OF_ADA, HERE)]
        self.assertEqual({asker.until for asker in sessions}, {NOON + LIFE_SECONDS})
        self.assertEqual(bearer(TICKET, HERE).until, NOON + 60)
        self.assertEqual({stranger(HERE).until, member(Account("ada"), HERE).until}, {inf})


class RosterTests(SynchronousTestCase):
    def test_who_has_a_name_is_shown_under_it(self) -> None:
        self.assertEqual(holder(SESSION_OF_ADA, HERE).person, Person("the id", "Ada"))
        self.assertEqual(holder(MEMBER, HERE).person, Person("member:ada", "Ada"))
        self.assertEqual(bearer(TICKET, HERE).person, Person(TICKET.scope, "Ada"))

    def test_who_has_lost_it_is_somebody_without_one(self) -> None:
        self.assertEqual(nameless(SESSION_OF_ADA, HERE).person, Person("the id", None))

    def test_strangers_are_one_for_each_address(self) -> None:
        self.assertEqual(stranger(HERE).person, Person(HERE, None))
        self.assertEqual(stranger(None).person, Person("", None))


class RulingTests(SynchronousTestCase):
    def test_a_guest_by_name_and_session(self) -> None:
        self.assertEqual(holder(SESSION_OF_ADA, HERE).subjects, ("ada", SESSION + "the id"))
        self.assertEqual(nameless(SESSION_OF_ADA, HERE).subjects, ("guest", SESSION + "the id"))

    def test_all_others_by_name(self) -> None:
        self.assertEqual(holder(MEMBER, HERE).subjects, ("ada",))
        self.assertEqual(bearer(TICKET, HERE).subjects, ("ada",))
        self.assertEqual(stranger(HERE).subjects, ("guest",))

    @given(st.sampled_from([SESSION, "session", "session ", "session:", ""]), st.text(max_size=23))
    @example(SESSION, "the id")
    def test_no_name_is_taken_for_a_session(self, start: str, text: str) -> None:
        try:
            name = check_name(start + text)
        except Malformed:
            return
        self.assertFalse(fold(name).startswith(SESSION))
