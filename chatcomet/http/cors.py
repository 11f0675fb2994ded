"""CORS: which other sites' pages may use what is served here (the Fetch standard, 3.2).

A browser lets a page see the answers of another site only if they say so, and before a request that a form could not
make it asks whether it may (a preflight).  Pages of the origins that the operator lists may do all that this site's
own may; any other's see nothing, and their changes are refused (`origin`).

* Credentials are not shared: the cookie of a session is of this site (`SameSite=Lax`), so from another one a browser
  would send none, and from a neighbouring host it would show who somebody is here.  So pages of other sites read and
  post as guests.
* An answer depends on the `Origin` only where it is listed, and no answer is ever kept by a cache (`BASICS` in
  `wire`); so only those that carry these headers say that they vary.
"""

from __future__ import annotations

from collections.abc import Iterable
from collections.abc import Set as AbstractSet

from chatcomet.http.query import Header

Headers = tuple[tuple[str, str], ...]

_ASKED = "Content-Type, Idempotency-Key, Authorization, Last-Event-ID"
_REMEMBERED_SECONDS = 7_200  # more is too much for Chromium


def listed_origin(asked: Header, listed: AbstractSet[str]) -> str | None:
    """The origin of the page that asks, if it is one of `listed`."""
    origin = asked.header("Origin")
    return origin if origin in listed else None


def sharing(origin: str | None) -> Headers:
    """What an answer says to a page of `origin`, a listed one: it may see this answer, and when to come again."""
    if origin is None:
        return ()
    return (
        ("Access-Control-Allow-Origin", origin),
        ("Access-Control-Expose-Headers", "Retry-After"),
        ("Vary", "Origin"),
    )


def permission(asked: Header, listed: AbstractSet[str], methods: Iterable[str]) -> Headers:
    """What a preflight is told beside `sharing`: by which `methods` may be asked for this; nothing where it is none."""
    if asked.header("Access-Control-Request-Method") is None or listed_origin(asked, listed) is None:
        return ()
    return (
        ("Access-Control-Allow-Methods", ", ".join(methods)),
        ("Access-Control-Allow-Headers", _ASKED),
        ("Access-Control-Max-Age", str(_REMEMBERED_SECONDS)),
    )
