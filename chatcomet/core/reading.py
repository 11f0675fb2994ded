"""Reading: what asking with a cursor comes to.

==================================================  ==========================================================
the cursor is                                       what happens
==================================================  ==========================================================
behind the head, in the backlog                     a page now
behind the backlog                                  the store is read; what has been pruned is `CursorExpired`
at the head                                         the asker is suspended (`Room.suspend`)
ahead of the head, within the room's reach          the store is read; nothing is lost, the room follows by itself
at the reach of a room that is reading on           the asker is suspended until the room moves, then it is looked again
ahead of all that this process knows                the store is asked for its head, then it is looked again
of another epoch, pruned, or truly ahead            `CursorExpired`, which says what is here
==================================================  ==========================================================

Looking and becoming a waiter happen in one turn of the reactor (law 1): `_look` awaits nothing.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred, succeed

from chatcomet.core.message import DEFAULT_LIMIT, Cursor, Message, Page, first_that_fit, last_that_fit
from chatcomet.core.room import Room
from chatcomet.errors import CursorExpired

_READS_OF_THE_HEAD = 2  # the first may have begun before this asker came; the second did not


def after(
    room: Room, epoch: str, cursor: Cursor, limit: int, until: float, roster_seen: int | None = None
) -> Deferred[Page]:
    """The page after `cursor`, suspended at the head until `until` at the longest, then an empty one.

    `until`: when the hold ends, on the room's clock, however often the asker has to be suspended.
    `roster_seen`: a roster of another version than this ends the hold, too.
    Fails with `CursorExpired` or `ServerFault`.  Cancelling it forgets the asker.
    """
    if cursor.epoch == epoch:
        answer = _look(room, cursor.next, limit, until, roster_seen)
        if answer is not None:
            return answer
    return Deferred.fromCoroutine(_after(room, epoch, cursor, limit, until, roster_seen))


def _look(room: Room, start: int, limit: int, until: float, roster_seen: int | None) -> Deferred[Page] | None:
    """The answer, if this process has one: a page or a place among the waiters."""
    if start == room.head:
        waiting = room.suspend(until, roster_seen)
        return waiting if limit >= DEFAULT_LIMIT else waiting.addCallback(_cut, limit, room)
    page = room.page(start, limit)
    return None if page is None else succeed(page)


async def _after(room: Room, epoch: str, cursor: Cursor, limit: int, until: float, roster_seen: int | None) -> Page:
    with room.in_use():
        reads_of_the_head = 0
        pruned = False
        while cursor.epoch == epoch:
            answer = _look(room, cursor.next, limit, until, roster_seen)
            if answer is not None:
                return await answer
            if room.head is None or cursor.next > room.reach:
                if reads_of_the_head == _READS_OF_THE_HEAD:
                    break
                reads_of_the_head += 1
                await room.bounds()
            elif cursor.next == room.reach:
                if not await _moves(room, until, roster_seen):
                    return _page(room, cursor.next, ())
            else:
                messages = await room.read(cursor.next, limit)
                if not messages or messages[0].seq != cursor.next:
                    pruned = True
                    break
                return _page(room, cursor.next, first_that_fit(messages, limit, room.page_bytes))
        bounds = await room.bounds()
        if pruned and bounds.first <= cursor.next:
            bounds = await room.bounds()  # the first was begun, by somebody else, before the cursor expired
        raise CursorExpired(room.name, epoch, bounds.first, bounds.head)


def latest(room: Room) -> Deferred[Cursor]:
    """The cursor at the head.  Fails with `ServerFault`."""
    if room.head is not None:
        return succeed(room.cursor(room.head))
    return room.bounds().addCallback(lambda bounds: room.cursor(bounds.head))


async def _moves(room: Room, until: float, roster_seen: int | None) -> bool:
    """Whether the room's head moves before the hold ends."""
    try:
        return bool((await room.suspend(until, roster_seen)).messages)
    except CursorExpired:  # it moves over what has been pruned; that is said to those who wait for just this
        return True


def before(room: Room, seq: int | None, limit: int) -> Deferred[Page]:
    """The page that ends before message `seq`, or the newest one (None); empty where nothing older is kept.

    Fails with `ServerFault`.
    """
    return Deferred.fromCoroutine(_before(room, seq, limit))


async def _before(room: Room, seq: int | None, limit: int) -> Page:
    with room.in_use():
        first, head = await room.bounds()
        head = max(head, room.head or 0)  # the bounds may have been read before, for somebody else
        end = head if seq is None else max(first, min(seq, head))
        start = max(first, end - limit)
        messages = await room.read(start, end - start) if start < end else ()
        messages = [message for message in messages if message.seq < end]  # others come if some were pruned meanwhile
        return _page(room, end, last_that_fit(messages, limit, room.page_bytes))


def _page(room: Room, seq: int, messages: tuple[Message, ...]) -> Page:
    """A page of `messages` and the cursor after them; where there are none, the cursor before `seq`."""
    return Page(room.name, messages, room.cursor(messages[-1].seq + 1 if messages else seq))


def _cut(page: Page, limit: int, room: Room) -> Page:
    """No more than `limit` of the page that woke all who waited."""
    return page if len(page.messages) <= limit else _page(room, 0, page.messages[:limit])
