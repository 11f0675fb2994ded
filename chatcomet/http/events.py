"""Event streams: ``text/event-stream`` (the HTML standard's server-sent events) and NDJSON.

======================  =====================================  ===========================================
what is said            event stream                           NDJSON, a line each
======================  =====================================  ===========================================
the cursor at the start ``id: C``                              ``{"cursor": C}``
a message               ``id: C`` and ``data: message``        ``{"cursor": C, "message": message}``
messages were lost      ``event: lost`` and ``data: problem``  ``{"cursor": C, "lost": problem}``
who is here             ``event: roster``, ``data: roster``    ``{"roster": roster}``
a sign of life          ``: alive``                            an empty line
come again              ``retry: milliseconds``                the end
======================  =====================================  ===========================================

C is the cursor after the message, or where the stream goes on.  Who is here is told to whoever asked with
``roster=VERSION``, when it differs; it has no id, so that an `EventSource` keeps that of the last message.

An `EventSource` gives up for good when it is answered with an error status.  So where a stream can't be had now, it
is told when to come again, with 200.
"""

from __future__ import annotations

import sys
from typing import Protocol

from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.logger import Logger
from twisted.python.failure import Failure

from chatcomet.access.asker import Asker
from chatcomet.api.chat import Chat
from chatcomet.api.streaming import Follow, Stream, follow
from chatcomet.core.message import Cursor, Message, Page
from chatcomet.core.roster import RosterState
from chatcomet.errors import AskerError, CursorExpired, ServerFault
from chatcomet.http import query, wire
from chatcomet.http.body import Body
from chatcomet.http.query import Header, Query
from chatcomet.http.wire import Answer

RETRY_MS = 2_000
"""How long an EventSource waits before it comes again, and up to as long again, so that not all come at once."""


UNBUFFERED = (("X-Accel-Buffering", "no"),)
"""Tells nginx, and others in front, to pass on what comes when it comes."""


class Form(Protocol):
    """One of the two ways to write what a stream says."""

    @property
    def content_type(self) -> str:
        """The media type."""

    def begin(self, cursor: Cursor, retry_ms: int) -> str:
        """The first block."""

    def message(self, message: Message, cursor: Cursor) -> str:
        """One message."""

    def lost(self, problem: str, cursor: Cursor) -> str:
        """That messages were lost."""

    def roster(self, roster: str) -> str:
        """Who is here."""

    def alive(self) -> str:
        """A sign of life."""

    def retry(self, retry_ms: int) -> str:
        """When to come again."""


class EventStream:
    """``text/event-stream``"""

    content_type = "text/event-stream"

    def begin(self, cursor: Cursor, retry_ms: int) -> str:
        return f"id: {cursor}\n\nretry: {retry_ms}\n\n"

    def message(self, message: Message, cursor: Cursor) -> str:
        return f"id: {cursor}\ndata: {wire.message_json(message)}\n\n"

    def lost(self, problem: str, cursor: Cursor) -> str:
        return f"id: {cursor}\nevent: lost\ndata: {problem}\n\n"

    def roster(self, roster: str) -> str:
        return f"event: roster\ndata: {roster}\n\n"

    def alive(self) -> str:
        return ": alive\n\n"

    def retry(self, retry_ms: int) -> str:
        return f"retry: {retry_ms}\n\n"


class Lines:
    """NDJSON: one JSON value a line."""

    content_type = "application/x-ndjson"

    def begin(self, cursor: Cursor, retry_ms: int) -> str:
        return f'{{"cursor":"{cursor}"}}\n'

    def message(self, message: Message, cursor: Cursor) -> str:
        return f'{{"cursor":"{cursor}","message":{wire.message_json(message)}}}\n'

    def lost(self, problem: str, cursor: Cursor) -> str:
        return f'{{"cursor":"{cursor}","lost":{problem}}}\n'

    def roster(self, roster: str) -> str:
        return f'{{"roster":{roster}}}\n'

    def alive(self) -> str:
        return "\n"

    def retry(self, retry_ms: int) -> str:
        return ""


EVENT_STREAM, LINES = EventStream(), Lines()


def chosen_form(accept: str | None) -> Form:
    """NDJSON for who asks for it, an event stream for all others."""
    return LINES if accept and LINES.content_type in accept.lower() else EVENT_STREAM


