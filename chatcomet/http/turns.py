"""Turns: who is heard when, of those that may say much at once.

What comes on a connection of HTTP/1.1 is a request, and the next one waits until that is answered.  Over HTTP/2 a
hundred may come at once, or hundreds that are taken back at once: tens of milliseconds in which nobody else would be
served.  So of all connections together `FRAMES` are heard in a turn of the reactor; what is more waits, and goes in
the next turns, `SHARE` of each connection after the other.  Who says little while no others wait is heard at once.
"""

from __future__ import annotations

from typing import Protocol

from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

FRAMES = 16
"""Of which eight are requests, or more: each takes a third of a millisecond."""

SHARE = 4


class Speaker(Protocol):
    """Somebody who is heard in turn."""

    @property
    def has_more(self) -> bool:
        """Whether something can be heard now."""

    def hear_some(self, most: int) -> int:
        """Hear `most` frames of that, which is at least one; how many it were."""

    def cut(self) -> None:
        """End this now: there was a fault in hearing it."""


class Turns:
    """Has the speakers hear what they have."""

    _log = Logger()

    def __init__(self, clock: IReactorTime) -> None:
        self._clock = clock
        self._waiting: dict[Speaker, None] = {}  # in the order in which they are heard
        self._left = FRAMES  # in this turn
        self._is_ending = False  # this turn, at its end

    def take(self, speaker: Speaker) -> None:
        """Something has come of `speaker`: hear it now, if there is time, or else in turn."""
        self._end_later()
        if self._left and not self._waiting:
            self._hear(speaker, self._left)
        else:
            self._waiting.setdefault(speaker)

    def _hear(self, speaker: Speaker, most: int) -> None:
        if speaker.has_more:
            self._left -= speaker.hear_some(most)
        if speaker.has_more:
            self._waiting[speaker] = None

    def _end_later(self) -> None:
        if not self._is_ending:
            self._is_ending = True
            self._clock.callLater(0, self._end)

    def _end(self) -> None:
        """Begin the next turn."""
        self._is_ending = False
        self._left = FRAMES
        if self._waiting:
            self._end_later()
        while self._waiting and self._left:
            speaker = next(iter(self._waiting))
            del self._waiting[speaker]
            try:
                self._hear(speaker, min(SHARE, self._left))
            except Exception:
                self._log.failure("a fault in hearing a connection")
                speaker.cut()
