"""Rulings: what this process knows of who may not do what.

They are kept by a store; this is a view of it, read as the server starts and kept current by what the store tells.  So
to look is to look into memory, in O(1), and a ruling counts from the moment at which it is durable.

What bounds it: each ruling but a few goes when it is over (one that ends a session is over with the life of its
cookie).  Of bans and mutes there are `KEPT` in a room at most, and for one more the oldest is lifted, durably: they are
for the moderators of a room to make, and who has so many there made them.  A session or ticket that has ended stays so,
or a stolen cookie would count again some day: of guests' the limits see to it that there is an end
(``limits.ENDED``), and of others each belongs to somebody whom the operator has let in.

A ban or mute is of a name.  Of a guest it is of the session, too, under a subject of its own for each name under which
the session was ruled (`of_session`): one who is banned under two names is let in when both bans are lifted, and what is
ruled anew about a name is ruled about all sessions that were ruled for it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from chatcomet.core.rulings import KINDS, Kind, Ruling, RulingKey, RulingStore

KEPT = 50_000
CROWD = 1_000  # those that are over are looked for when there are so many, then when there are twice as many as stayed

_LIFTED: tuple[Kind, ...] = ("ban", "mute")

SESSION = "session\n"
"""Before a session's id, where that is ruled: no name begins so, since none has a control character."""


def of_session(session: str, name: str) -> str:
    """The subject that stands for `session` (an id), where it is ruled for its `name`, as `fold` has it."""
    return f"{SESSION}{session}\n{name}"


def ruled_name(subject: str) -> str:
    """For which name `subject` is ruled, be it that name or a session."""
    return subject.rpartition("\n")[2]


Began = Callable[[Ruling], None]
"""Called with a ruling that has begun, or begun anew with another end."""


class Rulings:
    """The rulings of `store`.  `wall` tells the time in seconds since 1970."""

    _log = Logger()

    def __init__(self, store: RulingStore, wall: Callable[[], float]) -> None:
        self._store = store
        self._wall = wall
        self._ruled: dict[tuple[Kind, str], dict[str, Ruling]] = {}  # by kind and room, then by subject, oldest first
        self._sessions: dict[tuple[Kind, str, str], dict[str, Ruling]] = {}  # of these, those of `SESSION` and an id
        self._count = 0
        self._crowd = CROWD
        self._began: list[Began] = []
        store.follow_rulings(self._told)

    def __len__(self) -> int:
        """How many are in memory."""
        return self._count

    def load(self) -> Deferred[None]:
        """Learn what was ruled before.  Fails with `StoreUnavailable`."""
        return self._store.rulings().addCallback(self._keep_all)

    def subscribe(self, began: Began) -> None:
        """From now on, call `began` with each ruling that begins."""
        self._began.append(began)

    # What there is

    def find(self, kind: Kind, room: str, subject: str) -> Ruling | None:
        """The ruling of this kind about `subject` in `room`, if there is one that is not over."""
        among = self._ruled.get((kind, room))
        ruling = among.get(subject) if among else None
        return None if ruling is None or ruling.is_over(self._wall()) else ruling

    def is_ruled(self, kind: Kind, room: str, subject: str) -> bool:
        """Whether there is such a ruling; of `SESSION` and an id, whether there is one for any name."""
        if not subject.startswith(SESSION):
            return self.find(kind, room, subject) is not None
        now = self._wall()
        return any(not ruling.is_over(now) for ruling in self._sessions.get((kind, room, subject), {}).values())

    def of(self, room: str) -> Sequence[Ruling]:
        """All of a room that are not over, by kind, the oldest first."""
        now = self._wall()
        among = [ruling for kind in KINDS for ruling in self._ruled.get((kind, room), {}).values()]
        return [ruling for ruling in among if not ruling.is_over(now)]

    def count(self, kind: Kind, room: str) -> int:
        """How many of this kind there are in `room`; those that are over, and were made first, are forgotten now."""
        among, now = self._ruled.get((kind, room), {}), self._wall()
        while among and (oldest := next(iter(among.values()))).is_over(now):
            self._drop(oldest.key)
        return len(among)

    # What is to be

    def rule(self, ruling: Ruling) -> Deferred[None]:
        """`RulingStore.rule`: when it fires, the ruling counts, and those who subscribed know."""
        return self._store.rule(ruling)

    def lift(self, kind: Kind, room: str, subject: str) -> Deferred[bool]:
        """`RulingStore.lift`: when it fires, the ruling does not count any more."""
        return self._store.lift(RulingKey(kind, room, subject))

    # What it is told

    def _told(self, key: RulingKey, ruling: Ruling | None) -> None:
        self._drop(key)
        if ruling is None or ruling.is_over(self._wall()):
            return
        self._keep(ruling)
        for began in tuple(self._began):
            try:
                began(ruling)
            except Exception:
                self._log.failure("who was to hear of a ruling raised")

    def _keep_all(self, rulings: Sequence[Ruling]) -> None:
        for ruling in rulings:
            self._drop(ruling.key)
            self._keep(ruling)

    def _keep(self, ruling: Ruling) -> None:
        if self._count >= self._crowd:
            self._forget_over()
        among = self._ruled.setdefault((ruling.kind, ruling.room), OrderedDict())
        among[ruling.subject] = ruling
        self._count += 1
        if ruling.subject.startswith(SESSION):
            self._sessions.setdefault(_by_session(ruling.key), {})[ruling.subject] = ruling
        if ruling.kind in _LIFTED and len(among) > KEPT:
            oldest = next(iter(among.values()))
            self._drop(oldest.key)
            self._store.lift(oldest.key).addErrback(self._not_lifted)

    def _drop(self, key: RulingKey) -> None:
        kind, room, subject = key
        among = self._ruled.get((kind, room), {})
        if among.pop(subject, None) is not None:
            self._count -= 1
            if not among:
                del self._ruled[kind, room]
            if subject.startswith(SESSION):
                self._drop_session(key)

    def _drop_session(self, key: RulingKey) -> None:
        names = self._sessions[_by_session(key)]
        del names[key.subject]
        if not names:
            del self._sessions[_by_session(key)]

    def _forget_over(self) -> None:
        now = self._wall()
        over = [each.key for among in self._ruled.values() for each in among.values() if each.is_over(now)]
        for key in over:
            self._drop(key)
        self._crowd = max(CROWD, 2 * self._count)

    def _not_lifted(self, failure: Failure) -> None:
        """It stays in the store, and is lifted when the server starts again and there are still too many."""
        self._log.warn("an old ruling can't be lifted now: {reason}", reason=failure.getErrorMessage())


def _by_session(key: RulingKey) -> tuple[Kind, str, str]:
    """The same for whatever name a session is ruled."""
    kind, room, subject = key
    return kind, room, subject.rpartition("\n")[0]
