"""Sessions of members: bound to accounts, which come, change and go."""

from __future__ import annotations

from chatcomet.access.identity import Session
from chatcomet.access.sessions import HOLD_NAME_SECONDS, RENEW_SECONDS, Sessions
from chatcomet.errors import NameTaken
from tests.unit.access.sessions_case import KEY, NOON, SessionsTestCase, signed


class MemberTests(SessionsTestCase):
    def test_has_a_session_of_its_own(self) -> None:
        here, there = self.sessions.admit("Ada", None), self.sessions.admit("ada", None)
        self.assertEqual(here, Session(here.id, "Ada", NOON, member=True))
        self.assertNotEqual(here.id, there.id)
        self.assertGreaterEqual(len(here.id), 20)

    def test_has_the_name_whoever_held_it(self) -> None:
        guest = self.sessions.sign_in("ADA", None)
        ada = self.sessions.admit("ada", None)
        self.assertEqual((self.sessions.holds_name(guest), self.sessions.holds_name(ada)), (False, True))
        self.assert_taken("ada")
        self.assert_taken("ada", guest)

    def test_all_sessions_of_one_have_it(self) -> None:
        sessions = [self.sessions.admit("ada", None) for _ in range(3)]
        self.assertEqual([self.sessions.holds_name(session) for session in sessions * 2], [True] * 6)

    def test_has_it_again_however_late(self) -> None:
        ada = self.sessions.admit("ada", None)
        self.clock.advance(HOLD_NAME_SECONDS)
        guest = self.sessions.sign_in("ada", None)
        self.assertTrue(self.sessions.holds_name(ada))
        self.assertFalse(self.sessions.holds_name(guest))

    def test_has_it_after_a_restart(self) -> None:
        ada = self.sessions.admit("ada", None)
        self.sessions = self.restarted()
        guest = self.sessions.sign_in("ada", None)
        self.assertTrue(self.sessions.holds_name(ada))
        self.assertFalse(self.sessions.holds_name(guest))

    def test_nothing_is_known_of_it_that_was_of_the_guest(self) -> None:
        bob = self.sessions.sign_in("bob", None)
        self.assertNotEqual(self.sessions.admit("ada", bob).id, bob.id)
        self.sessions.sign_in("bob", None)
        self.assert_taken("ada")

    def test_a_guest_may_be_looked_up(self) -> None:
        ada = self.sessions.sign_in("Ada", None)
        self.sessions.admit("bob", None)
        self.assertEqual([self.sessions.guest(name) for name in ("ada", "bob", "eve")], [ada.id, None, None])
        self.sessions.sign_out(ada)
        self.assertIsNone(self.sessions.guest("ada"))


class AccountTests(SessionsTestCase):
    """A member's session is bound to the account as it was."""

    def setUp(self) -> None:
        super().setUp()
        self.accounts.fingerprints = {"of ada"}
        self.ada = self.sessions.admit("ada", None, "of ada")
        self.cookie = self.sessions.cookie(self.ada)

    def test_is_good_while_the_account_is_as_it_was(self) -> None:
        for sessions in (self.sessions, self.restarted()):
            self.assertEqual(sessions.recall(self.cookie), self.ada)
        self.assertEqual(self.ada.fingerprint, "of ada")

    def test_is_over_when_that_has_changed_also_while_the_server_was_stopped(self) -> None:
        self.sessions.recall(self.cookie)
        for fingerprints in (set(), {"of ada's new password"}):
            self.accounts.fingerprints = fingerprints
            for sessions in (self.sessions, self.restarted()):
                self.assertIsNone(sessions.recall(self.cookie))

    def test_stays_bound_when_it_is_renewed(self) -> None:
        self.now += RENEW_SECONDS
        renewed = self.sessions.renew(self.ada)
        assert renewed is not None
        cookie = self.sessions.cookie(renewed)
        self.assertEqual(self.sessions.recall(cookie), renewed)
        self.accounts.fingerprints = set()
        self.assertIsNone(self.sessions.recall(cookie))

    def test_one_that_is_not_is_good_only_where_that_can_not_be_known(self) -> None:
        unbound = self.sessions.cookie(self.sessions.admit("bob", None))
        old = signed("chatcomet.session", ["id", "ada", NOON, True])
        for cookie in (unbound, old):
            self.assertIsNotNone(self.sessions.recall(cookie))
        self.accounts.knows_all = True
        for cookie in (unbound, old):
            self.assertIsNone(self.sessions.recall(cookie))

    def test_where_there_are_no_accounts_any_more_it_is_over(self) -> None:
        sessions = Sessions(KEY, lambda: self.now, self.clock)
        self.assertIsNone(sessions.recall(self.cookie))

    def test_a_guests_is_not(self) -> None:
        bob = self.sessions.sign_in("bob", None)
        self.accounts.knows_all = True
        self.assertEqual(self.sessions.recall(self.sessions.cookie(bob)), bob)


class AccountNameTests(SessionsTestCase):
    """The name of an account is no guest's."""

    def test_can_not_be_picked_and_is_told_as_any_that_is_taken(self) -> None:
        self.accounts.names = {"ada"}
        self.sessions.sign_in("bob", None)
        told = {
            str(self.assertRaises(NameTaken, self.sessions.sign_in, name, None)).replace(name, "")
            for name in ("Ada", "ada", "BOB", "guest")
        }
        self.assertEqual(len(told), 1)

    def test_who_had_it_before_has_lost_it_and_may_pick_another(self) -> None:
        ada = self.sessions.sign_in("Ada", None)
        self.accounts.names = {"ada"}
        for _ in range(2):
            self.assertFalse(self.sessions.holds_name(ada))
        self.assertIsNone(self.sessions.guest("ada"))
        self.assert_taken("ada", ada)
        bob = self.sessions.sign_in("bob", ada)
        self.assertEqual((bob.id, self.sessions.holds_name(bob)), (ada.id, True))

    def test_after_a_restart_too(self) -> None:
        ada = self.sessions.sign_in("ada", None)
        self.accounts.names = {"ada"}
        self.sessions = self.restarted()
        self.assertFalse(self.sessions.holds_name(ada))

    def test_is_the_members(self) -> None:
        guest, ada = self.sessions.sign_in("ada", None), self.sessions.admit("ada", None)
        self.accounts.names = {"ada"}
        self.assertFalse(self.sessions.holds_name(guest))
        self.assertTrue(self.sessions.holds_name(ada))

    def test_when_there_is_none_any_more_it_is_free(self) -> None:
        ada = self.sessions.sign_in("ada", None)
        self.accounts.names = {"ada"}
        self.sessions.holds_name(ada)
        self.accounts.names = set()
        self.assertTrue(self.sessions.holds_name(ada))
