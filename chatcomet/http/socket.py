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
                                         message was not understood
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

from twisted.internet.defer import CancelledError, Deferred, maybeDeferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from chatcomet.access.identity import Session
from chatcomet.api import posting, rooms
from chatcomet.api.chat import Chat
from chatcomet.api.posting import Post
from chatcomet.api.streaming import Follow, Stream, follow
from chatcomet.core.message import Page
from chatcomet.core.roster import RosterState
from chatcomet.core.store import Posted
from chatcomet.errors import ChatcometError, CursorExpired, Malformed, ServerFault
from chatcomet.http import wire
from chatcomet.http.bodies import read_json
from chatcomet.http.frames import NO_OBJECT, NO_UTF8, RESTART, TRY_LATER, Socket, SocketFactory
from chatcomet.http.request import LimitedChannel

IN_FLIGHT = 32

_POST = frozenset({"key", "text", "data"})
_FORM = "a WebSocket's frame"  # under which it is kept with a page or a roster


class Sockets:
    """What the sockets of one chat share: how their frames are made, once for all who get the same."""

    def __init__(self, chat: Chat) -> None:
        self.factory = SocketFactory(chat.clock)

    def page(self, page: Page) -> bytes:
        """The frame of a page (law 11)."""
        framed = page.encodings.get(_FORM)
        if framed is None:
            framed = page.encodings[_FORM] = self.factory.frame(wire.page_json(page))
        return framed

    def roster(self, state: RosterState) -> bytes:
        """The frame of a roster."""
        framed = state.encodings.get(_FORM)
        if framed is None:
            framed = state.encodings[_FORM] = self.factory.frame(b'{"roster":%b}' % wire.roster_json(state))
        return framed


@dataclass(slots=True)
class _Flight:
    """A message that is to be answered, and the answer as soon as there is one."""

    answer: bytes | None = None


