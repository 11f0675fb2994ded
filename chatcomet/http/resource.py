"""ChatResource: the Klein routes over api.

A route reads the request, asks `api`, and turns what comes of it into an `Answer`; errors become one in
`handle_errors`.  Klein cancels a route's Deferred when its peer drops (`notifyFinish`), which is how a
suspended poll is forgotten.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, wraps
from typing import Any

from klein import Klein
from twisted.internet.defer import Deferred, maybeDeferred, succeed
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.iweb import IRequest
from twisted.web.resource import IResource
from werkzeug.exceptions import HTTPException, MethodNotAllowed
from werkzeug.routing import BaseConverter

from chatcomet.access.asker import Asker, holder
from chatcomet.access.identity import Session
from chatcomet.api import moderation, rooms, sessions
from chatcomet.api.chat import Chat
from chatcomet.api.moderation import Sanction
from chatcomet.api.polling import History, history
from chatcomet.core.message import parse_number
from chatcomet.errors import ChatcometError, Malformed, NotFound
from chatcomet.http import asks, query, wire
from chatcomet.http.asks import Ask
from chatcomet.http.bodies import read_object, read_seconds, read_sign_in
from chatcomet.http.body import RequestBody
from chatcomet.http.cookies import SessionCookie
from chatcomet.http.cors import permission
from chatcomet.http.credentials import (
    Credentials,
    counted_address,
    known_by,
    read_credentials,
    with_ticket,
    without_ticket,
)
from chatcomet.http.description import read_description
from chatcomet.http.events import follow_room
from chatcomet.http.handshake import check_line
from chatcomet.http.limited import LimitedChannel
from chatcomet.http.page import FILES, read_page
from chatcomet.http.request import ChatRequest
from chatcomet.http.socket import open_socket
from chatcomet.http.wire import Answer

_FILES = ", ".join(f"'{name}'" for name in FILES if name)
"""As Klein's routes name them."""

_SANCTIONS: dict[str, Sanction] = {"bans": "ban", "mutes": "mute"}
"""By what they are called in a path."""


