"""SlowStore: a log in memory whose answers and tellings wait until the test lets them go.

So a test chooses the interleaving: what a read sees (`Question.look`), when its asker hears of it
(`Question.answer`, `Question.fail`), and when, how often and in which order rooms are told.  To look at what an append
will say is to do it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, Literal, TypeVar

from twisted.internet.defer import Deferred, fail, succeed

from chatcomet.core.message import Draft, Message
from chatcomet.core.store import Before, Bounds, Outdated, Posted, Told
from chatcomet.errors import StoreUnavailable

T = TypeVar("T")
Kind = Literal["read", "bounds", "append"]

EPOCH = "k3v9"


class Question(Generic[T]):
    """A question to the store that waits for its answer."""

    def __init__(self, kind: Kind, room: str, look: Callable[[], T]) -> None:
        self.kind = kind
        self.room = room
        self.asker: Deferred[T] = Deferred()
        self._look = look
        self._seen: tuple[T] | None = None

    def look(self) -> None:
        """See now what the answer will say, whatever happens until it is given.  An append is done once."""
        if self._seen is None or self.kind != "append":
            self._seen = (self._look(),)

    def answer(self) -> None:
        """Give what was seen, or else what is there now."""
        if self._seen is None:
            self.look()
        assert self._seen is not None
        self.asker.callback(self._seen[0])

    def fail(self) -> None:
        """Answer that the store can't be read."""
        self.asker.errback(StoreUnavailable("the disk is gone"))


AnyQuestion = Question[Bounds] | Question[Sequence[Message]] | Question[Posted]

_HELD: dict[Kind, str] = {"read": "reads", "bounds": "bounds_asked", "append": "appends"}