class SocketSink:
    """One socket in one room: writes its stream (an `api.streaming.Sink`), and answers what it hears (a `Listener`).

    `session`: who posts now.
    """

    _log = Logger()

    def __init__(self, chat: Chat, sockets: Sockets, asked: Follow, session: Callable[[], Session | None]) -> None:
        self._chat = chat
        self._sockets = sockets
        self._asked = asked
        self._session = session
        self._stream: Stream | None = None
        self._socket: Socket | None = None
        self._flights: deque[_Flight] = deque()
        self._farewell: tuple[int, str] | None = None  # to close with, when all is answered
        self._ended: Deferred[bytes] = Deferred(lambda _: self._hung_up())

    def serve(self, channel: LimitedChannel, key: str) -> Deferred[bytes]:
        """Shake hands, by `key`, and begin the stream.  Raises `Malformed`.

        Fails with `ServerFault` if there can be none now, and nothing was said.  Else it is cancelled at the end.
        """
        self._following = follow(self._chat, self._asked, self)
        self._following.addCallback(self._begin, channel, key).addErrback(self._not_begun, channel)
        return self._ended

    def _begin(self, stream: Stream, channel: LimitedChannel, key: str) -> None:
        self._stream = stream
        self._channel = channel
        self._socket = Socket(self._sockets.factory, key, self, channel.send)
        channel.upgrade(self._socket)

    def _not_begun(self, failure: Failure, channel: LimitedChannel) -> None:
        if self._socket is not None:  # it is too late for an answer by HTTP
            self._log.failure("a fault in beginning a socket of {room}", failure, room=self._asked.room)
            channel.cut()
        elif not failure.check(CancelledError):
            self._ended.errback(failure)

    def _hung_up(self) -> None:
        """The peer has dropped, before the handshake or after it."""
        self._following.cancel()
        self.gone()

    # Out: what the stream says

    def page(self, page: Page) -> None:
        """A page."""
        self._say(self._sockets.page(page))

    def roster(self, state: RosterState) -> None:
        """Who is here."""
        self._say(self._sockets.roster(state))

    def lost(self, expired: CursorExpired) -> None:
        """That messages were lost; the stream goes on from the earliest one kept."""
        self._say(self._sockets.factory.frame(_problem(expired)))

    def alive(self) -> None:
        """Asks for a sign of life, which is one."""
        self._open.ping()

    def end(self, retry_after: int) -> None:
        """Close as soon as all posts that were begun are answered; no other is read."""
        code = RESTART if self._chat.hub.draining else TRY_LATER
        self._farewell = (code, f"come again in {retry_after} s")
        self._see_to_flights()

    def unsent(self) -> int:
        """See `Sink.unsent`."""
        return self._channel.unsent()

    def cut(self) -> None:
        """See `Sink.cut`."""
        self._channel.cut()

    @property
    def _open(self) -> Socket:
        assert self._socket is not None, "there is one since before the stream began"
        return self._socket

    def _say(self, frame: bytes) -> None:
        self._open.say(frame)

    # What the socket tells

    def opened(self) -> None:
        """Say from where the stream goes on, and begin it."""
        stream = self._stream
        assert stream is not None
        self.page(Page(self._asked.room, (), stream.cursor))
        stream.resumeProducing()

    def pauseProducing(self) -> None:
        """The peer does not keep up."""
        if self._stream is not None:
            self._stream.pauseProducing()

    def resumeProducing(self) -> None:
        """It does again."""
        if self._stream is not None:
            self._stream.resumeProducing()

    def gone(self) -> None:
        """Nothing more can be said: what is in flight goes on without us."""
        if self._stream is not None:
            self._stream.stopProducing()

    def heard(self, message: bytes) -> None:
        """One message of the peer's."""
        try:
            document = read_json(message.decode())
        except UnicodeDecodeError:
            self._open.close(NO_UTF8, "messages are UTF-8")
            return
        except Malformed:
            document = None
        if not isinstance(document, dict):
            self._open.close(NO_OBJECT, "each message is one JSON object")
        elif document.get("typing") is True and len(document) == 1:
            self._typing()
        else:
            self._answer(document)

    # In: what is heard

    def _typing(self) -> None:
        if self._asked.person is not None:
            rooms.typing(self._chat, self._asked.room, self._asked.person)

    def _answer(self, document: dict[str, object]) -> None:
        """Do what `document` asks for; it is answered after all that was heard before it."""
        flight = _Flight()
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
        text, data = wire.read_draft(post)
        asked = Post(self._asked.room, text, data, self._session(), key)
        return posting.post(self._chat, asked).addCallback(self._posted, key)

    def _posted(self, posted: Posted, key: str) -> bytes:
        answer = wire.posted_answer(posted, self._chat.store.epoch)
        return b'{"posted":{"key":%b,%b}' % (wire.dumps(key).encode(), answer.body[1:])

    def _refused(self, failure: Failure, key: str | None) -> bytes:
        error = failure.value
        if isinstance(error, ChatcometError):
            return _problem(error, key)
        self._log.failure("a fault in a post to {room}", failure, room=self._asked.room)
        return _attributed(wire.FAULT.body, key)

    def _landed(self, answer: bytes, flight: _Flight) -> None:
        flight.answer = answer
        while self._flights and (first := self._flights[0].answer) is not None:
            self._flights.popleft()
            self._say(self._sockets.factory.frame(first))
        self._see_to_flights()

    def _see_to_flights(self) -> None:
        """Read on while there is room for posts; at the end, close when there are none left."""
        if self._farewell is None:
            self._open.listen(len(self._flights) < IN_FLIGHT)
        elif self._flights:
            self._open.listen(False)
        else:
            self._open.close(*self._farewell)


def _key(document: dict[str, object]) -> str | None:
    """The key of the post that `document` is or was meant to be, if it has one."""
    post = document.get("post")
    key = post.get("key") if isinstance(post, dict) else None
    return key if isinstance(key, str) and posting.KEY.fullmatch(key) else None


def _problem(error: ChatcometError, key: str | None = None) -> bytes:
    """``{"problem": problem}``, with the `key` of the post that it is about, and when to try again."""
    problem = wire.problem_answer(error).body
    if isinstance(error, ServerFault):
        problem = b'%b,"retry_after":%d}' % (problem[:-1], error.retry_after)
    return _attributed(problem, key)


def _attributed(problem: bytes, key: str | None) -> bytes:
    if key is not None:
        problem = b'%b,"key":%b}' % (problem[:-1], wire.dumps(key).encode())
    return b'{"problem":%b}' % problem
