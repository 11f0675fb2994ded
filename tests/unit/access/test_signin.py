"""SignIn: all of it together, over a checker whose answers the test gives, and once over a file of hashes."""

from __future__ import annotations

from typing import cast

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.cred.checkers import InMemoryUsernamePasswordDatabaseDontUse
from twisted.cred.error import UnauthorizedLogin
from twisted.internet.defer import CancelledError, Deferred, fail
from twisted.logger import capturedLogs
from twisted.python.failure import Failure
from twisted.python.threadpool import ThreadPool
from twisted.trial.unittest import SynchronousTestCase

from chatcomet.access.accounts import Account
from chatcomet.access.argon2_checker import Argon2Checker
from chatcomet.access.hashing import PENDING, Hashing
from chatcomet.access.password_file import PasswordFile
from chatcomet.access.passwords import PASSWORD_BYTES
from chatcomet.access.remembered import CHANGES_UNSEEN_SECONDS
from chatcomet.access.signin import SignIn
from chatcomet.errors import HalfAsked, ServerFault, SignInBusy, SignInFailed, TooManyTries
from chatcomet.settings import FREE_TRIES as FREE
from tests.unit.access.hand_checker import HandChecker
from tests.unit.access.hand_pool import DirectReactor, HandPool
from tests.unit.access.password_case import PasswordCase

HOME = "192.0.2.1"
AWAY = "192.0.2.2"
KEY = b"k" * 32


class SignInTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.pool = HandPool()
        self.reactor = DirectReactor()
        self.checker = HandChecker()
        hashing = Hashing(self.reactor, cast(ThreadPool, self.pool))
        self.sign_in = SignIn([self.checker], hashing, self.reactor, KEY)

    def ask(self, name: str = "ada", password: str = "ada's", address: str | None = HOME) -> Deferred[Account]:
        return self.sign_in.authenticate(name, password, address)

    def accept(self, avatar_id: object = b"Ada") -> None:
        """Answer who has asked first."""
        self.checker.waiting.pop(0).callback(avatar_id)

    def refuse(self) -> None:
        self.checker.waiting.pop(0).errback(UnauthorizedLogin())

    def fail(self, times: int = 1, name: str = "ada", address: str | None = HOME) -> None:  # type: ignore[override]
        """Be wrong."""
        for number in range(times):
            answer = self.ask(name, f"wrong {number}", address)
            self.refuse()
            self.failureResultOf(answer, SignInFailed)


class AnswerTests(SignInTestCase):
    def test_the_account_as_it_spells_itself(self) -> None:
        for avatar_id, name in ((b"Ada", "Ada"), ("ada", "ada"), ("Ａda".encode(), "Ada")):
            answer = self.ask("ADA", f"for {name!r} {avatar_id!r}")
            self.assertNoResult(answer)
            self.accept(avatar_id)
            self.assertEqual(self.successResultOf(answer), Account(name))

    def test_the_checker_is_asked_for_bytes_of_one_form(self) -> None:
        self.ask(" Ａda ", "cafe\u0301")
        self.assertEqual(self.checker.asked, [(b"Ada", "café".encode())])

    def test_a_failure_is_the_same_whatever_was_wrong(self) -> None:
        texts = set()
        for name, password, avatar_id in (
            *(("ada", "wrong", None), ("nobody", "x", None), ("eve", "x", ()), ("zoe", "x", b"guest")),
            *(("", "x", None), ("a" * 33, "x", None), ("a\0", "x", None), ("guest", "x", None)),
            *(("ada", "", None), ("ada", "x" * (PASSWORD_BYTES + 1), None), ("ada", "\udcff", None)),
        ):
            answer = self.ask(name, password)
            if self.checker.waiting and avatar_id is None:
                self.refuse()
            elif self.checker.waiting:
                self.accept(avatar_id)
            texts.add(str(self.failureResultOf(answer, SignInFailed).value))
        self.assertEqual(texts, {"the name or the password is wrong"})

    def test_what_can_be_nobodys_costs_nothing(self) -> None:
        for name, password in (("", "x"), ("GUEST", "x"), ("ada", ""), ("ada", "x" * 100_000), ("\ud800", "x")):
            for _ in range(2 * FREE):
                self.failureResultOf(self.ask(name, password), SignInFailed)
        self.assertEqual(self.checker.asked, [])
        self.ask()
        self.assertEqual(len(self.checker.asked), 1)

    def test_a_failure_is_told_to_the_operator_with_its_address_and_no_secret(self) -> None:
        with capturedLogs() as told:
            self.fail()
        (event,) = told
        self.assertEqual(event["address"], HOME)
        self.assertNotIn("wrong", repr({key: event[key] for key in event if key != "log_source"}))

    def test_a_fault_is_the_servers(self) -> None:
        answer = self.ask()
        self.checker.waiting.pop().errback(ZeroDivisionError())
        self.failureResultOf(answer, ServerFault)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    @settings(deadline=None)
    @given(*[st.text(st.characters(codec=None, exclude_categories=()))] * 2)
    def test_whatever_is_asked(self, name: str, password: str) -> None:
        self.setUp()
        answer = self.ask(name, password)
        if self.checker.waiting:
            self.refuse()
        self.failureResultOf(answer, SignInFailed)


