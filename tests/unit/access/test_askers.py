"""Askers: who somebody is by cookie or ticket, each time it comes."""

from __future__ import annotations

from math import inf
from unittest.mock import patch

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from chatcomet.access import askers as askers_module
from chatcomet.access.accounts import Account
from chatcomet.access.asker import bearer, ended, holder, member, nameless, stranger
from chatcomet.access.askers import Askers
from chatcomet.access.identity import Session
from chatcomet.access.rulings import Rulings
from chatcomet.access.sessions import HOLD_NAME_SECONDS, LIFE_SECONDS, Sessions
from chatcomet.access.tickets import Tickets
from chatcomet.core.rulings import Ruling
from chatcomet.errors import BadTicket, NameTaken, NotSignedIn
from chatcomet.stores.memory import MemoryStore
from tests.unit.access.forge import NOON, keys, ticket
from tests.unit.access.hand_register import HandRegister

HERE, THERE = "192.0.2.1", "192.0.2.2"


class AskersTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.now = float(NOON)
        self.rulings = Rulings(MemoryStore(lambda: self.now), lambda: self.now)
        self.accounts = HandRegister()
        self.sessions = Sessions(b"k" * 32, lambda: self.now, self.clock, self.has_ended, self.accounts)
        self.tickets = Tickets(keys(), None, lambda: self.now)
        self.askers = Askers(self.sessions, self.tickets, self.rulings, self.accounts)

    def has_ended(self, session: str) -> bool:
        return self.rulings.is_ruled("ended", "", session)

    def sign_in(self, name: str) -> tuple[Session, str]:
        """A guest's session, and its cookie."""
        session = self.sessions.sign_in(name, None)
        return session, self.sessions.cookie(session)


class StrangerTests(AskersTestCase):
    def test_is_somebody_at_an_address(self) -> None:
        for address in (HERE, THERE, None):
            self.assertEqual(self.askers.stranger(address), stranger(address))

    def test_is_kept(self) -> None:
        self.assertIs(self.askers.stranger(HERE), self.askers.stranger(HERE))
        self.assertIsNot(self.askers.stranger(HERE), self.askers.stranger(THERE))


class HolderTests(AskersTestCase):
    def test_is_who_has_the_session(self) -> None:
        ada, cookie = self.sign_in("Ada")
        self.assertEqual(self.askers.holder(cookie, HERE), holder(ada, HERE))
        self.assertEqual(self.askers.holder(cookie, None), holder(ada, None))

    def test_a_member_too(self) -> None:
        ada = self.sessions.admit("ada", None)
        self.assertEqual(self.askers.holder(self.sessions.cookie(ada), HERE), holder(ada, HERE))

    def test_coming_keeps_the_name(self) -> None:
        ada, cookie = self.sign_in("ada")
        for _ in range(3):
            self.clock.advance(HOLD_NAME_SECONDS - 1)
            self.assertEqual(self.askers.holder(cookie, HERE), holder(ada, HERE))
            self.assertRaises(NameTaken, self.sessions.sign_in, "ada", None)

    def test_has_it_again_after_a_pause(self) -> None:
        ada, cookie = self.sign_in("ada")
        self.clock.advance(2 * HOLD_NAME_SECONDS)
        self.assertEqual(self.askers.holder(cookie, HERE), holder(ada, HERE))
        self.assertRaises(NameTaken, self.sessions.sign_in, "ada", None)

    def test_who_has_lost_the_name_has_none_until_it_is_free(self) -> None:
        ada, cookie = self.sign_in("ada")
        self.askers.holder(cookie, HERE)
        self.clock.advance(HOLD_NAME_SECONDS)
        other, _ = self.sign_in("ada")
        for _ in range(2):
            self.assertEqual(self.askers.holder(cookie, HERE), nameless(ada, HERE))
        self.sessions.sign_out(other)
        self.assertEqual(self.askers.holder(cookie, HERE), holder(ada, HERE))

    def test_who_has_signed_out_has_ended(self) -> None:
        ada, cookie = self.sign_in("ada")
        self.askers.holder(cookie, HERE)
        self.rulings.rule(Ruling("ended", "", ada.id, inf, "ada", NOON))
        self.assertEqual(self.askers.holder(cookie, HERE), ended(HERE))

    def test_so_is_one_whose_session_is_too_old(self) -> None:
        _, cookie = self.sign_in("ada")
        self.askers.holder(cookie, HERE)
        self.now += LIFE_SECONDS + 1
        self.assertEqual(self.askers.holder(cookie, HERE), ended(HERE))

    @settings(deadline=None)
    @given(st.text())
    def test_and_who_brings_anything_else(self, text: str) -> None:
        self.assertEqual(self.askers.holder(text, HERE), ended(HERE))
        self.assertEqual(self.askers.holder(ticket(), HERE), ended(HERE))


