"""Gathering: one suspended request for several rooms, woken once for what is there."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from typing import TypeVar

from twisted.internet.defer import Deferred, DeferredList, FirstError

from chatcomet.core import reading
from chatcomet.core.message import Cursor, Page
from chatcomet.core.room import AT_ONCE, Room
from chatcomet.errors import CursorExpired

T = TypeVar("T")

Asked = Sequence[tuple[Room, Cursor]]


def after_any(asked: Asked, epoch: str, limit: int, until: float) -> Deferred[Sequence[Page]]:
    """The pages after the cursors in those rooms where there is something; at the end of the hold empty ones of all.

    `until`: when it ends, on the rooms' clock, however often one of them moves and has nothing for the asker.
    Fails with `CursorExpired`, which names the room, or `ServerFault`.  Cancelling it forgets the asker.
    """
    return Deferred.fromCoroutine(_after_any(asked, epoch, limit, until))


async def _after_any(asked: Asked, epoch: str, limit: int, until: float) -> Sequence[Page]:
    with ExitStack() as held:
        for room, _ in asked:
            held.enter_context(room.in_use())  # all of them, or one is forgotten while another is read (law 8)
        return await _pages(asked, epoch, limit, until)


async def _pages(asked: Asked, epoch: str, limit: int, until: float) -> Sequence[Page]:
    while True:
        pages = [await reading.after(room, epoch, cursor, limit, AT_ONCE) for room, cursor in asked]
        news = [page for page in pages if page.messages]
        if news:
            return news
        # A room may have moved while another one was asked: only what is still so is waited for (law 1).
        # One that is still reading on to the cursor wakes us as it moves.
        if not any(room.head is None or room.head > cursor.next for room, cursor in asked):
            try:
                first = await _first([room.suspend(until) for room, _ in asked])
            except CursorExpired:  # a room moved over what has been pruned: that is no news to a cursor beyond it
                continue
            if not first.messages:
                return pages


async def _first(waiting: Sequence[Deferred[Page]]) -> Page:
    """What the first of `waiting` fires with; the others are forgotten."""
    first = DeferredList(waiting, fireOnOneCallback=True, fireOnOneErrback=True)
    # Not in a `finally`: what is found to be garbage would run that, and be woken by it while it is being ended.
    first.addBoth(_forget, waiting)
    try:
        page, _ = await first
    except FirstError as error:
        error.subFailure.raiseException()
        raise
    return page


def _forget(outcome: T, waiting: Sequence[Deferred[Page]]) -> T:
    for waiter in waiting:
        waiter.addErrback(lambda _: None)
        waiter.cancel()
    return outcome
