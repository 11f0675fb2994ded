"""What an answer means to a reader: steps along the log, each a message or a gap and the cursor after it.

1. Every message once and in the order of the log, whatever order and repetition a page has.
2. A hole is never passed over in silence: what was not there when it should have been is a `Gap`.
3. Nothing leads back: an answer from before (a cache's, say) is no news.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from chatcomet.core.message import Cursor, Message, Page


@dataclass(frozen=True, slots=True)
class Gap:
    """Messages were lost to this reader: all before `before` was seen, and reading goes on from `after`."""

    before: Cursor
    after: Cursor

    @property
    def lost(self) -> int | None:
        """How many messages; None if `after` is in another log, in which nothing was seen yet."""
        if self.before.epoch != self.after.epoch or self.after.next < self.before.next:
            return None
        return self.after.next - self.before.next


class Step(NamedTuple):
    """What is handed out, and the cursor that leads on from there."""

    item: Message | Gap
    cursor: Cursor


def steps(position: Cursor, page: Page) -> list[Step]:
    """The way from `position` to the end of `page`; no steps if it brings nothing new."""
    walked: list[Step] = []
    if page.cursor.epoch != position.epoch:
        first = min((message.seq for message in page.messages), default=page.cursor.next)
        position = _skip(walked, position, Cursor(page.cursor.epoch, first))
    for message in sorted(page.messages, key=lambda message: message.seq):
        if message.seq < position.next:
            continue
        if message.seq > position.next:
            position = _skip(walked, position, Cursor(position.epoch, message.seq))
        position = Cursor(position.epoch, message.seq + 1)
        walked.append(Step(message, position))
    if page.cursor.next > position.next:
        _skip(walked, position, page.cursor)
    return walked


def _skip(walked: list[Step], before: Cursor, after: Cursor) -> Cursor:
    walked.append(Step(Gap(before, after), after))
    return after