class SlowStore:
    """A `MessageStore` under the test's hand; as it is made it holds nothing back and never fails."""

    def __init__(self) -> None:
        self.hold_reads = False
        self.hold_bounds = False
        self.hold_appends = False
        self.hold_tellings = False
        self.down = False
        """While true, questions that are not held fail at once."""
        self.reads: list[Question[Sequence[Message]]] = []
        self.bounds_asked: list[Question[Bounds]] = []
        self.appends: list[Question[Posted]] = []
        self.tellings: list[tuple[str, Sequence[Message]]] = []
        self.asked: list[tuple[str, ...]] = []
        """All that was ever asked: its kind, the room, and what else."""
        self._log: dict[str, list[Message]] = {}
        self._first: dict[str, int] = {}
        self._told: list[Told] = []
        self._outdated: list[Outdated] = []
        self._said: dict[str, list[Message]] = {}

    # MessageStore

    @property
    def epoch(self) -> str:
        return EPOCH

    def open(self) -> Deferred[None]:
        return succeed(None)

    def close(self) -> Deferred[None]:
        return succeed(None)

    def subscribe(self, told: Told, outdated: Outdated | None = None) -> None:
        self._told.append(told)
        self._outdated += [outdated] if outdated else []

    def forget_all(self) -> None:
        """Nobody listens any more, nobody waits for an answer: what a process leaves behind that ends."""
        self._told.clear()
        self._outdated.clear()
        self.tellings.clear()
        self._take()

    def erase(self, room: str, seq: int) -> Deferred[bool]:
        """Erased at once; who listens is told by `tell_outdated`."""
        if not self.first(room) <= seq < self.head(room):
            return succeed(False)
        erased = self._log[room][seq] = self._log[room][seq].erase()
        for place, (name, messages) in enumerate(self.tellings):  # who hears of it late hears what is there then
            if name == room:
                self.tellings[place] = (name, [erased if each.seq == seq else each for each in messages])
        return succeed(True)

    def prune(self, before: Before, after: str, limit: int) -> Deferred[str | None]:
        """Nothing is ever too old here: what goes, goes by `lose`."""
        return succeed(None)

    def append(self, room: str, draft: Draft) -> Deferred[Posted]:
        self.asked.append(("append", room))
        if not self.hold_appends:
            return fail(StoreUnavailable("the disk is gone")) if self.down else succeed(self._append(room, draft))
        question = Question("append", room, lambda: self._append(room, draft))
        question.asker = Deferred(lambda _: self.take(question))  # what a store might do for one who cancels
        self.appends.append(question)
        return question.asker

    def _append(self, room: str, draft: Draft) -> Posted:
        return Posted(self.post(room, draft.text, draft.author, draft.data), repeated=False)

    def read(self, room: str, start: int, limit: int) -> Deferred[Sequence[Message]]:
        self.asked.append(("read", room, str(start), str(limit)))
        assert limit > 0, "nobody reads nothing"
        if not self.hold_reads:
            return fail(StoreUnavailable("the disk is gone")) if self.down else succeed(self.kept(room, start, limit))
        question = Question("read", room, lambda: self.kept(room, start, limit))
        self.reads.append(question)
        return question.asker

    def bounds(self, room: str) -> Deferred[Bounds]:
        self.asked.append(("bounds", room))
        if not self.hold_bounds:
            return fail(StoreUnavailable("the disk is gone")) if self.down else succeed(self.kept_bounds(room))
        question = Question("bounds", room, lambda: self.kept_bounds(room))
        self.bounds_asked.append(question)
        return question.asker

    # What is in it

    def log(self, room: str) -> Sequence[Message]:
        """All that was ever appended, pruned or not."""
        return self._log.get(room, [])

    def said(self, room: str) -> Sequence[Message]:
        """The same, as it was before something was erased."""
        return self._said.get(room, [])

    def head(self, room: str) -> int:
        return len(self._log.get(room, ()))

    def first(self, room: str) -> int:
        return self._first.get(room, 0)

    def kept(self, room: str, start: int, limit: int) -> Sequence[Message]:
        start = max(start, self.first(room))
        return tuple(self._log.get(room, [])[start : start + limit])

    def kept_bounds(self, room: str) -> Bounds:
        return Bounds(self.first(room), self.head(room))

    def rooms(self, after: str, limit: int) -> Deferred[Sequence[tuple[str, Bounds]]]:
        names = sorted(name for name in self._log if name > after)
        return succeed([(name, self.kept_bounds(name)) for name in names[:limit]])

    # The test's hand

    def add(self, room: str, text: str = "", author: str = "ada", data: str | None = None) -> Message:
        """Append a message and tell nobody."""
        log = self._log.setdefault(room, [])
        message = Message(len(log), author, text or f"{room} {len(log)}", float(len(log)), data)
        log.append(message)
        self._said.setdefault(room, []).append(message)
        return message

    def post(self, room: str, text: str = "", author: str = "ada", data: str | None = None) -> Message:
        """Append a message and tell of it, unless tellings are held."""
        message = self.add(room, text, author, data)
        if self.hold_tellings:
            self.tellings.append((room, (message,)))
        else:
            self.tell(room, message)
        return message

    def tell(self, room: str, *messages: Message) -> None:
        """Tell of a run of messages; whether that was done before, or is not their turn, is the test's choice."""
        for told in self._told:
            told(room, messages)

    def lose(self, room: str, first: int) -> None:
        """Keep nothing before `first`."""
        self._first[room] = max(self.first(room), min(first, self.head(room)))

    def tell_lost(self, room: str) -> None:
        """Tell what `room` has lost."""
        self.tell_outdated(room, self.first(room))

    def tell_outdated(self, room: str, end: int) -> None:
        """Tell that something before `end` was pruned or erased."""
        for outdated in self._outdated:
            outdated(room, end)

    @property
    def questions(self) -> Sequence[AnyQuestion]:
        """What waits for an answer."""
        return [*self.bounds_asked, *self.reads, *self.appends]

    def take(self, question: AnyQuestion) -> None:
        """Forget `question`, which is going to be answered."""
        held: list[AnyQuestion] = getattr(self, _HELD[question.kind])
        held.remove(question)

    def answer_all(self) -> None:
        """Answer what waits for an answer, in order, and what is asked meanwhile."""
        while self.questions:
            for question in self._take():
                question.answer()

    def _take(self) -> Sequence[AnyQuestion]:
        waiting = self.questions
        for question in waiting:
            self.take(question)
        return waiting
