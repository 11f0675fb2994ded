"""What is compared with law 12 in mind: two twins, to which the same happens."""

from __future__ import annotations

from collections.abc import Sequence

from twisted.trial.unittest import SynchronousTestCase

from chatcomet.http import eager
from tests.unit.http.peer import PlainTransport, asking
from tests.unit.http.refusals import FORM
from tests.unit.http.twins import Say, Step, Tell, Wait, with_lane, without_lane

ROOM = "/rooms/lobby/messages"
NOW = asking(f"{ROOM}?cursor=k3v9.0&wait=0")


def post(**headers: str) -> bytes:
    """A post to the lobby, with `headers` beside those it should have."""
    return asking("/chat/post", "POST", b"message=one", Content_Type=FORM, **headers)


class EqualityTestCase(SynchronousTestCase):
    maxDiff = None

    def setUp(self) -> None:
        self.patch(eager, "PLAIN_TRANSPORTS", {PlainTransport})

    def compare(self, steps: Sequence[Step]) -> None:
        """Let `steps` happen to both, and look at both after each."""
        one, other = with_lane(), without_lane()
        try:
            for step in [*steps, Wait(30)]:
                step(one)
                step(other)
                self.assertEqual(one.observe(), other.observe(), (step, steps))
        finally:
            one.end()
            other.end()
        self.assertEqual(self.flushLoggedErrors(), [])

    def compare_said(self, *segments: bytes) -> None:
        """Let a peer say `segments`, and somebody else something."""
        self.compare([*(Say(0, segment) for segment in segments), Tell("lobby")])
