"""Law 12: the same request gives the same answer in both lanes, and does the same to the chat.

Whatever is asked, however it is cut into segments, and whatever happens meanwhile: two edges that are the same but for
what connects their peers can't be told from each other, but for the time of day that answers bear.
"""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from twisted.trial.unittest import SynchronousTestCase

from chatcomet.http import eager
from tests.unit.http.conversations import conversations
from tests.unit.http.peer import PlainTransport
from tests.unit.http.twins import Step, Wait, with_lane, without_lane

EXAMPLES = 300


class EqualityTests(SynchronousTestCase):
    maxDiff = None

    def setUp(self) -> None:
        self.patch(eager, "PLAIN_TRANSPORTS", {PlainTransport})

    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
    @given(conversations())
    def test_nobody_can_tell_which_lane_was_taken(self, steps: list[Step]) -> None:
        self.compare([*steps, Wait(30)])

    def compare(self, steps: list[Step]) -> None:
        """Let `steps` happen to both, and look at both after each."""
        one, other = with_lane(), without_lane()
        for step in steps:
            step(one)
            step(other)
            self.assertEqual(one.observe(), other.observe(), step)
        self.assertEqual(self.flushLoggedErrors(), [])
