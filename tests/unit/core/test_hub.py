"""Hub: rooms come when they are used and go when they are idle, and nobody notices."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from chatcomet.core import waiters as waiters_module
from chatcomet.core.hub import Hub
from chatcomet.core.message import DEFAULT_LIMIT, Cursor, Page
from chatcomet.core.roster import WAKE_SECONDS, Person
from chatcomet.core.waiters import Standing
from chatcomet.errors import CursorExpired
from tests.unit.core.hub_case import HubTestCase
from tests.unit.core.slow_store import EPOCH


class UsingTests(HubTestCase):
    def test_made_when_used(self) -> None:
        self.assertEqual((len(self.hub), self.hub.waiting), (0, 0))
        asking = self.after("lobby", 0)
        self.assertEqual((len(self.hub), self.hub.waiting), (1, 1))
        self.store.post("lobby")
        self.assertEqual(self.seqs(asking), [0])
        self.assertEqual((len(self.hub), self.hub.waiting), (1, 0))

    def test_not_made_by_being_told(self) -> None:
        self.store.post("lobby")
        self.assertEqual(len(self.hub), 0)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_rooms_are_apart(self) -> None:
        one, other = self.after("one", 0), self.after("other", 0)
        self.store.post("one")
        self.assertNoResult(other)
        page = self.successResultOf(one)
        self.assertEqual((page.room, len(page.messages)), ("one", 1))

    def test_what_is_erased_is_read_from_the_store_from_then_on(self) -> None:
        waiting = self.after("lobby", 0)
        self.store.post("lobby", "what was said")
        self.assertEqual(self.successResultOf(waiting).messages[0].text, "what was said")
        self.store.erase("lobby", 0)
        self.store.tell_outdated("lobby", 1)
        self.store.tell_outdated("not in memory", 1)
        message = self.successResultOf(self.after("lobby", 0)).messages[0]
        self.assertEqual((message.text, message.erased), ("", True))
        self.assertEqual(len(self.hub), 1)

    def test_one_room_for_all_of_its_readers(self) -> None:
        asking = [self.after("lobby", 0) for _ in range(3)]
        self.store.post("lobby")
        self.assertEqual(len({id(self.successResultOf(each)) for each in asking}), 1)
        self.assertEqual(len(self.hub), 1)

    def test_before(self) -> None:
        self.store.post("lobby")
        self.assertEqual(self.seqs(self.hub.before("lobby", None, 5)), [0])
        self.assertEqual(self.seqs(self.hub.before("lobby", 0, 5)), [])

    def test_page_bytes(self) -> None:
        hub = Hub(self.store, self.clock, page_bytes=1_000)
        waiting = hub.after("lobby", Cursor(EPOCH, 0), DEFAULT_LIMIT, 30.0)
        self.store.tell("lobby", *[self.store.add("lobby", data="0" * 300) for _ in range(5)])
        self.assertEqual(self.seqs(waiting), [0, 1], "told")
        self.assertEqual(
            self.seqs(hub.after("lobby", Cursor(EPOCH, 1), DEFAULT_LIMIT, 0.0)), [1, 2], "from the backlog"
        )
        hub = Hub(self.store, self.clock, page_bytes=1_000)
        self.assertEqual(self.seqs(hub.after("lobby", Cursor(EPOCH, 2), DEFAULT_LIMIT, 0.0)), [2, 3], "read")
        self.assertEqual(self.seqs(hub.before("lobby", None, DEFAULT_LIMIT)), [3, 4], "from the end")

    def test_backlog_messages(self) -> None:
        hub = Hub(self.store, self.clock, lambda room: 2 if room == "lobby" else 0)
        self.successResultOf(hub.after("lobby", Cursor(EPOCH, 0), DEFAULT_LIMIT, 0.0))
        for _ in range(4):
            self.store.post("lobby")
        self.store.asked.clear()
        self.successResultOf(hub.after("lobby", Cursor(EPOCH, 2), DEFAULT_LIMIT, 0.0))
        self.assertEqual(self.store.asked, [])
        self.successResultOf(hub.after("lobby", Cursor(EPOCH, 1), DEFAULT_LIMIT, 0.0))
        self.assertEqual(self.store.asked, [("read", "lobby", "1", "50")])


class Waiting(Standing):
    """Waits in a room, and keeps what it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.got: list[Page | Failure] = []

    def told(self, outcome: Page | Failure) -> None:
        self.got.append(outcome)


