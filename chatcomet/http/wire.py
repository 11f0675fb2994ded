"""The wire: messages, cursors, pages and problems to bytes.

A page is encoded once per form and the bytes stay with it (law 11).  JSON is written by hand around
`json.dumps` of its parts, since a message's `data` is JSON text already.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

from chatcomet.api.moderation import Ruled
from chatcomet.api.polling import Polled
from chatcomet.api.rooms import Listing, RoomState
from chatcomet.api.sessions import Who
from chatcomet.core.message import Cursor, Message, Page
from chatcomet.core.roster import RosterState
from chatcomet.core.store import Posted
from chatcomet.errors import (
    AskerError,
    BadTicket,
    ChatcometError,
    CrossSite,
    Crowded,
    CrowdedAddress,
    CursorExpired,
    KeyReused,
    Limited,
    Malformed,
    Misdirected,
    NameTaken,
    NotAllowed,
    NotFound,
    NotSignedIn,
    ServerFault,
    SessionEnded,
    SignInFailed,
    SignInUnavailable,
    StoreBusy,
    TooLong,
    TooMany,
    UnsupportedForm,
    UpgradeRequired,
)
from chatcomet.http.cors import sharing

JSON = "application/json"
PROBLEM = "application/problem+json"
TEXT = "text/plain; charset=utf-8"

UPGRADE = (("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-Websocket-Version", "13"))
"""What protocol is spoken where HTTP is not enough (RFC 9110, 15.5.22; RFC 6455, 4.4).  Names as Twisted spells them:
they are the same in both lanes."""

CHALLENGE = (("WWW-Authenticate", 'Bearer realm="chatcomet"'),)
"""A ticket would do (RFC 6750, 3).  So might a password, but for `Basic` a browser would ask by itself."""

BASICS = (("Cache-Control", "no-store"), ("X-Content-Type-Options", "nosniff"))
"""What is said of every answer."""

PROBLEM_TYPES = "/problems/"
"""Before a problem's name, in its `type`: ``docs/problems.md`` has a section for each."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back: a status, a body and what is to be said of it.  `close`: the connection ends after it."""

    status: int
    body: bytes = b""
    content_type: str | None = None
    headers: tuple[tuple[str, str], ...] = ()
    close: bool = False
    encoded: dict[object, tuple[bytes, bytes]] = field(default_factory=dict, compare=False, repr=False)
    """See `encode`."""


def encode(answer: Answer, date: bytes, closes: bool, origin: str | None = None) -> bytes:
    """All of `answer` as HTTP/1.1 has it, kept with it for as long as `date` is the same (law 11).

    `date`: of the second.  `closes`: whether the connection ends after it.  `origin`: see `sharing`.
    """
    form = closes if origin is None else (closes, origin)
    encoded = answer.encoded.get(form)
    if encoded is None or encoded[0] is not date:
        encoded = answer.encoded[form] = (date, _encode(answer, date, closes, origin))
    return encoded[1]


def _encode(answer: Answer, date: bytes, closes: bool, origin: str | None) -> bytes:
    last = [("Content-Length", str(len(answer.body)))] if answer.status != HTTPStatus.NO_CONTENT else []
    if closes:
        last.append(("Connection", "close"))
    return encode_head(answer, date, last, origin) + answer.body


def encode_head(answer: Answer, date: bytes, last: Iterable[tuple[str, str]], origin: str | None) -> bytes:
    """All that comes before the body of `answer`; `last`: what is said of that."""
    headers = [("Server", "chatcomet"), ("Date", date.decode()), *BASICS]
    if answer.content_type is not None:
        headers.append(("Content-Type", answer.content_type))
    lines = [f"{name}: {value}" for name, value in (*headers, *answer.headers, *sharing(origin), *last)]
    status = f"HTTP/1.1 {answer.status} {HTTPStatus(answer.status).phrase}"
    return "\r\n".join([status, *lines, "", ""]).encode("latin-1")


