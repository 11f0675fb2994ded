"""Streaming: a reader that stays, over whatever transport.

A stream is a poll that asks again by itself, with its cursor, for as long as its transport drains.  So
catching up, slow readers, and messages that arrive while a stream begins need no rule of their own:

* It asks for the next page when the last one has left; what lies unsent is never more than one page.
* At the end of each hold, when nothing came, the reader is shown a sign of life.
* A cursor that has expired is told (`Sink.lost`), and the stream goes on from the earliest message kept.
* Whoever takes nothing for `STALL_SECONDS` is cut off; its cursor resumes it (law 10).
* Who looks at the roster is shown it at the start and when it was announced, whether it waits then (`Room.suspend`) or
  is given messages, unless it has seen that version; one that did not keep up then is shown it when it does again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from twisted.internet.defer import CancelledError, Deferred, fail, succeed
from twisted.internet.interfaces import IDelayedCall, IPushProducer
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from chatcomet.access.asker import Asker
from chatcomet.api.chat import Chat
from chatcomet.api.polling import CROWDED_SECONDS, JITTER
from chatcomet.api.waiting import Wait
from chatcomet.core.message import DEFAULT_LIMIT, Cursor, Page, check_room_name
from chatcomet.core.roster import RosterState
from chatcomet.core.waiters import Standing
from chatcomet.errors import AskerError, Crowded, CrowdedAddress, CursorExpired, ServerFault

ALIVE_SECONDS = 15.0
STALL_SECONDS = 30.0
SETTLE_SECONDS = 1.0
"""After a reader is found slow the systems in between may take in some more, which is no sign of life."""

RETURN_SECONDS = 1


class Sink(Protocol):
    """Where a stream goes: one transport's way to write."""

    def page(self, page: Page) -> None:
        """Write a page of messages."""

    def roster(self, state: RosterState) -> None:
        """Write who is here, for a reader that looks."""

    def alive(self) -> None:
        """Write a sign of life."""

    def lost(self, expired: CursorExpired) -> None:
        """Write that messages were lost to this reader; what follows goes on from the earliest one kept."""

    def end(self, retry_after: int) -> None:
        """The stream can't go on here now: let the reader come again after so many seconds."""

    def dismiss(self, fault: AskerError) -> None:
        """The reader may not read on, for this reason."""

    def unsent(self) -> int:
        """How many bytes have been written but not yet been taken by the peer's system."""

    def cut(self) -> None:
        """End the connection, with whatever is unsent."""


@dataclass(frozen=True, slots=True)
class Follow:
    """All messages of `room` after `cursor`; without one, those from now on.  Raises `Malformed` for no room.

    `roster`: the version that the reader has seen (None: it does not look).
    """

    room: str
    cursor: Cursor | None = None
    roster: int | None = None

    def __post_init__(self) -> None:
        check_room_name(self.room)


def follow(chat: Chat, asked: Follow, asker: Asker, sink: Sink) -> Deferred[Stream]:
    """Fires with a stream that has begun.

    Fails with `ServerFault`, with `Crowded` where there are too many readers, and with what the reader was dismissed
    for before it has begun; raises `NotAllowed` and `NotSignedIn`.
    """
    chat.gate.check_reader(asker, asked.room)

    def begin(cursor: Cursor) -> Stream:
        stream = Stream(chat, asked, asker, cursor, sink)
        if not stream.enter():
            raise _crowded(chat)
        return stream

    return _start(chat, asked, asker).addCallback(begin)


def _start(chat: Chat, asked: Follow, asker: Asker) -> Deferred[Cursor]:
    """From where on; who has to wait for that may be dismissed meanwhile, as any reader."""
    if asked.cursor is not None:
        return succeed(asked.cursor)
    wait = Wait(chat.readers, asker, (asked.room,), ())
    if not wait.enter():
        return fail(_crowded(chat))
    return wait.until(chat.hub.latest(asked.room))


def _crowded(chat: Chat) -> Crowded:
    """What one too many is told."""
    kind = Crowded if chat.readers.is_full else CrowdedAddress
    return kind((), CROWDED_SECONDS)


