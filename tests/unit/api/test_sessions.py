"""Sessions as endpoints: sign in, who am I, sign out."""

from __future__ import annotations

from dataclasses import replace
from unittest.mock import patch

from twisted.internet.defer import Deferred

from chatcomet.access.asker import Asker, bearer, ended, holder, stranger
from chatcomet.access.grants import Grants
from chatcomet.access.identity import Session
from chatcomet.access.policy import Policy
from chatcomet.access.rulings import Rulings
from chatcomet.access.sessions import HOLD_NAME_SECONDS, LIFE_SECONDS, RENEW_SECONDS, Sessions
from chatcomet.access.tickets import Ticket, Tickets
from chatcomet.api.polling import Poll, poll
from chatcomet.api.sessions import Who, renew, sign_in, sign_out, who
from chatcomet.core.message import Cursor, Page, Sizes
from chatcomet.core.rulings import Ruling
from chatcomet.errors import BadTicket, Malformed, NameTaken, NotSignedIn, StoreBusy, StoreUnavailable, TooMany
from chatcomet.settings import Rate, Settings
from tests.unit.access import forge
from tests.unit.api.running_chat import EPOCH, KEY, NOON, SOMEBODY, ChatTestCase

EVERYWHERE = {"*": ["read", "post", "create"]}


class SessionsTestCase(ChatTestCase):
    def tickets(self) -> Tickets:
        return Tickets(forge.keys(), None, lambda: self.now)

    def cookie(self, asker: Asker) -> str:
        assert asker.session is not None
        return self.sessions.cookie(asker.session)

    def again(self, asker: Asker) -> Asker:
        """Who asks with the same cookie now."""
        return self.chat.askers.holder(self.cookie(asker), asker.address)

    def waiting(self, asker: Asker) -> Deferred[Page]:
        return poll(self.chat, Poll("lobby", Cursor(EPOCH, 0)), asker)


class WhoTests(SessionsTestCase):
    def test_without_a_session_one_is_guest(self) -> None:
        self.assertEqual(who(self.chat, SOMEBODY), Who("guest", True, EVERYWHERE, False, True))

    def test_with_one_its_name(self) -> None:
        self.assertEqual(who(self.chat, self.sign_in("Ada")), Who("Ada", True, EVERYWHERE, False, True))

    def test_a_lost_name_is_guest(self) -> None:
        ada = self.sign_in("ada")
        self.clock.advance(HOLD_NAME_SECONDS)
        self.sign_in("ada")
        self.assertEqual(who(self.chat, self.again(ada)), Who("guest", True, EVERYWHERE, False, True))

    def test_a_member_is_no_guest(self) -> None:
        self.assertEqual(who(self.chat, self.account("ada")), Who("ada", False, EVERYWHERE, False, True))

    def test_how_long_a_post_may_be(self) -> None:
        sizes = Sizes(40, 160)
        self.chat = replace(self.chat, settings=replace(self.chat.settings, sizes=sizes))
        self.assertEqual(who(self.chat, SOMEBODY), Who("guest", True, EVERYWHERE, False, True, sizes))

    def test_of_a_ticket_what_it_grants(self) -> None:
        grants = Grants.parse({"team-*": ["read", "as"]})
        said = who(self.chat, bearer(Ticket("ada", grants, NOON + 60, "jti:1"), None))
        self.assertEqual(said, Who("ada", False, {"team-*": ("read", "as")}, False, True))

    def test_what_the_policy_says(self) -> None:
        self.policy.policy = Policy.parse('[[rooms]]\nname = "team-*"\nread = "members"')
        self.assertEqual(who(self.chat, SOMEBODY).grants, EVERYWHERE)
        self.assertEqual(who(self.chat, self.account("ada")).grants, {"team-*": EVERYWHERE["*"], **EVERYWHERE})

    def test_of_one_room(self) -> None:
        self.policy.policy = Policy.parse('[[rooms]]\nname = "team-*"\nread = "members"')
        for room, actions in (("team-x", []), ("lobby", EVERYWHERE["*"])):
            self.assertEqual(who(self.chat, SOMEBODY, room).grants, {room: actions})
        self.assertRaises(Malformed, who, self.chat, SOMEBODY, "Team")


