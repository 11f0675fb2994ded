"""Credentials: what a request says of who asks, and from where.

In this order, and no two of the first three at once (RFC 6750, 2):

=====================================  ================================================================
``Authorization: Bearer T``            a ticket
``Authorization: Basic …``             a name and a password (RFC 7617): of scripts
``?ticket=T``                          a ticket, where a browser can't send headers: event streams and
                                       WebSockets.  It is never logged.
the session's cookie                   a session
=====================================  ================================================================
"""

from __future__ import annotations

import binascii
from base64 import b64decode
from dataclasses import dataclass
from typing import NamedTuple

from chatcomet.errors import Malformed
from chatcomet.http.query import Header


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


def read_credentials(header: Header, cookie: str | None, ticket: str | None = None) -> Credentials:
    """What `header` has beside the session's `cookie`; `ticket`: of the query.  Raises `Malformed`."""
    forwarded, x_forwarded_for = header.header("Forwarded"), header.header("X-Forwarded-For")
    authorization = header.header("Authorization")
    if authorization is None:
        return Credentials(None if ticket else cookie, ticket, None, forwarded, x_forwarded_for)
    if ticket is not None:
        raise Malformed("a request has one ticket: in its header or in its query")
    scheme, _, value = authorization.strip().partition(" ")
    if scheme.lower() == "bearer":
        return Credentials(None, value.strip(), None, forwarded, x_forwarded_for)
    if scheme.lower() == "basic":
        return Credentials(None, None, _read_basic(value.strip()), forwarded, x_forwarded_for)
    raise Malformed("who asks is said by Bearer, with a ticket, or by Basic")


def _read_basic(value: str) -> Password:
    try:
        name, colon, password = b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError, ValueError):
        colon = ""
    if not colon:
        raise Malformed("Basic is followed by a name, a colon and a password, in base64 of UTF-8")
    return Password(name, password)