@implementer(IPushProducer)
class Stream(Standing):
    """One reader's way through a room: begun by `resumeProducing`, paused and resumed by its transport."""

    __slots__ = (
        *("_asked", "_asking", "_chat", "_ended", "_hold_seconds", "_paused"),
        *("_room", "_roster", "_seen", "_sink", "_stall", "asker", "cursor"),
    )
    _log = Logger()

    def __init__(self, chat: Chat, asked: Follow, asker: Asker, cursor: Cursor, sink: Sink) -> None:
        super().__init__()
        self.asker = asker
        self.cursor = cursor
        self._chat = chat
        room = chat.hub.room(asked.room)
        self._room = room.name  # one string for all
        self._sink = sink
        self._paused = False
        self._ended = False
        self._asking = False
        self._hold_seconds = ALIVE_SECONDS * (1 - JITTER * chat.random())
        self._asked: Deferred[Page] | None = None
        self._stall: IDelayedCall | None = None
        self._seen = asked.roster
        self._roster = room.roster

    def enter(self) -> bool:
        """Whether there may be one more; if so, it is to end by `stopProducing`."""
        if not self._chat.readers.enter(self):
            return False
        self._roster.enter(self.asker.person)
        return True

    @property
    def rooms(self) -> tuple[str]:
        """See `Reader.rooms`."""
        return (self._room,)

    def dismiss(self, fault: AskerError) -> None:
        """The reader has lost the right to read."""
        if not self._ended:
            self.stopProducing()
            self._sink.dismiss(fault)

    def resumeProducing(self) -> None:
        """What was written has left: ask on."""
        self._paused = False
        self._stop_watching()
        self._show_roster()
        self._ask()

    def pauseProducing(self) -> None:
        """The peer does not keep up: ask for nothing until it does, and see whether it takes anything at all."""
        self._paused = True
        self._ask_no_more()  # what is sent in a burst finds the peer slow only after it
        if self._stall is None and not self._ended:
            self._stall = self._chat.clock.callLater(SETTLE_SECONDS, self._watch, STALL_SECONDS - SETTLE_SECONDS)

    def stopProducing(self) -> None:
        """The reader has gone, or the stream is at its end."""
        if self._ended:
            return
        self._ended = True
        self._stop_watching()
        self._chat.readers.leave(self)
        self._roster.leave(self.asker.person)
        self._ask_no_more()

    def _ask_no_more(self) -> None:
        self.leave()
        if self._asked is not None:
            self._asked.cancel()

    def _ask(self) -> None:
        """Ask for the next page, and again as long as pages come at once and leave at once."""
        if self._asking:
            return
        self._asking = True
        hub, hold_seconds = self._chat.hub, self._hold_seconds
        while not (self._paused or self._ended or self._asked or self.bucket is not None):
            if not hub.wait(self, hub.room(self._room), self.cursor, hold_seconds, self._seen):
                self._asked = hub.after(self._room, self.cursor, DEFAULT_LIMIT, hold_seconds, self._seen)
                self._asked.addBoth(self.told)
        self._asking = False

    def told(self, outcome: Page | Failure) -> None:
        """What was asked for, or why it can't be had."""
        self._asked = None
        if isinstance(outcome, Failure):
            self._failed(outcome)
            return
        try:
            self._write(outcome)
        except Exception:
            self._failed(Failure())
        else:
            self._ask()

    def _write(self, page: Page) -> None:
        self.cursor = page.cursor
        if page.messages:
            self._sink.page(page)
            if not self._paused:
                self._show_roster()  # or who reads as much as there is, and never waits, would never be shown it
        elif self._chat.hub.draining:
            self._finish(RETURN_SECONDS)
        elif not self._show_roster():
            self._sink.alive()

    def _show_roster(self) -> bool:
        """Write the roster for a reader that looks and has not seen it as it is; whether that was so."""
        if self._ended or self._seen is None or self._seen == (shown := self._roster.look()).version:
            return False
        self._seen = shown.version
        self._sink.roster(shown)
        return True

    def _failed(self, failure: Failure) -> None:
        self._asked = None
        if failure.check(CancelledError):
            return
        if isinstance(failure.value, CursorExpired):
            self.cursor = Cursor(failure.value.epoch, failure.value.first)
            self._sink.lost(failure.value)
            self._ask()
            return
        if not isinstance(failure.value, ServerFault):
            self._log.failure("a fault in a stream of {room}", failure, room=self._room)
        self._finish(getattr(failure.value, "retry_after", RETURN_SECONDS))

    def _finish(self, retry_after: int) -> None:
        self.stopProducing()
        self._sink.end(retry_after)

    def _watch(self, seconds: float) -> None:
        self._stall = self._chat.clock.callLater(seconds, self._check, self._sink.unsent())

    def _check(self, before: int) -> None:
        """Cut the reader off if as much is unsent as `before`: it took nothing.

        Is it less, then it took some.  Is it more, then that can't be told: posts of before were answered, of which
        there is an end, since nothing is heard of whoever does not keep up.
        """
        if self._sink.unsent() == before:
            self._log.info("a reader of {room} took nothing for {seconds} s", room=self._room, seconds=STALL_SECONDS)
            self._stall = None
            self._sink.cut()
        else:
            self._watch(STALL_SECONDS)

    def _stop_watching(self) -> None:
        if self._stall is not None:
            self._stall.cancel()
            self._stall = None
