"""The core against a model: whatever happens in whichever order, who keeps asking sees all, once and in order.

A `Hub` over a `SlowStore` is driven by rules: posts, polls, hang-ups, time, tellings that are late, doubled,
swapped or lost, reads that are slow or fail, pruning, erasing, more rooms than the hub likes.  The model of a reader is
one number: the seq that it waits for.
"""

from __future__ import annotations

from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, precondition, rule, run_state_machine_as_test
from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from chatcomet.core import hub as hub_module
from chatcomet.core import reading as reading_module
from chatcomet.core import room as room_module
from chatcomet.core import waiters as waiters_module
from chatcomet.core.hub import Hub
from chatcomet.core.message import Cursor, Page
from chatcomet.errors import CursorExpired, StoreUnavailable
from tests.unit.core.log_machine import ROOMS, LogMachine, places, rooms
from tests.unit.core.slow_store import EPOCH

READERS = 4

# The core's own measures, made so small that a few steps go beyond them.
DEFAULT_LIMIT = 3
BACKLOG_MESSAGES = 4
SLICE = 1
IDLE_SECONDS = 0.5
CROWD = 2

readers = st.integers(0, READERS - 1)
limits = st.sampled_from([1, 2, DEFAULT_LIMIT, 5])
holds = st.sampled_from([0.0, 0.3, 2.0, 20.0])


class Reader:
    """Somebody who asks for what follows, one request at a time, and knows what the answers have to be."""

    def __init__(self, core: CoreMachine) -> None:
        self.core = core
        self.room = ROOMS[0]
        self.next = 0
        self.limit = DEFAULT_LIMIT
        self.hold_seconds = 20.0
        self.again = False
        """Whether it asks again from inside an answer that brought something."""
        self.posts = 0
        """How many messages it is still going to post from inside answers."""
        self.jumps = False
        """Whether it then goes on behind what it has posted."""
        self.waits = False
        self.answers = 0
        self._asked = 0
        self._erased: set[int] = set()
        self._request: Deferred[None] | None = None

    def ask(self) -> None:
        assert not self.waits
        self.waits = True
        self._asked += 1
        number = self._asked
        self._erased = set(self.core.erased_as_told[self.room])
        page = self.core.hub.after(self.room, Cursor(EPOCH, self.next), self.limit, self.hold_seconds)
        request = page.addCallbacks(self._got, self._failed, (number,), {}, (number,), {})
        request.addErrback(self.core.faults.append)
        if number == self._asked and self.waits:
            self._request = request

    def hang_up(self) -> None:
        if self.waits:
            assert self._request is not None
            self.waits = False
            answers = self.answers
            self._request.cancel()
            assert self.answers == answers + 1, "a cancelled request fires, at once and once"

    def go(self, room: str, seq: int) -> None:
        self.hang_up()
        self.room, self.next = room, seq

    def _answered(self, number: int) -> None:
        assert number == self._asked and self.waits, "an answer to who did not wait for it"
        self.answers += 1
        self.waits = False

    def _got(self, page: Page, number: int) -> None:
        self._answered(number)
        seqs = [message.seq for message in page.messages]
        assert page.room == self.room
        assert seqs == list(range(self.next, self.next + len(seqs))), f"waited for {self.next}, got {seqs}"
        assert page.cursor == Cursor(EPOCH, self.next + len(seqs)), f"waited for {self.next}, got {page.cursor}"
        assert len(seqs) <= self.limit
        for message in page.messages:
            now, before = self.core.store.log(self.room)[message.seq], self.core.store.said(self.room)[message.seq]
            assert message == now or (message == before and message.seq not in self._erased), f"got {message}"
        self.next += len(seqs)
        if seqs and self.posts:
            self.posts -= 1
            self.core.store.post(self.room)
            if self.jumps:
                self.next = self.core.store.head(self.room)
        if seqs and self.again:
            self.ask()

    def _failed(self, failure: Failure, number: int) -> None:
        error = failure.value
        if isinstance(error, CancelledError):
            assert number == self._asked and not self.waits, "cancelled by somebody else"
            self.answers += 1
            return
        self._answered(number)
        if isinstance(error, CursorExpired):
            kept = self.core.store.kept_bounds(self.room)
            assert self.next < error.first <= kept.first, f"waited for {self.next}, told {error.first}, kept {kept}"
            assert error.first <= error.head <= kept.head, f"told {error.first} to {error.head}, kept {kept}"
            assert error.epoch == EPOCH
            self.next = error.first
        elif isinstance(error, StoreUnavailable):
            assert self.core.failures, "the store did not fail"
        else:
            failure.raiseException()


