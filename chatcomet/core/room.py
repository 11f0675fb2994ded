"""Room: what this process knows of one room's log, and who waits for its next message.

The log itself is the store's.  A room follows it:

* `head` is how far this room has delivered: it has handed out every message before it, in order, once.
  None as long as nothing is known: a room begins by asking the store (law 8: it writes nothing).
* `deliver` may be called with any contiguous run: again, late, too early, or from inside a wake (law 3).
  Only a run that leads on from the head is handed out as it is.  Of any other the room remembers how far
  the store is known to reach, and reads on from its head until it is there: so nothing is delivered
  behind a gap, and `deliver` never re-enters itself.
* The backlog is the last part of what was delivered, kept so that a reader that is a little behind costs
  no read of the store.  It is never more than the store retains, or a pruned message would still be handed out.
* What was erased or pruned is in nothing that is handed out after `forget`: the backlog and the pages are without it,
  and a read that was in flight meanwhile, and may have seen what was before, is made again.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from weakref import proxy

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from chatcomet.core.flights import Flights
from chatcomet.core.holds import Holds
from chatcomet.core.message import DEFAULT_LIMIT, PAGE_BYTES, Cursor, Message, Page, first_that_fit
from chatcomet.core.roster import Roster
from chatcomet.core.store import Bounds, MessageStore, Retain, keep_all
from chatcomet.core.waiters import NO_BURST, Burst, Standing, WaiterSet
from chatcomet.errors import CursorExpired, ServerFault

BACKLOG_MESSAGES = 256
BACKLOG_BYTES = 512 * 1024
SHARED_PAGES = 16  # with what they were encoded to: a reader that asks for each cursor in turn would fill them all
RETRY_SECONDS = 1.0

AT_ONCE = -math.inf
"""When the hold ends of who is not to be suspended."""


class Room:
    """One room's head, backlog and waiters.

    `retain`: how many messages the store keeps of a room.  `page_bytes`: how long a page may be.
    """

    _log = Logger()

    def __init__(
        self,
        name: str,
        store: MessageStore,
        clock: IReactorTime,
        holds: Holds,
        retain: Retain = keep_all,
        burst: Burst = NO_BURST,
        page_bytes: int = PAGE_BYTES,
    ) -> None:
        self.name = name
        self.page_bytes = page_bytes
        self.head: int | None = None
        me = proxy(self)  # what belongs to a room keeps it in no cycle: rooms come and go by thousands
        self.waiters = WaiterSet(clock, holds, lambda: me.nothing(), burst)
        self.watchers = WaiterSet(clock, holds, lambda: me.nothing(), burst)  # whom a change of the roster wakes, too
        self.roster = Roster(clock, lambda: me._is_roster_looked_at(), lambda: me._roster_changed())
        self.last_used = clock.seconds()
        self._store = store
        self._clock = clock
        self._uses = 0
        self._target = 0  # how far the store is known to reach
        self._delivering = False
        self._backlog: deque[Message] = deque()
        self._retain = retain
        self._backlog_bytes = 0
        self._first = 0  # what is before it is not kept in memory: something there was erased or pruned
        self._forgotten = 0  # how often that was told
        self._pages: dict[int, Page] = {}  # by their first seq: those made since the last delivery
        self._bounds: Flights[Bounds] = Flights()
        self._reads: Flights[Sequence[Message]] = Flights()

    @property
    def idle(self) -> bool:
        """Whether nothing is lost when this room is forgotten: nobody waits or reads, nothing is on its way."""
        return self.is_left(-math.inf)

    def is_left(self, since: float) -> bool:
        """Whether nothing is lost but that somebody left at `since` or before, and might have come back unnoticed."""
        return (
            self.waiters.idle
            and self.watchers.idle
            and self.roster.is_left(since)
            and not self._uses
            and not self._delivering
        )

    def close(self) -> None:
        """It is forgotten: leave no timer behind."""
        self.roster.close()

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Within this the room is not idle."""
        self._uses += 1
        try:
            yield
        finally:
            self._uses -= 1
            self.last_used = self._clock.seconds()

    # What it can say at once

    def cursor(self, seq: int) -> Cursor:
        """The cursor before message `seq`."""
        return Cursor(self._store.epoch, seq)

    def nothing(self) -> Page:
        """The empty page at the head: one object for all who get it until the next delivery."""
        assert self.head is not None, "who waits or is answered knows the head"
        return self._shared_page(self.head, ())

    def page(self, start: int, limit: int) -> Page | None:
        """The messages from `start` on, if the backlog has them; None where the store has to be asked."""
        if self.head is None or not self._backlog or not self._backlog[0].seq <= start < self.head:
            return None
        if limit == DEFAULT_LIMIT and start in self._pages:
            return self._pages[start]
        offset = start - self._backlog[0].seq
        messages = first_that_fit(list(islice(self._backlog, offset, offset + limit)), limit, self.page_bytes)
        if limit == DEFAULT_LIMIT:
            return self._shared_page(start, messages)
        return Page(self.name, messages, self.cursor(start + len(messages)))

    def _shared_page(self, start: int, messages: tuple[Message, ...]) -> Page:
        page = self._pages.get(start)
        if page is None:
            if len(self._pages) >= SHARED_PAGES:
                self._pages.clear()
            page = self._pages[start] = Page(self.name, messages, self.cursor(start + len(messages)))
        return page

    # What it asks the store

    @property
    def reach(self) -> int:
        """How far the store is known to reach: the head, or further while this room is reading on."""
        return max(self._target, self.head or 0)

    @property
    def readers(self) -> int:
        """How many requests are suspended here."""
        return len(self.waiters) + len(self.watchers)

    def suspend(self, until: float, roster_seen: int | None = None) -> Deferred[Page]:
        """The next page, or an empty one when the hold ends, or when the roster is not the one that was seen.

        `until`: when it ends, on the room's clock; who is suspended again goes on with the same hold.
        `roster_seen`: its version; None for who does not look.  It is compared in the turn in which the asker becomes
        a waiter (law 1): of a change that was announced while it was on its way here it would not hear.
        """
        if roster_seen is None:
            return self.waiters.suspend(until)
        return self.watchers.suspend(until if self.roster.look().version == roster_seen else AT_ONCE)

    def wait(self, waiter: Standing, until: float, roster_seen: int | None = None) -> bool:
        """The same for `waiter`; False if it is to be answered now."""
        if roster_seen is None:
            return self.waiters.add(waiter, until)
        return self.roster.look().version == roster_seen and self.watchers.add(waiter, until)

    def bounds(self) -> Deferred[Bounds]:
        """What the store keeps of this room; the room follows it from there.  Fails with `ServerFault`.

        One such read is in flight at a time; to join one that began earlier may give what was true then.
        """
        return self._bounds.join(None, lambda: self._store.bounds(self.name)).addCallback(self._learn)

    def read(self, start: int, limit: int) -> Deferred[Sequence[Message]]:
        """`MessageStore.read` of this room, shared by all who ask for the same at once."""
        return self._reads.join((start, limit), lambda: Deferred.fromCoroutine(self._read(start, limit)))

    async def _read(self, start: int, limit: int) -> Sequence[Message]:
        while True:
            forgotten = self._forgotten
            messages = await self._store.read(self.name, start, limit)
            if forgotten == self._forgotten or not messages or messages[0].seq >= self._first:
                return messages

    def _learn(self, bounds: Bounds) -> Bounds:
        if self.head is None:
            self.head = bounds.head
        self._target = max(self._target, bounds.head)
        self._catch_up()
        return bounds

    # What it is told

    def deliver(self, messages: Sequence[Message]) -> None:
        """Hand a contiguous run of this room's messages to all who wait, unless that was done before."""
        if self.head is None:
            self.head = messages[0].seq
        self._target = max(self._target, messages[-1].seq + 1)
        if not self._delivering and messages[0].seq <= self.head:
            self._delivering = True
            try:
                self._hand_out(messages[self.head - messages[0].seq :])
            finally:  # or one fault would silence the room for good
                self._delivering = False
        self._catch_up()

    def forget(self, end: int) -> None:
        """Of what is before message `end`, some was erased or pruned: from now on only the store answers for it."""
        self._first = max(self._first, end)
        self._forgotten += 1
        self._pages.clear()
        self._keep(())

    def _hand_out(self, messages: Sequence[Message]) -> None:
        """Move the head over `messages`, which begin at it, and wake all who wait with the first page of them."""
        if not messages:
            return
        start, self.head = messages[0].seq, messages[-1].seq + 1
        self._pages.clear()
        self._keep(messages)
        self._wake(self._shared_page(start, first_that_fit(messages, DEFAULT_LIMIT, self.page_bytes)))

    def _wake(self, outcome: Page | Failure) -> None:
        # Both are taken first: who is fired may ask again at once, as the other, and waits for the next page.
        waiters, watchers = self.waiters.take(), self.watchers.take()
        self.waiters.fire(waiters, outcome)
        self.watchers.fire(watchers, outcome)

    def _is_roster_looked_at(self) -> bool:
        return not self.watchers.idle  # or of those who are just being told, who will look again

    def _roster_changed(self) -> None:
        if self._is_roster_looked_at():
            self.watchers.wake(self.nothing())

    def _keep(self, messages: Sequence[Message]) -> None:
        self._backlog.extend(messages)
        self._backlog_bytes += sum(message.size for message in messages)
        most = min(self._retain(self.name) or BACKLOG_MESSAGES, BACKLOG_MESSAGES)
        while self._backlog and self._has_more_than(most):
            self._backlog_bytes -= self._backlog.popleft().size

    def _has_more_than(self, most: int) -> bool:
        return len(self._backlog) > most or self._backlog_bytes > BACKLOG_BYTES or self._backlog[0].seq < self._first

    def _catch_up(self) -> None:
        """If the store is known to reach further than the head, begin to read on from it."""
        assert self.head is not None
        if self.head < self._target and not self._delivering:
            self._delivering = True
            Deferred.fromCoroutine(self._read_on()).addErrback(self._gave_up)

    async def _read_on(self) -> None:
        while self.head is not None and self.head < self._target:
            target = self._target  # what is appended during the read is none of what it finds pruned
            try:
                messages = await self._read(self.head, DEFAULT_LIMIT)
            except ServerFault as fault:  # nobody else may ever ask for these: try again a little later
                self._log.warn(
                    "room {room}: can't read on from {head}: {fault}", room=self.name, head=self.head, fault=fault
                )
                await deferLater(self._clock, RETRY_SECONDS)
                continue
            if messages and messages[0].seq == self.head:
                self._hand_out(messages)
            elif messages:
                self._target = max(self._target, messages[-1].seq + 1)
                self._skip(messages[0].seq)
            else:
                self._skip(target)
        self._delivering = False

    def _skip(self, seq: int) -> None:
        """What lies between the head and `seq` has been pruned: those who wait before it are told so."""
        self.head = seq
        self._pages.clear()
        self._backlog.clear()
        self._backlog_bytes = 0
        self._wake(Failure(CursorExpired(self.name, self._store.epoch, seq, self._target)))

    def _gave_up(self, failure: Failure) -> None:
        self._delivering = False
        self._log.failure("room {room}: a fault in following the log", failure, room=self.name)
