"""ReadingTestCase: what tests of reading have in common."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from chatcomet.core import reading
from chatcomet.core.holds import Holds
from chatcomet.core.message import DEFAULT_LIMIT, Cursor, Message, Page
from chatcomet.core.room import Room
from chatcomet.errors import CursorExpired
from tests.unit.core.room_case import seqs_of
from tests.unit.core.slow_store import EPOCH, SlowStore
from tests.unit.core.turning_clock import TurningClock


class ReadingTestCase(SynchronousTestCase):
    """A room `lobby` over a slow store, which tells the room of all that is posted."""

    retain = 20

    def setUp(self) -> None:
        self.clock = TurningClock()
        self.store = SlowStore()
        self.holds = Holds(self.clock)
        self.room = Room("lobby", self.store, self.clock, self.holds, lambda room: self.retain)
        self.store.subscribe(lambda _, messages: self.room.deliver(messages))

    def post(self, count: int = 1) -> list[Message]:
        return [self.store.post("lobby") for _ in range(count)]

    def add(self, count: int = 1) -> list[Message]:
        """Append, and tell nobody."""
        return [self.store.add("lobby") for _ in range(count)]

    def after(self, seq: int, limit: int = DEFAULT_LIMIT, hold_seconds: float = 30.0) -> Deferred[Page]:
        return reading.after(self.room, EPOCH, Cursor(EPOCH, seq), limit, self.clock.seconds() + hold_seconds)

    def before(self, seq: int | None, limit: int = DEFAULT_LIMIT) -> Deferred[Page]:
        return reading.before(self.room, seq, limit)

    def seqs(self, asking: Deferred[Page]) -> list[int]:
        """What `asking` came to: seqs without a hole, and the cursor after them."""
        page = self.successResultOf(asking)
        if page.messages:
            self.assertEqual(page.cursor, Cursor(EPOCH, page.messages[-1].seq + 1))
        return seqs_of(page)

    def expired(self, asking: Deferred[Page]) -> tuple[str, int, int]:
        error = self.failureResultOf(asking, CursorExpired).value
        return error.epoch, error.first, error.head
