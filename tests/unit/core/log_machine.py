"""LogMachine: what may happen to a log, whoever reads it, as rules of a Hypothesis state machine.

Posts, tellings that are late, doubled, swapped or lost, reads that are slow or fail, pruning, erasing, and time.
"""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from twisted.python.failure import Failure

from chatcomet.core.room import RETRY_SECONDS
from tests.unit.core.slow_store import SlowStore
from tests.unit.core.turning_clock import TurningClock

ROOMS = ("lobby", "aside")

rooms = st.sampled_from(ROOMS)
places = st.integers(0, 30)


class LogMachine(RuleBasedStateMachine):
    """A `SlowStore` and a clock, driven by rules; who reads adds rules of its own.

    `faults`: what went wrong where nobody else hears of it.  `failures`: how often the store was made to fail.
    `erased_as_told`: by room, which messages were erased, and who listens was told.
    """

    def __init__(self) -> None:
        super().__init__()
        self.clock = TurningClock()
        self.store = SlowStore()
        self.faults: list[Failure] = []
        self.failures = 0
        self.erased_as_told: dict[str, set[int]] = {room: set() for room in ROOMS}

    @property
    def is_something_pending(self) -> bool:
        """Whether the store has yet to answer, or something is due."""
        slices_pending = any(call.getTime() <= self.clock.seconds() for call in self.clock.calls)
        return bool(self.store.questions) or slices_pending

    def recover(self) -> None:
        """From now on the store holds nothing back, and does not fail; all that is on its way arrives."""
        self.store.down = False
        self.store.hold_reads = self.store.hold_bounds = self.store.hold_appends = self.store.hold_tellings = False
        self.settle()

    def settle(self) -> None:
        """All that is on its way arrives."""
        self.store.answer_all()
        while self.store.tellings:
            room, messages = self.store.tellings.pop(0)
            self.store.tell(room, *messages)
        self.clock.pump([0.0, RETRY_SECONDS, 0.0])
        self.no_faults()

    # Messages, and who is told of them

    @rule(room=rooms, count=st.integers(1, 6))
    def post(self, room: str, count: int) -> None:
        for _ in range(count):
            self.store.post(room)

    @rule(room=rooms, count=st.integers(1, 6))
    def post_together(self, room: str, count: int) -> None:
        """A group commit tells of several at once."""
        self.store.tell(room, *[self.store.add(room) for _ in range(count)])

    @rule(room=rooms, place=places, count=st.sampled_from([1, 2, 5, 100]))
    def tell_of_any(self, room: str, place: int, count: int) -> None:
        """Again, late, or before its turn."""
        log = self.store.log(room)
        if log:
            start = place % len(log)
            self.store.tell(room, *log[start : start + count])

    @rule(room=rooms, count=st.integers(1, 6), pruned=st.integers(0, 6))
    def fall_behind(self, room: str, count: int, pruned: int) -> None:
        """Another process posts, nobody is told here until its last message, and some are pruned by then."""
        messages = [self.store.add(room) for _ in range(count)]
        self.store.lose(room, messages[0].seq + pruned)
        self.store.tell(room, messages[-1])

    @precondition(lambda self: self.store.tellings)
    @rule(place=places, again=st.booleans())
    def tell(self, place: int, again: bool) -> None:
        room, messages = self.store.tellings[place % len(self.store.tellings)]
        if not again:
            self.store.tellings.remove((room, messages))
        self.store.tell(room, *messages)

    @precondition(lambda self: self.store.tellings)
    @rule(place=places)
    def lose_a_telling(self, place: int) -> None:
        self.store.tellings.pop(place % len(self.store.tellings))

    @rule(room=rooms, place=places, told=st.booleans())
    def prune(self, room: str, place: int, told: bool) -> None:
        self.store.lose(room, place)
        if told:
            self.store.tell_lost(room)

    @rule(room=rooms, ago=st.integers(1, 6), told=st.booleans())
    def erase(self, room: str, ago: int, told: bool) -> None:
        """One of the last messages, which rooms have in memory."""
        seq = self.store.head(room) - ago
        self.store.erase(room, seq)
        if told and seq >= 0:
            self.store.tell_outdated(room, seq + 1)
            self.erased_as_told[room].add(seq)

    # The store's pace

    @rule(reads=st.booleans(), bounds=st.booleans(), appends=st.booleans(), tellings=st.booleans())
    def change_pace(self, reads: bool, bounds: bool, appends: bool, tellings: bool) -> None:
        self.store.hold_reads, self.store.hold_bounds = reads, bounds
        self.store.hold_appends, self.store.hold_tellings = appends, tellings

    @precondition(lambda self: self.store.questions)
    @rule(place=places, how=st.sampled_from(["look", "answer", "answer", "fail"]))
    def answer(self, place: int, how: str) -> None:
        question = self.store.questions[place % len(self.store.questions)]
        if how == "look":
            question.look()
            return
        self.store.take(question)
        if how == "answer":
            question.answer()
        else:
            self.failures += 1
            question.fail()

    @rule(down=st.booleans())
    def go_down_or_come_back(self, down: bool) -> None:
        self.store.down = down
        self.failures += down

    # Time

    @rule(seconds=st.sampled_from([0.0, 0.25, 1.0, 3.0]))
    def advance(self, seconds: float) -> None:
        self.clock.advance(seconds)

    @rule()
    def turn(self) -> None:
        self.clock.turn()

    # What holds

    @invariant()
    def no_faults(self) -> None:
        for fault in self.faults:
            fault.raiseException()
