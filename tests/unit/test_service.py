"""ChatService: the parts together, and the order in which they start."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from math import inf
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import cast
from unittest.mock import patch

from twisted.internet.base import ReactorBase
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.error import CannotListenError
from twisted.logger import LogEvent, LogLevel, capturedLogs, formatEvent

from chatcomet import service as service_module
from chatcomet.access.grants import Grants
from chatcomet.access.issuing import issue
from chatcomet.access.keys import load_signing_key, write_secret
from chatcomet.access.rulings import Rulings
from chatcomet.api.waiting import Wait
from chatcomet.core.message import Draft, Sizes
from chatcomet.core.rulings import Ruling
from chatcomet.core.store import Before
from chatcomet.errors import BadTicket, StartRefused, StoreUnavailable
from chatcomet.rest import AGE_SECONDS, LOOK_SECONDS
from chatcomet.service import BACKLOG_CONNECTIONS, ChatService
from chatcomet.settings import ConnectionLimits, Settings
from chatcomet.stores.memory import MemoryStore
from tests.unit.api.running_chat import SOMEBODY
from tests.unit.http.peer import asking
from tests.unit.service_case import SETTINGS, ServiceTestCase, chat_of


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

    def test_what_a_busy_time_has_left_behind_goes_in_quiet(self) -> None:
        tidied: list[float] = []
        memory = iter([100, 120])
        with (
            patch("chatcomet.service.resident_bytes", lambda: next(memory, 100)),
            patch("time.process_time", lambda: 0.0),
        ):
            service = ChatService(
                SETTINGS, cast(ReactorBase, self.reactor), tidy=lambda: tidied.append(self.reactor.seconds())
            )
            chat = chat_of(service)
            chat.askers.stranger("192.0.2.1")
            self.reactor.advance(LOOK_SECONDS)
            self.assertEqual(tidied, [LOOK_SECONDS])
            for _ in range(round(2 * AGE_SECONDS / LOOK_SECONDS)):
                self.reactor.advance(LOOK_SECONDS)
        self.assertEqual(len(chat.askers._strangers), 0)

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
        with TemporaryDirectory() as folder:
            old, new = Path(folder) / "old.key", Path(folder) / "new.key"
            write_secret(old)
            write_secret(new)
            for audience in (None, "chat"):
                settings = replace(SETTINGS, ticket_keys=(str(new), str(old)), ticket_audience=audience)
                chat = chat_of(ChatService(settings, cast(ReactorBase, self.reactor)))
                for path in (old, new):
                    text = issue(load_signing_key(path), "ada", Grants(), time.time(), 60, audience=audience)
                    self.assertEqual(chat.askers.bearer(text, None).name, "ada")
        error = self.assertRaises(BadTicket, chat_of(self.service).askers.bearer, text, None)
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