class SlowedTests(SignInTestCase):
    def test_after_five_failures(self) -> None:
        self.fail(FREE)
        self.assertEqual(self.failureResultOf(self.ask(), TooManyTries).value.retry_after, 1)
        self.assertEqual(len(self.checker.asked), FREE)
        self.reactor.advance(1)
        self.ask()
        self.accept()
        self.successResultOf(self.ask())

    def test_in_whatever_spelling(self) -> None:
        for name in ("ada", "ADA", "Ａda", "aDa", " ada"):
            self.fail(name=name)
        self.failureResultOf(self.ask("adA"), TooManyTries)

    def test_many_at_once_are_no_way_round(self) -> None:
        answers = [self.ask(password=f"guess {number}") for number in range(100)]
        self.assertEqual(len(self.checker.asked), FREE)
        for answer in answers[FREE:]:
            self.failureResultOf(answer, TooManyTries)

    def test_nor_is_hanging_up(self) -> None:
        for number in range(FREE):
            answer = self.ask(password=f"guess {number}")
            answer.cancel()
            self.failureResultOf(answer, CancelledError)
        self.failureResultOf(self.ask(), TooManyTries)

    def test_how_many_may_fail_is_the_operators_choice(self) -> None:
        for free in (1, 2 * FREE):
            hashing = Hashing(self.reactor, cast(ThreadPool, self.pool))
            self.sign_in = SignIn([self.checker], hashing, self.reactor, KEY, free)
            self.fail(free)
            self.failureResultOf(self.ask(), TooManyTries)

    def test_the_right_password_has_to_wait_too(self) -> None:
        """Or each refusal would be the answer to a guess: also when the owner has just signed in."""
        self.ask()
        self.accept()
        self.fail(FREE)
        self.failureResultOf(self.ask(), TooManyTries)

    def test_the_owner_elsewhere_does_not(self) -> None:
        self.ask()
        self.accept()
        self.fail(FREE, address=AWAY)
        self.failureResultOf(self.ask(address=AWAY), TooManyTries)
        self.successResultOf(self.ask())

    def test_a_fault_is_not_counted(self) -> None:
        for _ in range(2 * FREE):
            answer = self.ask()
            self.checker.waiting.pop().errback(ZeroDivisionError())
            self.failureResultOf(answer, ServerFault)
        self.flushLoggedErrors(ZeroDivisionError)

    def test_one_that_was_half_asked_is(self) -> None:
        """Or whoever makes one of two checkers fail could guess at the other as they like."""
        stranger, broken = HandChecker(lambda: fail(UnauthorizedLogin())), HandChecker(lambda: 1 / 0)
        hashing = Hashing(self.reactor, cast(ThreadPool, self.pool))
        self.sign_in = SignIn([stranger, broken], hashing, self.reactor, KEY)
        for number in range(FREE):
            self.failureResultOf(self.ask(password=f"guess {number}"), HalfAsked)
        self.failureResultOf(self.ask(), TooManyTries)
        self.flushLoggedErrors(ZeroDivisionError)

    def test_a_success_is_not_either(self) -> None:
        for number in range(4 * FREE):
            answer = self.ask(f"ada{number}")
            self.accept(f"ada{number}")
            self.successResultOf(answer)


