"""ChatSite: what lies under the prefix, and how connections end."""

from __future__ import annotations

import json
from dataclasses import replace

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import capturedLogs, eventAsText, formatEvent
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import Resource

from chatcomet.core.message import DATA_BYTES
from chatcomet.http.limited import LINGER_SECONDS
from chatcomet.http.site import ChatSite
from chatcomet.settings import HEADER_SECONDS, Settings
from tests.unit.http.peer import Peer, PeerTransport, asking
from tests.unit.http.running_edge import HOSTS, EdgeTestCase

POLL = asking("/rooms/lobby/messages?cursor=k3v9.0")
SECONDS = 1.5


class PrefixTests(EdgeTestCase):
    settings = replace(Settings(), prefix="/chat/ty")

    def test_everything_is_under_it(self) -> None:
        self.assertEqual(self.peer.ask("/chat/ty/").headers["content-type"], "text/html; charset=utf-8")
        for target in ("/chat/ty/page.js", "/chat/ty/session", "/chat/ty/rooms/lobby/messages", "/chat/t%79/session"):
            self.assertEqual(self.peer.ask(target).status, 200, target)

    def test_nothing_is_beside_it(self) -> None:
        for target in (
            *(
                "/",
                "/chat",
                "/chat/",
                "/session",
                "/chat/tyx/session",
                "/chat/tyx",
                "/chat/TY/session",
                "/chat%2Fty/session",
            ),
            *("/chat//ty/session", "//chat/ty/session", "/ty/session", "/chat/ty%2Fsession", "/chat/ty//session/"),
        ):
            answer = self.peer.ask(target)
            self.assertEqual((answer.status, answer.problem), (404, "not-found"), target)

    def test_without_its_slash_it_leads_to_the_page(self) -> None:
        for target, page in (("/chat/ty", "/chat/ty/"), ("/chat/ty?room=x&y=%0A", "/chat/ty/?room=x&y=%0A")):
            answer = self.peer.ask(target)
            self.assertEqual((answer.status, answer.headers["location"], answer.body), (302, page, b""))
            self.assertEqual(answer.headers["cache-control"], "no-store")

    def test_the_cookie_is_of_this_chat(self) -> None:
        body = json.dumps({"name": "ada"}).encode()
        answer = self.peer.ask("/chat/ty/session", "POST", body, Content_Type="application/json")
        self.assertTrue(answer.cookie.startswith("chatcomet-chat-ty="))


class BeforeItServesTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.site = ChatSite("", HOSTS, frozenset(), self.clock)
        self.peer = Peer(self.site, self.clock)

    def test_nothing_is_there(self) -> None:
        for method in ("GET", "HEAD", "POST"):
            answer = self.peer.ask("/session", method)
            self.assertEqual((answer.status, answer.headers["cache-control"]), (404, "no-store"))

    def test_what_is_asked_for_in_vain_is_not_logged(self) -> None:
        with capturedLogs() as events:
            for method in ("GET", "HEAD", "OPTIONS", "G\xc3T"):
                self.assertEqual(self.peer.ask("/session?ticket=a.secret.one", method).status, 404)
        self.assertEqual(list(events), [])

    def test_a_fault_tells_no_secret(self) -> None:
        class Broken(Resource):
            isLeaf = True

            def render(self, request: object) -> bytes:
                raise ZeroDivisionError

        self.site.serve(Broken())
        with capturedLogs() as events:
            self.assertEqual(self.peer.ask("/rooms?ticket=a.secret.one").status, 500)
        self.assertEqual([formatEvent(event) for event in events], ["a fault in answering GET /rooms"])
        self.flushLoggedErrors(ZeroDivisionError)

    def test_a_resource_that_raises_is_a_fault(self) -> None:
        class Broken(Resource):
            isLeaf = True

            def render(self, request: object) -> bytes:
                raise ZeroDivisionError("a secret")

        self.site.serve(Broken())
        answer = self.peer.ask("/")
        self.assertEqual((answer.status, answer.problem, answer.headers["cache-control"]), (500, "fault", "no-store"))
        self.assertNotIn(b"secret", answer.body)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertFalse(self.peer.ended)

    def test_a_fault_is_logged_without_what_is_secret_in_a_query(self) -> None:
        class Broken(Resource):
            isLeaf = True

            def render(self, request: object) -> bytes:
                raise ZeroDivisionError

        self.site.serve(Broken())
        with capturedLogs() as events:
            self.peer.ask("/rooms/lobby/events?ticket=eyJ.secret.x")
        self.assertIn("a fault in answering GET /rooms/lobby/events", [formatEvent(event) for event in events])
        self.assertFalse([event for event in events if "secret" in eventAsText(event)])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_it_keeps_no_log_of_its_own(self) -> None:
        timers = self.clock.getDelayedCalls()
        self.site.startFactory()
        self.peer.ask("/session")
        self.assertEqual(self.clock.getDelayedCalls(), timers, "Twisted's own tells the time each second")
        self.site.stopFactory()