class SignInTests(SessionsTestCase):
    def test_is_known_by_the_cookie(self) -> None:
        session = sign_in(self.chat, SOMEBODY, " Ada ")
        self.assertEqual((session.name, session.issued, session.member), ("Ada", NOON, False))
        self.assertEqual(self.sessions.recall(self.sessions.cookie(session)), session)

    def test_using_it_keeps_the_name(self) -> None:
        ada = self.sign_in("ada")
        for _ in range(2):
            self.clock.advance(HOLD_NAME_SECONDS - 1)
            self.assertEqual(self.again(ada).name, "ada")
            self.assertRaises(NameTaken, sign_in, self.chat, SOMEBODY, "ada")

    def test_a_renamed_session_is_the_same(self) -> None:
        ada = sign_in(self.chat, SOMEBODY, "ada")
        self.assertEqual(sign_in(self.chat, holder(ada, None), "bob"), Session(ada.id, "bob", NOON))
        sign_in(self.chat, SOMEBODY, "ada")

    def test_whoever_has_lost_the_name_may_pick_another(self) -> None:
        ada = self.sign_in("ada")
        self.clock.advance(HOLD_NAME_SECONDS)
        self.sign_in("ada")
        nameless = self.again(ada)
        self.assertRaises(NameTaken, sign_in, self.chat, nameless, "ada")
        assert ada.session is not None
        self.assertEqual(sign_in(self.chat, nameless, "bob").id, ada.session.id)

    def test_who_is_known_by_more_than_a_guests_session_gets_another(self) -> None:
        ada = self.account("ada")
        bob = bearer(Ticket("bob", Grants(), NOON + 60, "jti:1"), None)
        assert ada.session is not None
        for asker in (ada, bob):
            session = sign_in(self.chat, asker, f"not {asker.name}")
            self.assertFalse(session.member)
            self.assertNotIn(session.id, (ada.session.id, "jti:1"))

    def test_what_is_no_name(self) -> None:
        self.assertRaises(Malformed, sign_in, self.chat, SOMEBODY, " ")

    def test_a_name_that_is_taken(self) -> None:
        self.sign_in("ada")
        self.assertRaises(NameTaken, sign_in, self.chat, SOMEBODY, "ADA")


class LimitTests(SessionsTestCase):
    settings = replace(Settings(), session_rate=Rate(1.0, 2))

    def test_sessions_are_counted_by_address(self) -> None:
        here, there = stranger("192.0.2.1"), stranger("192.0.2.2")
        for name in ("a", "b"):
            sign_in(self.chat, here, name)
        self.assertEqual(self.assertRaises(TooMany, sign_in, self.chat, here, "c").name, "sessions")
        sign_in(self.chat, there, "c")
        self.clock.advance(1.0)
        sign_in(self.chat, here, "d")

    def test_tries_count_too(self) -> None:
        here = stranger("192.0.2.1")
        self.sign_in("ada")
        for _ in range(2):
            self.assertRaises(NameTaken, sign_in, self.chat, here, "ada")
        self.assertRaises(TooMany, sign_in, self.chat, here, "bob")

    def test_other_names_of_a_session_count_too(self) -> None:
        """Or whoever has one could find out, by asking for many, which are accounts'."""
        asker = holder(sign_in(self.chat, stranger("192.0.2.1"), "a"), "192.0.2.1")
        asker = holder(sign_in(self.chat, asker, "b"), "192.0.2.1")
        self.assertRaises(TooMany, sign_in, self.chat, asker, "c")
        self.assertRaises(TooMany, sign_in, self.chat, asker, "d")

    def test_its_own_does_not(self) -> None:
        asker = stranger("192.0.2.1")
        for name in ("ada", "Ada", "ADA", "ada"):
            asker = holder(sign_in(self.chat, asker, name), "192.0.2.1")

    def test_what_can_be_nobodys_does_not(self) -> None:
        for _ in range(5):
            self.assertRaises(Malformed, sign_in, self.chat, stranger("192.0.2.1"), "")

    def test_who_is_nobodys_is_not_counted(self) -> None:
        for name in "abcde":
            sign_in(self.chat, SOMEBODY, name)


class NoGuestsTests(SessionsTestCase):
    settings = replace(Settings(), guests=False)

    def test_nobody_becomes_one(self) -> None:
        error = self.assertRaises(NotSignedIn, sign_in, self.chat, SOMEBODY, "ada")
        self.assertIn("no guests", str(error))
        self.assertIsNone(self.sessions.guest("ada"))

    def test_they_may_nothing_and_others_what_they_might(self) -> None:
        self.assertEqual(who(self.chat, SOMEBODY).grants, {})
        self.assertEqual(who(self.chat, self.sign_in("ada")).grants, {})
        self.assertEqual(who(self.chat, self.account("ada")).grants, EVERYWHERE)


class RenewTests(SessionsTestCase):
    def test_not_before_it_is_time(self) -> None:
        ada = self.sign_in("ada")
        self.now += RENEW_SECONDS - 1
        for asker in (ada, SOMEBODY, bearer(Ticket("ada", Grants(), self.now + 60, "jti:1"), None)):
            self.assertIsNone(renew(self.chat, asker))

    def test_then_with_its_whole_life(self) -> None:
        for ada in (self.sign_in("ada"), self.account("bob")):
            self.now += RENEW_SECONDS
            session = ada.session
            assert session is not None
            self.assertEqual(renew(self.chat, ada), replace(session, issued=self.now))