class BearerTests(AskersTestCase):
    def revoke(self, ticket_id: str) -> None:
        self.rulings.rule(Ruling("revoked", "", ticket_id, inf, "ada", self.now))

    def assert_bad(self, text: str, reason: str) -> None:
        for _ in range(2):
            self.assertIn(reason, str(self.assertRaises(BadTicket, self.askers.bearer, text, HERE)))

    def test_is_whom_the_ticket_speaks_of(self) -> None:
        for text in (ticket(), ticket(sub="bob", grants={"team-*": ["as"]})):
            self.assertEqual(self.askers.bearer(text, HERE), bearer(self.tickets.verify(text), HERE))

    def test_what_is_no_good_ticket(self) -> None:
        _, cookie = self.sign_in("ada")
        for text in ("", cookie, ticket()[:-4] + "AAAA"):
            self.assertRaises(BadTicket, self.askers.bearer, text, HERE)

    def test_an_expired_one(self) -> None:
        self.askers.bearer(ticket(), HERE)
        self.now += 60
        self.assert_bad(ticket(), "expired")

    def test_a_revoked_one_and_no_other(self) -> None:
        one, other = ticket(), ticket(exp=NOON + 61)
        revoked = self.askers.bearer(one, HERE).ticket
        assert revoked is not None
        self.revoke(revoked.id)
        self.assert_bad(one, "was revoked")
        self.assertEqual(self.askers.bearer(other, HERE).name, "ada")

    def test_all_of_a_jti_known_or_not(self) -> None:
        one, other, third = (ticket(jti="1", exp=NOON + seconds) for seconds in (60, 61, 62))
        self.askers.bearer(one, HERE)
        self.askers.bearer(other, THERE)
        self.revoke("jti:1")
        for text in (one, other, third):
            self.assert_bad(text, "was revoked")
        self.assertEqual(self.askers.bearer(ticket(jti="2"), HERE).name, "ada")

    def test_whoever_signs_out_of_a_session_revokes_none(self) -> None:
        ada = self.askers.bearer(ticket(jti="1"), HERE)
        assert ada.right is not None
        self.rulings.rule(Ruling("ended", "", ada.right, inf, "ada", NOON))
        self.assertEqual(self.askers.bearer(ticket(jti="1"), HERE), ada)
        self.assertTrue(self.askers.holds(ada))

    def test_without_keys_there_are_none(self) -> None:
        self.askers = Askers(self.sessions, None, self.rulings)
        for text in (ticket(), "anything"):
            self.assert_bad(text, "not taken here")


class CheckTests(AskersTestCase):
    """Whoever stays is asked whether they are still who they were."""

    def test_a_member_whose_account_has_changed_is_not(self) -> None:
        self.accounts.fingerprints = {"of ada"}
        session = self.sessions.admit("ada", None, "of ada")
        askers = [holder(session, HERE), member(Account("ada", "of ada"), HERE)]
        for asker in askers:
            self.askers.check(asker)
        self.accounts.fingerprints = {"of bob"}
        for asker in askers:
            self.assertRaises(NotSignedIn, self.askers.check, asker)

    def test_a_guest_whose_name_is_an_accounts_now_is_not(self) -> None:
        ada, cookie = self.sign_in("Ada")
        self.accounts.names = {"ada"}
        self.assertRaises(NotSignedIn, self.askers.check, holder(ada, HERE))
        self.assertEqual(self.askers.holder(cookie, HERE), nameless(ada, HERE))
        self.askers.check(nameless(ada, HERE))

    def test_of_whom_nothing_can_be_known_and_all_others_are(self) -> None:
        ada, _ = self.sign_in("ada")
        self.askers.check(member(Account("bob"), HERE))
        self.accounts.knows_all = True
        for asker in (stranger(HERE), holder(ada, HERE), nameless(ada, HERE), self.askers.bearer(ticket(), HERE)):
            self.askers.check(asker)


