"""WebSocket: pages and the roster out, posts and typing in, each message one JSON object.

=======================================  ==========================================================
it says                                  when
=======================================  ==========================================================
a page                                   first an empty one, with the cursor it goes on from;
                                         then whenever there are messages
``{"roster": roster}``                   to whoever asked with ``roster=VERSION``, when it differs
``{"posted": {"key": …, "cursor": …,     a post is durable (law 2)
"message": …}}``
``{"problem": {…, "key": …}}``           a post was refused; its `key`, where it has one
``{"problem": {…}}``                     messages were lost (it goes on from `earliest`), or a
                                         message was not understood, or says too often who types
=======================================  ==========================================================

=======================================  ==========================================================
it hears                                 what happens
=======================================  ==========================================================
``{"post": {"key": …, "text": …}}``      what ``POST /rooms/R/messages`` does, with `data` if given
``{"typing": true}``                     what ``POST /rooms/R/typing`` does
another object                           a problem
no JSON object                           1008, the end
no UTF-8                                 1007, the end
=======================================  ==========================================================

* Posts are answered in the order in which they came.  `IN_FLIGHT` of them may wait for the store; then no more is
  read until one has been answered (law 9).
* A post that was begun goes on when the socket closes (law 6).  Whoever did not hear of it sends it again, by its key.
* When the stream ends (the server stops: 1012; the store can't be used: 1013), what was begun is answered first.
* Who posts is looked up for each post: a session may end while its socket is open.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from chatcomet.access.asker import Asker
from chatcomet.api import posting, rooms
from chatcomet.api.chat import Chat
from chatcomet.api.posting import Post
from chatcomet.api.streaming import Follow, Stream, follow
from chatcomet.core.message import Cursor, Page
from chatcomet.core.roster import RosterState
from chatcomet.core.store import Posted
from chatcomet.errors import (
    AskerError,
    ChatcometError,
    CursorExpired,
    Malformed,
    NotAllowed,
    ServerFault,
    TooMany,
)
from chatcomet.http import query, wire
from chatcomet.http.asks import check_source
from chatcomet.http.bodies import read_draft, read_json
from chatcomet.http.frames import FORBIDDEN, NO_OBJECT, NO_UTF8, RESTART, TRY_LATER, UNAUTHORIZED, Socket, framed
from chatcomet.http.handshake import Offer, read_handshake
from chatcomet.http.limited import LimitedChannel
from chatcomet.http.query import Query

IN_FLIGHT = 32

_POST = frozenset({"key", "text", "data", "author"})
_FORM = "a WebSocket's frame"  # under which it is kept with a page or a roster


def page_frame(page: Page) -> bytes:
    """The frame of a page (law 11)."""
    frame = page.encodings.get(_FORM)
    if frame is None:
        frame = page.encodings[_FORM] = framed(wire.encode_page(page))
    return frame


def roster_frame(state: RosterState) -> bytes:
    """The frame of a roster."""
    frame = state.encodings.get(_FORM)
    if frame is None:
        frame = state.encodings[_FORM] = framed(b'{"roster":%b}' % wire.roster_json(state))
    return frame


def open_socket(
    chat: Chat, room: str, asked: Query, offer: Offer, who: Callable[[], Asker], channel: LimitedChannel
) -> Deferred[None]:
    """Open the socket that is asked for, on `channel`; fires when nothing of that is left to HTTP.

    `who`: asks, or posts, now.  Raises `UpgradeRequired`, `CrossSite`, `Malformed`, `NotAllowed`, `NotSignedIn` and
    `BadTicket`; fails with `ServerFault` if there can be none now.
    """
    key = read_handshake(offer)
    check_source(chat, offer)
    cursor = query.parameter(asked, "cursor")
    roster = query.number(asked, "roster")
    to_follow = Follow(room, Cursor.parse(cursor) if cursor else None, roster)
    return SocketSink(chat, channel, who).serve(to_follow, key)


@dataclass(slots=True)
class _Flight:
    """A message that is to be answered, and the answer as soon as there is one."""

    answer: bytes | None = None


class SocketSink(Socket):
    """One socket in one room: writes its stream (an `api.streaming.Sink`), and answers what it hears.

    `who`: posts now.
    """

    __slots__ = ("_chat", "_farewell", "_flights", "_room", "_who")
    _log = Logger()

    def __init__(self, chat: Chat, channel: LimitedChannel, who: Callable[[], Asker]) -> None:
        super().__init__(channel)
        self._chat = chat
        self._who = who
        self._flights: deque[_Flight] | None = None  # while there are any
        self._farewell: tuple[int, str] | None = None  # to close with, when all is answered

    def serve(self, asked: Follow, key: str) -> Deferred[None]:
        """Shake hands, by `key`, and begin the stream; fires when nothing is left to HTTP.

        Fails with `ServerFault` if there can be none now, and nothing was said.
        """
        self._room = asked.room
        return follow(self._chat, asked, self._who(), self).addCallback(self._begin, key)

    def _begin(self, stream: Stream, key: str) -> None:
        try:
            self.begin(key, page_frame(Page(self._room, (), stream.cursor)), stream)
        except Exception:
            stream.stopProducing()
            if not self.is_open:  # HTTP has an answer for this
                raise
            self._log.failure("a fault in beginning a socket of {room}", room=self._room)
            self.cut()

    # Out: what the stream says

    def page(self, page: Page) -> None:
        """A page."""
        self.say(page_frame(page))

    def roster(self, state: RosterState) -> None:
        """Who is here."""
        self.say(roster_frame(state))

    def lost(self, expired: CursorExpired) -> None:
        """That messages were lost; the stream goes on from the earliest one kept."""
        self.say(framed(_problem(expired)))

    def alive(self) -> None:
        """Asks for a sign of life, which is one."""
        self.ping()

    def end(self, retry_after: int) -> None:
        """Close as soon as all posts that were begun are answered; no other is read."""
        code = RESTART if self._chat.hub.draining else TRY_LATER
        self._farewell = (code, f"come again in {retry_after} s")
        self._see_to_flights()

    def dismiss(self, fault: AskerError) -> None:
        """Say why, and close; what was posted before goes on."""
        self.say(framed(_problem(fault)))
        self.close(FORBIDDEN if isinstance(fault, NotAllowed) else UNAUTHORIZED, "you may not read on")

    # In: what is heard

    def heard(self, message: bytes) -> None:
        """One message of the peer's."""
        try:
            document = read_json(message.decode())
        except UnicodeDecodeError:
            self.close(NO_UTF8, "messages are UTF-8")
            return
        except Malformed:
            document = None
        if not isinstance(document, dict):
            self.close(NO_OBJECT, "each message is one JSON object")
        elif document.get("typing") is True and len(document) == 1:
            self._typing()
        else:
            self._answer(document)

    def _typing(self) -> None:
        try:
            rooms.typing(self._chat, self._room, self._who())
        except TooMany as error:
            self.say(framed(_problem(error)))
        except AskerError:  # nobody hears of it
            pass

    def _answer(self, document: dict[str, object]) -> None:
        """Do what `document` asks for; it is answered after all that was heard before it."""
        flight = _Flight()
        if self._flights is None:
            self._flights = deque()
        self._flights.append(flight)
        key = _key(document)
        answer: Deferred[bytes] = maybeDeferred(self._post, document, key)
        answer.addErrback(self._refused, key).addCallback(self._landed, flight)
        self._see_to_flights()

    def _post(self, document: dict[str, object], key: str | None) -> Deferred[bytes]:
        post = document.get("post")
        if len(document) != 1 or not isinstance(post, dict):
            raise Malformed('a message is {"post": …} or {"typing": true}')
        if not post.keys() <= _POST:
            raise Malformed(f"a post has no other members than {', '.join(sorted(_POST))}")
        if key is None:
            raise Malformed("a post has a key of 1 to 128 visible ASCII characters, by which it is answered")
        text, data, author = read_draft(post)
        asked = Post(self._room, text, data, key, author)
        return posting.post(self._chat, asked, self._who()).addCallback(self._posted, key)

    def _posted(self, posted: Posted, key: str) -> bytes:
        answer = wire.posted_answer(posted, self._chat.store.epoch)
        return b'{"posted":{"key":%b,%b}' % (wire.dumps(key).encode(), answer.body[1:])

    def _refused(self, failure: Failure, key: str | None) -> bytes:
        error = failure.value
        if isinstance(error, ChatcometError):
            return _problem(error, key)
        self._log.failure("a fault in a post to {room}", failure, room=self._room)
        return _attributed(wire.FAULT.body, key)

    def _landed(self, answer: bytes, flight: _Flight) -> None:
        flight.answer = answer
        while self._flights and (first := self._flights[0].answer) is not None:
            self._flights.popleft()
            self.say(framed(first))
        if not self._flights:
            self._flights = None
        self._see_to_flights()

    def _see_to_flights(self) -> None:
        """Read on while there is room for posts; at the end, close when there are none left."""
        if self._farewell is None:
            self.listen(not self._flights or len(self._flights) < IN_FLIGHT)
        elif self._flights:
            self.listen(False)
        else:
            self.close(*self._farewell)


def _key(document: dict[str, object]) -> str | None:
    """The key of the post that `document` is or was meant to be, if it has one."""
    post = document.get("post")
    key = post.get("key") if isinstance(post, dict) else None
    return key if isinstance(key, str) and posting.KEY.fullmatch(key) else None


def _problem(error: ChatcometError, key: str | None = None) -> bytes:
    """``{"problem": problem}``, with the `key` of the post that it is about, and when to try again."""
    problem = wire.problem_answer(error).body
    if isinstance(error, ServerFault | TooMany):
        problem = b'%b,"retry_after":%d}' % (problem[:-1], error.retry_after)
    return _attributed(problem, key)


def _attributed(problem: bytes, key: str | None) -> bytes:
    if key is not None:
        problem = b'%b,"key":%b}' % (problem[:-1], wire.dumps(key).encode())
    return b'{"problem":%b}' % problem