class _Name(BaseConverter):
    """Somebody's name in a path, which may be anything but nothing, a slash at its beginning included.

    Werkzeug sees a path without its escapes: so it stands at the end, and is all that is left.
    """

    regex = "(?s:.+)"
    part_isolating = False
    weight = 200  # as that of `path`: what is more definite comes first


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
    app.url_map.converters["name"] = _Name  # this map has its own
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
    @app.route(f"/<any({_FILES}):name>", methods=["GET"])
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
        return self._answered(request, partial(asks.seed_poll, self._chat, seq, request))

    @app.route("/chat/post", methods=["POST"])
    @_answers
    def seed_post(self, request: ChatRequest) -> Deferred[Answer]:
        body = request.content.getvalue()
        return self._answered(request, partial(asks.seed_post, self._chat, request, body))

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
            return self._answered(request, partial(asks.room_poll, self._chat, room, cursor, request))
        asked = History(room, query.number(request, "before"), query.limit(request))
        query.wait_seconds(request)  # nothing to wait for; but it has its form, or the asker errs
        return self._asker(request).addCallback(partial(history, self._chat, asked)).addCallback(wire.page_answer)

    @app.route("/poll", methods=["GET"])
    @_answers
    def messages_of_rooms(self, request: ChatRequest) -> Deferred[Answer]:
        return self._answered(request, partial(asks.rooms_poll, self._chat, request))

    @app.route("/rooms/<room>/messages", methods=["POST"])
    @_answers
    def post(self, request: ChatRequest, room: str) -> Deferred[Answer]:
        body = request.content.getvalue()
        return self._answered(request, partial(asks.room_post, self._chat, room, request, body))

    @app.route("/rooms/<room>/messages/<seq>", methods=["DELETE"])
    @_answers
    def erase(self, request: ChatRequest, room: str, seq: str) -> Deferred[Answer]:
        asks.check_source(self._chat, request)
        number = parse_number(seq)
        if number is None:
            raise NotFound("messages are numbered 0, 1, 2 …")
        erased = self._asker(request).addCallback(partial(moderation.erase, self._chat, room, number))
        return erased.addCallback(lambda _: Answer(204))

    @app.route("/rooms/<room>/<any('bans', 'mutes'):sort>", methods=["GET"])
    @_answers
    def sanctions(self, request: ChatRequest, room: str, sort: str) -> Deferred[Answer]:
        listed = self._asker(request).addCallback(partial(moderation.sanctions, self._chat, _SANCTIONS[sort], room))
        return listed.addCallback(partial(wire.sanctions_answer, sort))

    @app.route("/rooms/<room>/<any('bans', 'mutes'):sort>/<name:whom>", methods=["PUT"])
    @_answers
    def sanction(self, request: ChatRequest, room: str, sort: str, whom: str) -> Deferred[Answer]:
        asks.check_source(self._chat, request)
        if query.parameter(request, "seconds") is not None:
            raise Malformed("for how many seconds is said in the body")
        body = request.content.getvalue()
        seconds = read_seconds(read_object(request.header("Content-Type"), body)) if body else None
        sanction = partial(moderation.sanction, self._chat, _SANCTIONS[sort], room, whom, seconds)
        return self._asker(request).addCallback(sanction).addCallback(wire.sanction_answer)

    @app.route("/rooms/<room>/<any('bans', 'mutes'):sort>/<name:whom>", methods=["DELETE"])
    @_answers
    def lift(self, request: ChatRequest, room: str, sort: str, whom: str) -> Deferred[Answer]:
        asks.check_source(self._chat, request)
        lifted = self._asker(request).addCallback(partial(moderation.lift, self._chat, _SANCTIONS[sort], room, whom))
        return lifted.addCallback(lambda _: Answer(204))

    @app.route("/rooms/<room>/events", methods=["GET"])
    def events(self, request: ChatRequest, room: str) -> Deferred[bytes]:
        def begin(asker: Asker) -> Deferred[None]:
            return follow_room(self._chat, room, request, request, asker, RequestBody(request))

        credentials = with_ticket(self._read_credentials(request), request)
        return self._asker_by(credentials, request).addCallback(begin).addCallback(lambda _: b"")

    @app.route("/rooms/<room>/socket", methods=["GET"])
    def socket(self, request: ChatRequest, room: str) -> Deferred[bytes]:
        check_line(request.method, request.clientproto)
        channel = request.channel
        assert isinstance(channel, LimitedChannel), "it speaks HTTP/1.1"
        credentials = with_ticket(self._read_credentials(request), request)

        def begin(who: Callable[[], Asker]) -> Deferred[bytes]:
            opened = open_socket(self._chat, room, request, request, who, channel)
            return opened.addCallback(lambda _: Deferred())  # of the request nothing is left that could be answered

        if credentials.password is None:
            return begin(partial(known_by, self._chat, credentials, _peer(request)))
        # Who has signed in by a password is known by that for as long as the socket is open.
        return self._asker_by(credentials, request).addCallback(lambda asker: begin(lambda: asker))

    # Rooms

    @app.route("/rooms", methods=["GET"])
    @_answers
    def rooms(self, request: ChatRequest) -> Deferred[Answer]:
        after = query.parameter(request, "after") or ""
        return self._asker(request).addCallback(partial(rooms.rooms, self._chat, after)).addCallback(wire.rooms_answer)

    @app.route("/rooms/<room>", methods=["GET"])
    @_answers
    def room(self, request: ChatRequest, room: str) -> Deferred[Answer]:
        return self._asker(request).addCallback(partial(rooms.room, self._chat, room)).addCallback(wire.room_answer)

    @app.route("/rooms/<room>/typing", methods=["POST"])
    @_answers
    def typing(self, request: ChatRequest, room: str) -> Deferred[Answer]:
        asks.check_source(self._chat, request)
        typed = self._asker(request).addCallback(partial(rooms.typing, self._chat, room))
        return typed.addCallback(lambda _: Answer(204))

    # Sessions

    @app.route("/session", methods=["GET"])
    @_answers
    def who(self, request: ChatRequest) -> Deferred[Answer]:
        room = query.parameter(request, "room")

        def answer(asker: Asker) -> Answer:
            who = sessions.who(self._chat, asker, room)
            session = sessions.renew(self._chat, asker)
            cookie = () if session is None else (self._set_cookie(request, session),)
            return wire.who_answer(who, cookie)

        return self._asker(request).addCallback(answer)

    @app.route("/session", methods=["POST"])
    @_answers
    def sign_in(self, request: ChatRequest) -> Deferred[Answer]:
        asks.check_source(self._chat, request)
        name, password = read_sign_in(read_object(request.header("Content-Type"), request.content.getvalue()))

        def answer(session: Session, asker: Asker) -> Answer:
            who = sessions.who(self._chat, holder(session, asker.address))
            return wire.who_answer(who, (self._set_cookie(request, session),))

        def sign_in(asker: Asker) -> Deferred[Answer]:
            if password is None:
                session = maybeDeferred(sessions.sign_in, self._chat, asker, name)
            else:
                member = sessions.authenticate(self._chat, name, password, asker.address)
                session = member.addCallback(partial(sessions.admit, self._chat, asker))
            return session.addCallback(answer, asker)

        return self._asker(request).addCallback(sign_in)

    @app.route("/session", methods=["DELETE"])
    @_answers
    def sign_out(self, request: ChatRequest) -> Deferred[Answer]:
        asks.check_source(self._chat, request)
        signed_out = self._asker(request).addCallback(partial(sessions.sign_out, self._chat))
        removed = self._cookie.header(None, secure=request.isSecure())
        return signed_out.addCallback(lambda _: Answer(204, headers=(removed,)))

    # Errors

    @app.handle_errors(ChatcometError)
    def refused(self, request: IRequest, failure: Failure) -> bytes:
        assert isinstance(failure.value, ChatcometError)
        return _begin(request, wire.problem_answer(failure.value))

    @app.handle_errors(HTTPException)
    def not_routed(self, request: IRequest, failure: Failure) -> bytes:
        error = failure.value
        if isinstance(error, MethodNotAllowed):
            return _begin(request, self._other_method(request, sorted(error.valid_methods or ())))
        answer = wire.problem(404, "not-found", "There is no such thing here", "nothing is served at this path")
        return _begin(request, answer)

    def _other_method(self, request: IRequest, methods: list[str]) -> Answer:
        """What there is instead of the method that was asked for; OPTIONS asks for nothing else."""
        assert isinstance(request, ChatRequest)
        allow = ("Allow", ", ".join([*methods, "OPTIONS"]))
        if request.method == b"OPTIONS":
            return Answer(204, headers=(allow, *permission(request, self._chat.settings.origins, methods)))
        detail = f"{request.method.decode('latin-1')} is not for this; {', '.join(methods)} is"
        return wire.problem(405, "method-not-allowed", "Method not allowed", detail, headers=(allow,))

    @app.handle_errors(Exception)
    def fault(self, request: IRequest, failure: Failure) -> bytes:
        self._log.failure("a fault in answering {request}", failure, request=request)
        return _begin(request, wire.FAULT)

    # What routes share

    def _answered(self, request: ChatRequest, read: Callable[[], Ask[Any]]) -> Deferred[Answer]:
        """The answer to what `read` reads; in the order of the fast lane, so that what errs twice is told the same."""
        credentials = self._read_credentials(request)
        ask = read()
        without_ticket(request)
        return self._asker_by(credentials, request).addCallback(ask.answered)

    def _read_credentials(self, request: ChatRequest) -> Credentials:
        return read_credentials(request, self._cookie.read(request.getCookie, secure=request.isSecure()))

    def _asker(self, request: ChatRequest) -> Deferred[Asker]:
        """Who asks by a header.  Fails with `Malformed`, `BadTicket` and what a password is refused with."""
        asked = maybeDeferred(without_ticket, request).addCallback(lambda _: self._read_credentials(request))
        return asked.addCallback(self._asker_by, request)

    def _asker_by(self, credentials: Credentials, request: ChatRequest) -> Deferred[Asker]:
        if credentials.password is None:
            return maybeDeferred(known_by, self._chat, credentials, _peer(request))
        name, password = credentials.password
        return sessions.authenticate(
            self._chat, name, password, counted_address(self._chat, credentials, _peer(request))
        )

    def _set_cookie(self, request: ChatRequest, session: Session) -> tuple[str, str]:
        return self._cookie.header(self._chat.sessions.cookie(session), secure=request.isSecure())


def _peer(request: ChatRequest) -> str:
    """The address at the other end of the connection."""
    return str(getattr(request.getClientAddress(), "host", ""))
