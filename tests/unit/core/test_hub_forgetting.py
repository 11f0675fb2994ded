"""Hub: when it forgets rooms, and which."""

from __future__ import annotations

import gc
from weakref import ref

from twisted.internet.defer import CancelledError, Deferred

from chatcomet.core import hub as hub_module
from chatcomet.core import waiters as waiters_module
from chatcomet.core.hub import IDLE_SECONDS, LEFT_SECONDS, Hub
from chatcomet.core.message import DEFAULT_LIMIT, Cursor, Page
from chatcomet.core.room import RETRY_SECONDS
from tests.unit.core.hub_case import ADA, HubTestCase
from tests.unit.core.slow_store import EPOCH


class SweepingTests(HubTestCase):
    def test_swept_when_idle(self) -> None:
        self.use("lobby")
        self.clock.advance(IDLE_SECONDS - 1)
        self.assertEqual(len(self.hub), 1)
        self.sweep()
        self.assertEqual(len(self.hub), 0)

    def test_not_swept_while_it_is_used(self) -> None:
        for _ in range(10):
            self.use("lobby")
            self.clock.advance(IDLE_SECONDS / 2)
        self.assertEqual(len(self.hub), 1)
        self.assertEqual(self.store.asked.count(("bounds", "lobby")), 10)

    def test_no_timer_without_rooms(self) -> None:
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.use("lobby")
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        self.sweep()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.use("lobby")
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        self.sweep()
        self.assertEqual((len(self.hub), self.clock.getDelayedCalls()), (0, []))

    def test_one_timer_for_all_rooms(self) -> None:
        for number in range(20):
            self.use(f"room{number}")
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)

    def test_a_room_that_was_swept_goes_on(self) -> None:
        self.store.post("lobby")
        self.use("lobby")
        self.sweep()
        self.store.post("lobby")
        self.assertEqual(self.seqs(self.after("lobby", 0)), [0, 1])
        asking = self.after("lobby", 2)
        self.store.post("lobby")
        self.assertEqual(self.seqs(asking), [2])


class EvictionTests(HubTestCase):
    """Law 8: what is in flight holds its room."""

    def test_not_with_a_waiter(self) -> None:
        asking = self.after("lobby", 0)
        self.sweep()
        self.assertEqual((len(self.hub), self.hub.waiting), (1, 1))
        self.store.post("lobby")
        self.assertEqual(self.seqs(asking), [0])
        self.sweep()
        self.assertEqual(len(self.hub), 0)

    def test_but_when_the_waiter_has_gone(self) -> None:
        asking = self.after("lobby", 0)
        asking.cancel()
        self.failureResultOf(asking, CancelledError)
        self.sweep()
        self.assertEqual(len(self.hub), 0)

    def test_not_with_a_read(self) -> None:
        for _ in range(3):
            self.store.add("lobby")
        self.store.hold_reads = True
        asking = self.after("lobby", 0)
        self.sweep()
        self.assertEqual(len(self.hub), 1)
        self.store.answer_all()
        self.assertEqual(self.seqs(asking), [0, 1, 2])

    def test_not_with_a_read_of_the_head(self) -> None:
        """Else its asker would wait in a room that nobody tells anything."""
        self.store.hold_bounds = True
        asking = self.after("lobby", 0)
        self.sweep()
        self.assertEqual(len(self.hub), 1)
        self.store.answer_all()
        self.store.post("lobby")
        self.assertEqual(self.seqs(asking), [0])

    def test_not_with_a_read_before(self) -> None:
        self.store.post("lobby")
        self.store.hold_bounds = True
        asking = self.hub.before("lobby", None, 5)
        self.sweep()
        self.assertEqual(len(self.hub), 1)
        self.store.answer_all()
        self.assertEqual(self.seqs(asking), [0])

    def test_not_while_it_reads_on(self) -> None:
        self.use("lobby")
        self.store.hold_reads = True
        self.store.add("lobby")
        self.store.tell("lobby", self.store.add("lobby"))
        self.sweep()
        self.assertEqual(len(self.hub), 1)
        self.store.answer_all()
        self.sweep()
        self.assertEqual(len(self.hub), 0)

    def test_not_while_the_store_fails_it(self) -> None:
        self.use("lobby")
        self.store.down = True
        self.store.add("lobby")
        self.store.tell("lobby", self.store.add("lobby"))
        self.sweep()
        self.assertEqual(len(self.hub), 1)
        self.store.down = False
        self.clock.advance(RETRY_SECONDS)
        self.sweep()
        self.assertEqual(len(self.hub), 0)

    def test_not_while_slices_are_pending(self) -> None:
        self.patch(waiters_module, "BURST", 1)
        self.patch(waiters_module, "AT_ONE_GO", 0)
        self.patch(waiters_module, "SLICE_SECONDS", 0.0)
        self.patch(hub_module, "CROWD", 1)
        hub = Hub(self.store, self.clock)
        asking = [hub.after("lobby", Cursor(EPOCH, 0), DEFAULT_LIMIT, 1000.0) for _ in range(3)]
        self.store.post("lobby")
        self.successResultOf(hub.before("another", None, 1))
        self.assertEqual(len(hub), 2)
        self.clock.advance(0)
        for each in asking:
            self.assertEqual(self.seqs(each), [0])
        for name in ("b", "c", "d", "e"):
            self.successResultOf(hub.before(name, None, 1))
        self.assertLess(len(hub), 5)

    def test_not_from_inside_its_own_wake(self) -> None:
        """Somebody who is woken may ask for so many other rooms that all idle ones are swept."""
        self.patch(hub_module, "CROWD", 2)
        hub = Hub(self.store, self.clock)

        def ask(name: str, seq: int) -> Deferred[Page]:
            return hub.after(name, Cursor(EPOCH, seq), DEFAULT_LIMIT, 1000.0)

        again: list[Deferred[Page]] = []

        def wander(page: Page) -> None:
            for number in range(10):
                self.successResultOf(hub.before(f"room{number}", None, 1))
            again.append(ask("lobby", page.cursor.next))

        ask("lobby", 0).addCallback(wander)
        other = ask("lobby", 0)
        self.store.post("lobby")
        self.assertEqual(self.seqs(other), [0])
        self.store.post("lobby")
        self.assertEqual(self.seqs(again[0]), [1])


