"""ChatService: who may come in, by its settings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import cast
from unittest.mock import patch

from twisted.cred.checkers import InMemoryUsernamePasswordDatabaseDontUse
from twisted.internet.base import ReactorBase
from twisted.internet.defer import Deferred, succeed

from chatcomet.access.accounts import Account
from chatcomet.access.argon2_checker import Argon2Checker
from chatcomet.access.asker import member
from chatcomet.access.hashing import Hashing
from chatcomet.access.password_file import PasswordFile
from chatcomet.access.passwords import parse_entries
from chatcomet.access.watch import LOOK_SECONDS
from chatcomet.api.waiting import Wait
from chatcomet.errors import NotSignedIn, SignInFailed, StartRefused, TooManyTries
from chatcomet.service import ChatService
from chatcomet.stores.memory import MemoryStore
from tests.unit.access.cheap_hash import cheap_hash
from tests.unit.http.peer import asking
from tests.unit.service_case import SETTINGS, ServiceTestCase, chat_of


class PolicyTests(ServiceTestCase):
    def setUp(self) -> None:
        self.path = Path(self.mktemp())
        self.settings = replace(SETTINGS, rooms=str(self.path))
        super().setUp()

    def test_is_read_at_the_start_and_again_when_asked(self) -> None:
        for name in ("a", "b"):
            self.path.write_text(f'[[rooms]]\nname = "{name}"\nretain = 1')
            if name == "a":
                self.service.startService()
            else:
                self.assertTrue(self.service.reload())
            self.assertEqual(self.service._policy.policy.rules(name).retain, 1)

    def test_whoever_may_not_read_by_a_new_one_waits_no_more(self) -> None:
        self.path.write_text('[[rooms]]\nname = "a"\nretain = 1')
        self.service.startService()
        peers = [self.connect(), self.connect()]
        for peer, room in zip(peers, "ab", strict=True):
            peer.send(asking(f"/rooms/{room}/messages?cursor={self.service._store.epoch}.0"))
        self.assertEqual(self.service.waiting, 2)
        self.path.write_text('[[rooms]]\nname = "a"\nread = "members"')
        self.assertTrue(self.service.reload())
        self.assertEqual((peers[0].answer().status, self.service.waiting), (403, 1))
        self.assertEqual(self.connect().ask("/rooms/a").status, 403)

    def test_one_that_errs_refuses_the_start_and_leaves_nothing_behind(self) -> None:
        self.path.write_text("[[rooms]]")
        with patch.object(MemoryStore, "open") as opened:
            error = self.assertRaises(StartRefused, self.service.startService)
        self.assertIn(str(self.path), str(error))
        opened.assert_not_called()

    def test_one_that_errs_later_is_refused_and_the_old_one_holds(self) -> None:
        self.path.write_text('[[rooms]]\nname = "a"\nretain = 1')
        self.service.startService()
        self.path.write_text("[[rooms]]")
        self.assertFalse(self.service.reload())
        self.assertEqual(self.service._policy.policy.rules("a").retain, 1)

    def test_without_one_there_is_nothing_to_read(self) -> None:
        service = ChatService(SETTINGS, cast(ReactorBase, self.reactor))
        self.assertFalse(service.reload())
        service.startService()
        self.assertFalse(service.reload())


class SignInTests(ServiceTestCase):
    def test_whoever_the_checkers_know_may(self) -> None:
        checker = InMemoryUsernamePasswordDatabaseDontUse(ada=b"secret")
        sign_in = chat_of(ChatService(SETTINGS, cast(ReactorBase, self.reactor), checkers=[checker])).sign_in
        assert sign_in is not None
        self.assertEqual(self.successResultOf(sign_in.authenticate("ada", "secret", None)).name, "ada")
        self.failureResultOf(sign_in.authenticate("ada", "wrong", None), SignInFailed)

    def test_so_many_may_fail(self) -> None:
        checker = InMemoryUsernamePasswordDatabaseDontUse(ada=b"secret")
        settings = replace(SETTINGS, sign_in_tries=2)
        sign_in = chat_of(ChatService(settings, cast(ReactorBase, self.reactor), checkers=[checker])).sign_in
        assert sign_in is not None
        for outcome in (SignInFailed, SignInFailed, TooManyTries):
            self.failureResultOf(sign_in.authenticate("ada", "wrong", None), outcome)

    def test_without_any_nobody_can(self) -> None:
        self.assertIsNone(chat_of(self.service).sign_in)

    def test_whoever_waits_by_an_account_that_goes_is_dismissed_while_it_runs(self) -> None:
        def in_thread(_: ChatService, work: Callable[[], None]) -> Deferred[None]:
            work()
            return succeed(None)

        self.patch(ChatService, "_in_thread", in_thread)
        with TemporaryDirectory() as folder:
            path = Path(folder) / "passwords"
            path.write_text(f"ada:{cheap_hash('x')}\n")
            checker = Argon2Checker(PasswordFile(path), b"key")
            service = ChatService(SETTINGS, cast(ReactorBase, self.reactor), checkers=[checker])
            chat = chat_of(service)
            (entry,) = parse_entries(path.read_text()).values()
            ada = member(Account("ada", entry.fingerprint), None)
            wait = Wait(chat.readers, ada, ("lobby",), ())
            self.assertTrue(wait.enter())
            never: Deferred[None] = Deferred()
            answer = wait.until(never)
            self.reactor.advance(LOOK_SECONDS)
            self.assertNoResult(answer)
            path.write_text("")
            self.reactor.advance(LOOK_SECONDS)
            self.failureResultOf(answer, NotSignedIn)
            self.successResultOf(service.stopService())
            self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_threads_for_hashing_run_while_it_does(self) -> None:
        events: list[str] = []
        self.patch(Hashing, "start", lambda _: events.append("start"))
        self.patch(Hashing, "stop", lambda _: events.append("stop"))
        self.service.startService()
        self.assertEqual(events, ["start"])
        self.successResultOf(self.service.stopService())
        self.assertEqual(events, ["start", "stop"])


class GuestsTests(ServiceTestCase):
    settings = replace(SETTINGS, guests=False)

    def test_may_be_kept_out(self) -> None:
        self.service.startService()
        self.assertEqual(self.connect().ask("/rooms/lobby").status, 403, "nor could anybody else come in")
