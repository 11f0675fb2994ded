"""What is left of an event stream whose peer has vanished, or which has ended: nothing, before anybody looks for it."""

from __future__ import annotations

import gc
from typing import Any

from chatcomet.api.streaming import Stream
from chatcomet.http.events import EventSink
from tests.unit.http.peer import Peer, asking
from tests.unit.http.running_edge import EdgeTestCase

EVENTS = "/rooms/lobby/events"


def _kept() -> int:
    """How much there is of streams, garbage that was not found yet included."""
    return sum(type(each) in (EventSink, Stream) for each in gc.get_objects())


class GoneTests(EdgeTestCase):
    def setUp(self) -> None:
        super().setUp()
        gc.disable()
        self.addCleanup(gc.enable)
        self.before = _kept()

    def begun(self, secure: bool = False) -> Peer:
        """A peer with a stream."""
        peer = self.connect(secure)
        peer.send(asking(EVENTS))
        self.assertEqual((_kept(), self.hub.waiting), (self.before + 2, 1))
        return peer

    def test_who_vanishes_leaves_nothing(self) -> None:
        self.begun().lose()
        self.assertEqual(_kept(), self.before)

    def test_who_vanishes_and_has_taken_nothing_leaves_nothing(self) -> None:
        peer = self.begun()
        peer.transport.taking = False
        self.add(*["x" * 4_000] * 40)
        self.assertEqual(self.hub.waiting, 0)
        peer.lose()
        self.assertEqual(_kept(), self.before)

    def test_one_that_ends_leaves_nothing(self) -> None:
        peer = self.begun()
        self.hub.drain()
        self.assertEqual(_kept(), self.before)
        self.assertEqual(self.connect().ask("/session").status, 200)
        peer.lose()

    def test_what_is_unsent_is_let_go_of_at_once(self) -> None:
        """In the slow lane a peer itself is left to the garbage collector: Klein keeps it."""
        for secure in (False, True):
            peer = self.begun(secure)
            transport: Any = peer.transport
            transport.taking = False
            self.add(*["x" * 4_000] * 40)
            channel: Any = peer.protocol
            self.assertGreater(channel.unsent(), 64_000)
            peer.lose()
            self.assertEqual((channel.unsent(), transport._tempDataBuffer), (0, []))
            self.before = _kept()
