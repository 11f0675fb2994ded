"""A reader: an endless walk along a room's log, message by message, over any number of requests.

1. A poll begins where the last one led, so that nothing is lost between two.  What was fetched is handed out
   before anything more is asked for: a slow consumer slows its own reader, and nothing grows.
2. Nothing is asked twice in a row at once without having brought a message: one such answer is innocent (a server
   that stops answers all), more of them are met with back-off.
3. `cursor` moves when a message is handed out.  A program that keeps it (as text) when it has *done* with the
   message, and begins there after a crash, gets every message at least once: only the last one may come again.
"""

from __future__ import annotations

from collections import deque
from typing import Literal, Self

from chatcomet.client.answers import read_page
from chatcomet.client.errors import Problem, Refused
from chatcomet.client.exchange import ANSWER_SECONDS, Request
from chatcomet.client.server import Heard, Server
from chatcomet.client.steps import Gap, Step, steps
from chatcomet.core.message import PAGE_MESSAGES, Cursor, Message, Page
from chatcomet.errors import Malformed

HOLD_SECONDS = 25
QUICK_SECONDS = 0.5
"""An answer in less time than this was not that of a suspended poll."""

Beginning = Cursor | Literal["start"] | None
"""A cursor; "start": the first message that is kept; None: what comes from now on."""


class Reader:
    """``async for item in reader``: each item is a `Message`, or a `Gap` where messages were lost to this reader.

    It never ends by itself.  It raises `Refused`, and `Unreachable` where it was given a patience; asking it for
    more after that goes on where it was.  One consumer at a time; cancelling that ends the poll at once.
    """

    def __init__(self, room: str, server: Server, begin: Beginning, patience_seconds: float | None) -> None:
        self._room = room
        self._server = server
        self._patience_seconds = patience_seconds
        self._read_page = read_page(room)
        self._path = f"rooms/{room}/messages"
        self._from_start = begin == "start"
        self._fetched: deque[Step] = deque()
        self._fruitless = 0  # answers in a row that came at once and brought no message
        self._retry_after: float | None = None  # where too many read, some are told to come again later
        self._cursor = self._position = begin if isinstance(begin, Cursor) else None

    @property
    def cursor(self) -> Cursor | None:
        """After the item that was handed out last; None: not begun, and no place known to begin at."""
        return self._cursor

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Message | Gap:
        while not self._fetched:
            await self._fetch()
        item, self._cursor = self._fetched.popleft()
        return item

    async def _fetch(self) -> None:
        if self._position is None:
            self._cursor = self._position = await self._beginning()
        if self._fruitless > 1 or self._retry_after is not None:
            await self._server.rest(max(self._fruitless - 2, 0), self._retry_after)
            self._retry_after = None
        began = self._server.seconds()
        walked = await self._ask(self._position)
        brought = any(isinstance(step.item, Message) for step in walked)
        is_quick = self._server.seconds() - began < QUICK_SECONDS
        self._fruitless = self._fruitless + 1 if is_quick and not brought else 0
        self._fetched.extend(walked)
        if walked:
            self._position = walked[-1].cursor

    async def _beginning(self) -> Cursor:
        newest, _ = await self._page(("limit", "1"))
        return Cursor(newest.cursor.epoch, 0) if self._from_start else newest.cursor

    async def _ask(self, position: Cursor) -> list[Step]:
        """One suspended poll from `position`."""
        try:
            page, retry_after = await self._page(
                ("cursor", str(position)),
                ("limit", str(PAGE_MESSAGES)),
                ("wait", str(HOLD_SECONDS)),
                seconds=HOLD_SECONDS + ANSWER_SECONDS,
            )
        except Refused as refused:
            earliest = _earliest(refused.problem)
            if earliest is None:
                raise
            return self._recover(position, earliest)
        self._from_start = False
        self._retry_after = None if page.messages else retry_after
        return steps(position, page)

    def _recover(self, position: Cursor, earliest: Cursor) -> list[Step]:
        """Go on from the first message that is kept; who began at the start has lost nothing by that."""
        if self._from_start:
            self._cursor = self._position = earliest
            return []
        return [Step(Gap(position, earliest), earliest)] if earliest != position else []

    async def _page(self, *params: tuple[str, str], seconds: float = ANSWER_SECONDS) -> Heard[Page]:
        request = Request("GET", self._path, params, seconds=seconds)
        return await self._server.hear(request, self._read_page, self._patience_seconds)


def _earliest(problem: Problem) -> Cursor | None:
    """Where a reader whose cursor has expired can go on; None if that is not what the problem is."""
    earliest = problem.members.get("earliest")
    if problem.status != 410 or not isinstance(earliest, str):
        return None
    try:
        return Cursor.parse(earliest)
    except Malformed:
        return None
