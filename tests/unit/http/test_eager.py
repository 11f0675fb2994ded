"""Eager writes: what may be written to at once, in which order, and what becomes of the rest."""

from __future__ import annotations

from twisted.internet import tcp, unix
from twisted.internet.task import Clock
from twisted.protocols.tls import TLSMemoryBIOProtocol
from twisted.trial.unittest import SynchronousTestCase

from chatcomet.http import eager
from tests.unit.http.peer import PeerTransport, PlainTransport, SecureTransport
from tests.unit.http.running_edge import EdgeTestCase
from tests.unit.http.running_lane import NOW, ROOM


class PlainTests(SynchronousTestCase):
    def test_tcp_and_unix(self) -> None:
        for known in (tcp.Server, unix.Server):
            self.assertTrue(eager.is_plain(known.__new__(known)), known)

    def test_nothing_else(self) -> None:
        class Wrapped(tcp.Server):
            """May do anything with what it is given."""

        others = (Wrapped, tcp.Client, TLSMemoryBIOProtocol, PeerTransport, SecureTransport, object)
        for other in others:
            self.assertFalse(eager.is_plain(other.__new__(other)), other)
        self.assertFalse(eager.is_plain(None))


class WriteTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.transport = PlainTransport(Clock())

    def assert_written(self, whole: bytes, at_once: bytes) -> None:
        """`whole` was written; the system took `at_once` of it before the transport was given the rest."""
        self.assertEqual(self.transport.value(), whole)
        self.assertEqual(b"".join(self.transport.sent_at_once), at_once)

    def test_all_at_once(self) -> None:
        eager.write(self.transport, b"one")
        eager.write(self.transport, b"two")
        self.assert_written(b"onetwo", b"onetwo")

    def test_the_rest_goes_after_what_was_taken(self) -> None:
        self.transport.system_bytes = 2
        eager.write(self.transport, b"first")
        self.assert_written(b"first", b"fi")

    def test_nothing_is_taken(self) -> None:
        self.transport.system_bytes = 0
        eager.write(self.transport, b"one")
        self.assert_written(b"one", b"")

    def test_a_connection_that_is_found_lost_is_the_transports(self) -> None:
        self.transport.found_lost = True
        eager.write(self.transport, b"one")
        self.assert_written(b"one", b"")

    def test_one_that_is_known_to_be_lost(self) -> None:
        self.transport.connected = False
        eager.write(self.transport, b"one")
        self.assertEqual(self.transport.sent_at_once, [])

    def test_nothing_overtakes_what_is_unsent(self) -> None:
        self.transport.taking = False
        self.transport.write(b"one")
        self.transport.taking = True
        eager.write(self.transport, b"two")
        self.assert_written(b"onetwo", b"")

    def test_nor_what_was_sent_in_part(self) -> None:
        self.transport.dataBuffer = b"one"
        eager.write(self.transport, b"two")
        self.assert_written(b"two", b"")


class AnswerTests(EdgeTestCase):
    """Answers, over whatever the system takes of them."""

    def plain(self) -> PlainTransport:
        transport = self.peer.transport
        assert isinstance(transport, PlainTransport)
        return transport

    def test_go_at_once(self) -> None:
        self.peer.send(NOW)
        self.assertEqual(b"".join(self.plain().sent_at_once), self.peer.taken())

    def test_come_whole_however_little_is_taken(self) -> None:
        self.add("one")
        for system_bytes in (0, 1, 100):
            self.plain().system_bytes = system_bytes
            for _ in range(2):
                self.assertEqual(self.peer.ask(f"{ROOM}?cursor=k3v9.0").json["messages"][0]["text"], "one")

    def test_keep_their_order(self) -> None:
        self.plain().taking = False
        self.peer.send(NOW)
        self.plain().taking = True
        self.peer.send(NOW)
        self.assertEqual([answer.status for answer in self.peer.answers()], [200, 200])
        self.assertEqual(self.plain().sent_at_once, [])

    def test_to_one_who_is_found_lost_do_no_harm(self) -> None:
        self.peer.send(NOW.replace(b"&wait=0", b""))
        self.plain().found_lost = True
        self.add("one")
        self.peer.lose()
        self.assertEqual((self.hub.waiting, self.flushLoggedErrors()), (0, []))

    def test_over_tls_go_through_tls(self) -> None:
        """A TLS transport has `writeSomeData`, too: that of the socket beneath it."""
        peer = self.connect(secure=True)
        peer.transport.writeSomeData = self.fail  # type: ignore[attr-defined]  # what the real one passes on
        self.add("one")
        for target in (f"{ROOM}?cursor=k3v9.0", "/chat/get/0", "/session"):
            self.assertEqual(peer.ask(target).status, 200)
