"""Gathering: one request for several rooms, at each moment at which one of them may move."""

from __future__ import annotations

import gc
from collections.abc import Mapping, Sequence

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from chatcomet.core.hub import CROWD, IDLE_SECONDS, Hub
from chatcomet.core.message import DEFAULT_LIMIT, Cursor, Message, Page
from chatcomet.core.room import RETRY_SECONDS
from chatcomet.errors import CursorExpired, StoreUnavailable
from chatcomet.stores.memory import MemoryStore
from tests.unit.core.slow_store import EPOCH, SlowStore
from tests.unit.core.turning_clock import TurningClock

HOLD_SECONDS = 30.0
Pages = Deferred[Sequence[Page]]


class GatheringTestCase(SynchronousTestCase):
    """A hub over a slow store."""

    def setUp(self) -> None:
        self.clock = TurningClock()
        self.store = SlowStore()
        self.hub = Hub(self.store, self.clock, lambda room: 5)

    def ask(self, hold_seconds: float = HOLD_SECONDS, limit: int = DEFAULT_LIMIT, **seqs: int) -> Pages:
        cursors = {name: Cursor(EPOCH, seq) for name, seq in seqs.items()}
        return self.hub.after_any(cursors, limit, hold_seconds)

    def seqs(self, asking: Pages) -> Mapping[str, list[int]]:
        """What `asking` came to: a page a room, with the cursor after it."""
        pages = self.successResultOf(asking)
        for page in pages:
            if page.messages:
                self.assertEqual(page.cursor, Cursor(EPOCH, page.messages[-1].seq + 1))
        found = {page.room: [message.seq for message in page.messages] for page in pages}
        self.assertEqual(len(found), len(pages))
        return found

    def assert_forgotten(self) -> None:
        """Nobody is suspended, and all rooms go when they have been idle."""
        self.assertEqual(self.hub.waiting, 0)
        self.clock.pump([IDLE_SECONDS] * 4)
        self.assertEqual((len(self.hub), self.clock.getDelayedCalls()), (0, []))


class AtOnceTests(GatheringTestCase):
    def test_only_rooms_with_something_new(self) -> None:
        for name in ("a", "a", "b", "c"):
            self.store.post(name)
        self.assertEqual(self.seqs(self.ask(a=0, b=1, c=0, d=0)), {"a": [0, 1], "c": [0]})
        self.assert_forgotten()

    def test_no_more_than_the_limit_of_each(self) -> None:
        for name in "aaab":
            self.store.post(name)
        self.assertEqual(self.seqs(self.ask(limit=2, a=0, b=0)), {"a": [0, 1], "b": [0]})

    def test_no_hold(self) -> None:
        self.store.post("a")
        pages = self.successResultOf(self.ask(hold_seconds=0.0, a=1, b=0))
        self.assertEqual(pages, [Page("a", (), Cursor(EPOCH, 1)), Page("b", (), Cursor(EPOCH, 0))])

    def test_an_expired_cursor_names_its_room(self) -> None:
        for name in "ab":
            self.store.post(name)
        self.store.lose("b", 1)
        error = self.failureResultOf(self.ask(a=1, b=0), CursorExpired).value
        self.assertEqual((error.room, error.epoch, error.first, error.head), ("b", EPOCH, 1, 1))
        error = self.failureResultOf(self.ask(a=7, b=1), CursorExpired).value
        self.assertEqual((error.room, error.first, error.head), ("a", 0, 1))
        asking = self.hub.after_any({"a": Cursor(EPOCH, 1), "c": Cursor("other", 0)}, DEFAULT_LIMIT, HOLD_SECONDS)
        self.assertEqual(self.failureResultOf(asking, CursorExpired).value.room, "c")
        self.assert_forgotten()

    def test_a_store_that_is_gone(self) -> None:
        self.store.down = True
        self.failureResultOf(self.ask(a=0, b=0), StoreUnavailable)
        self.assert_forgotten()