class CrowdTests(HubTestCase):
    def test_a_crowd_of_names_is_bounded(self) -> None:
        self.patch(hub_module, "CROWD", 50)
        hub = Hub(self.store, self.clock)
        most = 0
        for number in range(1000):
            self.successResultOf(hub.before(f"room{number}", None, 1))
            most = max(most, len(hub))
        self.assertLessEqual(most, 50)

    def test_those_in_use_stay(self) -> None:
        self.patch(hub_module, "CROWD", 10)
        hub = Hub(self.store, self.clock)
        asking = [hub.after(f"busy{number}", Cursor(EPOCH, 0), DEFAULT_LIMIT, 1000.0) for number in range(30)]
        for number in range(500):
            self.successResultOf(hub.before(f"room{number}", None, 1))
        self.assertEqual(hub.waiting, 30)
        self.assertLessEqual(len(hub), 2 * 31)
        for number in range(30):
            self.store.post(f"busy{number}")
        for each in asking:
            self.assertEqual(self.seqs(each), [0])

    def test_the_crowd_shrinks_again(self) -> None:
        self.patch(hub_module, "CROWD", 10)
        hub = Hub(self.store, self.clock)
        asking = [hub.after(f"busy{number}", Cursor(EPOCH, 0), DEFAULT_LIMIT, 1000.0) for number in range(40)]
        for each in asking:
            each.cancel()
            self.failureResultOf(each, CancelledError)
        self.sweep()
        self.assertEqual(len(hub), 0)
        for number in range(100):
            self.successResultOf(hub.before(f"room{number}", None, 1))
            self.assertLessEqual(len(hub), 10)

    def pass_through(self, hub: Hub, count: int, seconds: float) -> None:
        """So many rooms are entered and left, one every so many seconds."""
        for number in range(count):
            roster = hub.room(f"room{number}").roster
            roster.enter(ADA)
            roster.type(ADA)
            roster.look()
            roster.leave(ADA)
            self.clock.advance(seconds)

    def test_who_passes_through_rooms_keeps_none(self) -> None:
        self.patch(hub_module, "CROWD", 50)
        hub = Hub(self.store, self.clock)
        self.pass_through(hub, 1000, LEFT_SECONDS / 10)
        self.assertLessEqual(len(hub), 50)
        self.assertLessEqual(len(self.clock.getDelayedCalls()), 1 + 3 * 50)

    def test_who_has_just_left_is_still_there(self) -> None:
        self.patch(hub_module, "CROWD", 10)
        hub = Hub(self.store, self.clock)
        hub.room("lobby").roster.enter(ADA)
        hub.room("lobby").roster.leave(ADA)
        self.clock.advance(LEFT_SECONDS / 2)
        self.pass_through(hub, 40, 0.0)
        self.assertEqual(len(hub.room("lobby").roster), 1)

    def test_who_reads_stays(self) -> None:
        """A stream that is writing waits for nothing, and does not ask for its room again."""
        self.patch(hub_module, "CROWD", 10)
        hub = Hub(self.store, self.clock)
        room = hub.room("lobby")
        room.roster.enter(ADA)
        self.pass_through(hub, 40, LEFT_SECONDS)
        self.assertIs(hub.room("lobby"), room)

    def test_a_room_that_is_forgotten_is_gone(self) -> None:
        """And not left to the garbage collector, which looks seldom."""
        gc.collect()
        gc.disable()
        self.addCleanup(gc.enable)
        waiting = self.after("lobby", 0)
        room = ref(self.hub.room("lobby"))
        self.store.post("lobby")
        self.assertEqual(self.seqs(waiting), [0])
        self.pass_through(self.hub, 1, 0.0)
        self.hub._forget(self.clock.seconds(), self.clock.seconds())
        self.assertIsNone(room())
        self.clock.advance(IDLE_SECONDS)

    def test_sweeping_a_crowd_is_rare(self) -> None:
        """Where all are busy, it is not looked through all of them for each new one."""
        self.patch(hub_module, "CROWD", 10)
        hub = Hub(self.store, self.clock)
        sweeps: list[int] = []
        forget = hub._forget

        def count(unused_since: float, left_since: float) -> None:
            sweeps.append(len(hub))
            forget(unused_since, left_since)

        self.patch(hub, "_forget", count)
        for number in range(320):
            hub.after(f"busy{number}", Cursor(EPOCH, 0), DEFAULT_LIMIT, 1000.0)
        self.assertLessEqual(sum(sweeps), 2 * 320)