class RememberedTests(SignInTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.ask()
        self.accept()

    def test_the_next_time_nobody_is_asked(self) -> None:
        self.assertEqual(self.successResultOf(self.ask()), Account("Ada"))
        self.assertEqual(len(self.checker.asked), 1)

    def test_another_password_name_or_address_is_another_try(self) -> None:
        for other in (self.ask(password="bob's"), self.ask("bob"), self.ask(address=AWAY), self.ask(address=None)):
            self.assertNoResult(other)
        self.assertEqual(len(self.checker.asked), 5)

    def test_not_for_ever(self) -> None:
        self.reactor.advance(CHANGES_UNSEEN_SECONDS)
        self.assertNoResult(self.ask())

    def test_a_failure_never_is(self) -> None:
        for _ in range(2):
            answer = self.ask(password="wrong")
            self.refuse()
            self.failureResultOf(answer, SignInFailed)
        self.assertEqual(len(self.checker.asked), 3)


class SharedTests(SignInTestCase):
    def test_equal_tries_at_once_are_one(self) -> None:
        answers = [self.ask() for _ in range(10)]
        self.assertEqual(len(self.checker.asked), 1)
        self.accept()
        self.assertEqual({self.successResultOf(answer) for answer in answers}, {Account("Ada")})

    def test_and_fail_as_one(self) -> None:
        answers = [self.ask(password="wrong") for _ in range(10)]
        self.refuse()
        for answer in answers:
            self.failureResultOf(answer, SignInFailed)
        self.fail(FREE - 1)
        self.failureResultOf(self.ask(), TooManyTries)

    def test_who_hangs_up_takes_nothing_from_the_others(self) -> None:
        gone, stays = self.ask(), self.ask()
        gone.cancel()
        self.failureResultOf(gone, CancelledError)
        self.accept()
        self.successResultOf(stays)
        self.assertEqual(len(self.sign_in._flights), 0)


class FileTests(PasswordCase):
    """Over `Argon2Checker`, as a server has it."""

    def setUp(self) -> None:
        super().setUp()
        self.pool = HandPool()
        self.reactor = DirectReactor()
        checker = Argon2Checker(PasswordFile(self.path), b"key")
        memory = InMemoryUsernamePasswordDatabaseDontUse(zoe=b"zoe's")
        hashing = Hashing(self.reactor, cast(ThreadPool, self.pool))
        self.sign_in = SignIn([checker], hashing, self.reactor, KEY)
        self.of_two = SignIn([checker, memory], hashing, self.reactor, KEY)

    def outcome(self, name: str, password: str, sign_in: SignIn | None = None) -> str | None:
        """The account's name, or None for a failure."""
        answer = (sign_in or self.sign_in).authenticate(name, password, HOME)
        self.pool.run_all()
        failed: list[Failure] = []
        answer.addErrback(failed.append)
        account = self.successResultOf(answer)
        self.assertTrue(all(failure.check(SignInFailed) for failure in failed))
        return account.name if account else None

    def test_right_and_wrong(self) -> None:
        self.assertEqual([self.outcome("ADA", "ada's"), self.outcome("bob", "bob's")], ["Ada", "bob"])
        self.assertEqual([self.outcome("ada", "bob's"), self.outcome("eve", "ada's")], [None, None])

    def test_a_password_that_was_changed_is_worth_nothing_when_that_was_seen(self) -> None:
        self.assertEqual(self.outcome("ada", "ada's"), "Ada")
        self.write({"ada": "new"})
        self.sign_in.read_again()
        self.assertEqual([self.outcome("ada", "ada's"), self.outcome("ada", "new")], [None, "ada"])

    def test_who_was_right_is_known_by_the_password_as_it_was(self) -> None:
        answer = self.sign_in.authenticate("ada", "ada's", HOME)
        self.pool.run_all()
        fingerprint = self.successResultOf(answer).fingerprint
        self.assertTrue(self.sign_in.vouches(fingerprint))
        self.write({"Ada": "ada's", "bob": "bob's"})
        self.sign_in.read_again()
        self.assertFalse(self.sign_in.vouches(fingerprint))

    def test_who_was_right_before_the_password_changed_is_wrong(self) -> None:
        answer = self.sign_in.authenticate("ada", "ada's", HOME)
        self.reactor.later = True
        self.pool.run_all()
        self.write({"Ada": "new"})
        self.sign_in.read_again()
        self.reactor.do_all()
        self.failureResultOf(answer, SignInFailed)

    def test_two_checkers(self) -> None:
        found = [self.outcome(name, f"{name}'s", self.of_two) for name in ("ada", "zoe", "eve")]
        self.assertEqual(found, ["Ada", "zoe", None])

    def test_too_many_at_once_are_told_when_to_come_back(self) -> None:
        answers = [self.sign_in.authenticate(f"ada{number}", "x", None) for number in range(PENDING + 1)]
        self.assertGreater(self.failureResultOf(answers.pop(), SignInBusy).value.retry_after, 0)
        self.pool.run_all()
        for answer in answers:
            self.failureResultOf(answer, SignInFailed)