class HoldsTests(AskersTestCase):
    """Whoever comes again is asked for by what was found."""

    def test_whoever_is_as_before(self) -> None:
        _, cookie = self.sign_in("ada")
        member_cookie = self.sessions.cookie(self.sessions.admit("mo", None))
        for asker in (
            self.askers.stranger(HERE),
            self.askers.holder(cookie, HERE),
            self.askers.holder(member_cookie, None),
            self.askers.bearer(ticket(), THERE),
            member(Account("bob"), HERE),
        ):
            self.assertTrue(self.askers.holds(asker))

    def test_coming_again_keeps_the_name(self) -> None:
        _, cookie = self.sign_in("ada")
        ada = self.askers.holder(cookie, HERE)
        for _ in range(3):
            self.clock.advance(HOLD_NAME_SECONDS - 1)
            self.assertTrue(self.askers.holds(ada))
            self.assertRaises(NameTaken, self.sessions.sign_in, "ada", None)

    def test_no_session_that_has_ended_or_is_too_old(self) -> None:
        session, cookie = self.sign_in("ada")
        ada = self.askers.holder(cookie, HERE)
        self.now += LIFE_SECONDS
        self.assertFalse(self.askers.holds(ada))
        self.now -= LIFE_SECONDS
        self.assertTrue(self.askers.holds(ada))
        self.rulings.rule(Ruling("ended", "", session.id, inf, "ada", NOON))
        self.assertFalse(self.askers.holds(ada))

    def test_no_session_that_has_lost_its_name(self) -> None:
        _, cookie = self.sign_in("ada")
        ada = self.askers.holder(cookie, HERE)
        self.clock.advance(HOLD_NAME_SECONDS)
        self.sign_in("ada")
        self.assertFalse(self.askers.holds(ada))

    def test_no_guest_whose_name_is_an_accounts_now(self) -> None:
        _, cookie = self.sign_in("ada")
        ada = self.askers.holder(cookie, HERE)
        self.accounts.names = {"ada"}
        self.assertFalse(self.askers.holds(ada))

    def test_no_member_whose_account_has_changed(self) -> None:
        self.accounts.fingerprints = {"of ada"}
        ada = self.askers.holder(self.sessions.cookie(self.sessions.admit("ada", None, "of ada")), HERE)
        self.assertTrue(self.askers.holds(ada))
        self.accounts.fingerprints = {"of bob"}
        self.assertFalse(self.askers.holds(ada))

    def test_no_ticket_that_has_expired_or_was_revoked(self) -> None:
        ada = self.askers.bearer(ticket(jti="1"), HERE)
        self.now += 60
        self.assertFalse(self.askers.holds(ada))
        self.now -= 60
        self.assertTrue(self.askers.holds(ada))
        self.rulings.rule(Ruling("revoked", "", "jti:1", inf, "ada", NOON))
        self.assertFalse(self.askers.holds(ada))

    def test_nobody_who_may_be_known_again_at_any_time(self) -> None:
        ada, _ = self.sign_in("ada")
        for asker in (ended(HERE), nameless(ada, HERE)):
            self.assertFalse(self.askers.holds(asker))


class MemoryTests(AskersTestCase):
    def test_so_many_strangers_are_kept(self) -> None:
        with patch.object(askers_module, "_REMEMBERED", 3):
            self.askers = Askers(self.sessions, self.tickets, self.rulings, self.accounts)
        for number in range(9):
            self.askers.stranger(f"192.0.2.{number}")
        self.assertEqual(len(self.askers._strangers), 3)

    def test_who_does_not_come_is_forgotten_in_time(self) -> None:
        here = self.askers.stranger(HERE)
        self.sign_in("ada")
        _, cookie = self.sign_in("bob")
        self.askers.holder(cookie, HERE)
        self.askers.bearer(ticket(), HERE)
        self.askers.stranger(THERE)
        for _ in range(2):
            self.assertIs(self.askers.stranger(HERE), here)
            self.askers.age()
        self.assertEqual(list(self.askers._strangers), [HERE])
        self.assertEqual((len(self.sessions._known), len(self.tickets._known)), (0, 0))