_encoder = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)  # `json.dumps` makes one a call


def dumps(value: object) -> str:
    """Compact JSON, in which text is not escaped without need.  Raises ValueError for what JSON has no word for."""
    return _encoder.encode(value)


# Out: messages, pages, sessions


def message_json(message: Message) -> str:
    """``{"seq": …, "author": …, "text": …, "at": …}``, `data` where given, and ``"erased": true`` where it was."""
    fixed = f'"seq":{message.seq},"author":{dumps(message.author)},"text":{dumps(message.text)},"at":{message.at:.3f}'
    if message.erased:
        return f'{{{fixed},"erased":true}}'
    return f'{{{fixed},"data":{message.data}}}' if message.data is not None else f"{{{fixed}}}"


def page_json(page: Page) -> bytes:
    """``{"room": …, "cursor": …, "messages": […]}``, encoded once."""
    encoded = page.encodings.get(JSON)
    if encoded is None:
        encoded = page.encodings[JSON] = encode_page(page)
    return encoded


def encode_page(page: Page) -> bytes:
    """The same, and not kept, for who keeps it in another form."""
    messages = ",".join(map(message_json, page.messages))
    return f'{{"room":"{page.room}","cursor":"{page.cursor}","messages":[{messages}]}}'.encode()


def page_answer(page: Page) -> Answer:
    """200 and the page, which may be empty: one object for all who get this page."""
    answer: Answer | None = page.encodings.get(Answer)
    if answer is None:
        answer = page.encodings[Answer] = Answer(HTTPStatus.OK, page_json(page), JSON)
    return answer


def polled_answer(polled: Polled) -> Answer:
    """200 and the page, with the roster where it is to be shown: one object for all who get both."""
    page, roster = polled
    if roster is None:
        return page_answer(page)
    kept: tuple[RosterState, Answer] | None = page.encodings.get(RosterState)
    if kept is None or kept[0] is not roster:
        body = page_json(page)[:-1] + b',"roster":%b}' % roster_json(roster)
        # Only with the last one: the page of a room in which nobody speaks lives long.
        kept = page.encodings[RosterState] = (roster, Answer(HTTPStatus.OK, body, JSON))
    return kept[1]


def pages_answer(pages: Iterable[Page]) -> Answer:
    """``{"pages": [page, …]}``"""
    return Answer(HTTPStatus.OK, b'{"pages":[%b]}' % b",".join(map(page_json, pages)), JSON)


def refuse_page(error: ChatcometError) -> Answer:
    """What no page came of; where too many wait, the empty page, and when to come again."""
    if not isinstance(error, Crowded):
        return problem_answer(error)
    (page,) = error.pages
    return Answer(HTTPStatus.OK, page_json(page), JSON, come_again(error.retry_after))


def refuse_pages(error: ChatcometError) -> Answer:
    """The same of several."""
    if not isinstance(error, Crowded):
        return problem_answer(error)
    return Answer(HTTPStatus.OK, pages_answer(error.pages).body, JSON, come_again(error.retry_after))


def come_again(seconds: int) -> tuple[tuple[str, str], ...]:
    """The header that says in how many seconds to come again."""
    return (("Retry-After", str(seconds)),)


def roster_json(roster: RosterState) -> bytes:
    """`roster_object`, encoded once."""
    encoded = roster.encodings.get(JSON)
    if encoded is None:
        encoded = roster.encodings[JSON] = dumps(roster_object(roster)).encode()
    return encoded


def roster_object(roster: RosterState) -> dict[str, object]:
    """``{"version": …, "count": …, "people": [{"name": …, "typing": …}, …]}``"""
    people = [{"name": listed.name, "typing": listed.typing} for listed in roster.people]
    return {"version": roster.version, "count": roster.count, "people": people}


