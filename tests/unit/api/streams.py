"""Streams over a transport that does as the test says."""

from __future__ import annotations

from typing import Literal

from chatcomet.access.asker import Asker
from chatcomet.api.streaming import Follow, Stream, follow
from chatcomet.core.message import Cursor, Page
from chatcomet.core.roster import RosterState
from chatcomet.errors import AskerError, CursorExpired
from tests.unit.api.running_chat import EPOCH, SOMEBODY, ChatTestCase

BEGINNING = Cursor(EPOCH, 0)


class Transport:
    """A `Sink` that keeps what it is told, and asks the stream to pause as the test says."""

    def __init__(self) -> None:
        self.stream: Stream | None = None
        self.said: list[object] = []
        self.seqs: list[int] = []
        self.pauses: Literal["never", "at each page", "for a moment at each page"] = "never"
        self.raises: Exception | None = None
        self.left = 0
        """How many bytes are unsent."""

    def page(self, page: Page) -> None:
        assert page.messages
        assert page.cursor.next == page.messages[-1].seq + 1
        self.seqs.extend(message.seq for message in page.messages)
        self.said.append(len(page.messages))
        if self.raises is not None:
            raise self.raises
        if self.pauses != "never" and self.stream is not None:
            self.stream.pauseProducing()
            if self.pauses == "for a moment at each page":
                self.stream.resumeProducing()

    def roster(self, state: RosterState) -> None:
        self.said.append([listed.name for listed in state.people])

    def alive(self) -> None:
        self.said.append("alive")

    def lost(self, expired: CursorExpired) -> None:
        self.said.append(("lost", expired.first))

    def end(self, retry_after: int) -> None:
        self.said.append(("end", retry_after))

    def dismiss(self, fault: AskerError) -> None:
        self.said.append(("dismissed", type(fault)))

    def unsent(self) -> int:
        return self.left

    def cut(self) -> None:
        self.said.append("cut")


class StreamingTestCase(ChatTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.sink = Transport()

    def follow(self, cursor: Cursor | None = BEGINNING, asker: Asker = SOMEBODY, roster: int | None = None) -> Stream:
        """A stream that is to be begun by `resumeProducing`."""
        stream = self.successResultOf(follow(self.chat, Follow("lobby", cursor, roster), asker, self.sink))
        self.sink.stream = stream
        return stream

    def begin(self, cursor: Cursor | None = BEGINNING, asker: Asker = SOMEBODY, roster: int | None = None) -> Stream:
        stream = self.follow(cursor, asker, roster)
        stream.resumeProducing()
        return stream

    def add_many(self, count: int) -> None:
        self.add(*map(str, range(count)))

    def assert_gone(self) -> None:
        """Nothing is left of the stream: no place among readers and waiters, nobody in the room, no timer."""
        self.assertEqual((len(self.chat.readers), self.hub.waiting), (0, 0))
        self.clock.pump([60.0] * 4)
        self.assertEqual((len(self.hub), self.clock.getDelayedCalls()), (0, []))
