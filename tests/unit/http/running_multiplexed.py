"""An edge, and a peer that speaks HTTP/2 to it."""

from __future__ import annotations

from tests.unit.http.multiplexed_peer import Heard, MultiplexedPeer
from tests.unit.http.running_edge import EdgeTestCase


class MultiplexedTestCase(EdgeTestCase):
    """`self.peer` speaks HTTP/2."""

    peer: MultiplexedPeer

    def setUp(self) -> None:
        super().setUp()
        self.peer.lose()
        self.peer = self.multiplex()

    def multiplex(self) -> MultiplexedPeer:
        """Another peer."""
        return MultiplexedPeer(self.site, self.clock)

    def poll(self, next_seq: int = 0) -> Heard:
        """Suspend a poll; what will be heard of it."""
        return self.peer.heard[self.peer.begin(f"/rooms/lobby/messages?cursor=k3v9.{next_seq}")]

    def follow(self, next_seq: int = 0) -> Heard:
        """Begin a stream of events."""
        return self.peer.heard[self.peer.begin(f"/rooms/lobby/events?cursor=k3v9.{next_seq}")]

    def tell(self, *texts: str, data: str | None = None) -> None:
        """Messages of somebody else's come, one by one."""
        for text in texts:
            self.add(text, data=data)
            self.peer.hear()

    def pass_time(self, seconds: float) -> None:
        """Let time go by, a quarter of a second at a time."""
        for _ in range(round(seconds * 4)):
            self.clock.advance(0.25)
            self.peer.hear()