class CloseTests(EdgeTestCase):
    def close(self) -> Deferred[None]:
        """Close as the service does: and after that, end every hold."""
        closed = self.site.close(SECONDS)
        self.hub.drain()
        self.clock.advance(0)
        return closed

    def assert_closed(self, closed: Deferred[None]) -> None:
        self.successResultOf(closed)
        self.assertEqual(self.site.channels, set())

    def test_without_a_connection_it_is_closed_at_once(self) -> None:
        self.peer.lose()
        self.assert_closed(self.site.close(SECONDS))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_idle_connections_end(self) -> None:
        peers = [self.connect() for _ in range(3)]
        for peer in peers:
            peer.ask("/session")
        self.assert_closed(self.close())
        self.assertTrue(all(peer.lost and not peer.transport.aborted for peer in [*peers, self.peer]))

    def test_nothing_is_scheduled_after_it(self) -> None:
        self.assert_closed(self.close())
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_they_have_no_timers_of_their_own(self) -> None:
        peers = [self.connect() for _ in range(50)]
        for peer in peers:
            peer.transport.taking = False
            peer.ask("/session")
        peers[0].send(b"\x00\r\n\r\n")
        timers = len(self.clock.getDelayedCalls())
        self.site.close(SECONDS)
        self.assertLessEqual(len(self.clock.getDelayedCalls()), timers + 2)

    def test_one_that_was_refused_ends_with_them(self) -> None:
        self.peer.send(b"G")
        self.clock.advance(HEADER_SECONDS)
        self.assertEqual(self.peer.answer().status, 408)
        self.assert_closed(self.close())
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_suspended_polls_are_answered_and_end(self) -> None:
        peers = [self.connect() for _ in range(3)]
        for peer in peers:
            peer.send(POLL)
        self.assert_closed(self.close())
        for peer in peers:
            answer = peer.answer()
            self.assertEqual((answer.status, answer.json["messages"], answer.headers["connection"]), (200, [], "close"))
            self.assertFalse(peer.transport.aborted)

    def test_an_append_on_its_way_is_waited_for(self) -> None:
        self.store.holding = True
        body = json.dumps({"text": "hello"}).encode()
        self.peer.send(asking("/rooms/lobby/messages", "POST", body, Content_Type="application/json"))
        closed = self.close()
        self.clock.advance(1)
        self.assertNoResult(closed)
        self.store.release()
        self.clock.advance(0)
        self.assert_closed(closed)
        answer = self.peer.answer()
        self.assertEqual((answer.status, answer.headers["connection"]), (201, "close"))

    def test_a_request_that_is_arriving_is_answered_still(self) -> None:
        self.peer.send(b"GET /session HTTP/1.1\r\nHost: chat.example\r\n")
        closed = self.close()
        self.assertNoResult(closed)
        self.peer.send(b"\r\n")
        self.clock.advance(0)
        self.assert_closed(closed)
        self.assertEqual(self.peer.answer().headers["connection"], "close")

    def test_a_large_answer_on_its_way_is_waited_for(self) -> None:
        self.add(*["big"] * 20, data=json.dumps("x" * (DATA_BYTES - 2)))
        self.peer.transport.taking = False
        self.peer.send(asking("/rooms/lobby/messages"))
        closed = self.close()
        self.clock.advance(1)
        self.assertNoResult(closed)
        self.peer.transport.take()
        self.clock.advance(0)
        self.assert_closed(closed)
        self.assertFalse(self.peer.transport.aborted)
        self.assertEqual(len(self.peer.answers()), 1)

    def test_what_is_left_is_cut_in_the_end(self) -> None:
        slow, secure, refused, busy = self.connect(), self.connect(secure=True), self.connect(), self.connect()
        slow.send(b"GET /session HTTP/1.1\r\n")
        refused.send(b"\x00\r\n\r\n")
        self.store.holding = True
        busy.send(asking("/chat/post", "POST", b"message=a", Content_Type="application/x-www-form-urlencoded"))
        closed = self.close()
        self.assertEqual(self.site.channels, {peer.protocol for peer in (slow, secure, refused, busy)})
        self.clock.advance(SECONDS - 0.1)
        self.assertNoResult(closed)
        self.clock.advance(0.1)
        self.clock.advance(0)
        self.assert_closed(closed)
        self.assertTrue(slow.transport.aborted and secure.transport.aborted and busy.transport.aborted)
        self.assertLess(SECONDS, LINGER_SECONDS)
        self.assertEqual([call for call in self.clock.getDelayedCalls() if "sweep" not in str(call)], [])

    def test_a_connection_that_comes_late_does_no_harm(self) -> None:
        self.assert_closed(self.close())
        for _ in range(2):
            late = self.connect()
            self.assertEqual(late.ask("/session").headers["connection"], "close")
            self.clock.advance(0)
            self.assertTrue(late.lost)
        self.assertEqual(self.flushLoggedErrors(), [])


class CloseWithoutLaneTests(CloseTests):
    plain_transport = PeerTransport
