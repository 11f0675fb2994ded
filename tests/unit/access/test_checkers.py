"""Checkers: several of cred's as one, each asked where it does no harm."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast
from unittest.mock import patch

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError
from twisted.cred.checkers import FilePasswordDB, ICredentialsChecker, InMemoryUsernamePasswordDatabaseDontUse
from twisted.cred.credentials import UsernamePassword
from twisted.cred.error import LoginDenied, UnauthorizedLogin
from twisted.internet.defer import CancelledError, Deferred, TimeoutError, fail, succeed  # noqa: A004
from twisted.plugins.cred_unix import UNIXChecker
from twisted.python.threadpool import ThreadPool
from zope.interface.verify import verifyObject

from chatcomet.access.argon2_checker import Argon2Checker
from chatcomet.access.checkers import ANSWER_SECONDS, Checkers
from chatcomet.access.hashing import BUSY_SECONDS, PENDING, Hashing
from chatcomet.access.password_file import PasswordFile
from chatcomet.errors import HalfAsked, ServerFault, SignInBusy
from tests.unit.access.hand_checker import HandChecker
from tests.unit.access.hand_pool import DirectReactor, HandPool
from tests.unit.access.password_case import PasswordCase


def refuse() -> Deferred[bytes]:
    """What a checker does that does not know somebody."""
    return fail(UnauthorizedLogin())


class CheckersTestCase(PasswordCase):
    def setUp(self) -> None:
        super().setUp()
        self.pool = HandPool()
        self.reactor = DirectReactor()
        self.hashing = Hashing(self.reactor, cast(ThreadPool, self.pool))

    def checkers(self, *checkers: ICredentialsChecker) -> Checkers:
        """These as one."""
        return Checkers(checkers, self.hashing, self.reactor)

    def argon2(self) -> Argon2Checker:
        """One of our own, over `self.path`."""
        return Argon2Checker(PasswordFile(self.path), b"key")

    def ask(self, checkers: Checkers, name: bytes = b"ada", password: bytes = b"ada's") -> Deferred[Any]:
        """What they make of it."""
        return checkers.requestAvatarId(UsernamePassword(name, password))


class OrderTests(CheckersTestCase):
    def test_are_a_checker(self) -> None:
        verifyObject(ICredentialsChecker, self.checkers())

    def test_the_first_who_knows_decides(self) -> None:
        stranger, friend, last = HandChecker(refuse), HandChecker(lambda: b"Ada"), HandChecker(lambda: b"Eve")
        answer = self.ask(self.checkers(stranger, friend, last))
        self.assertEqual(self.successResultOf(answer), b"Ada")
        self.assertEqual((stranger.asked, friend.asked, last.asked), ([(b"ada", b"ada's")], [(b"ada", b"ada's")], []))

    def test_one_after_the_other(self) -> None:
        first, second = HandChecker(), HandChecker()
        answer = self.ask(self.checkers(first, second))
        self.assertEqual(second.asked, [])
        first.waiting[0].errback(UnauthorizedLogin())
        second.waiting[0].callback(b"Ada")
        self.assertEqual(self.successResultOf(answer), b"Ada")

    def test_nobody_knows(self) -> None:
        def raises() -> None:
            raise LoginDenied

        self.failureResultOf(self.ask(self.checkers(HandChecker(refuse), HandChecker(raises))), UnauthorizedLogin)
        self.failureResultOf(self.ask(self.checkers()), UnauthorizedLogin)

    def test_answers_of_all_kinds(self) -> None:
        answers: list[Callable[[], object]] = [lambda: "Ada", lambda: succeed(b"Ada"), lambda: ()]
        found = [self.successResultOf(self.ask(self.checkers(HandChecker(answer)))) for answer in answers]
        self.assertEqual(found, ["Ada", b"Ada", ()])


class FaultTests(CheckersTestCase):
    def test_is_logged_and_the_next_is_asked(self) -> None:
        answer = self.ask(self.checkers(HandChecker(lambda: 1 / 0), HandChecker(lambda: b"Ada")))
        self.assertEqual(self.successResultOf(answer), b"Ada")
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_if_no_other_knows_nobody_knows_for_sure(self) -> None:
        for answer in (lambda: 1 / 0, lambda: fail(ZeroDivisionError())):
            broken, stranger = HandChecker(answer), HandChecker(refuse)
            for order in ((broken, stranger), (stranger, broken)):
                self.failureResultOf(self.ask(self.checkers(*order)), HalfAsked)
            fault = self.failureResultOf(self.ask(self.checkers(broken, broken)), ServerFault)
            self.assertFalse(fault.check(HalfAsked))
            self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 4)

    def test_one_that_never_answers_is_given_up(self) -> None:
        silent = HandChecker()
        answer = self.ask(self.checkers(silent, HandChecker(refuse)))
        self.reactor.advance(ANSWER_SECONDS)
        self.failureResultOf(answer, ServerFault)
        self.assertTrue(silent.waiting[0].called)  # it was cancelled
        self.assertEqual(self.reactor.getDelayedCalls(), [])
        self.assertEqual(len(self.flushLoggedErrors(TimeoutError)), 1)

    def test_in_a_thread_too(self) -> None:
        answer = self.ask(self.checkers(self.argon2()))
        with patch.object(PasswordHasher, "verify", side_effect=VerificationError("Memory allocation error")):
            self.pool.run_all()
        self.failureResultOf(answer, ServerFault)
        self.assertEqual(len(self.flushLoggedErrors(VerificationError)), 1)

    def test_too_many_at_once_are_no_fault_to_log(self) -> None:
        for _ in range(PENDING):
            self.hashing.ask(lambda: None)
        self.failureResultOf(self.ask(self.checkers(self.argon2())), SignInBusy)
        half = self.ask(self.checkers(HandChecker(refuse), self.argon2()))
        self.assertEqual(self.failureResultOf(half, HalfAsked).value.retry_after, BUSY_SECONDS)
        known = self.ask(self.checkers(self.argon2(), HandChecker(lambda: b"Ada")))
        self.assertEqual(self.successResultOf(known), b"Ada")

    def test_cancelled_it_asks_no_other(self) -> None:
        first, second = HandChecker(), HandChecker()
        answer = self.ask(self.checkers(first, second))
        answer.cancel()
        self.failureResultOf(answer, CancelledError)
        self.assertEqual((second.asked, self.reactor.getDelayedCalls()), ([], []))


class PlaceTests(CheckersTestCase):
    """Where they are asked."""

    def test_ours_in_a_thread(self) -> None:
        checkers = self.checkers(self.argon2())
        right, wrong = self.ask(checkers), self.ask(checkers, b"bob")
        self.assertNoResult(right)
        self.pool.run_all()
        self.assertEqual(self.successResultOf(right), b"Ada")
        self.failureResultOf(wrong, UnauthorizedLogin)

    def test_twisteds_that_read_files_too(self) -> None:
        self.path.write_text("ada:secret\n")
        checkers = self.checkers(FilePasswordDB(str(self.path)))
        right, wrong = self.ask(checkers, b"ada", b"secret"), self.ask(checkers, b"ada", b"x")
        self.assertNoResult(right)
        self.pool.run_all()
        self.assertEqual(self.successResultOf(right), b"ada")
        self.failureResultOf(wrong, UnauthorizedLogin)

    def test_and_the_one_that_asks_the_system(self) -> None:
        answer = self.ask(self.checkers(UNIXChecker()), b"nobody here", b"x")
        self.assertNoResult(answer)
        self.pool.run_all()
        self.failureResultOf(answer, UnauthorizedLogin)

    def test_all_others_at_once(self) -> None:
        users = InMemoryUsernamePasswordDatabaseDontUse(ada=b"ada's")
        self.assertEqual(self.successResultOf(self.ask(self.checkers(users))), b"ada")
        self.assertEqual(len(self.pool.waiting), 0)


class StampTests(CheckersTestCase):
    def test_changes_with_each_file(self) -> None:
        checkers = self.checkers(self.argon2(), self.argon2())
        before = checkers.stamp()
        self.assertEqual(checkers.stamp(), before)
        self.write({"ada": "new"})
        self.assertNotEqual(checkers.stamp(), before)

    def test_where_none_can_tell_there_is_none(self) -> None:
        self.assertEqual(self.checkers(HandChecker()).stamp(), ())
        self.assertEqual(len(self.checkers(self.argon2(), HandChecker()).stamp()), 1)


class RegisterTests(CheckersTestCase):
    """What is known of accounts without a password."""

    def fingerprint(self, checkers: Checkers) -> str:
        """Of Ada, who signs in."""
        answer = self.ask(checkers)
        self.pool.run_all()
        fingerprint: str = self.successResultOf(answer).fingerprint
        return fingerprint

    def test_an_account_is_vouched_for_until_it_changes(self) -> None:
        checkers = self.checkers(HandChecker(refuse), self.argon2())
        fingerprint = self.fingerprint(checkers)
        self.assertTrue(checkers.vouches(fingerprint))
        self.assertFalse(checkers.vouches(fingerprint[::-1]))
        for passwords in ({"Ada": "new"}, {"Ada": "ada's"}, {"bob": "ada's"}):  # each with a salt of its own
            self.write(passwords)
            checkers.read_again()
            self.assertFalse(checkers.vouches(fingerprint))
            self.assertEqual(checkers.has("ada"), "Ada" in passwords)

    def test_a_change_counts_when_it_was_read(self) -> None:
        checkers = self.checkers(self.argon2())
        fingerprint = self.fingerprint(checkers)
        self.write({"eve": "new"})
        with patch.object(Path, "open", side_effect=AssertionError("it is asked for each poll")):
            self.assertEqual([checkers.vouches(fingerprint), checkers.has("ada"), checkers.has("eve")], [1, 1, 0])
        checkers.read_again()
        self.assertEqual([checkers.vouches(fingerprint), checkers.has("ada"), checkers.has("eve")], [0, 0, 1])

    def test_of_which_nothing_is_known_only_where_some_can_not_tell(self) -> None:
        all_checkers: list[list[ICredentialsChecker]]
        all_checkers = [[], [self.argon2()], [HandChecker()], [self.argon2(), HandChecker()]]
        self.assertEqual([self.checkers(*each).vouches(None) for each in all_checkers], [False, False, True, True])
