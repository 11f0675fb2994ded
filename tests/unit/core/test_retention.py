"""Retention: what rooms keep no longer goes by itself, in steps, and readers are told."""

from __future__ import annotations

from collections.abc import Callable
from math import inf

from twisted.internet.defer import Deferred, fail
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from chatcomet.core.hub import Hub
from chatcomet.core.message import Cursor, Draft
from chatcomet.core.retention import PAUSE_SECONDS, STEP_ROOMS, Retention
from chatcomet.core.store import Before, Bounds, Retain
from chatcomet.errors import CursorExpired, StoreUnavailable
from chatcomet.stores.memory import MemoryStore

NOON = 1_795_354_155.0
DAY = 86_400.0


class WatchedStore(MemoryStore):
    """Notes when it is asked to prune, and may fail at it."""

    def __init__(self, wall: Callable[[], float], retain: Retain) -> None:
        super().__init__(wall, retain, "k3v9")
        self.steps: list[str] = []
        self.down: Exception | None = None

    def prune(self, before: Before, after: str, limit: int) -> Deferred[str | None]:
        self.steps.append(after)
        return fail(self.down) if self.down else super().prune(before, after, limit)


class RetentionTests(SynchronousTestCase):
    """Messages are kept for a day, and in the room `archive` for ever."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.retained = 0
        self.seconds = {"archive": inf}
        self.store = WatchedStore(lambda: NOON + self.clock.seconds(), lambda room: self.retained)
        self.hub = Hub(self.store, self.clock)
        self.retention = Retention(self.store, lambda: NOON + self.clock.seconds(), self.keep, self.clock)

    def keep(self, room: str) -> float:
        return self.seconds.get(room, DAY)

    def post(self, room: str = "lobby") -> None:
        self.successResultOf(self.store.append(room, Draft("ada", "hello")))

    def bounds(self, room: str = "lobby") -> Bounds:
        return self.successResultOf(self.store.bounds(room))

    def test_what_is_too_old_already_goes_at_once(self) -> None:
        self.post()
        self.clock.advance(DAY + 1)
        self.post()
        self.retention.start(DAY)
        self.assertEqual(self.bounds(), (1, 2))

    def test_the_rest_goes_when_it_is_old_and_a_minute_later_at_most(self) -> None:
        self.post()
        self.retention.start(DAY)
        self.clock.pump([60.0] * int(DAY / 60))
        self.assertEqual(self.bounds(), (0, 1))
        self.clock.pump([60.0])
        self.assertEqual(self.bounds(), (1, 1))

    def test_a_short_time_is_looked_at_more_often(self) -> None:
        self.retention.start(500.0)
        self.clock.pump([5.0] * 3)
        self.assertEqual(len(self.store.steps), 4)

    def test_a_room_may_keep_them_for_longer_or_shorter(self) -> None:
        self.seconds["briefly"] = 60.0
        for room in ("archive", "briefly", "lobby"):
            self.post(room)
        self.retention.start(60.0)
        self.clock.pump([1.0] * 61)
        self.assertEqual([self.bounds(room).first for room in ("archive", "briefly", "lobby")], [0, 1, 0])
        self.clock.pump([60.0] * int(DAY / 60))
        self.assertEqual([self.bounds(room).first for room in ("archive", "briefly", "lobby")], [0, 1, 1])

    def test_what_rooms_keep_may_change(self) -> None:
        for room in ("archive", "lobby"):
            self.post(room)
        self.retention.start(DAY)
        self.seconds = {"lobby": 5.0}
        self.retention.start(5.0)
        self.clock.pump([1.0] * 6)
        self.assertEqual([self.bounds(room).first for room in ("archive", "lobby")], [0, 1])
        self.assertEqual(len(self.store.steps), 1 + 1 + 6)

    def test_where_all_keep_them_for_ever_one_round_is_enough(self) -> None:
        self.post()
        self.post()
        self.seconds, self.retained = {"lobby": inf}, 1
        self.store.down = StoreUnavailable("the disk is gone")
        self.retention.start(inf)
        self.assertEqual(self.bounds(), (0, 2))
        self.store.down = None
        self.clock.advance(60.0)
        self.assertEqual(self.bounds(), (1, 2))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_a_round_that_is_begun_anew_is_not_gone_on_with(self) -> None:
        for number in range(STEP_ROOMS + 1):
            self.post(f"room{number:03}")
        self.retention.start(DAY)
        self.retention.start(DAY)
        self.clock.pump([PAUSE_SECONDS] * 4)
        self.assertEqual(self.store.steps, ["", "", f"room{STEP_ROOMS - 1:03}"])

    def test_many_rooms_take_many_steps_with_a_pause_between(self) -> None:
        names = [f"room{number:03}" for number in range(2 * STEP_ROOMS + 1)]
        for name in names:
            self.post(name)
        self.clock.advance(DAY + 1)
        self.retention.start(DAY)
        self.assertEqual([self.bounds(name).first for name in names].count(1), STEP_ROOMS)
        self.clock.pump([PAUSE_SECONDS] * 2)
        self.assertEqual({self.bounds(name).first for name in names}, {1})
        self.assertEqual(self.store.steps, ["", names[STEP_ROOMS - 1], names[2 * STEP_ROOMS - 1]])

    def test_a_cursor_into_it_expires_although_the_room_had_it_in_memory(self) -> None:
        cursor = self.successResultOf(self.hub.latest("lobby"))
        waiting = self.hub.after("lobby", cursor, 50, 25.0)
        self.post()
        self.assertEqual(len(self.successResultOf(waiting).messages), 1)
        self.assertEqual(len(self.successResultOf(self.hub.after("lobby", cursor, 50, 25.0)).messages), 1)
        self.clock.advance(DAY + 1)
        with self.hub.room("lobby").in_use():
            self.post()
            self.retention.start(DAY)
        expired = self.failureResultOf(self.hub.after("lobby", cursor, 50, 25.0), CursorExpired).value
        self.assertEqual((expired.first, expired.head), (1, 2))
        page = self.successResultOf(self.hub.after("lobby", Cursor("k3v9", 1), 50, 25.0))
        self.assertEqual([message.seq for message in page.messages], [1])

    def test_a_store_that_fails_is_asked_again(self) -> None:
        self.store.down = StoreUnavailable("the disk is gone")
        self.post()
        self.clock.advance(DAY + 1)
        self.retention.start(DAY)
        self.store.down = ZeroDivisionError()
        self.clock.advance(60.0)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.store.down = None
        self.clock.advance(60.0)
        self.assertEqual(self.bounds(), (1, 1))

    def test_it_stops(self) -> None:
        self.retention.stop()
        for number in range(STEP_ROOMS + 1):
            self.post(f"room{number:03}")
        self.retention.start(DAY)
        self.retention.stop()
        self.clock.advance(DAY)
        self.assertEqual(self.store.steps, [""])
        self.assertEqual([call for call in self.clock.getDelayedCalls() if call.active()], [])