class CoreMachine(LogMachine):
    """What may happen to the log and to who reads it, and what holds after each step and at the end."""

    def __init__(self) -> None:
        super().__init__()
        self.hub = Hub(self.store, self.clock, lambda room: BACKLOG_MESSAGES)
        self.readers = [Reader(self) for _ in range(READERS)]

    # Readers

    @rule(which=readers, again=st.booleans(), posts=st.integers(0, 2), jumps=st.booleans())
    def change_mind(self, which: int, again: bool, posts: int, jumps: bool) -> None:
        reader = self.readers[which]
        reader.again, reader.posts, reader.jumps = again, posts, jumps

    @rule(which=readers, limit=limits, hold_seconds=holds)
    def poll(self, which: int, limit: int, hold_seconds: float) -> None:
        reader = self.readers[which]
        if not reader.waits:
            reader.limit, reader.hold_seconds = limit, hold_seconds
            reader.ask()

    @rule()
    def all_poll(self) -> None:
        for reader in self.readers:
            if not reader.waits:
                reader.ask()

    @rule(which=readers)
    def hang_up(self, which: int) -> None:
        self.readers[which].hang_up()

    @rule(which=readers, room=rooms, place=places)
    def go_elsewhere(self, which: int, room: str, place: int) -> None:
        self.readers[which].go(room, place % (self.store.head(room) + 1))

    @rule(which=readers, room=rooms)
    def post_and_read_on_from_there(self, which: int, room: str) -> None:
        """What who posts through another process does."""
        message = self.store.post(room)
        self.readers[which].go(room, message.seq + 1)
        self.readers[which].ask()

    @precondition(lambda self: any(self.erased_as_told.values()))
    @rule(which=readers, place=places)
    def read_what_was_erased(self, which: int, place: int) -> None:
        """Or what came before it, and then that."""
        erased = [(room, seq) for room, seqs in self.erased_as_told.items() for seq in sorted(seqs)]
        room, seq = erased[place % len(erased)]
        self.readers[which].go(room, max(0, seq - place % 2))
        self.readers[which].ask()

    @rule(room=rooms, place=places)
    def ask_with_a_cursor_of_another_epoch(self, room: str, place: int) -> None:
        def check(failure: Failure) -> None:
            failure.trap(CursorExpired, StoreUnavailable)

        def never(page: Page) -> None:
            raise AssertionError(f"{page} for a cursor of another epoch")

        page = self.hub.after(room, Cursor("another", place), DEFAULT_LIMIT, 1.0)
        page.addCallbacks(never, check).addErrback(self.faults.append)

    @rule(room=rooms, seq=st.none() | places, limit=limits)
    def read_before(self, room: str, seq: int | None, limit: int) -> None:
        def check(page: Page) -> None:
            seqs = [message.seq for message in page.messages]
            assert len(seqs) <= limit
            if seqs:
                assert seqs == list(range(seqs[0], seqs[0] + len(seqs)))
                assert page.cursor == Cursor(EPOCH, seqs[-1] + 1)
                assert seq is None or seqs[-1] < seq, f"asked for what is before {seq}, got {seqs}"

        page = self.hub.before(room, seq, limit)
        page.addCallback(check).addErrback(self._forgive).addErrback(self.faults.append)

    @rule(number=st.integers(0, 9))
    def ask_for_another_room(self, number: int) -> None:
        self.hub.before(f"other{number}", None, 1).addErrback(self._forgive).addErrback(self.faults.append)

    def _forgive(self, failure: Failure) -> None:
        failure.trap(StoreUnavailable)
        assert self.failures, "the store did not fail"

    # What holds

    @invariant()
    def those_who_wait_are_counted(self) -> None:
        waiting = sum(reader.waits for reader in self.readers)
        if self.is_something_pending:
            assert self.hub.waiting <= waiting
        else:
            assert self.hub.waiting == waiting

    def teardown(self) -> None:
        """The store recovers, one more message is told in each room; then all that is on its way arrives."""
        for reader in self.readers:
            reader.again, reader.posts = False, 0
        self.recover()
        for room in ROOMS:
            self.store.post(room)
        self.settle()
        for reader in self.readers:
            head = self.store.head(reader.room)
            assert not reader.waits or reader.next == head, f"waits for {reader.next}, and {head} messages are there"
            reader.hold_seconds = 20.0
            while not reader.waits:
                before = reader.next
                reader.ask()
                assert reader.waits or reader.next > before, "an answer with nothing, where there is something"
            assert reader.next == head
        self.no_faults()
        self.those_who_wait_are_counted()
        self.hub.drain()
        self.clock.advance(0)
        self.no_faults()
        assert not any(reader.waits for reader in self.readers)
        self.clock.pump([IDLE_SECONDS] * 4)
        assert not len(self.hub), "rooms are left over"
        assert not self.clock.calls, "timers are left over"


class ModelTests(SynchronousTestCase):
    def test_core(self) -> None:
        self.patch(room_module, "DEFAULT_LIMIT", DEFAULT_LIMIT)
        self.patch(reading_module, "DEFAULT_LIMIT", DEFAULT_LIMIT)
        self.patch(waiters_module, "BURST", SLICE)
        self.patch(waiters_module, "AT_ONE_GO", 0)
        self.patch(waiters_module, "SLICE_SECONDS", 0.0)
        self.patch(hub_module, "IDLE_SECONDS", IDLE_SECONDS)
        self.patch(hub_module, "CROWD", CROWD)
        run_state_machine_as_test(
            CoreMachine,
            settings=settings(
                max_examples=200,
                stateful_step_count=50,
                phases=(Phase.generate, Phase.shrink),
                deadline=None,
                database=None,
            ),
        )
