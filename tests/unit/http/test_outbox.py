"""What is written in one turn, and sent in a burst."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from chatcomet.http.outbox import MOST_BYTES, Outbox


class Transport:
    """Remembers what was sent, with all others in one list."""

    dataBuffer = b""
    connected = True

    def __init__(self, name: str, sent: list[tuple[str, bytes]]) -> None:
        self.name = name
        self.sent = sent
        self._tempDataBuffer: list[bytes] = []
        self.socket = self
        self.has_fault = self.aborted = False

    def abortConnection(self) -> None:
        self.aborted = True

    def send(self, data: bytes) -> int:
        if self.has_fault:
            raise ZeroDivisionError
        self.sent.append((self.name, data))
        return len(data)


class OutboxTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.outbox = Outbox()
        self.sent: list[tuple[str, bytes]] = []
        self.ada, self.bob = Transport("ada", self.sent), Transport("bob", self.sent)

    def test_is_open_only_within(self) -> None:
        self.assertFalse(self.outbox.is_open)
        with self.outbox:
            self.assertTrue(self.outbox.is_open)
        self.assertFalse(self.outbox.is_open)

    def test_all_is_sent_at_the_exit_in_its_order(self) -> None:
        put = [(self.ada, b"1"), (self.bob, b"2"), (self.ada, b"3")]
        with self.outbox:
            for transport, data in put:
                self.outbox.put(transport, data)
            self.assertEqual(self.sent, [])
        self.assertEqual(self.sent, [(transport.name, data) for transport, data in put])

    def test_also_where_something_was_raised(self) -> None:
        with self.assertRaises(ZeroDivisionError), self.outbox:
            self.outbox.put(self.ada, b"1")
            raise ZeroDivisionError
        self.assertEqual((self.sent, self.outbox.is_open), ([("ada", b"1")], False))

    def test_a_fault_with_one_connection_is_not_the_others(self) -> None:
        self.ada.has_fault = True
        with self.outbox:
            for transport in (self.ada, self.bob):
                self.outbox.put(transport, b"1")
        self.assertEqual((self.sent, self.ada.aborted, self.bob.aborted), ([("bob", b"1")], True, False))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_it_is_open_again_when_it_was_set_aside(self) -> None:
        with self.outbox:
            with self.assertRaises(ZeroDivisionError), self.outbox.set_aside():
                self.assertFalse(self.outbox.is_open)
                raise ZeroDivisionError
            self.assertTrue(self.outbox.is_open)
            self.outbox.put(self.ada, b"1")
            self.assertEqual(self.sent, [])
        self.assertEqual((self.sent, self.outbox.is_open), ([("ada", b"1")], False))
        with self.outbox.set_aside():
            pass
        self.assertFalse(self.outbox.is_open)

    def test_no_more_is_kept_than_it_may(self) -> None:
        with self.outbox:
            self.outbox.put(self.ada, b"a" * MOST_BYTES)
            self.assertEqual(self.sent, [])
            self.outbox.put(self.bob, b"b")
            self.assertEqual([name for name, _ in self.sent], ["ada", "bob"])
            self.outbox.put(self.ada, b"c")
            self.assertEqual(len(self.sent), 2)
        self.assertEqual(self.sent[2:], [("ada", b"c")])

    def test_those_who_are_served_before_others_are_named(self) -> None:
        named: list[Transport] = []
        self.outbox = Outbox(named.extend)
        for more in (True, False):
            with self.outbox(more):
                self.outbox.put(self.ada, b"1")
                self.outbox.put(self.bob, b"2")
            self.assertEqual(named, [self.ada, self.bob])
        self.assertEqual(len(self.sent), 4)