def follow_room(chat: Chat, room: str, asked: Query, header: Header, asker: Asker, body: Body) -> Deferred[None]:
    """Write the stream that is asked for to `body`; fires, with nothing more to write, when it has ended.

    Raises `Malformed`, `NotAllowed` and `NotSignedIn`; fails with what no stream can be begun for.  Cancelling ends
    the stream.
    """
    follow = Follow(room, query.beginning(asked, header), query.number(asked, "roster"))
    sink = EventSink(body, chosen_form(header.header("Accept")), chat.random())
    if asked.method == b"HEAD":
        chat.gate.check_reader(asker, room)
        sink.begin_answer()
        return succeed(None)
    return sink.serve(chat, follow, asker)


class EventSink:
    """Writes a stream as the body of one answer (an `api.streaming.Sink`)."""

    _log = Logger()
    __slots__ = ("_body", "_encoded", "_ended", "_following", "_form", "_retry_ms", "_stream")

    def __init__(self, body: Body, form: Form, luck: float) -> None:
        self._body = body
        self._form = form
        self._encoded = sys.intern(form.content_type + body.framing)  # the name of what is kept with a page
        self._retry_ms = int(RETRY_MS * (1 + luck))
        self._stream: Stream | None = None
        self._following: Deferred[Stream] | None = None  # it is on its way
        self._ended: Deferred[None] = Deferred(self._gone)

    def serve(self, chat: Chat, asked: Follow, asker: Asker) -> Deferred[None]:
        """Begin the answer and the stream; fires, with nothing more to write, when the stream has ended.

        Cancelling ends the stream.
        """
        ended = self._ended
        self._following = following = follow(chat, asked, asker, self)
        following.addCallbacks(self._begin, self._not_now).addErrback(self._broke)
        return ended

    def begin_answer(self) -> None:
        """Write what comes before the stream."""
        self._body.begin(Answer(200, content_type=self._form.content_type, headers=UNBUFFERED))

    def _begin(self, stream: Stream) -> None:
        self._stream, self._following = stream, None
        self.begin_answer()
        self._write(self._form.begin(stream.cursor, self._retry_ms))
        self._body.register(stream)
        stream.resumeProducing()

    def _not_now(self, failure: Failure) -> None:
        if isinstance(failure.value, ServerFault):
            self.begin_answer()
            self._write(self._form.retry(max(failure.value.retry_after * 1_000, self._retry_ms)))
            self._let_go().callback(None)
        elif not failure.check(CancelledError):
            self._let_go().errback(failure)

    def _broke(self, failure: Failure) -> None:
        self._log.failure("a fault in beginning a stream", failure)
        self._body.cut()

    def _gone(self, _: Deferred[None]) -> None:
        """The peer has dropped."""
        following, stream = self._following, self._stream
        self._let_go()
        if following is not None:
            following.cancel()
        elif stream is not None:
            stream.stopProducing()

    def _let_go(self) -> Deferred[None]:
        """What is to hear of the end.  What keeps us as we keep it would keep all that is unsent, until the garbage
        collector finds it, which looks seldom."""
        ended, self._ended = self._ended, Deferred()
        self._stream = self._following = None
        return ended

    def page(self, page: Page) -> None:
        """A block or line for each message; encoded once for all who get this page in this form."""
        encoded = page.encodings.get(self._encoded)
        if encoded is None:
            after = page.cursor.next - len(page.messages) + 1
            blocks = (
                self._form.message(message, Cursor(page.cursor.epoch, after + index))
                for index, message in enumerate(page.messages)
            )
            encoded = page.encodings[self._encoded] = self._body.frame("".join(blocks).encode())
        self._body.write(encoded)

    def roster(self, state: RosterState) -> None:
        """Who is here; encoded once for all who are shown this in this form."""
        encoded = state.encodings.get(self._encoded)
        if encoded is None:
            roster = self._form.roster(wire.roster_json(state).decode()).encode()
            encoded = state.encodings[self._encoded] = self._body.frame(roster)
        self._body.write(encoded)

    def alive(self) -> None:
        """A sign of life."""
        self._write(self._form.alive())

    def lost(self, expired: CursorExpired) -> None:
        """That messages were lost; the stream goes on from the earliest one kept."""
        problem = wire.problem_answer(expired).body.decode()
        self._write(self._form.lost(problem, Cursor(expired.epoch, expired.first)))

    def end(self, retry_after: int) -> None:
        """When to come again, and the end of the answer."""
        self._write(self._form.retry(max(retry_after * 1_000, self._retry_ms)))
        self._body.unregister()
        self._let_go().callback(None)

    def dismiss(self, fault: AskerError) -> None:
        """The end: an EventSource comes again, and is told why not."""
        self.end(0)

    def unsent(self) -> int:
        """See `Sink.unsent`."""
        return self._body.unsent()

    def cut(self) -> None:
        """See `Sink.cut`."""
        self._body.cut()

    def _write(self, text: str) -> None:
        self._body.write(self._body.frame(text.encode()))
