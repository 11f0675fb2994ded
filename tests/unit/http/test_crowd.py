"""Connections that are polled together."""

from __future__ import annotations

import select

from twisted.internet import error, main, tcp
from twisted.internet.interfaces import IHalfCloseableDescriptor
from twisted.internet.posixbase import _DisconnectSelectableMixin
from twisted.internet.protocol import ServerFactory
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from chatcomet.http.crowd import EDGES, HELD_BACK_SECONDS, NO_MORE, READABLE, SLICE_SECONDS, Crowd, crowd_of
from tests.unit.core.turning_clock import TurningClock

HUNG_UP = 0x010  # EPOLLHUP
END = b"."
"""What is read as an end."""


class FakePoller:
    """All that are registered, and the events that they are said to have, which it tells once."""

    def __init__(self) -> None:
        self.registered: set[int] = set()
        self.ready: dict[int, int] = {}

    def fileno(self) -> int:
        return 99

    def register(self, fd: int, eventmask: int) -> None:
        assert fd not in self.registered and eventmask == READABLE | NO_MORE | EDGES
        self.registered.add(fd)

    def unregister(self, fd: int) -> None:
        self.registered.remove(fd)

    def poll(self, timeout: float, maxevents: int) -> list[tuple[int, int]]:
        assert timeout == 0
        ready, self.ready = self.ready, {}
        return [(fd, event) for fd, event in ready.items() if fd in self.registered][:maxevents]


class FakeReactor(_DisconnectSelectableMixin, TurningClock):
    """Who is to be asked to read."""

    def __init__(self) -> None:
        super().__init__()
        self.readers: list[object] = []

    def pass_time(self, seconds: float) -> None:
        """As it passes within a turn."""
        self.rightNow += seconds

    def addReader(self, reader: object) -> None:
        self.readers.append(reader)

    def removeReader(self, reader: object) -> None:
        if reader in self.readers:
            self.readers.remove(reader)

    def removeWriter(self, writer: object) -> None:
        pass


class Connection:
    """Reads what was sent to it, a buffer at a time, and hears of its end."""

    bufferSize = 4

    def __init__(self, fd: int, crowd: Crowd) -> None:
        self.fd = fd
        self.crowd = crowd
        self.socket = self
        self.sent = b""
        self.is_lost = False
        self.reads = 0
        self.end: Failure | None = None
        crowd.addReader(self)

    def fileno(self) -> int:
        return self.fd

    def recv(self, size: int) -> bytes:
        self.reads += 1
        if self.is_lost:
            raise ConnectionResetError
        if not self.sent:
            raise BlockingIOError
        data = self.sent[:1] if self.sent.startswith(END) else self.sent[:size].partition(END)[0]
        self.sent = self.sent[len(data) :]
        return data.removesuffix(END)

    def _dataReceived(self, data: bytes) -> Exception | None:
        return None if data else main.CONNECTION_DONE

    def connectionLost(self, reason: Failure) -> None:
        self.end = reason
        self.crowd.removeReader(self)  # as all of Twisted's do


@implementer(IHalfCloseableDescriptor)
class HalfCloseable(Connection):
    """Goes on to write when its peer does not."""

    half: Failure | None = None

    def readConnectionLost(self, reason: Failure) -> None:
        self.half = reason

    def writeConnectionLost(self, reason: Failure) -> None:
        raise NotImplementedError


class Faulty(Connection):
    """Can't stand what it reads."""

    def _dataReceived(self, data: bytes) -> Exception | None:
        raise ZeroDivisionError


class CrowdTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.reactor = FakeReactor()
        self.poller = FakePoller()
        self.crowd = Crowd(self.reactor, self.poller)
        self.ada, self.bob, self.eve = (Connection(fd, self.crowd) for fd in (5, 6, 7))

    def turn(self) -> None:
        """One turn of the reactor."""
        self.reactor.turn()
        if self.poller.ready:
            self.crowd.doRead()

    def send(self, *connections: Connection, data: bytes = b"x", event: int = READABLE) -> None:
        for connection in connections:
            connection.sent += data
            self.poller.ready[connection.fd] = event

    def reads(self) -> list[int]:
        return [self.ada.reads, self.bob.reads, self.eve.reads]

    def test_whoever_can_read_is_asked_to(self) -> None:
        self.send(self.ada, self.eve)
        self.turn()
        self.assertEqual(self.reads(), [1, 0, 1])
        self.turn()
        self.assertEqual(self.reads(), [1, 0, 1])

    def test_is_one_reader_while_somebody_is_in_it(self) -> None:
        self.assertEqual(self.reactor.readers, [self.crowd])
        self.crowd.addReader(self.ada)
        for connection in (self.ada, self.bob, self.eve):
            self.crowd.removeReader(connection)
        self.assertEqual((self.reactor.readers, self.poller.registered), ([], set()))
        self.crowd.addReader(self.ada)
        self.assertEqual((self.reactor.readers, self.poller.registered), ([self.crowd], {5}))

    def test_who_does_not_listen_is_not_asked(self) -> None:
        self.crowd.removeReader(self.ada)
        self.crowd.removeReader(self.ada)
        self.send(self.ada)
        self.turn()
        self.assertEqual(self.reads(), [0, 0, 0])

    def test_removing_what_is_not_in_it_is_the_reactors(self) -> None:
        port = object.__new__(Connection)
        port.fd = 5  # another one's
        self.reactor.addReader(port)
        self.crowd.removeReader(port)
        self.assertEqual((self.reactor.readers, self.poller.registered), ([self.crowd], {5, 6, 7}))

    def test_all_else_is_the_reactors(self) -> None:
        self.reactor.advance(3.0)
        self.assertEqual(self.crowd.seconds(), 3.0)

    # More than one read

    def test_a_full_buffer_may_not_be_all(self) -> None:
        """It is told of once."""
        self.send(self.ada, data=b"12345678")
        self.turn()
        self.assertEqual(self.ada.reads, 1)
        for reads in (2, 3, 3):
            self.turn()
            self.assertEqual(self.ada.reads, reads)
        self.assertEqual((self.ada.sent, self.ada.end), (b"", None))

    def test_the_end_behind_what_was_sent(self) -> None:
        self.send(self.ada, data=b"123456", event=READABLE | NO_MORE)
        for _ in range(2):
            self.turn()
            self.assertIsNone(self.ada.end)
        self.ada.sent = END
        self.turn()
        assert self.ada.end is not None
        self.assertTrue(self.ada.end.check(error.ConnectionDone))

    def test_who_stops_listening_in_between(self) -> None:
        self.send(self.ada, data=b"12345678")
        self.turn()
        self.crowd.removeReader(self.ada)
        self.turn()
        self.assertEqual(self.ada.reads, 1)

    # Ends

    def test_end(self) -> None:
        self.send(self.ada, data=END)
        self.send(self.bob)
        self.turn()
        assert self.ada.end is not None
        self.assertTrue(self.ada.end.check(error.ConnectionDone))
        self.assertEqual((self.reads(), self.poller.registered), ([1, 1, 0], {6, 7}))

    def test_a_half_closed_one_goes_on(self) -> None:
        half = HalfCloseable(8, self.crowd)
        self.send(half, data=END)
        self.turn()
        self.assertEqual((half.half is not None, half.end), (True, None))
        self.assertNotIn(8, self.poller.registered)

    def test_a_connection_that_is_lost(self) -> None:
        self.ada.is_lost = True
        self.send(self.ada)
        self.send(self.bob, event=HUNG_UP)
        self.turn()
        for connection in (self.ada, self.bob):
            assert connection.end is not None
            self.assertTrue(connection.end.check(error.ConnectionLost))
        self.assertEqual(self.reads(), [1, 0, 0])

    def test_what_came_before_the_end_is_read(self) -> None:
        self.send(self.ada, event=HUNG_UP | READABLE)
        self.turn()
        self.assertEqual((self.ada.reads, self.ada.end), (1, None))

    def test_a_fault_ends_one_and_not_the_others(self) -> None:
        faulty = Faulty(8, self.crowd)
        self.send(faulty, self.bob)
        self.turn()
        assert faulty.end is not None
        self.assertTrue(faulty.end.check(ZeroDivisionError))
        self.assertEqual(self.reads(), [0, 1, 0])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_one_that_ends_another(self) -> None:
        self.patch(self.ada, "_dataReceived", lambda _: self.bob.connectionLost(Failure(main.CONNECTION_LOST)))
        self.send(self.ada, self.bob)
        self.turn()
        self.assertEqual(self.reads(), [1, 0, 0])

    def test_the_end_of_one_who_is_held_back(self) -> None:
        self.crowd.hold_back([self.ada, self.bob])
        self.send(self.ada)
        self.turn()
        self.crowd.hold_back([self.bob])
        self.send(self.ada, data=END, event=READABLE | NO_MORE)
        self.send(self.bob, data=END, event=READABLE | NO_MORE | HUNG_UP)
        for _ in range(3):
            self.turn()
        self.assertTrue(self.ada.end and self.bob.end)

    def test_the_end_of_the_reactor(self) -> None:
        self.crowd.connectionLost(Failure(main.CONNECTION_LOST))
        self.assertEqual([c.end is not None for c in (self.ada, self.bob, self.eve)], [True] * 3)
        self.assertEqual(self.poller.registered, set())

    # Large fan-outs

    def test_who_is_served_is_heard_after_the_others(self) -> None:
        self.crowd.hold_back([self.ada])
        self.send(self.ada, self.eve)
        self.turn()
        self.assertEqual(self.reads(), [0, 0, 1])
        self.crowd.hold_back([self.bob])
        self.send(self.bob, self.eve)
        self.turn()
        self.assertEqual(self.reads(), [0, 0, 2])
        self.turn()
        self.assertEqual(self.reads(), [1, 1, 2])

    def test_others_are_heard_between_those_who_are_let_in(self) -> None:
        for connection in (self.ada, self.bob):
            self.patch(connection, "_dataReceived", lambda _: self.reactor.pass_time(SLICE_SECONDS))
        self.crowd.hold_back([self.ada, self.bob])
        self.send(self.ada, self.bob)
        for reads in ([0, 0, 1], [1, 0, 2], [1, 1, 3]):
            self.send(self.eve)
            self.turn()
            self.assertEqual(self.reads(), reads)

    def test_nobody_is_held_back_for_ever(self) -> None:
        self.send(self.ada)
        for _ in range(3):
            self.crowd.hold_back([self.ada, self.bob])
            self.turn()
            self.reactor.pass_time(HELD_BACK_SECONDS / 2 + 0.01)
        self.assertEqual(self.ada.reads, 1)

    def test_who_has_gone_is_not_kept(self) -> None:
        self.crowd.hold_back([self.ada, self.bob])
        self.send(self.ada)
        self.turn()
        self.crowd.removeReader(self.ada)
        for _ in range(2):
            self.turn()
        self.assertEqual((self.ada.reads, self.reactor.getDelayedCalls()), (0, []))

    # Whose connections they are

    def test_connections_of_a_port(self) -> None:
        port = tcp.Port(0, ServerFactory(), reactor=self.reactor)
        self.crowd.gather(port)
        self.assertIs(port.reactor, self.crowd)

    def test_what_is_no_port_of_the_system_is_left(self) -> None:
        port = MemoryReactorClock().listenTCP(0, ServerFactory())
        self.crowd.gather(port)
        self.assertFalse(hasattr(port, "reactor"))

    def test_systems_that_can_not(self) -> None:
        self.assertIsInstance(crowd_of(self.reactor), Crowd)
        self.patch(select, "epoll", None)
        del select.epoll
        self.addCleanup(setattr, select, "epoll", None)  # which patch puts back
        self.assertIsNone(crowd_of(self.reactor))