class SignOutTests(SessionsTestCase):
    def sign_out(self, asker: Asker) -> None:
        self.successResultOf(sign_out(self.chat, asker))

    def restarted(self) -> Sessions:
        """The sessions of a server that has just begun, on the same store."""
        rulings = Rulings(self.store, lambda: self.now)
        self.successResultOf(rulings.load())
        return Sessions(KEY, lambda: self.now, self.clock, lambda session: rulings.is_ruled("ended", "", session))

    def test_frees_the_name(self) -> None:
        self.sign_out(self.sign_in("ada"))
        self.sign_in("ada")

    def test_the_cookie_is_worth_nothing_after_a_restart_too(self) -> None:
        for ada in (self.sign_in("ada"), self.account("bob")):
            cookie = self.cookie(ada)
            self.assertEqual(self.chat.askers.holder(cookie, None), ada)
            self.assertIsNotNone(self.restarted().recall(cookie))
            self.sign_out(ada)
            self.assertEqual(self.chat.askers.holder(cookie, None), ended(None))
            self.assertIsNone(self.restarted().recall(cookie))

    def test_nor_are_its_other_cookies_for_as_long_as_they_might_be(self) -> None:
        ada = self.sign_in("ada")
        self.now += RENEW_SECONDS
        renewed = renew(self.chat, ada)
        assert renewed is not None
        cookies = [self.cookie(ada), self.sessions.cookie(renewed)]
        self.sign_out(ada)
        for seconds in (0.0, LIFE_SECONDS, 1.0, 1.0):
            self.now += seconds
            for cookie in cookies:
                self.assertIsNone(self.sessions.recall(cookie))
                self.assertIsNone(self.restarted().recall(cookie))

    def test_what_waits_by_it_ends(self) -> None:
        ada, bob = self.sign_in("ada"), self.sign_in("bob")
        ended, again, others = self.waiting(ada), self.waiting(self.again(ada)), [self.waiting(bob)]
        others.append(self.waiting(SOMEBODY))
        self.sign_out(ada)
        for each in (ended, again):
            self.failureResultOf(each, NotSignedIn)
        for each in others:
            self.assertNoResult(each)

    def test_others_of_a_member_go_on(self) -> None:
        here, there = self.account("ada"), self.account("ada")
        waiting = self.waiting(there)
        self.sign_out(here)
        self.assertNoResult(waiting)
        self.assertEqual(self.again(there).name, "ada")

    def test_of_a_ticket_revokes_it(self) -> None:
        text = forge.ticket(exp=int(NOON) + 60)
        ada = self.chat.askers.bearer(text, None)
        other = self.waiting(self.chat.askers.bearer(forge.ticket(exp=int(NOON) + 61), None))
        waiting = self.waiting(ada)
        self.sign_out(ada)
        self.failureResultOf(waiting, NotSignedIn)
        self.assertNoResult(other)
        self.assertIn("revoked", str(self.assertRaises(BadTicket, self.chat.askers.bearer, text, None)))
        assert ada.ticket is not None
        ruling = Ruling("revoked", "", ada.ticket.id, ada.ticket.until, "ada", NOON)
        self.assertEqual(self.successResultOf(self.store.rulings()), [ruling])

    def test_of_a_ticket_revokes_all_of_its_jti_whenever_they_expire(self) -> None:
        short, long = (forge.ticket(exp=int(NOON) + seconds, jti="1") for seconds in (60, 3600))
        self.sign_out(self.chat.askers.bearer(short, None))
        for _ in range(2):
            self.assertIn("revoked", str(self.assertRaises(BadTicket, self.chat.askers.bearer, long, None)))
            self.now += 61

    def test_without_anything_is_nothing(self) -> None:
        waiting = self.waiting(SOMEBODY)
        self.sign_out(SOMEBODY)
        self.assertNoResult(waiting)
        self.assertEqual(self.successResultOf(self.store.rulings()), [])

    def test_fails_with_the_store_and_may_be_tried_again(self) -> None:
        ada = self.sign_in("ada")
        self.store.close()
        for asker in (ada, bearer(Ticket("ada", Grants(), NOON + 60, "jti:1"), None)):
            self.failureResultOf(sign_out(self.chat, asker), StoreUnavailable)
        self.assertEqual(self.again(ada).name, "ada")

    def test_a_guest_does_not_where_too_many_have_ended(self) -> None:
        ada, others = self.sign_in("ada"), [self.sign_in("bob"), self.sign_in("eve")]
        with patch("chatcomet.access.limits.ENDED", 2):
            for other in others:
                self.sign_out(other)
            self.assertRaises(StoreBusy, sign_out, self.chat, ada)
            self.assertEqual(self.again(ada).name, "ada", "nothing has ended")
            self.sign_out(self.account("mo"))
            self.sign_out(self.chat.askers.bearer(forge.ticket(exp=int(NOON) + 60), None))
            self.now += LIFE_SECONDS + 2.0
            self.sign_out(self.sign_in("pat"))
        self.assertEqual(self.rulings.count("ended", ""), 1)
