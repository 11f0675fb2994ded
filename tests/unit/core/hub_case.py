"""HubTestCase: what tests of the hub have in common."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from chatcomet.core.hub import IDLE_SECONDS, Hub
from chatcomet.core.message import DEFAULT_LIMIT, Cursor, Page
from chatcomet.core.roster import Person
from tests.unit.core.slow_store import EPOCH, SlowStore
from tests.unit.core.turning_clock import TurningClock

ADA = Person("1", "ada")


class HubTestCase(SynchronousTestCase):
    """A hub over a slow store."""

    def setUp(self) -> None:
        self.clock = TurningClock()
        self.store = SlowStore()
        self.hub = Hub(self.store, self.clock)

    def after(self, name: str, seq: int, hold_seconds: float = 1000.0, limit: int = DEFAULT_LIMIT) -> Deferred[Page]:
        return self.hub.after(name, Cursor(EPOCH, seq), limit, hold_seconds)

    def use(self, name: str) -> None:
        self.successResultOf(self.hub.before(name, None, 1))

    def seqs(self, asking: Deferred[Page]) -> list[int]:
        return [message.seq for message in self.successResultOf(asking).messages]

    def sweep(self) -> None:
        """Let so much time pass that all which are idle are swept."""
        self.clock.pump([IDLE_SECONDS] * 3)
