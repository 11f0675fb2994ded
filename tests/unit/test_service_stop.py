"""ChatService: the order in which its parts stop."""

from __future__ import annotations

from twisted.internet.defer import Deferred, succeed
from twisted.logger import capturedLogs

from chatcomet.api.waiting import Wait
from chatcomet.service import STOP_SECONDS
from chatcomet.stores.memory import MemoryStore
from tests.unit.api.running_chat import with_ticket
from tests.unit.http.peer import asking
from tests.unit.service_case import ServiceTestCase


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
        before = len(self.reactor.getDelayedCalls())
        waiting = Wait(chat.readers, with_ticket("ada", "read"), ("lobby",), ())
        waiting.enter()
        waiting.until(succeed(None))
        self.assertEqual(len(self.reactor.getDelayedCalls()), before + 1)
        self.successResultOf(self.service.stopService())
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_without_anybody_it_is_stopped_at_once(self) -> None:
        self.successResultOf(self.service.stopService())
        self.assertEqual(self.reactor.getDelayedCalls(), [])