class SuspendedTests(GatheringTestCase):
    def test_woken_once_by_the_first_message(self) -> None:
        asking = self.ask(a=0, b=0, c=0)
        self.assertNoResult(asking)
        self.assertEqual(self.hub.waiting, 3)
        self.store.post("b")
        self.store.post("c")
        self.assertEqual(self.seqs(asking), {"b": [0]})
        self.assert_forgotten()

    def test_others_who_wait_stay(self) -> None:
        other = self.hub.after("a", Cursor(EPOCH, 0), DEFAULT_LIMIT, HOLD_SECONDS)
        asking = self.ask(a=0, b=0)
        self.store.post("b")
        self.assertEqual(self.seqs(asking), {"b": [0]})
        self.assertEqual(self.hub.waiting, 1)
        self.store.post("a")
        self.assertEqual(len(self.successResultOf(other).messages), 1)

    def test_the_end_of_the_hold_gives_all_rooms(self) -> None:
        self.store.post("a")
        asking = self.ask(hold_seconds=5.0, a=1, b=0)
        self.clock.advance(4.9)
        self.assertNoResult(asking)
        self.clock.advance(0.1)
        pages = self.successResultOf(asking)
        self.assertEqual(pages, [Page("a", (), Cursor(EPOCH, 1)), Page("b", (), Cursor(EPOCH, 0))])
        self.assert_forgotten()

    def test_draining_gives_all_rooms(self) -> None:
        asking = self.ask(a=0, b=0)
        self.hub.drain()
        self.assertEqual(self.seqs(asking), {"a": [], "b": []})
        self.assertEqual(self.seqs(self.ask(a=0, b=0)), {"a": [], "b": []})
        self.assertEqual(self.hub.waiting, 0)

    def test_cancelled_it_is_forgotten(self) -> None:
        asking = self.ask(a=0, b=0)
        asking.cancel()
        self.failureResultOf(asking, CancelledError)
        self.assert_forgotten()
        self.store.post("a")

    def test_as_garbage_it_says_nothing(self) -> None:
        def ask() -> None:
            hub = Hub(MemoryStore(lambda: 1.0, epoch=EPOCH), Clock())
            hub.after_any({"a": Cursor(EPOCH, 0), "b": Cursor(EPOCH, 0)}, DEFAULT_LIMIT, HOLD_SECONDS)
            self.assertEqual(hub.waiting, 2)

        ask()
        for _ in range(3):  # what was woken by the first may be garbage for the next
            gc.collect()
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_who_asks_again_when_woken_waits_for_the_next(self) -> None:
        again: list[Pages] = []
        asking = self.ask(a=0, b=0)
        asking.addCallback(lambda pages: again.append(self.ask(a=pages[0].cursor.next, b=0)))
        self.store.post("a")
        self.assertNoResult(again[0])
        self.assertEqual(self.hub.waiting, 2)
        self.store.post("b")
        self.assertEqual(self.seqs(again[0]), {"b": [0]})
        self.assert_forgotten()


class WhileAskedTests(GatheringTestCase):
    """The store is slow: rooms move, or would be forgotten, while another one is asked."""

    def test_cancelled_while_the_store_is_asked(self) -> None:
        self.store.hold_bounds = True
        asking = self.ask(a=0, b=0)
        asking.cancel()
        self.failureResultOf(asking, CancelledError)
        self.store.answer_all()
        self.assert_forgotten()

    def test_a_room_that_moves_while_another_is_asked(self) -> None:
        self.seqs(self.ask(hold_seconds=0.0, a=0))
        self.store.hold_bounds = True
        asking = self.ask(a=0, b=0)
        self.store.post("a")  # looked at already, and not yet waited for
        self.assertNoResult(asking)
        self.store.answer_all()
        self.assertEqual(self.seqs(asking), {"a": [0]})
        self.assert_forgotten()

    def test_the_hold_begins_before_a_room_is_asked(self) -> None:
        self.store.hold_bounds = True
        asking = self.ask(hold_seconds=3.0, a=0, b=0)
        self.clock.advance(4.0)
        self.store.answer_all()
        self.assertEqual(len(self.successResultOf(asking)), 2)
        self.assert_forgotten()

    def test_a_room_is_not_forgotten_while_another_is_asked(self) -> None:
        self.seqs(self.ask(hold_seconds=0.0, a=0))
        self.store.hold_bounds = True
        asking = self.ask(hold_seconds=1_000.0, a=0, b=0)
        self.clock.pump([IDLE_SECONDS] * 3)
        self.store.answer_all()
        self.assertNoResult(asking)
        self.store.post("a")
        self.assertEqual(self.seqs(asking), {"a": [0]})

    def test_rooms_made_for_it_do_not_crowd_each_other_out(self) -> None:
        for number in range(CROWD - 1):
            self.hub.room(f"room{number}")
        asking = self.ask(a=0, b=0, c=0)
        for name in "abc":
            self.assertEqual(self.hub.readers(name), 1, name)
        self.store.post("a")
        self.assertEqual(self.seqs(asking), {"a": [0]})