def room_object(state: RoomState) -> dict[str, object]:
    """``{"room": …, "cursor": …, "first": …, "readers": …}``, and the roster where it was looked at."""
    room: dict[str, object] = {
        "room": state.room,
        "cursor": str(state.cursor),
        "first": state.first,
        "readers": state.readers,
    }
    return room if state.roster is None else {**room, "roster": roster_object(state.roster)}


def room_answer(state: RoomState) -> Answer:
    """200 and the room."""
    return Answer(HTTPStatus.OK, dumps(room_object(state)).encode(), JSON)


def rooms_answer(listing: Listing) -> Answer:
    """``{"rooms": [room without roster, …]}``, and `next` where there may be more."""
    body: dict[str, object] = {"rooms": list(map(room_object, listing.rooms))}
    if listing.next is not None:
        body["next"] = listing.next
    return Answer(HTTPStatus.OK, dumps(body).encode(), JSON)


def posted_answer(posted: Posted, epoch: str) -> Answer:
    """201, or 200 where the key was known: the message and the cursor after it."""
    cursor = Cursor(epoch, posted.message.seq + 1)
    body = f'{{"message":{message_json(posted.message)},"cursor":"{cursor}"}}'
    return Answer(HTTPStatus.OK if posted.repeated else HTTPStatus.CREATED, body.encode(), JSON)


def who_answer(who: Who, headers: tuple[tuple[str, str], ...] = ()) -> Answer:
    """``{"name": …, "guest": …, "grants": {…}, "sign_in": {"password": …, "guest": …}, "limits": {"text": …, …}}``"""
    sign_in = {"password": who.by_password, "guest": who.as_guest}
    limits = {"text": who.sizes.text_characters, "data": who.sizes.data_bytes}
    answer = {"name": who.name, "guest": who.guest, "grants": who.grants, "sign_in": sign_in, "limits": limits}
    return Answer(HTTPStatus.OK, dumps(answer).encode(), JSON, headers)


def sanction_object(ruled: Ruled) -> dict[str, object]:
    """``{"name": …, "by": …, "at": …, "until": …}``; `until` is null where it is for good."""
    return {
        "name": ruled.name,
        "by": ruled.by,
        "at": round(ruled.at, 3),
        "until": ruled.until and round(ruled.until, 3),
    }


def sanction_answer(ruled: Ruled) -> Answer:
    """200 and who was banned or muted."""
    return Answer(HTTPStatus.OK, dumps(sanction_object(ruled)).encode(), JSON)


def sanctions_answer(sort: str, ruled: Iterable[Ruled]) -> Answer:
    """``{"bans": [ban, …]}``, or ``{"mutes": …}``."""
    return Answer(HTTPStatus.OK, dumps({sort: list(map(sanction_object, ruled))}).encode(), JSON)


# Out: problems (RFC 9457)


@dataclass(frozen=True, slots=True)
class _Kind:
    status: HTTPStatus
    name: str
    title: str


