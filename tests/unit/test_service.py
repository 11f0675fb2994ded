"""ChatService: the parts together, and the order in which they start and stop."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from math import inf
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import cast
from unittest.mock import patch

from twisted.cred.checkers import InMemoryUsernamePasswordDatabaseDontUse
from twisted.internet.base import ReactorBase
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.error import CannotListenError
from twisted.internet.testing import MemoryReactorClock
from twisted.logger import LogEvent, LogLevel, capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from chatcomet import service as service_module
from chatcomet.access.accounts import Account
from chatcomet.access.argon2_checker import Argon2Checker
from chatcomet.access.asker import member
from chatcomet.access.grants import Grants
from chatcomet.access.hashing import Hashing
from chatcomet.access.issuing import issue
from chatcomet.access.keys import load_signing_key, write_secret
from chatcomet.access.password_file import PasswordFile
from chatcomet.access.passwords import parse_entries
from chatcomet.access.rulings import Rulings
from chatcomet.access.watch import LOOK_SECONDS
from chatcomet.api.chat import Chat
from chatcomet.api.waiting import Wait
from chatcomet.core.message import Draft, Sizes
from chatcomet.core.rulings import Ruling
from chatcomet.core.store import Before
from chatcomet.errors import BadTicket, NotSignedIn, SignInFailed, StartRefused, StoreUnavailable, TooManyTries
from chatcomet.http.site import ChatSite
from chatcomet.service import BACKLOG_CONNECTIONS, STOP_SECONDS, ChatService
from chatcomet.settings import ConnectionLimits, Settings
from chatcomet.stores.memory import MemoryStore
from tests.unit.access.cheap_hash import cheap_hash
from tests.unit.api.running_chat import SOMEBODY, with_ticket
from tests.unit.http.peer import Peer, asking

SETTINGS = Settings(store="memory:", listen=("tcp:8081:interface=127.0.0.1",), hosts=frozenset({"chat.example"}))


class ServiceTestCase(SynchronousTestCase):
    settings = SETTINGS

    def setUp(self) -> None:
        self.reactor = MemoryReactorClock()
        self.service = ChatService(self.settings, cast(ReactorBase, self.reactor))

    def connect(self) -> Peer:
        site = self.reactor.tcpServers[0][1]
        assert isinstance(site, ChatSite)
        return Peer(site, self.reactor)


class StartTests(ServiceTestCase):
    settings = replace(SETTINGS, listen=("tcp:8081", "tcp:8082"), prefix="/x")

    def test_listens_first_and_serves_then(self) -> None:
        self.service.privilegedStartService()
        self.assertEqual([server[0] for server in self.reactor.tcpServers], [8081, 8082])
        self.assertEqual(self.connect().ask("/x/session").status, 404)
        self.service.startService()
        self.assertEqual(len(self.reactor.tcpServers), 2)
        self.assertEqual(self.connect().ask("/x/session").status, 200)
        self.assertTrue(self.service.running)

    def test_without_privileges_it_listens_too(self) -> None:
        self.service.startService()
        self.assertEqual(len(self.reactor.tcpServers), 2)
        self.assertEqual(self.connect().ask("/x/session").status, 200)

    def test_says_where_the_page_is(self) -> None:
        endpoints = ("tcp:8081", "tcp:8082:interface=127.0.0.1", "tcp:8083:interface=\\:\\:1")
        elsewhere = ("tcp:8085:interface=2001\\:db8\\:\\:1", "unix:/run/chat.sock")
        with capturedLogs() as events:
            settings = replace(self.settings, listen=(*endpoints, *elsewhere))
            ChatService(settings, cast(ReactorBase, self.reactor)).startService()
        told = [str(event["address"]) for event in events if "address" in event]
        here = [f"http://localhost:{port}/x/" for port in (8081, 8082, 8083)]
        there = ["http://[2001:db8::1]:8085/x/", "UNIXAddress('/run/chat.sock'), path /x/"]
        self.assertEqual(told, here + there)

    def test_many_may_knock_at_once_unless_the_operator_says_how_many(self) -> None:
        for more, knocking in (("", [BACKLOG_CONNECTIONS]), (":backlog=7", [])):
            listened: list[int] = []
            port = SimpleNamespace(socket=SimpleNamespace(listen=listened.append, family=None), getHost=lambda: None)
            settings = replace(SETTINGS, listen=(f"tcp:8081{more}",))
            with patch.object(self.reactor, "listenTCP", return_value=port):
                ChatService(settings, cast(ReactorBase, self.reactor)).privilegedStartService()
            self.assertEqual(listened, knocking)

    def test_has_a_name(self) -> None:
        self.assertEqual(self.service.name, "chatcomet")

    def test_what_waits_is_counted(self) -> None:
        self.service.startService()
        self.assertEqual(self.service.waiting, 0)
        self.connect().send(asking("/x/chat/get/0"))
        self.assertEqual(self.service.waiting, 1)

    def test_a_store_that_does_not_open_refuses_the_start(self) -> None:
        with patch.object(MemoryStore, "open", side_effect=lambda: fail(StartRefused("locked"))):
            self.assertRaises(StartRefused, self.service.startService)
        self.assertEqual(self.connect().ask("/x/session").status, 404)

    def test_what_tickets_are_checked_with(self) -> None:
        chats: list[Chat] = []
        self.patch(service_module, "Lane", lambda chat, _: chats.append(chat))
        self.patch(ChatSite, "serve", lambda *_: None)
        with TemporaryDirectory() as folder:
            old, new = Path(folder) / "old.key", Path(folder) / "new.key"
            write_secret(old)
            write_secret(new)
            for audience in (None, "chat"):
                settings = replace(SETTINGS, ticket_keys=(str(new), str(old)), ticket_audience=audience)
                ChatService(settings, cast(ReactorBase, self.reactor)).startService()
                for path in (old, new):
                    text = issue(load_signing_key(path), "ada", Grants(), time.time(), 60, audience=audience)
                    self.assertEqual(chats[-1].askers.bearer(text, None).name, "ada")
        self.service.startService()
        error = self.assertRaises(BadTicket, chats[-1].askers.bearer, text, None)
        self.assertIn("not taken here", str(error))

    def test_a_key_that_can_not_be_read_refuses_the_start(self) -> None:
        service = ChatService(replace(SETTINGS, ticket_keys=("/nowhere/a.key",)), cast(ReactorBase, self.reactor))
        for start in (service.privilegedStartService, service.startService):
            error = self.assertRaises(StartRefused, start)
            self.assertIn("/nowhere/a.key can't be read", str(error))
        self.assertEqual(self.reactor.tcpServers, [])

    def test_a_store_whose_rulings_can_not_be_read_refuses_the_start(self) -> None:
        self.patch(MemoryStore, "rulings", lambda store: fail(StoreUnavailable("the disk is gone")))
        refusal = self.assertRaises(StartRefused, self.service.startService)
        self.assertIn("the disk is gone", str(refusal))
        self.failureResultOf(self.service._store.bounds("lobby"), StoreUnavailable)  # it is closed
        self.assertEqual(self.connect().ask("/x/session").status, 404)

    def test_what_was_ruled_before_is_known_when_it_serves(self) -> None:
        ban = Ruling("ban", "lobby", "bob", inf, "ada", 0.0)
        self.service._store.rule(ban)
        known = Rulings(self.service._store, time.time)
        self.service._rulings = known
        self.service.startService()
        self.assertEqual(known.of("lobby"), [ban])

    def test_a_store_of_no_kind_refuses_the_start(self) -> None:
        wrong = replace(SETTINGS, store="redis:")
        self.assertRaises(StartRefused, ChatService, wrong, cast(ReactorBase, self.reactor))

    def test_of_a_room_so_many_are_kept_and_no_more_are_in_memory(self) -> None:
        service = ChatService(replace(SETTINGS, retain=3), cast(ReactorBase, self.reactor))
        self.successResultOf(service._hub.latest("lobby"))
        for number in range(5):
            service._store.append("lobby", Draft("ada", str(number)))
        self.assertEqual(self.successResultOf(service._store.bounds("lobby")), (2, 5))
        room = service._hub.room("lobby")
        self.assertIsNone(room.page(1, 50))
        page = room.page(2, 50)
        assert page is not None
        self.assertEqual(len(page.messages), 3)


class LateTests(ServiceTestCase):
    """An endpoint that does not listen at once."""

    def setUp(self) -> None:
        super().setUp()
        self.listening: list[Deferred[object]] = []
        self.stopped = 0
        self.patch(service_module, "serverFromString", lambda *_: SimpleNamespace(listen=self.listen))

    def listen(self, site: object) -> Deferred[object]:
        self.listening.append(Deferred())
        return self.listening[-1]

    def stop_listening(self) -> None:
        self.stopped += 1

    def start(self) -> Deferred[object]:
        """As `twistd` does; what fires when it listens."""
        self.service.privilegedStartService()
        self.service.startService()
        (listening,) = self.listening
        return listening

    def critical(self, events: Sequence[LogEvent]) -> list[str | None]:
        return [formatEvent(event) for event in events if event["log_level"] is LogLevel.critical]

    def test_is_asked_once_and_is_as_good_as_others(self) -> None:
        self.start().callback(SimpleNamespace(stopListening=self.stop_listening, getHost=lambda: "an onion"))
        self.successResultOf(self.service.stopService())
        self.assertEqual(self.stopped, 1)

    def test_where_it_fails_that_is_told(self) -> None:
        listening = self.start()
        with capturedLogs() as events:
            listening.errback(CannotListenError("", 80, OSError("no such onion")))
        (told,) = self.critical(events)
        self.assertRegex(str(told), "^chatcomet does not start: can't listen on tcp:8081:.*: no such onion")

    def test_whatever_it_fails_with(self) -> None:
        listening = self.start()
        with capturedLogs() as events:
            listening.errback(ZeroDivisionError("of an onion"))
        self.assertIn("chatcomet does not start: of an onion", self.critical(events))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_a_stop_does_not_wait_for_it(self) -> None:
        self.start()
        with capturedLogs() as events:
            self.successResultOf(self.service.stopService())
        self.assertEqual(self.critical(events), [])

    def test_where_it_fails_at_once_it_may_be_tried_again(self) -> None:
        with patch.object(self, "listen", return_value=fail(CannotListenError("", 80, OSError()))):
            self.assertRaises(StartRefused, self.service.startService)
        self.service.startService()
        self.assertEqual(len(self.listening), 1)


class LimitTests(ServiceTestCase):
    def readers(self, settings: Settings, tries: int = 1_000) -> int:
        """How many of so many readers are let in, on a machine with descriptors for 800."""
        service = ChatService(settings, cast(ReactorBase, self.reactor))
        with patch("chatcomet.service.spare_descriptors", return_value=800), patch("chatcomet.service.Lane") as lane:
            service.startService()
        chat, _ = lane.call_args.args
        return sum(Wait(chat.readers, SOMEBODY, ("lobby",), ()).enter() for _ in range(tries))

    def test_there_are_as_many_readers_as_descriptors_unless_the_operator_says_how_many(self) -> None:
        for said, let_in in ((None, 800), (7, 7), (0, 1_000)):
            self.assertEqual(self.readers(replace(SETTINGS, readers=said)), let_in)


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


class SizeTests(ServiceTestCase):
    settings = replace(
        SETTINGS,
        sizes=Sizes(text_characters=10, page_bytes=400),
        connections=ConnectionLimits(line_bytes=300, idle_seconds=9.0),
    )

    def test_they_are_those_of_the_settings(self) -> None:
        self.service.startService()
        peer = self.connect()
        for text, status in (("x" * 10, 201), ("y" * 10, 201), ("z" * 10, 201), ("x" * 11, 413)):
            body = b'{"text": "%b"}' % text.encode()
            answer = peer.ask("/rooms/a/messages", "POST", body, Content_Type="application/json")
            self.assertEqual(answer.status, status)
        self.assertEqual(len(peer.ask("/rooms/a/messages").json["messages"]), 2)
        self.reactor.advance(8.9)
        self.assertFalse(peer.ended)
        self.reactor.advance(0.5)
        self.assertTrue(peer.ended)
        self.assertEqual(self.connect().ask("/" + "x" * 300).status, 414)


class SignInTests(ServiceTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.chats: list[Chat] = []
        self.patch(service_module, "Lane", lambda chat, _: self.chats.append(chat))
        self.patch(ChatSite, "serve", lambda *_: None)

    def test_whoever_the_checkers_know_may(self) -> None:
        checker = InMemoryUsernamePasswordDatabaseDontUse(ada=b"secret")
        ChatService(SETTINGS, cast(ReactorBase, self.reactor), checkers=[checker]).startService()
        sign_in = self.chats[0].sign_in
        assert sign_in is not None
        self.assertEqual(self.successResultOf(sign_in.authenticate("ada", "secret", None)).name, "ada")
        self.failureResultOf(sign_in.authenticate("ada", "wrong", None), SignInFailed)

    def test_so_many_may_fail(self) -> None:
        checker = InMemoryUsernamePasswordDatabaseDontUse(ada=b"secret")
        settings = replace(SETTINGS, sign_in_tries=2)
        ChatService(settings, cast(ReactorBase, self.reactor), checkers=[checker]).startService()
        sign_in = self.chats[0].sign_in
        assert sign_in is not None
        for outcome in (SignInFailed, SignInFailed, TooManyTries):
            self.failureResultOf(sign_in.authenticate("ada", "wrong", None), outcome)

    def test_without_any_nobody_can(self) -> None:
        self.service.startService()
        self.assertIsNone(self.chats[0].sign_in)

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
            service.startService()
            (entry,) = parse_entries(path.read_text()).values()
            ada = member(Account("ada", entry.fingerprint), None)
            wait = Wait(self.chats[0].readers, ada, ("lobby",), ())
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


class RetentionTests(ServiceTestCase):
    settings = replace(SETTINGS, retain_days=0.5)

    def setUp(self) -> None:
        super().setUp()
        self.pruned: list[float] = []
        self.patch(MemoryStore, "prune", self.prune)

    def prune(self, before: Before, after: str, limit: int) -> Deferred[None]:
        self.pruned.append(before("lobby"))
        return succeed(None)

    def test_what_is_older_than_so_many_days_is_pruned_while_it_runs(self) -> None:
        self.service.startService()
        self.reactor.advance(60)
        self.assertEqual(len(self.pruned), 2)
        self.assertLess(abs(time.time() - self.pruned[0] - 12 * 3600), 60)
        self.successResultOf(self.service.stopService())
        self.reactor.advance(3600)
        self.assertEqual(len(self.pruned), 2)

    def test_without_an_age_nothing_is(self) -> None:
        ChatService(SETTINGS, cast(ReactorBase, self.reactor)).startService()
        self.reactor.advance(3600)
        self.assertEqual(self.pruned, [])


class StopTests(ServiceTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.events: list[str] = []
        self.service.startService()

    def watch(self) -> None:
        """Note what happens from now on."""
        store_close = MemoryStore.close

        def close(store: MemoryStore) -> Deferred[None]:
            self.events.append("closed")
            return store_close(store)

        self.patch(MemoryStore, "close", close)
        for port in self.service._ports:
            self.patch(port, "stopListening", lambda: self.events.append("deaf"))

    def test_is_one_sequence(self) -> None:
        self.watch()
        waiting, idle = self.connect(), self.connect()
        waiting.send(asking("/chat/get/0"))
        self.patch(waiting.transport, "write", lambda data: self.events.append(data[:12].decode()))
        stopped = self.service.stopService()
        self.assertEqual(self.events, ["deaf", "HTTP/1.1 408"])
        self.assertTrue(idle.transport.disconnecting and waiting.transport.disconnecting)
        self.assertNoResult(stopped)
        self.reactor.advance(0)
        self.successResultOf(stopped)
        self.assertEqual(self.events, ["deaf", "HTTP/1.1 408", "closed"])
        self.assertFalse(self.service.running)

    def test_who_is_answered_is_told_to_come_back_on_another_connection(self) -> None:
        peer = self.connect()
        peer.send(asking(f"/rooms/lobby/messages?cursor={self.service._store.epoch}.0"))
        self.service.stopService()
        answer = peer.answer()
        self.assertEqual((answer.status, answer.json["messages"], answer.headers["connection"]), (200, [], "close"))

    def test_nobody_is_suspended_any_more(self) -> None:
        peer = self.connect()
        peer.send(b"GET /rooms/lobby/messages?cursor=")
        epoch = self.service._store.epoch
        self.service.stopService()
        self.reactor.advance(0)
        self.assertTrue(peer.lost)
        late = self.connect()
        answer = late.ask(f"/rooms/lobby/messages?cursor={epoch}.0")
        self.assertEqual(answer.headers["connection"], "close")
        self.assertEqual(self.service.waiting, 0)

    def test_whoever_does_not_take_an_answer_is_waited_for_so_long_and_no_longer(self) -> None:
        self.watch()
        peer = self.connect()
        peer.transport.taking = False
        peer.ask("/session")
        stopped = self.service.stopService()
        self.reactor.advance(STOP_SECONDS - 0.1)
        self.assertNoResult(stopped)
        self.assertNotIn("closed", self.events)
        self.reactor.advance(0.1)
        self.reactor.advance(0)
        self.successResultOf(stopped)
        self.assertTrue(peer.transport.aborted)
        self.assertIn("closed", self.events)
        self.assertLess(STOP_SECONDS, 2)

    def test_what_limits_have_refused_is_said_before_it_ends(self) -> None:
        for _ in range(3):
            self.service._refusals.count("posts")
        with capturedLogs() as events:
            self.successResultOf(self.service.stopService())
        self.assertIn(("posts", 2), [(event.get("name"), event.get("count")) for event in events])
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_nobody_looks_for_expired_tickets_any_more(self) -> None:
        chat = self.service._chat
        assert chat is not None
        waiting = Wait(chat.readers, with_ticket("ada", "read"), ("lobby",), ())
        waiting.enter()
        waiting.until(succeed(None))
        self.assertEqual(len(self.reactor.getDelayedCalls()), 1)
        self.successResultOf(self.service.stopService())
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_without_anybody_it_is_stopped_at_once(self) -> None:
        self.successResultOf(self.service.stopService())
        self.assertEqual(self.reactor.getDelayedCalls(), [])