class ReadingOnTests(GatheringTestCase):
    """A room is behind its store, and the cursor is at the end of what the store is known to have."""

    def behind(self) -> list[Message]:
        """Room `a` has head 0 and reads on to 3."""
        self.seqs(self.ask(hold_seconds=0.0, a=0))
        self.store.hold_reads = True
        messages = [self.store.add("a") for _ in range(3)]
        self.store.tell("a", messages[-1])
        room = self.hub.room("a")
        self.assertEqual((room.head, room.reach), (0, 3))
        self.store.asked.clear()
        return messages

    def test_it_waits_and_does_not_spin(self) -> None:
        self.behind()
        asking = self.ask(a=3, b=0)
        self.assertNoResult(asking)
        self.assertEqual(self.store.asked, [("bounds", "b")])
        self.assertEqual(self.hub.waiting, 2)
        self.store.answer_all()
        self.assertNoResult(asking)  # the room has come up to the cursor, and there is nothing after it
        self.assertEqual((self.hub.room("a").head, self.hub.waiting), (3, 2))
        self.store.post("a")
        self.assertEqual(self.seqs(asking), {"a": [3]})
        self.assert_forgotten()

    def test_the_hold_ends_meanwhile(self) -> None:
        self.behind()
        asking = self.ask(hold_seconds=2.0, a=3, b=0)
        self.clock.advance(2.0)
        pages = self.successResultOf(asking)
        self.assertEqual(pages, [Page("a", (), Cursor(EPOCH, 3)), Page("b", (), Cursor(EPOCH, 0))])
        self.store.answer_all()
        self.assert_forgotten()

    def test_the_hold_is_one_however_often_the_room_moves(self) -> None:
        self.behind()
        end = 3 + 2 * DEFAULT_LIMIT
        for _ in range(3, end):
            self.store.add("a")
        asking = self.ask(hold_seconds=10.0, a=end, b=0)
        for _ in range(2):
            self.clock.advance(4.0)
            self.store.reads.pop().answer()
        self.assertEqual(self.hub.room("a").head, 2 * DEFAULT_LIMIT)
        self.clock.advance(1.75)
        self.assertNoResult(asking)
        self.clock.advance(0.25)
        pages = self.successResultOf(asking)
        self.assertEqual(pages, [Page("a", (), Cursor(EPOCH, end)), Page("b", (), Cursor(EPOCH, 0))])
        self.store.answer_all()
        self.assert_forgotten()

    def test_another_room_moves_meanwhile(self) -> None:
        self.behind()
        asking = self.ask(a=3, b=0)
        self.store.post("b")
        self.assertEqual(self.seqs(asking), {"b": [0]})
        self.store.answer_all()
        self.assert_forgotten()

    def test_the_room_moves_over_what_is_pruned_and_the_cursor_is_none_the_worse(self) -> None:
        self.behind()
        asking = self.ask(a=3, b=0)
        self.store.lose("a", 2)
        self.store.answer_all()
        self.assertNoResult(asking)
        self.store.post("a")
        self.assertEqual(self.seqs(asking), {"a": [3]})

    def test_a_cursor_that_the_room_moves_over_has_expired(self) -> None:
        self.seqs(self.ask(hold_seconds=0.0, a=0))
        asking = self.ask(a=0, b=0)
        self.store.hold_reads = True
        messages = [self.store.add("a") for _ in range(3)]
        self.store.lose("a", 2)
        self.store.tell("a", messages[-1])
        self.store.answer_all()
        self.store.answer_all()
        error = self.failureResultOf(asking, CursorExpired).value
        self.assertEqual((error.room, error.first, error.head), ("a", 2, 3))
        self.assert_forgotten()

    def test_the_store_fails_meanwhile(self) -> None:
        self.behind()
        asking = self.ask(a=3, b=0)
        (question,) = self.store.reads
        self.store.reads.clear()
        question.fail()
        self.assertNoResult(asking)
        self.clock.advance(RETRY_SECONDS)
        self.store.answer_all()
        self.store.post("a")
        self.assertEqual(self.seqs(asking), {"a": [3]})
        self.assert_forgotten()
