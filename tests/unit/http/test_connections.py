"""Connections: who is cut where there are too many."""

from __future__ import annotations

import json

from twisted.trial.unittest import SynchronousTestCase

from chatcomet.core.holds import TICK_SECONDS
from chatcomet.http import connections
from chatcomet.http.connections import LOOK_SECONDS, LOOKS, ROUNDS, Connections, pace
from chatcomet.http.deadlines import NEVER
from chatcomet.http.site import ChatSite, Closable
from chatcomet.settings import HEADER_SECONDS
from tests.unit.http.multiplexed_peer import MultiplexedPeer
from tests.unit.http.peer import Peer, asking
from tests.unit.http.running_edge import HOSTS, EdgeTestCase

MOST = 5


class Line:
    """A connection on which the peer has to do something, or not; what is `left` on it is not taken."""

    def __init__(self, waits: bool = False, left: int = 0) -> None:
        self.deadline = NEVER if waits else 75.0
        self.left = left
        self.is_cut = False

    def unsent(self) -> int:
        return self.left

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


class UntakenTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.patch(connections, "UNTAKEN_BYTES", 1_000)
        self.unloaded = 0
        self.connections: Connections[Line] = Connections(unloaded=self.unload)

    def unload(self) -> None:
        self.unloaded += 1

    def cut(self, *left: int) -> list[int]:
        """Which of those that leave so much are cut."""
        lines = [Line(left=each) for each in left]
        for line in lines:
            self.connections.add(line)
        self.connections.unload()
        cut = [number for number, line in enumerate(lines) if line.is_cut]
        self.assertEqual((len(self.connections), self.unloaded), (len(lines) - len(cut), len(cut)))
        return cut

    def test_as_much_as_there_may_be_stays(self) -> None:
        self.assertEqual(self.cut(0, 999, 1), [])

    def test_who_leaves_the_most_goes(self) -> None:
        self.assertEqual(self.cut(1, 300, 0, 700), [3])

    def test_no_more_go_than_have_to(self) -> None:
        self.assertEqual(self.cut(*[300] * 5), [0, 1])

    def test_all_go_of_whom_each_leaves_too_much(self) -> None:
        self.assertEqual(self.cut(1_001, 2_000, 500), [0, 1])


class LightenedTests(SynchronousTestCase):
    """Whether it is said that much has gone."""

    def setUp(self) -> None:
        self.patch(connections, "UNTAKEN_BYTES", 1_000)
        self.patch(connections, "MUCH_BYTES", 250)
        self.said = 0
        self.connections: Connections[Line] = Connections(lightened=self.say)
        self.lines = [Line(), Line()]
        for line in self.lines:
            self.connections.add(line)

    def say(self) -> None:
        self.said += 1

    def look(self, *left: int) -> int:
        """How often that is said when so much is left at each look."""
        self.said = 0
        for each in left:
            self.lines[0].left = each
            self.connections.unload()
        return self.said

    def test_when_much_has_gone(self) -> None:
        self.assertEqual([self.look(each) for each in (250, 0, 0, 600, 350, 101, 100)], [0, 1, 0, 0, 1, 0, 1])

    def test_little_by_little(self) -> None:
        self.assertEqual(self.look(*range(1_000, -1, -50)), 4)

    def test_not_while_it_grows_or_is_little(self) -> None:
        self.assertEqual(self.look(*range(0, 1_000, 50)), 0)
        self.assertEqual(self.look(900, 760, 900, 760), 0)
        self.assertEqual(self.look(0), 1)
        self.assertEqual(self.look(0, 249, 0, 249, 0), 0)

    def test_when_those_have_gone_that_were_cut(self) -> None:
        self.assertEqual(self.look(5_000), 0, "they have not gone yet")
        self.assertEqual([line.is_cut for line in self.lines], [True, False])
        self.connections.unload()
        self.assertEqual(self.said, 1)


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


class HoardTests(EdgeTestCase):
    """Who asks for much and takes nothing."""

    def setUp(self) -> None:
        super().setUp()
        self.patch(connections, "UNTAKEN_BYTES", 1024 * 1024)
        self.patch(connections, "MUCH_BYTES", 256 * 1024)
        self.said: list[int] = []  # how many connections there were when it was said that much has gone
        channels: Connections[Closable] = Connections(lightened=lambda: self.said.append(len(channels)))
        self.site = ChatSite("", HOSTS, frozenset(), self.clock, lambda: self.now, self.outbox, channels)
        self.serve()
        self.add(*["big"] * 17, data=json.dumps("x" * 16_000))

    def pages(self, count: int) -> list[Peer]:
        """As many peers, each of which leaves a page."""
        peers = [self.connect() for _ in range(count)]
        for peer in peers:
            peer.transport.taking = False
            peer.send(asking("/rooms/lobby/messages"))
        return peers

    def cut(self, peers: list[Peer]) -> int:
        """How many of them have been cut, a while after."""
        self.clock.advance(LOOK_SECONDS + 2 * TICK_SECONDS)
        self.clock.advance(0)
        return sum(peer.transport.aborted for peer in peers)

    def test_as_many_pages_as_there_may_be(self) -> None:
        self.assertEqual(self.cut(self.pages(4)), 0)

    def test_more(self) -> None:
        waiting = self.connect()
        waiting.send(asking("/rooms/lobby/messages?cursor=k3v9.17"))
        self.assertEqual(self.cut(self.pages(10)), 6)
        self.assertEqual(len(self.site.channels), 5, "four of those, and who waits")
        self.add("hello")
        self.assertEqual(waiting.answer().status, 200)

    def test_when_they_have_gone_that_is_said(self) -> None:
        waiting, peers = self.connect(), self.pages(10)
        self.assertEqual((self.cut(peers), self.said), (6, []))
        self.assertEqual((self.cut(peers), self.said), (6, [5]))
        for peer in (*peers, waiting):
            peer.lose()
        self.assertEqual((self.cut(peers), self.said), (6, [5, 0]), "also when nobody is left")
        self.clock.advance(1_000)
        self.assertEqual(self.said, [5, 0])

    def test_over_one_connection(self) -> None:
        for _ in range(3):  # it goes on looking
            hoarder, others = MultiplexedPeer(self.site, self.clock), self.pages(1)
            hoarder.taking = False
            for _ in range(5):
                hoarder.begin("/rooms/lobby/messages")
            self.assertEqual(self.cut([hoarder, *others]), 1)
            self.assertTrue(hoarder.lost)

    def test_not_while_it_is_taken(self) -> None:
        peer = MultiplexedPeer(self.site, self.clock)
        for _ in range(20):
            self.assertEqual(peer.ask("/rooms/lobby/messages").status, 200)
        self.assertEqual(self.cut([peer]), 0)
