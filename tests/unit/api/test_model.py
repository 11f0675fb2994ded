"""One log, every way to read it, without a socket: each reader sees the log, less what it was told was lost.

A chat over a `SlowStore` is driven by rules (those of `LogMachine`, and these): readers poll one room or several,
follow streams, ask as the seed's clients do and look at the roster; they hang up, change their way with nothing but
their cursors, do not take what is written to them; they are too many, or banned and pardoned; posts wait for the
store; the server stops, or dies, and starts again.
"""

from __future__ import annotations

from itertools import product
from math import inf

from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule, run_state_machine_as_test
from twisted.trial.unittest import SynchronousTestCase

from chatcomet.access.asker import Asker, holder
from chatcomet.access.identity import Session
from chatcomet.access.policy import PolicyFile
from chatcomet.access.refusals import Refusals
from chatcomet.access.rulings import Rulings
from chatcomet.api import rooms as rooms_module
from chatcomet.api import streaming as streaming_module
from chatcomet.api.chat import Access, open_chat
from chatcomet.api.posting import Post, post
from chatcomet.core import hub as hub_module
from chatcomet.core import reading as reading_module
from chatcomet.core import room as room_module
from chatcomet.core import waiters as waiters_module
from chatcomet.core.hub import Hub
from chatcomet.core.roster import GRACE_SECONDS
from chatcomet.core.rulings import Ruling
from chatcomet.core.store import Posted
from chatcomet.errors import NotAllowed, StoreUnavailable
from chatcomet.settings import Settings
from chatcomet.stores.memory import MemoryStore
from tests.unit.api.model_reader import ROOMS, WAYS, Reader, Streaming
from tests.unit.api.running_chat import KEY, SOMEBODY
from tests.unit.core.log_machine import LogMachine, rooms

READERS = 5
MOST_READERS = 4

# The measures of core and api, made so small that a few steps go beyond them.
DEFAULT_LIMIT = 3
BACKLOG_MESSAGES = 4
SLICE = 2
IDLE_SECONDS = 0.5
CROWD = 2
STALL_SECONDS = 2.0

readers = st.integers(0, READERS - 1)
ways = st.sampled_from([*WAYS, "poll of rooms"])
limits = st.integers(1, 5)
waits = st.sampled_from([None, None, 0.0, 0.3, 2.0])


def asker(number: int) -> Asker:
    """One reader, as a server that has just begun knows it; two have the same name."""
    return holder(Session(str(number), f"reader {number % 3}", 0.0), None)


