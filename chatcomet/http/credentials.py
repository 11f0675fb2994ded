"""Credentials: what a request says of who asks, and from where.

In this order, and no two of the first three at once (RFC 6750, 2):

=====================================  ================================================================
``Authorization: Bearer T``            a ticket
``Authorization: Basic …``             a name and a password (RFC 7617): of scripts
``?ticket=T``                          a ticket, where a browser can't send headers: event streams and
                                       WebSockets.  It is never logged.  Anywhere else it is refused
the session's cookie                   a session
=====================================  ================================================================
"""

from __future__ import annotations

import binascii
from base64 import b64decode
from dataclasses import dataclass, replace
from typing import NamedTuple

from chatcomet.access.asker import Asker
from chatcomet.api.chat import Chat
from chatcomet.errors import Malformed
from chatcomet.http import query
from chatcomet.http.handshake import Offer
from chatcomet.http.query import Query


class Password(NamedTuple):
    """What somebody signs in by."""

    name: str
    password: str


@dataclass(frozen=True, slots=True)
class Credentials:
    """One of these, or none; and what proxies say of where the request comes from."""

    cookie: str | None = None
    ticket: str | None = None
    password: Password | None = None
    forwarded: str | None = None
    x_forwarded_for: str | None = None


NONE = Credentials()
"""Of who says nothing: always this one."""


def read_credentials(header: Offer, cookie: str | None) -> Credentials:
    """What `header` has beside the session's `cookie`.  Raises `Malformed`."""
    forwarded, x_forwarded_for = _joined(header, "Forwarded"), _joined(header, "X-Forwarded-For")
    authorizations = header.values("Authorization")
    if not authorizations:
        is_nobody = cookie is None and forwarded is None and x_forwarded_for is None
        return NONE if is_nobody else Credentials(cookie, None, None, forwarded, x_forwarded_for)
    if len(authorizations) > 1:
        raise Malformed("who asks is said once")
    authorization = authorizations[0]
    scheme, _, value = authorization.strip().partition(" ")
    if scheme.lower() == "bearer":
        return Credentials(None, value.strip(), None, forwarded, x_forwarded_for)
    if scheme.lower() == "basic":
        return Credentials(None, None, _read_basic(value.strip()), forwarded, x_forwarded_for)
    raise Malformed("who asks is said by Bearer, with a ticket, or by Basic")


def with_ticket(credentials: Credentials, asked: Query) -> Credentials:
    """`credentials`, with the ticket of the query if it has one: for what browsers open.  Raises `Malformed`."""
    ticket = query.parameter(asked, "ticket")
    if ticket is None:
        return credentials
    if credentials.ticket is not None or credentials.password is not None:
        raise Malformed("who asks is said once: in the header or by ?ticket=")
    return replace(credentials, cookie=None, ticket=ticket)


def without_ticket(asked: Query) -> None:
    """Raise `Malformed` if the query has a ticket, for what is asked for with a header: it would count for nothing, and
    whoever put it there believes to be known."""
    if asked.args and b"ticket" in asked.args:
        raise Malformed("a ticket goes into the Authorization header here (Bearer), and not into the URL")


def known_by(chat: Chat, credentials: Credentials, peer: str) -> Asker:
    """Who asks by `credentials` without a password, over a connection from `peer`.  Raises `BadTicket`."""
    address = counted_address(chat, credentials, peer)
    if credentials.ticket is not None:
        return chat.askers.bearer(credentials.ticket, address)
    if credentials.cookie is not None:
        return chat.askers.holder(credentials.cookie, address)
    return chat.askers.stranger(address)


def counted_address(chat: Chat, credentials: Credentials, peer: str) -> str | None:
    """As whom limits by address count the request; None: as nobody."""
    return chat.proxies.client(peer, credentials.forwarded, credentials.x_forwarded_for)


def _joined(header: Offer, name: str) -> str | None:
    return ", ".join(header.values(name)) or None


def _read_basic(value: str) -> Password:
    try:
        name, colon, password = b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError, ValueError):
        colon = ""
    if not colon:
        raise Malformed("Basic is followed by a name, a colon and a password, in base64 of UTF-8")
    return Password(name, password)