class WaitTests(HubTestCase):
    def wait(self, seq: int, epoch: str = EPOCH, roster_seen: int | None = None) -> tuple[bool, Waiting]:
        """Whether one who asks is suspended."""
        waiting = Waiting()
        return self.hub.wait(waiting, self.hub.room("lobby"), Cursor(epoch, seq), 1000.0, roster_seen), waiting

    def test_at_the_head_only(self) -> None:
        self.assertFalse(self.wait(0)[0], "nobody knows yet where the head is")
        self.use("lobby")
        self.store.post("lobby")
        self.successResultOf(self.hub.latest("lobby"))
        self.assertEqual([self.wait(seq)[0] for seq in (0, 1, 2)], [False, True, False])
        self.assertFalse(self.wait(1, "other")[0])
        self.assertEqual(self.hub.waiting, 1)

    def test_told_as_others_are(self) -> None:
        self.successResultOf(self.hub.latest("lobby"))
        asking, (_, waiting) = self.after("lobby", 0), self.wait(0)
        self.store.post("lobby")
        self.assertEqual(waiting.got, [self.successResultOf(asking)])

    def test_not_in_a_room_whose_roster_is_another(self) -> None:
        self.successResultOf(self.hub.latest("lobby"))
        version = self.hub.room("lobby").roster.look().version
        self.assertFalse(self.wait(0, roster_seen=version + 1)[0])
        suspended, waiting = self.wait(0, roster_seen=version)
        self.hub.room("lobby").roster.enter(Person("id", "ada"))
        self.clock.advance(WAKE_SECONDS)
        self.assertEqual((suspended, len(waiting.got)), (True, 1))

    def test_not_when_the_server_stops(self) -> None:
        self.successResultOf(self.hub.latest("lobby"))
        _, waiting = self.wait(0)
        self.hub.drain()
        self.assertEqual((len(waiting.got), self.wait(0)[0]), (1, False))


class DrainTests(HubTestCase):
    def test_all_are_answered(self) -> None:
        self.store.post("one")
        asking = [self.after("one", 1, 30.0), self.after("one", 1, 60.0), self.after("other", 0), self.after("one", 0)]
        self.hub.drain()
        pages = [self.successResultOf(each) for each in asking]
        self.assertEqual([len(page.messages) for page in pages], [0, 0, 0, 1])
        self.assertEqual([page.cursor.next for page in pages], [1, 1, 0, 1])
        self.assertEqual(self.hub.waiting, 0)

    def test_nobody_is_suspended_any_more(self) -> None:
        self.hub.drain()
        self.assertEqual(self.seqs(self.after("lobby", 0)), [])
        self.store.post("lobby")
        self.assertEqual(self.seqs(self.after("lobby", 0)), [0])
        self.assertEqual(self.hub.waiting, 0)

    def test_asking_again_from_inside_the_answer(self) -> None:
        again: list[Deferred[Page]] = []
        self.after("lobby", 0).addCallback(lambda page: again.append(self.after("lobby", page.cursor.next)))
        self.hub.drain()
        self.assertEqual(self.seqs(again[0]), [])

    def test_those_who_read_the_head_are_answered_after_it(self) -> None:
        self.store.hold_bounds = True
        asking = self.after("lobby", 0)
        self.hub.drain()
        self.assertNoResult(asking)
        self.store.answer_all()
        self.assertEqual(self.successResultOf(asking), Page("lobby", (), Cursor(EPOCH, 0)))

    def test_those_who_read_the_store_are_answered_after_it(self) -> None:
        for _ in range(3):
            self.store.add("lobby")
        self.store.hold_reads = True
        asking = self.after("lobby", 1)
        self.hub.drain()
        self.store.answer_all()
        self.assertEqual(self.seqs(asking), [1, 2])

    def test_posting_goes_on(self) -> None:
        """Appends finish after the drain; what they tell finds nobody, and does no harm."""
        self.after("lobby", 0)
        self.hub.drain()
        self.store.post("lobby")
        self.assertEqual(self.seqs(self.after("lobby", 0)), [0])

    def test_a_large_room_is_answered_in_slices(self) -> None:
        self.patch(waiters_module, "BURST", 2)
        self.patch(waiters_module, "AT_ONE_GO", 0)
        self.patch(waiters_module, "SLICE_SECONDS", 0.0)
        asking = [self.after("lobby", 0) for _ in range(5)]
        self.hub.drain()
        self.assertEqual(sum(each.called for each in asking), 2)
        self.clock.turn()
        self.clock.turn()
        self.assertEqual([self.seqs(each) for each in asking], [[]] * 5)

    def test_twice(self) -> None:
        self.hub.drain()
        self.hub.drain()
        self.failureResultOf(self.after("lobby", 7), CursorExpired)