class ApiMachine(LogMachine):
    """What may happen to readers and posters, and what holds after each step and at the end."""

    def __init__(self) -> None:
        super().__init__()
        self.rulings_kept = MemoryStore(self.clock.seconds)
        self.readers = [Reader(self.store, asker(number), self.faults.append) for number in range(READERS)]
        for number, reader in enumerate(self.readers):
            reader.again, reader.slow = number % 2 > 0, number > 1
        self.posted = 0
        self._start()

    def _start(self) -> None:
        self.hub = Hub(self.store, self.clock, lambda room: BACKLOG_MESSAGES)
        self.rulings = Rulings(self.rulings_kept, self.clock.seconds)
        self.rulings.load()
        self.refusals = Refusals(self.clock)
        access = Access(self.rulings, PolicyFile(), None, self.refusals, MOST_READERS)
        wall = self.clock.seconds
        self.chat = open_chat(Settings(), self.store, self.hub, KEY, access, lambda: 0.0, self.clock, wall)

    # Readers

    @initialize(chosen=st.lists(ways, min_size=READERS, max_size=READERS))
    def begin_all(self, chosen: list[str]) -> None:
        for reader, way in zip(self.readers, chosen, strict=True):
            reader.begin(way, self.chat)

    @rule(which=readers, way=ways)
    def begin(self, which: int, way: str) -> None:
        self.readers[which].begin(way, self.chat)

    @rule()
    def fill(self) -> None:
        """The transports of all streams are full."""
        for reader in self.readers:
            if isinstance(reader.leg, Streaming):
                reader.leg.fill()

    @rule(which=readers)
    def hang_up(self, which: int) -> None:
        self.readers[which].leave()

    @rule()
    def all_ask(self) -> None:
        for reader in self.readers:
            if reader.leg is not None:
                reader.leg.ask()

    @rule(which=readers, limit=limits, wait_seconds=waits, again=st.booleans(), slow=st.booleans())
    def change_mind(self, which: int, limit: int, wait_seconds: float | None, again: bool, slow: bool) -> None:
        reader = self.readers[which]
        reader.limit, reader.wait_seconds, reader.again, reader.slow = limit, wait_seconds, again, slow

    @rule(which=readers, room=rooms)
    def type(self, which: int, room: str) -> None:
        reader = self.readers[which]
        try:
            rooms_module.typing(self.chat, room, reader.asker)
        except NotAllowed:
            assert room in reader.banned

    # Who may read

    @rule(which=readers, room=rooms)
    def ban(self, which: int, room: str) -> None:
        """Whoever has the name is banned: another session may have it, too."""
        name = self.readers[which].asker.name
        for reader in self.readers:
            if reader.asker.name == name:
                reader.banned.add(room)
        self.rulings.rule(Ruling("ban", room, name, inf, "moderator", self.clock.seconds()))

    @rule(which=readers, room=rooms)
    def pardon(self, which: int, room: str) -> None:
        name = self.readers[which].asker.name
        for reader in self.readers:
            if reader.asker.name == name:
                reader.banned.discard(room)
        self.rulings.lift("ban", room, name)

    # Posters

    @rule(room=rooms, leaves=st.booleans())
    def post_by_api(self, room: str, leaves: bool) -> None:
        """A poster who hangs up does not undo its post (law 6)."""
        self.posted += 1
        text = f"post {self.posted}"
        asked = post(self.chat, Post(room, text), SOMEBODY)

        def check(posted: Posted) -> None:
            assert posted.message.text == text
            assert self.store.log(room)[posted.message.seq] == posted.message

        if leaves:
            questions = len(self.store.appends)
            asked.addErrback(lambda _: None).cancel()
            assert len(self.store.appends) == questions
        else:
            asked.addCallback(check).addErrback(lambda failure: failure.trap(StoreUnavailable) and None)
            asked.addErrback(self.faults.append)

    # The server

    @rule(dies=st.booleans())
    def restart(self, dies: bool) -> None:
        """Who is connected is answered and then cut off, or just cut off; with the process go
        its timers and what it had asked the store."""
        if not dies:
            self.hub.drain()
            self.clock.advance(0)
        for number, reader in enumerate(self.readers):
            reader.leave()
            reader.asker = asker(number)
        self.store.forget_all()
        for call in list(self.clock.getDelayedCalls()):
            call.cancel()
        self._start()

    # What holds

    @invariant()
    def who_waits_is_counted(self) -> None:
        legs = [reader.leg for reader in self.readers if reader.leg is not None]
        waiting = sum(len(leg.rooms) for leg in legs if leg.waits)
        if self.is_something_pending:
            assert self.hub.waiting <= waiting
        else:
            assert self.hub.waiting == waiting

    @invariant()
    def nobody_reads_who_may_not(self) -> None:
        for reader in self.readers:
            if reader.leg is not None and reader.leg.waits:
                assert reader.banned.isdisjoint(reader.leg.rooms)

    @invariant()
    def there_are_not_too_many(self) -> None:
        assert len(self.chat.readers) <= MOST_READERS

    @invariant()
    def nobody_waits_for_what_is_here(self) -> None:
        """Law 1: unless the store has yet to answer."""
        if self.is_something_pending:
            return
        for reader in self.readers:
            if reader.leg is not None and reader.leg.waits:
                for name in reader.leg.rooms:
                    room = self.hub._rooms.get(name)
                    assert room is not None, f"{name} is forgotten, and somebody waits in it"
                    assert room.head is not None
                    assert room.head <= reader.next[name], f"waits for {reader.next[name]} of {name}"

    def teardown(self) -> None:
        """All that is on its way arrives, one more message is told in each room; then all come to the end."""
        for reader in self.readers:
            reader.again, reader.slow, reader.limit, reader.wait_seconds = False, False, DEFAULT_LIMIT, None
        for number, room in product(range(READERS), ROOMS):
            self.pardon(number, room)
        self.chat.readers._most = READERS
        self.recover()
        for room in ROOMS:
            self.store.post(room)
        self.settle()
        for reader in self.readers:
            self._check_who_waits(reader)
            self._read_to_the_end(reader)
        self.no_faults()
        self.who_waits_is_counted()
        for reader in self.readers:
            for room in ROOMS:
                assert sorted(reader.seen[room] + reader.lost[room]) == list(range(self.store.head(room)))
        self.hub.drain()
        self.clock.advance(0)
        self.no_faults()
        assert self.hub.waiting == 0
        for reader in self.readers:
            reader.leave()
        assert not len(self.chat.readers)
        self.refusals.stop()
        self.clock.pump([1.0] * int(GRACE_SECONDS + 2))
        assert not len(self.hub), "rooms are left over"
        assert not self.clock.calls, "timers are left over"

    def _check_who_waits(self, reader: Reader) -> None:
        """Nobody waits for what is there already."""
        if reader.leg is not None and reader.leg.waits:
            for room in reader.leg.rooms:
                head = self.store.head(room)
                assert reader.next[room] == head, f"waits for {reader.next[room]} of {room}, and {head} are there"

    def _read_to_the_end(self, reader: Reader) -> None:
        """In the way that it reads by, then in both rooms."""
        if isinstance(reader.leg, Streaming):
            reader.leg.ask()
            self._check_who_waits(reader)
        reader.begin("poll of rooms", self.chat)
        while reader.leg is not None and not reader.leg.waits:
            before = dict(reader.next)
            reader.leg.ask()
            assert reader.leg.waits or reader.next != before, "an answer with nothing, where there is something"
        assert reader.next == {room: self.store.head(room) for room in ROOMS}


class ModelTests(SynchronousTestCase):
    def test_api(self) -> None:
        self.patch(room_module, "DEFAULT_LIMIT", DEFAULT_LIMIT)
        self.patch(reading_module, "DEFAULT_LIMIT", DEFAULT_LIMIT)
        self.patch(streaming_module, "DEFAULT_LIMIT", DEFAULT_LIMIT)
        self.patch(streaming_module, "STALL_SECONDS", STALL_SECONDS)
        self.patch(waiters_module, "BURST", SLICE)
        self.patch(waiters_module, "AT_ONE_GO", 0)
        self.patch(waiters_module, "SLICE_SECONDS", 0.0)
        self.patch(hub_module, "IDLE_SECONDS", IDLE_SECONDS)
        self.patch(hub_module, "CROWD", CROWD)
        run_state_machine_as_test(
            ApiMachine,
            settings=settings(
                max_examples=200,
                stateful_step_count=50,
                phases=(Phase.generate,),
                deadline=None,
                database=None,
            ),
        )
