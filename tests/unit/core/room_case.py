"""RoomTestCase: what tests of a room have in common."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from chatcomet.core.holds import Holds
from chatcomet.core.message import Message, Page
from chatcomet.core.room import Room
from tests.unit.core.slow_store import SlowStore
from tests.unit.core.turning_clock import TurningClock


def seqs_of(page: Page) -> list[int]:
    return [message.seq for message in page.messages]


class RoomTestCase(SynchronousTestCase):
    """A room `lobby` over a slow store that tells it nothing by itself."""

    retain = 256

    def setUp(self) -> None:
        self.clock = TurningClock()
        self.store = SlowStore()
        self.holds = Holds(self.clock)
        self.room = Room("lobby", self.store, self.clock, self.holds, lambda room: self.retain)

    def add(self, count: int) -> list[Message]:
        return [self.store.add("lobby") for _ in range(count)]

    def begin(self, count: int = 0) -> list[Message]:
        """`count` messages are in the store, and the room knows where its head is."""
        messages = self.add(count)
        self.successResultOf(self.room.bounds())
        self.store.asked.clear()
        return messages

    def suspend(self, seconds: float = 30.0) -> Deferred[Page]:
        return self.room.waiters.suspend(self.clock.seconds() + seconds)

    def gather(self) -> list[int]:
        """Where the seqs go that somebody sees who waits for the next page again and again, from inside the wake."""
        seen: list[int] = []

        def ask_again(page: Page) -> None:
            seen.extend(seqs_of(page))
            self.suspend().addCallback(ask_again)

        self.suspend().addCallback(ask_again)
        return seen

    def seqs(self, waiting: Deferred[Page]) -> list[int]:
        return seqs_of(self.successResultOf(waiting))
