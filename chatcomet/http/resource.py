"""ChatResource: the Klein routes over api.

A route reads the request, asks `api`, and turns what comes of it into an `Answer`; errors become one in
`handle_errors`.  Klein cancels a route's Deferred when its peer drops (`notifyFinish`), which is how a
suspended poll is forgotten.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from klein import Klein
from twisted.internet.defer import Deferred, maybeDeferred, succeed
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.iweb import IRequest
from twisted.web.resource import IResource
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from chatcomet.access.identity import Session
from chatcomet.api import moderation, rooms, sessions
from chatcomet.api.chat import Chat
from chatcomet.api.polling import History, history
from chatcomet.core.message import parse_number
from chatcomet.core.roster import Person
from chatcomet.errors import ChatcometError, NotFound
from chatcomet.http import asks, query, wire
from chatcomet.http.bodies import read_object
from chatcomet.http.body import RequestBody
from chatcomet.http.cookies import SessionCookie
from chatcomet.http.description import read_description
from chatcomet.http.events import follow_room
from chatcomet.http.handshake import check_line
from chatcomet.http.page import read_page
from chatcomet.http.request import ChatRequest
from chatcomet.http.socket import open_socket
from chatcomet.http.wire import Answer

Route = Callable[..., Deferred[Answer]] | Callable[..., Answer]


def _answers(route: Route) -> Callable[..., Deferred[bytes]]:
    """A Klein route of one that returns an `Answer` or a Deferred of one."""

    @wraps(route)
    def answered(self: ChatResource, request: ChatRequest, **matched: Any) -> Deferred[bytes]:
        answer: Deferred[Answer] = maybeDeferred(route, self, request, **matched)
        return answer.addCallback(request.begin)

    return answered


def _begin(request: IRequest, answer: Answer) -> bytes:
    assert isinstance(request, ChatRequest), "a ChatResource is served by a ChatSite"
    return request.begin(answer)


class ChatResource:
    """The whole of a chat as a web resource, to be mounted anywhere: see `resource`."""

    app = Klein()
    # Each of these makes werkzeug redirect to an absolute URL, at whatever Host the asker names.
    app.url_map.merge_slashes = app.url_map.redirect_defaults = False
    _log = Logger()

    def __init__(self, chat: Chat) -> None:
        self._chat = chat
        self._page = read_page()
        self._description = read_description()
        self._home = Answer(302, headers=(("Location", chat.settings.prefix + "/"),))
        self._cookie = SessionCookie(chat.settings.prefix)

    def resource(self) -> IResource:
        """What a `twisted.web.server.Site` serves, or a parent resource takes by `putChild`."""
        return self.app.resource()

    # The page

    @app.route("/", methods=["GET"], defaults={"name": ""})
    @app.route("/<any('chatcomet.js', 'page.js', 'chat.css', 'icon.svg'):name>", methods=["GET"])
    @_answers
    def file(self, request: ChatRequest, name: str) -> Answer:
        return self._page[name]

    @app.route("/openapi.yaml", methods=["GET"])
    @_answers
    def description(self, request: ChatRequest) -> Answer:
        return self._description

    # The seed's protocol

    @app.route("/chat/get/<number>", methods=["GET"])
    @_answers
    def seed_get(self, request: ChatRequest, number: str) -> Deferred[Answer]:
        seq = parse_number(number)
        if seq is None:
            return succeed(self._home)
        return asks.seed_poll(self._chat, seq, request).answered()

    @app.route("/chat/post", methods=["POST"])
    @_answers
    def seed_post(self, request: ChatRequest) -> Deferred[Answer]:
        body, session = request.content.getvalue(), self._session(request)
        return asks.seed_post(self._chat, request, body, session).answered()

    @app.route("/chat", defaults={"rest": ""})
    @app.route("/chat/", defaults={"rest": ""})
    @app.route("/chat/<path:rest>")
    @_answers
    def seed_home(self, request: ChatRequest, rest: str) -> Answer:
        if rest == "post":
            raise MethodNotAllowed(valid_methods=["POST"])
        if request.method not in (b"GET", b"HEAD"):
            raise MethodNotAllowed(valid_methods=["GET", "HEAD"])
        return self._home

    # Messages

    @app.route("/rooms/<room>/messages", methods=["GET"])
    @_answers
    def messages(self, request: ChatRequest, room: str) -> Deferred[Answer]:
        cursor = query.parameter(request, "cursor")
        if cursor is not None:
            return asks.room_poll(self._chat, room, cursor, request).answered(self._person(request))
        asked = History(room, query.number(request, "before"), query.limit(request))
        query.wait_seconds(request)  # nothing to wait for; but it has its form, or the asker errs
        return history(self._chat, asked).addCallback(wire.page_answer)

    @app.route("/poll", methods=["GET"])
    @_answers
    def messages_of_rooms(self, request: ChatRequest) -> Deferred[Answer]:
        return asks.rooms_poll(self._chat, request).answered(self._person(request))

    @app.route("/rooms/<room>/messages", methods=["POST"])
    @_answers
    def post(self, request: ChatRequest, room: str) -> Deferred[Answer]:
        body, session = request.content.getvalue(), self._session(request)
        return asks.room_post(self._chat, room, request, body, session).answered()

    @app.route("/rooms/<room>/messages/<seq>", methods=["DELETE"])
    @_answers
    def erase(self, request: ChatRequest, room: str, seq: str) -> Answer:
        asks.check_source(self._chat, request)
        number = parse_number(seq)
        if number is None:
            raise NotFound("messages are numbered 0, 1, 2 …")
        moderation.erase(room, number)
        return Answer(204)

    @app.route("/rooms/<room>/events", methods=["GET"])
    def events(self, request: ChatRequest, room: str) -> Deferred[bytes]:
        body = RequestBody(request)
        followed = follow_room(self._chat, room, request, request, self._person(request), body)
        return followed.addCallback(lambda _: b"")

    @app.route("/rooms/<room>/socket", methods=["GET"])
    def socket(self, request: ChatRequest, room: str) -> Deferred[bytes]:
        check_line(request.method, request.clientproto)
        cookie, person = self._read_cookie(request), self._person(request)
        opened = open_socket(self._chat, room, request, request, cookie, person, request.channel)
        return opened.addCallback(lambda _: Deferred())  # of the request nothing is left that could be answered

    # Rooms

    @app.route("/rooms", methods=["GET"])
    @_answers
    def rooms(self, request: ChatRequest) -> Deferred[Answer]:
        after = query.parameter(request, "after") or ""
        return rooms.rooms(self._chat, after).addCallback(wire.rooms_answer)

    @app.route("/rooms/<room>", methods=["GET"])
    @_answers
    def room(self, request: ChatRequest, room: str) -> Deferred[Answer]:
        return rooms.room(self._chat, room).addCallback(wire.room_answer)

    @app.route("/rooms/<room>/typing", methods=["POST"])
    @_answers
    def typing(self, request: ChatRequest, room: str) -> Answer:
        asks.check_source(self._chat, request)
        rooms.typing(self._chat, room, self._person(request))
        return Answer(204)

    # Sessions

    @app.route("/session", methods=["GET"])
    @_answers
    def who(self, request: ChatRequest) -> Answer:
        return wire.who_answer(sessions.who(self._chat, self._session(request)))

    @app.route("/session", methods=["POST"])
    @_answers
    def sign_in(self, request: ChatRequest) -> Answer:
        asks.check_source(self._chat, request)
        name = wire.read_name(read_object(request.header("Content-Type"), request.content.getvalue()))
        session = sessions.sign_in(self._chat, self._session(request), name)
        set_cookie = self._cookie.header(self._chat.sessions.cookie(session), secure=request.isSecure())
        return wire.who_answer(sessions.who(self._chat, session), (set_cookie,))

    @app.route("/session", methods=["DELETE"])
    @_answers
    def sign_out(self, request: ChatRequest) -> Answer:
        asks.check_source(self._chat, request)
        sessions.sign_out(self._chat, self._session(request))
        return Answer(204, headers=(self._cookie.header(None, secure=request.isSecure()),))

    # Errors

    @app.handle_errors(ChatcometError)
    def refused(self, request: IRequest, failure: Failure) -> bytes:
        assert isinstance(failure.value, ChatcometError)
        return _begin(request, wire.problem_answer(failure.value))

    @app.handle_errors(HTTPException)
    def not_routed(self, request: IRequest, failure: Failure) -> bytes:
        error = failure.value
        if isinstance(error, MethodNotAllowed):
            allowed = ", ".join(sorted(error.valid_methods or ()))
            detail = f"{request.method.decode('latin-1')} is not for this; {allowed} is"
            answer = wire.problem(
                405, "method-not-allowed", "Method not allowed", detail, headers=(("Allow", allowed),)
            )
        else:
            answer = wire.problem(404, "not-found", "There is no such thing here", "nothing is served at this path")
        return _begin(request, answer)

    @app.handle_errors(Exception)
    def fault(self, request: IRequest, failure: Failure) -> bytes:
        self._log.failure("a fault in answering {request}", failure, request=request)
        return _begin(request, wire.FAULT)

    # What routes share

    def _read_cookie(self, request: ChatRequest) -> str | None:
        return self._cookie.read(request.getCookie, secure=request.isSecure())

    def _session(self, request: ChatRequest) -> Session | None:
        cookie = self._read_cookie(request)
        return None if cookie is None else self._chat.sessions.recall(cookie)

    def _person(self, request: ChatRequest) -> Person:
        address = str(getattr(request.getClientAddress(), "host", ""))
        return sessions.reader(self._chat, self._session(request), address)
