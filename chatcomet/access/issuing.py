"""Issuing tickets, as a back end does it with any library for JSON Web Tokens."""

from __future__ import annotations

import jwt

from chatcomet.access.grants import Grants
from chatcomet.access.keys import SigningKey
from chatcomet.access.tickets import LATEST_SECONDS, TICKET_CHARACTERS, check_id, check_subject
from chatcomet.errors import Malformed


def issue(
    key: SigningKey,
    name: str,
    grants: Grants,
    now: float,
    life_seconds: int,
    *,
    audience: str | None = None,
    jti: str | None = None,
) -> str:
    """A ticket for `name`, good for so long from `now` (seconds since 1970).  Raises `Malformed`."""
    issued = int(now)
    if not 0 < issued + life_seconds <= LATEST_SECONDS:
        raise Malformed("a ticket can't be good for so long")
    claims: dict[str, object] = {"sub": check_subject(name), "iat": issued, "exp": issued + life_seconds}
    if audience is not None:
        claims["aud"] = audience
    if jti is not None:
        claims["jti"] = check_id(jti)
    claims["grants"] = grants.to_object()
    text = jwt.encode(claims, key.material, key.algorithm)
    if len(text) > TICKET_CHARACTERS:
        raise Malformed(f"a ticket has {TICKET_CHARACTERS:,} characters at most, and with these grants {len(text):,}")
    return text