_KINDS: dict[type[ChatcometError], _Kind] = {
    Malformed: _Kind(HTTPStatus.BAD_REQUEST, "malformed", "The request does not have its form"),
    TooLong: _Kind(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too-long", "Too long"),
    UnsupportedForm: _Kind(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "unsupported-form", "This form is not read here"),
    NotFound: _Kind(HTTPStatus.NOT_FOUND, "not-found", "There is no such thing here"),
    CrossSite: _Kind(HTTPStatus.FORBIDDEN, "cross-site", "Another site's page may not do this"),
    SessionEnded: _Kind(HTTPStatus.UNAUTHORIZED, "session-ended", "Your session has ended"),
    NotSignedIn: _Kind(HTTPStatus.UNAUTHORIZED, "not-signed-in", "Sign in first"),
    BadTicket: _Kind(HTTPStatus.UNAUTHORIZED, "bad-ticket", "The ticket is not good"),
    SignInFailed: _Kind(HTTPStatus.UNAUTHORIZED, "sign-in-failed", "The name or the password is wrong"),
    SignInUnavailable: _Kind(HTTPStatus.SERVICE_UNAVAILABLE, "sign-in-unavailable", "Passwords can't be checked now"),
    Crowded: _Kind(HTTPStatus.SERVICE_UNAVAILABLE, "too-many-readers", "Too many readers"),
    CrowdedAddress: _Kind(
        HTTPStatus.SERVICE_UNAVAILABLE, "too-many-readers-of-address", "Too many readers of one address"
    ),
    NotAllowed: _Kind(HTTPStatus.FORBIDDEN, "not-allowed", "You may not do this"),
    Misdirected: _Kind(HTTPStatus.MISDIRECTED_REQUEST, "misdirected", "This server does not go by that name"),
    CursorExpired: _Kind(HTTPStatus.GONE, "cursor-expired", "The cursor does not lead on from here"),
    UpgradeRequired: _Kind(HTTPStatus.UPGRADE_REQUIRED, "upgrade-required", "This is spoken over a WebSocket"),
    KeyReused: _Kind(HTTPStatus.UNPROCESSABLE_ENTITY, "key-reused", "The key was used for another message"),
    NameTaken: _Kind(HTTPStatus.CONFLICT, "name-taken", "The name is taken"),
    StoreBusy: _Kind(HTTPStatus.SERVICE_UNAVAILABLE, "store-busy", "Too much at once"),
    ServerFault: _Kind(HTTPStatus.SERVICE_UNAVAILABLE, "store-unavailable", "The store can't be used now"),
    AskerError: _Kind(HTTPStatus.BAD_REQUEST, "malformed", "The request can't be answered"),
}

_TOO_MANY: dict[Limited, _Kind] = {
    "posts": _Kind(HTTPStatus.TOO_MANY_REQUESTS, "too-many-posts", "Too many posts"),
    "sessions": _Kind(HTTPStatus.TOO_MANY_REQUESTS, "too-many-sessions", "Too many sessions"),
    "rooms": _Kind(HTTPStatus.TOO_MANY_REQUESTS, "too-many-rooms", "Too many rooms"),
    "sign-ins": _Kind(HTTPStatus.TOO_MANY_REQUESTS, "too-many-sign-ins", "Too many failed sign-ins"),
}


def problem_answer(error: ChatcometError) -> Answer:
    """What `error` is on the wire: the only place that turns exceptions into HTTP status codes."""
    kind = _kind(error)
    more: dict[str, object] = {}
    headers: tuple[tuple[str, str], ...] = ()
    if isinstance(error, CursorExpired):
        more = {
            "room": error.room,
            "earliest": str(Cursor(error.epoch, error.first)),
            "latest": str(Cursor(error.epoch, error.head)),
        }
    if isinstance(error, ServerFault | TooMany):
        headers = come_again(error.retry_after)
    if isinstance(error, NotSignedIn | BadTicket | SignInFailed):
        headers = CHALLENGE
    if isinstance(error, UpgradeRequired):
        headers = UPGRADE
    return problem(kind.status, kind.name, kind.title, str(error), more, headers)


def _kind(error: ChatcometError) -> _Kind:
    if isinstance(error, TooMany):
        return _TOO_MANY[error.name]
    return next(_KINDS[cls] for cls in type(error).__mro__ if cls in _KINDS)


def problem(
    status: int,
    name: str,
    title: str,
    detail: str,
    more: Mapping[str, object] | None = None,
    headers: tuple[tuple[str, str], ...] = (),
) -> Answer:
    """A problem document; `name` is the end of its `type`."""
    body = {"type": PROBLEM_TYPES + name, "title": title, "status": int(status), "detail": detail, **(more or {})}
    return Answer(int(status), dumps(body).encode(), PROBLEM, headers)


FAULT = problem(HTTPStatus.INTERNAL_SERVER_ERROR, "fault", "A fault in the server", "it has been logged")
"""For an exception that nobody foresaw."""
