"""Credentials: what a client shows with each request, so that the server knows who asks.

A ticket is a bearer's token (RFC 6750), a name and a password are HTTP's Basic (RFC 7617).  Both are secrets: they go
into a header, and into no URL, no log and no error.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable

from chatcomet.errors import Malformed

Ticket = str | Callable[[], str]
"""One, or where to get one: then each request shows the one of that moment."""

Authorization = Callable[[], str | None]
"""The header that a request made now has."""

_TICKET = re.compile(r"[A-Za-z0-9._~+/=-]+", re.ASCII)  # RFC 6750, 2.1


def authorization(ticket: Ticket | None, auth: tuple[str, str] | None) -> Authorization:
    """What shows `ticket`, or the name and the password that `auth` is, or nothing.

    Raises `Malformed` for what can't be one of them; with a function for a ticket, when it is called.
    """
    if ticket is not None and auth is not None:
        raise Malformed("a client has a ticket, or a name and a password, and not both")
    if auth is not None:
        basic = _basic(*auth)
        return lambda: basic
    if callable(ticket):
        make = ticket
        return lambda: _bearer(make())
    bearer = None if ticket is None else _bearer(ticket)
    return lambda: bearer


def _bearer(ticket: str) -> str:
    if not _TICKET.fullmatch(ticket):
        raise Malformed("a ticket has letters, digits and dots, and no other characters: this is none")
    return f"Bearer {ticket}"


def _basic(name: str, password: str) -> str:
    if not name or ":" in name:
        raise Malformed("the name of an account is not empty and has no colon")
    try:
        return "Basic " + b64encode(f"{name}:{password}".encode()).decode()
    except UnicodeEncodeError as error:
        raise Malformed("the name or the password is no text in UTF-8") from error
