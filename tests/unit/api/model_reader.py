"""A reader as the model of api has it: one place in each room's log, carried from one way of reading to the next.

Each way is a leg: `ask` asks on, if nothing is waited for; `leave` hangs up, at whatever moment.  What is brought
has to be what follows, and what is said to be lost has to be gone; so what was seen and what was said to be lost are,
together, the log.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, Protocol, TypeVar, cast

from twisted.internet.defer import CancelledError, Deferred, maybeDeferred
from twisted.python.failure import Failure

from chatcomet.access.asker import Asker
from chatcomet.api.chat import Chat
from chatcomet.api.polling import Poll, Polled, PollRooms, look, poll, poll_rooms
from chatcomet.api.streaming import Follow, Stream, follow
from chatcomet.api.waiting import deferred
from chatcomet.core.message import Cursor, Page
from chatcomet.core.roster import RosterState
from chatcomet.errors import AskerError, Crowded, CursorExpired, NotAllowed, StoreUnavailable
from chatcomet.http.asks import seed_poll
from chatcomet.http.plain import Line
from chatcomet.http.wire import Answer
from tests.unit.core.slow_store import EPOCH, SlowStore

T = TypeVar("T")

LOBBY, ASIDE = ROOMS = ("lobby", "aside")


class Reader:
    """`next`: the seq it waits for, in each room.  `fault` is told of what nobody else hears of."""

    def __init__(self, store: SlowStore, asker: Asker, fault: Callable[[Failure], object]) -> None:
        self.store = store
        self.asker = asker
        self.fault = fault
        self.next = dict.fromkeys(ROOMS, 0)
        self.seen: dict[str, list[int]] = {room: [] for room in ROOMS}
        self.lost: dict[str, list[int]] = {room: [] for room in ROOMS}
        self.version = 0
        """The roster that it has seen."""
        self.limit = 2
        self.wait_seconds: float | None = None
        self.again = False
        """Whether it asks again from inside an answer that brought something."""
        self.slow = False
        """Whether its transport is full after each page."""
        self.banned: set[str] = set()
        """The rooms that it may not read now."""
        self.leg: Leg | None = None

    def cursor(self, room: str) -> Cursor:
        return Cursor(EPOCH, self.next[room])

    def begin(self, way: str, chat: Chat) -> None:
        """Read on in another way."""
        self.leave()
        self.leg = WAYS[way](self, chat)
        self.leg.ask()

    def leave(self) -> None:
        """Hang up."""
        if self.leg is not None:
            self.leg.leave()
        self.leg = None

    def take(self, page: Page) -> None:
        """See what a page brings."""
        room = page.room
        seqs = [message.seq for message in page.messages]
        start = self.next[room]
        assert seqs == list(range(start, start + len(seqs))), f"waited for {start} of {room}, got {seqs}"
        assert page.cursor == Cursor(EPOCH, start + len(seqs)), f"waited for {start} of {room}, got {page.cursor}"
        for message in page.messages:
            assert message in (self.store.log(room)[message.seq], self.store.said(room)[message.seq])
        self.seen[room] += seqs
        self.next[room] += len(seqs)

    def lose(self, expired: CursorExpired) -> None:
        """Hear what was lost, and go on from the earliest message that is kept."""
        room, kept = expired.room, self.store.kept_bounds(expired.room)
        assert self.next[room] < expired.first <= kept.first, f"waits for {self.next}, told {expired}, kept {kept}"
        assert expired.first <= expired.head <= kept.head, f"told {expired}, kept {kept}"
        assert expired.epoch == EPOCH
        self.skip(room, expired.first)

    def skip(self, room: str, first: int) -> None:
        self.lost[room] += range(self.next[room], first)
        self.next[room] = first

    def show(self, roster: RosterState) -> None:
        """See a roster, which is another one than the last."""
        assert roster.version != self.version, "a roster that was seen already"
        self.version = roster.version

    def fail(self, failure: Failure) -> None:
        """A store that fails is not the reader's fault, nor that of who reads it: it will ask again.

        So will one that is too many, or is banned.
        """
        error = failure.value
        if isinstance(error, CursorExpired):
            self.lose(error)
        elif isinstance(error, Crowded):
            for page in error.pages:
                assert not page.messages, "put off, where there is something"
                self.take(page)
        elif isinstance(error, NotAllowed):
            assert self.banned, "refused for nothing"
        else:
            failure.trap(StoreUnavailable)


class Leg(Protocol):
    """One way of reading, from one request or stream on."""

    @property
    def rooms(self) -> Sequence[str]:
        """What is read."""

    @property
    def waits(self) -> bool:
        """Whether something is yet to come; else it is to be asked."""

    def ask(self) -> None:
        """Ask on, unless it waits."""

    def leave(self) -> None:
        """Hang up."""


class Polling(Generic[T]):
    """A leg of polls: `request` asks one, `got` takes its answer, and says whether it brought something."""

    def __init__(
        self, reader: Reader, rooms: Sequence[str], request: Callable[[], Deferred[T]], got: Callable[[T], bool]
    ) -> None:
        self.rooms = rooms
        self.waits = False
        self._reader = reader
        self._request = request
        self._take = got
        self._asked = 0
        self._asking: Deferred[None] | None = None

    def ask(self) -> None:
        if self.waits:
            return
        self.waits = True
        self._asked += 1
        number = self._asked
        asking = maybeDeferred(self._request).addCallbacks(self._got, self._failed, (number,), {}, (number,))
        asking.addErrback(self._reader.fault)
        if number == self._asked and self.waits:
            self._asking = asking

    def leave(self) -> None:
        if self.waits:
            assert self._asking is not None
            self.waits = False
            self._asking.cancel()
            assert self._asking.called, "a cancelled request fires, at once"

    def _answered(self, number: int) -> None:
        assert number == self._asked and self.waits, "an answer to who did not wait for it"
        self.waits = False

    def _got(self, answer: T, number: int) -> None:
        self._answered(number)
        if self._take(answer) and self._reader.again:
            self.ask()

    def _failed(self, failure: Failure, number: int) -> None:
        if failure.check(CancelledError):
            assert number == self._asked and not self.waits, "cancelled by somebody else"
            return
        self._answered(number)
        self._reader.fail(failure)


def by_poll(reader: Reader, chat: Chat, room: str = LOBBY, looks: bool = False) -> Leg:
    """``GET /rooms/R/messages?cursor=``, maybe with ``&roster=``."""

    def request() -> Deferred[Polled]:
        asked = Poll(room, reader.cursor(room), reader.limit, reader.wait_seconds)
        if looks:
            return look(chat, asked, reader.version, reader.asker)
        return poll(chat, asked, reader.asker).addCallback(Polled, None)

    def got(polled: Polled) -> bool:
        reader.take(polled.page)
        if polled.roster is not None:
            assert looks
            reader.show(polled.roster)
        return bool(polled.page.messages)

    return Polling(reader, [room], request, got)


def by_poll_of_rooms(reader: Reader, chat: Chat) -> Leg:
    """``GET /poll?at=``"""

    def request() -> Deferred[Sequence[Page]]:
        cursors = {room: reader.cursor(room) for room in ROOMS}
        return poll_rooms(chat, PollRooms(cursors, reader.limit, reader.wait_seconds), reader.asker)

    def got(pages: Sequence[Page]) -> bool:
        brought = [page for page in pages if page.messages]
        assert brought == pages or not brought, "only rooms with something new, or all of them"
        for page in pages:
            reader.take(page)
        return bool(brought)

    return Polling(reader, ROOMS, request, got)


def by_seed(reader: Reader, chat: Chat) -> Leg:
    """``GET /chat/get/N``"""

    def request() -> Deferred[Answer]:
        wait = {} if reader.wait_seconds is None else {b"wait": [b"%.3f" % reader.wait_seconds]}
        ask = seed_poll(chat, reader.next[LOBBY], Line(b"GET", "", wait))

        def refused(failure: Failure) -> Answer:
            if not isinstance(failure.value, CursorExpired | Crowded):
                failure.raiseException()  # of another fault the leg hears itself
            return ask.refuse(failure.value)

        return cast("Deferred[Answer]", deferred(ask.begin(reader.asker)).addCallbacks(ask.answer, refused))

    def got(answer: Answer) -> bool:
        seq = reader.next[LOBBY]
        if answer.status == 200:
            messages = [reader.store.log(LOBBY)[seq], reader.store.said(LOBBY)[seq]]
            (message,) = [message for message in messages if message.text == answer.body.decode()][:1]
            reader.take(Page(LOBBY, (message,), Cursor(EPOCH, seq + 1)))
        elif answer.status == 410:
            assert seq < reader.store.first(LOBBY), f"{seq} is said to be gone, and is not"
            reader.skip(LOBBY, reader.store.first(LOBBY))
        else:
            assert answer.status == 408
        return answer.status == 200

    return Polling(reader, [LOBBY], request, got)


class Streaming:
    """A leg by stream; it is the stream's sink, too.

    A slow reader's transport is full after each page; it has room again after `ask`.
    """

    def __init__(self, reader: Reader, chat: Chat, room: str, looks: bool) -> None:
        self.rooms = [room]
        self.paused = False
        self._reader = reader
        self._over = False
        self._stream: Stream | None = None
        version = reader.version if looks else None
        asked = Follow(room, reader.cursor(room), version)
        following = maybeDeferred(follow, chat, asked, reader.asker, self)
        following.addCallbacks(self._begin, self._refused).addErrback(reader.fault)

    @property
    def waits(self) -> bool:
        return not self._over and not self.paused

    def _begin(self, stream: Stream) -> None:
        self._stream = stream
        stream.resumeProducing()

    def _refused(self, failure: Failure) -> None:
        self._over = True
        self._reader.fail(failure)

    def ask(self) -> None:
        """A stream asks on by itself when its transport has room; one that is over stays so."""
        if self.paused and not self._over and self._stream is not None:
            self.paused = False
            self._stream.resumeProducing()

    def fill(self) -> None:
        """The transport is full, of whatever."""
        if self.waits and self._stream is not None:
            self.paused = True
            self._stream.pauseProducing()

    def leave(self) -> None:
        self._over = True
        if self._stream is not None:
            self._stream.stopProducing()

    def _answered(self) -> None:
        assert not self._over, "something for who has gone"
        assert not self.paused, "something for who does not take what came last"

    def page(self, page: Page) -> None:
        self._answered()
        assert page.messages
        self._reader.take(page)
        if self._reader.slow and self._stream is not None:
            self.paused = True
            self._stream.pauseProducing()

    def roster(self, state: RosterState) -> None:
        self._answered()
        self._reader.show(state)

    def alive(self) -> None:
        self._answered()

    def lost(self, expired: CursorExpired) -> None:
        self._answered()
        self._reader.lose(expired)

    def end(self, retry_after: int) -> None:
        assert not self._over, "an end after the end"
        self._over = True

    def dismiss(self, fault: AskerError) -> None:
        self.end(0)
        self._reader.fail(Failure(fault))

    def unsent(self) -> int:
        return 100_000

    def cut(self) -> None:
        assert self.paused, "who keeps up is cut off"
        self.leave()


WAYS: dict[str, Callable[[Reader, Chat], Leg]] = {
    "poll": by_poll,
    "poll that looks": lambda reader, chat: by_poll(reader, chat, looks=True),
    "poll of rooms": by_poll_of_rooms,
    "seed": by_seed,
    "stream": lambda reader, chat: Streaming(reader, chat, LOBBY, looks=False),
    "stream that looks": lambda reader, chat: Streaming(reader, chat, LOBBY, looks=True),
    "stream aside": lambda reader, chat: Streaming(reader, chat, ASIDE, looks=False),
}
