"""Connections: who is cut where there are too many."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from chatcomet.http.connections import LOOKS, ROUNDS, Connections, pace
from chatcomet.http.deadlines import NEVER
from chatcomet.http.limited import HEADER_SECONDS
from chatcomet.http.site import ChatSite, Closable
from tests.unit.http.peer import asking
from tests.unit.http.running_edge import HOSTS, EdgeTestCase

MOST = 5


class Line:
    """A connection on which the peer has to do something, or not."""

    def __init__(self, waits: bool = False) -> None:
        self.deadline = NEVER if waits else 75.0
        self.is_cut = False

    def cut(self) -> None:
        self.is_cut = True


class ConnectionsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.refused = 0
        self.connections: Connections[Line] = Connections(MOST, self.refuse)

    def refuse(self) -> None:
        self.refused += 1

    def add(self, count: int, waits: bool = False) -> list[Line]:
        lines = [Line(waits) for _ in range(count)]
        for line in lines:
            self.connections.add(line)
        return lines

    def cut(self, lines: list[Line]) -> list[int]:
        """Which of `lines` were cut; they go by themselves."""
        gone = [number for number, line in enumerate(lines) if line.is_cut]
        for number in gone:
            self.connections.discard(lines[number])
        return gone

    def test_as_many_as_there_may_be_stay(self) -> None:
        lines = self.add(MOST)
        self.assertEqual((self.cut(lines), self.refused, len(self.connections)), ([], 0, MOST))

    def test_the_first_goes_for_each_that_is_too_many(self) -> None:
        lines = self.add(MOST)
        for gone in range(MOST):
            lines += self.add(1)
            self.assertEqual(self.cut(lines), list(range(gone + 1)))
        self.assertEqual((self.refused, set(self.connections)), (MOST, set(lines[MOST:])))

    def test_one_that_is_cut_is_not_cut_again(self) -> None:
        lines = self.add(3 * MOST)
        self.assertEqual(self.cut(lines), list(range(2 * MOST)))
        self.assertEqual(self.refused, 2 * MOST)

    def test_who_waits_for_an_answer_stays(self) -> None:
        waiting, idle = self.add(MOST - 1, waits=True), self.add(3)
        self.assertEqual((self.cut(waiting), self.cut(idle)), ([], [0, 1]))

    def test_where_all_wait_one_more_is_let_in_and_may_be_cut_itself(self) -> None:
        self.add(MOST, waits=True)
        self.assertEqual(self.cut(self.add(1, waits=True)), [])
        self.assertEqual(self.cut(self.add(1)), [0])

    def test_it_does_not_look_at_all_and_goes_on_where_it_was(self) -> None:
        self.connections = Connections(LOOKS + 20, self.refuse)
        self.add(LOOKS + 10, waits=True)
        idle = self.add(11)
        self.assertEqual(self.cut(idle), [], "among the first there was none")
        idle += self.add(1)
        self.assertEqual(self.cut(idle), [0, 1], "and one for which there was none before")
        self.assertEqual(len(self.connections), LOOKS + 20)

    def test_of_very_many_a_part_is_looked_at_so_that_few_are_too_many(self) -> None:
        waiting = 3 * LOOKS * ROUNDS
        self.connections = Connections(waiting, self.refuse)
        self.add(waiting, waits=True)
        for _ in range(5):
            self.add(ROUNDS)
            self.assertLessEqual(len(self.connections), waiting + ROUNDS)

    def test_without_a_limit_all_stay(self) -> None:
        self.connections = Connections(0, self.refuse)
        self.assertEqual(self.cut(self.add(1_000)), [])


class Knocked:
    """A port at which many knock, which accepts like Twisted's."""

    def __init__(self, knocking: int) -> None:
        self.knocking = knocking
        self.numberAccepts = 100

    def doRead(self) -> int:
        accepted = min(self.knocking, self.numberAccepts)
        self.knocking -= accepted
        self.numberAccepts = self.numberAccepts + 20 if accepted == self.numberAccepts else max(1, accepted)
        return accepted


class PaceTests(SynchronousTestCase):
    def turns(self, port: Knocked, most: int) -> list[object]:
        """How many are accepted in each turn, until nobody knocks."""
        pace(port, most)
        turns: list[object] = []
        while port.knocking:
            turns.append(port.doRead())
        return turns

    def test_so_many_at_once_and_the_others_in_the_next_turns(self) -> None:
        self.assertEqual(self.turns(Knocked(33), 10), [10, 10, 10, 3])

    def test_few_are_as_few_as_before(self) -> None:
        port = Knocked(3)
        self.assertEqual(self.turns(port, 10), [3])
        port.knocking = 30
        self.assertEqual([port.doRead() for _ in range(3)], [3, 10, 10])


class FloodTests(EdgeTestCase):
    def setUp(self) -> None:
        super().setUp()
        channels: Connections[Closable] = Connections(MOST)
        self.site = ChatSite("", HOSTS, frozenset(), self.clock, lambda: self.now, self.outbox, channels)
        self.serve()

    def test_who_knocks_goes_and_who_waits_stays(self) -> None:
        polls = [self.connect() for _ in range(2)]
        for poll in polls:
            poll.send(asking("/rooms/lobby/messages?cursor=k3v9.0"))
        stream = self.connect()
        stream.send(asking("/rooms/lobby/events"))
        begun = self.connect()
        begun.send(b"GET /session HTTP/1.1\r\n")
        knocking = [self.connect() for _ in range(10)]
        self.clock.advance(0)
        self.assertTrue(begun.transport.aborted, "it has not asked yet")
        self.assertEqual([peer.transport.aborted for peer in knocking], [True] * 8 + [False] * 2)
        self.assertEqual(len(self.site.channels), MOST)
        self.assertEqual(self.connect().ask("/session").status, 200, "nobody is locked out")
        self.post("hello")
        self.assertEqual([poll.answer().status for poll in polls], [200] * 2)
        self.assertIn(b"hello", stream.taken())

    def test_who_does_not_take_an_answer_goes(self) -> None:
        deaf = self.connect()
        deaf.transport.taking = False
        deaf.send(asking("/openapi.yaml") * 3)
        others = [self.connect() for _ in range(MOST)]
        self.clock.advance(0)
        self.assertEqual([peer.transport.aborted for peer in (deaf, *others)], [True] + [False] * MOST)
        self.clock.advance(HEADER_SECONDS)
        self.assertEqual(len(self.site.channels), MOST)
