"""Refusals: the operator hears of them, and not too often."""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.task import Clock
from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from chatcomet.access.refusals import INTERVAL_SECONDS, Refusals
from chatcomet.errors import Limited


def logged(happens: Callable[[], object]) -> list[str]:
    """What is logged while something happens."""
    with capturedLogs() as events:
        happens()
    assert all(event["log_level"].name == "warn" for event in events)
    return [str(formatEvent(event)) for event in events]


class RefusalsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.refusals = Refusals(self.clock)

    def count(self, name: Limited, times: int = 1) -> list[str]:
        """Refuse; what is logged."""

        def refuse() -> None:
            for _ in range(times):
                self.refusals.count(name)

        return logged(refuse)

    def minute(self) -> list[str]:
        """Let a minute pass; what is logged."""
        return logged(lambda: self.clock.advance(INTERVAL_SECONDS))

    def test_the_first_is_said_at_once(self) -> None:
        self.assertEqual(self.count("posts"), ["too many posts: 1 refused"])

    def test_and_the_others_once_a_minute(self) -> None:
        self.count("posts")
        self.assertEqual(self.count("posts", 5_000), [])
        self.clock.advance(INTERVAL_SECONDS / 2)
        self.assertEqual(self.count("posts", 123), [])
        self.assertEqual(self.minute(), ["too many posts: 5123 refused"])
        self.count("posts", 7)
        self.assertEqual(self.minute(), ["too many posts: 7 refused"])

    def test_by_reason(self) -> None:
        self.assertEqual(self.count("posts"), ["too many posts: 1 refused"])
        self.assertEqual(self.count("sign-ins"), ["too many sign-ins: 1 refused"])
        self.count("posts", 2)
        self.count("sign-ins", 3)
        self.assertEqual(self.minute(), ["too many posts: 2 refused", "too many sign-ins: 3 refused"])

    def test_after_a_quiet_minute_it_begins_anew_and_leaves_no_timer(self) -> None:
        self.count("posts")
        self.assertEqual(self.minute(), [])
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertEqual(self.count("posts"), ["too many posts: 1 refused"])

    def test_the_end_loses_none_and_leaves_no_timer(self) -> None:
        self.count("posts", 3)
        self.count("rooms")
        self.assertEqual(logged(self.refusals.stop), ["too many posts: 2 refused"])
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertEqual(logged(self.refusals.stop), [])
