"""Multiplexed: what comes at once is heard in turn, and others are served meanwhile."""

from __future__ import annotations

from unittest.mock import patch

from h2.errors import ErrorCodes
from hyperframe.frame import PingFrame, RstStreamFrame

from chatcomet.http.arrival import FRAME_BYTES
from chatcomet.http.multiplexed import RESETS
from chatcomet.http.spoken import EXCHANGES
from chatcomet.http.turns import FRAMES
from tests.unit.http.running_multiplexed import MultiplexedTestCase

PING = PingFrame(0, b"12345678").serialize()


class TurnTests(MultiplexedTestCase):
    """Between what the peer sends and `hear` no turn goes by: as much is heard then as may be at once."""

    @property
    def is_heard(self) -> bool:
        return self.peer.transport.producerState == "producing"

    def begin_polls(self, count: int) -> None:
        """Ask for so many at once."""
        with patch.object(self.peer, "flush"):
            for _ in range(count):
                self.poll()
        self.peer.send(self.peer.spoken.data_to_send())

    def test_much_is_heard_in_turn(self) -> None:
        self.begin_polls(EXCHANGES)
        self.assertEqual((self.hub.waiting, self.is_heard), (FRAMES, False))
        seen: list[int] = []
        self.clock.callLater(0, lambda: seen.append(self.hub.waiting))
        self.peer.hear()
        self.assertEqual(seen, [2 * FRAMES])
        self.assertEqual((self.hub.waiting, self.is_heard), (EXCHANGES, True))

    def test_little_is_heard_at_once(self) -> None:
        self.begin_polls(FRAMES)
        self.assertEqual((self.hub.waiting, self.is_heard), (FRAMES, True))

    def test_who_says_little_does_not_wait_for_all_of_who_says_much(self) -> None:
        other = self.multiplex()
        seen: list[int] = []
        self.patch(other.transport, "write", lambda _: seen.append(self.hub.waiting))
        self.begin_polls(EXCHANGES)
        with patch.object(other, "flush"):
            other.begin("/session")
        other.send(other.spoken.data_to_send())
        self.peer.hear()
        self.assertLess(seen[0], EXCHANGES)
        self.assertEqual(self.hub.waiting, EXCHANGES)

    def test_what_comes_while_some_is_kept_is_heard_behind_it(self) -> None:
        """TLS passes on all that the system has read."""
        self.begin_polls(FRAMES + 4)
        self.peer.send(b"".join(RstStreamFrame(1 + 2 * number).serialize() for number in range(FRAMES)))
        self.assertEqual(self.hub.waiting, FRAMES)
        self.peer.hear()
        self.assertEqual(self.hub.waiting, 4)

    def test_it_waits_as_long_as_the_peer_takes_nothing(self) -> None:
        self.peer.transport.buffer_bytes = 100
        self.peer.transport.taking = False
        self.peer.send(PING * FRAMES)
        with patch.object(self.peer, "flush"):
            self.poll()
        self.peer.send(self.peer.spoken.data_to_send())
        self.peer.hear()
        self.assertEqual((self.hub.waiting, self.is_heard), (0, False))
        self.peer.transport.take()
        self.peer.hear()
        self.assertEqual((self.hub.waiting, self.is_heard), (1, True))

    def test_one_that_is_lost_is_heard_no_more(self) -> None:
        self.begin_polls(EXCHANGES)
        self.peer.lose()
        self.clock.advance(0)
        self.assertEqual(self.hub.waiting, 0)
        self.assertEqual([call for call in self.clock.getDelayedCalls() if call.getTime() <= self.clock.seconds()], [])

    def test_one_that_is_cut_is_heard_no_more(self) -> None:
        self.begin_polls(EXCHANGES)
        (mux,) = self.site.channels
        mux.cut()
        self.assertEqual(self.hub.waiting, FRAMES, "until the transport says that it is lost")
        self.clock.advance(0)
        self.assertEqual((self.hub.waiting, self.peer.lost), (0, True))

    def test_resets_are_counted_in_whatever_turn(self) -> None:
        with patch.object(self.peer, "flush"):
            for _ in range(RESETS.burst + 1):
                self.poll()
                self.peer.reset(max(self.peer.heard))
            self.poll()
        self.peer.send(self.peer.spoken.data_to_send())
        self.assertIsNone(self.peer.goodbye)
        self.peer.hear()
        self.assertEqual((self.peer.goodbye, self.hub.waiting), (ErrorCodes.ENHANCE_YOUR_CALM, 0))

    def test_a_limit_that_is_passed_behind_what_is_heard(self) -> None:
        self.begin_polls(EXCHANGES)
        self.peer.send((FRAME_BYTES + 1).to_bytes(3, "big") + b"\x00\x00\x00\x00\x00\x01" + PING)
        self.peer.hear()
        self.assertEqual((self.peer.goodbye, self.hub.waiting), (ErrorCodes.FRAME_SIZE_ERROR, 0))

    def test_a_goodbye_behind_what_is_heard(self) -> None:
        self.begin_polls(EXCHANGES)
        self.peer.spoken.close_connection()
        self.peer.flush()
        self.assertEqual((self.hub.waiting, self.peer.ended), (0, True))

    def test_what_is_not_heard_when_the_service_stops_is_refused(self) -> None:
        self.begin_polls(FRAMES + 1)
        closed = self.site.close(60)
        self.peer.hear()
        last = self.peer.heard[max(self.peer.heard)]
        self.assertEqual((last.status, last.reset), (0, ErrorCodes.REFUSED_STREAM))
        self.assertEqual(self.hub.waiting, FRAMES)
        self.hub.drain()
        self.pass_time(1)
        self.peer.lose()
        self.successResultOf(closed)
