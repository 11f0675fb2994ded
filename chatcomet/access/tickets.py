"""Tickets: who somebody is and what they may do, said by a back end and signed (JSON Web Tokens, RFC 7519).

A ticket is checked once and looked up from then on, for as long as it is used, by a hash of its text; who polls is
known even by the header that brings it.
Only what was found good is remembered.  A flood of forged tickets thus drives out none, but each of them costs time:
15 µs or so if its algorithm is none of the keys', and else 50 to 500 µs, by its length, for each key of that algorithm.

What a ticket says of its own signature is taken for little: of its header only `alg` counts, which has to be what a
key of the server's is for (`keys.py`); `kid`, `jku`, `jwk`, `x5c` and the like choose nothing, and `crit` is refused.

Signatures are of the text, byte for byte, except for their own last character, of which some bits mean nothing.  The
library refuses all ways but one to write it; and `Ticket.id` would be the same for all, since it leaves the
signature out.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
import re
from collections.abc import Callable, Iterable, Mapping, Set
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from typing import NoReturn

from jwt import InvalidTokenError, PyJWS
from jwt.algorithms import HMACAlgorithm

from chatcomet.access.grants import Grants
from chatcomet.access.identity import GUEST, check_name, fold
from chatcomet.access.keys import SECRETS, Key
from chatcomet.access.recent import Recent
from chatcomet.errors import BadTicket, Malformed

TICKET_CHARACTERS = 4_096
ID_CHARACTERS = 128
LEEWAY_SECONDS = 30.0
"""How far ahead of ours a back end's clock may be: a ticket counts so long before its `nbf`.

There is none at the other end: a ticket is worth nothing from `exp` on, as its issuer said.
"""
LATEST_SECONDS = 10**11
"""Whatever is later than this, in the year 5138, was meant to be something else: milliseconds, mostly."""

_JTI = "jti:"
_HEADERS = 64  # of tickets, of which it is remembered what they say
_REMEMBERED_BYTES = 32 * 1024 * 1024  # of tickets that were verified: 20,000 whose grants are of some rooms

_FORM = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+", re.ASCII)


@dataclass(frozen=True, slots=True)
class Ticket:
    """What a good ticket says: `name` may do what `grants` has, before `until` (seconds since 1970).

    `id` is of this ticket and no secret: what is revoked.  Tickets to which their issuer gave one `jti` have one `id`.
    """

    name: str
    grants: Grants
    until: float
    id: str

    @property
    def scope(self) -> str:
        """What stays the same when somebody's ticket is renewed: idempotency keys and limits belong to this.

        No session's id looks like it.
        """
        return f"ticket:{self.name}"

    @property
    def revoked_until(self) -> float:
        """Until when it is kept that it was revoked: another ticket of its `jti` may be good for longer."""
        return math.inf if self.id.startswith(_JTI) else self.until


class Tickets:
    """Knows good tickets.

    `keys`: any of them may have signed, so that they can be changed one by one.  `audience`: whom tickets have to be
    for; None if they are for nobody in particular.  `wall`: seconds since 1970.
    """

    def __init__(self, keys: Iterable[Key], audience: str | None, wall: Callable[[], float]) -> None:
        self._keys = tuple(keys)
        self._audience = audience
        self._wall = wall
        self._signatures = _signatures({key.algorithm for key in self._keys})
        # By the hash of its text.
        self._known: Recent[bytes, Ticket] = Recent(_REMEMBERED_BYTES, lambda _, ticket: ticket_bytes(ticket))

    def verify(self, text: str) -> Ticket:
        """The ticket that `text` is.  Raises `BadTicket`."""
        if len(text) > TICKET_CHARACTERS:
            raise BadTicket(f"a ticket has {TICKET_CHARACTERS:,} characters at most")
        key = sha256(text.encode(errors="surrogatepass")).digest()
        known = self._known.get(key)
        ticket = known or self._check(text)
        if not self.holds(ticket):
            self._known.forget(key)
            raise BadTicket("this ticket has expired")
        if not known:
            self._known.put(key, ticket)
        return ticket

    def holds(self, ticket: Ticket) -> bool:
        """Whether `ticket`, which was verified, has not expired since."""
        return self._wall() < ticket.until

    def age(self) -> None:
        """Forget tickets that nobody has used lately: they are checked when they come again."""
        self._known.age()

    def _check(self, text: str) -> Ticket:
        """The ticket that `text` is, expired or not."""
        if not _FORM.fullmatch(text):
            raise BadTicket("a ticket is a signed JSON Web Token: three parts in base64url, with dots between")
        signed = text.rpartition(".")[0]
        claims = _read_object(self._payload(text, _read_algorithm(text.partition(".")[0])))
        self._check_beginning(claims)
        self._check_audience(claims)
        return _read_claims(claims, signed)

    def _payload(self, text: str, algorithm: object) -> bytes:
        """What is signed in `text` by `algorithm`, if one of the keys has signed it."""
        for key in self._keys:
            if key.algorithm == algorithm:
                try:
                    decoded = self._signatures.decode_complete(text, key.material, [key.algorithm])
                except InvalidTokenError:
                    continue
                payload: bytes = decoded["payload"]
                return payload
        raise BadTicket("this ticket is not signed, or not by a key that this server checks tickets with")

    def _check_beginning(self, claims: Mapping[str, object]) -> None:
        if "iat" in claims:
            _read_seconds(claims, "iat")  # whenever that was: it is for others to judge by
        if "nbf" in claims and _read_seconds(claims, "nbf") - LEEWAY_SECONDS > self._wall():
            raise BadTicket("this ticket is not good yet")

    def _check_audience(self, claims: Mapping[str, object]) -> None:
        """RFC 7519, 4.1.3: whoever is not among those that `aud` names, if it is there, has to refuse."""
        if self._audience is None:
            if "aud" in claims:
                raise BadTicket("this ticket is for an audience, and this server goes by no such name")
            return
        audience = claims.get("aud")
        if self._audience not in (audience if isinstance(audience, list) else [audience]):
            raise BadTicket("this ticket is not for this server: its audience is another, or missing")


def check_subject(text: str) -> str:
    """The name that `text` is, of somebody who may have a ticket.  Raises `Malformed`."""
    name = check_name(text)
    if fold(name) == GUEST:
        raise Malformed(f"nobody can be called {GUEST}")
    return name


def check_id(text: str) -> str:
    """`text`, if it can be a ticket's `jti`.  Raises `Malformed`."""
    if not 1 <= len(text) <= ID_CHARACTERS or not text.isprintable():
        raise Malformed(f"a ticket's jti has 1 to {ID_CHARACTERS} characters, all of them visible")
    return text


class _Secrets(HMACAlgorithm):
    """Takes a secret as it is: that it is no key of another kind was seen as it was loaded, and takes 35 µs."""

    def prepare_key(self, key: str | bytes) -> bytes:
        assert isinstance(key, bytes), "secrets are loaded as bytes"
        return key


def _signatures(algorithms: Set[str]) -> PyJWS:
    """What checks signatures by `algorithms` and by no others."""
    signatures = PyJWS(algorithms=sorted(algorithms - {SECRETS}))
    if SECRETS in algorithms:
        signatures.register_algorithm(SECRETS, _Secrets(HMACAlgorithm.SHA256))
    return signatures


@lru_cache(_HEADERS)
def _read_algorithm(segment: str) -> object:
    """The algorithm that the header of a ticket names: nearly all tickets of one issuer have the same header."""
    try:
        header = _read_object(base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4)))
    except binascii.Error:
        raise BadTicket("the header of this ticket is not base64url") from None
    if not header.keys().isdisjoint(("crit", "b64")):  # RFC 7515, 4.1.11; RFC 7797, 7
        raise BadTicket("the header of this ticket asks for what is not done here")
    return header.get("alg")


def _read_object(content: bytes) -> Mapping[str, object]:
    """The JSON object that `content` is, no member of it twice at any depth."""
    try:
        value = _JSON.decode(content.decode())
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise BadTicket("a part of this ticket is no JSON object")
    return value


def _unique(members: list[tuple[str, object]]) -> dict[str, object]:
    value = dict(members)
    if len(value) < len(members):
        raise ValueError("a member comes twice")
    return value


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")


_JSON = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_refuse)


def _read_claims(claims: Mapping[str, object], signed: str) -> Ticket:
    """What `claims`, of a ticket of which `signed` is signed, come to."""
    try:
        name = check_subject(_read_text(claims, "sub"))
        grants = Grants.parse(claims.get("grants", {}))
        if "jti" in claims:
            ticket_id = _JTI + check_id(_read_text(claims, "jti"))
        else:
            ticket_id = "sha256:" + sha256(signed.encode()).hexdigest()
    except Malformed as error:
        raise BadTicket(f"this ticket is malformed: {error}") from None
    return Ticket(name, grants, _read_seconds(claims, "exp"), ticket_id)


def _read_text(claims: Mapping[str, object], claim: str) -> str:
    text = claims.get(claim)
    if not isinstance(text, str):
        raise BadTicket(f"this ticket has no {claim} that is a text")
    return text


def _read_seconds(claims: Mapping[str, object], claim: str) -> float:
    seconds = claims.get(claim)
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 <= seconds <= LATEST_SECONDS:
        raise BadTicket(f"this ticket has no {claim} that is a number of seconds since 1970")
    return seconds


def ticket_bytes(ticket: Ticket) -> int:
    """About what it takes to remember `ticket`; of grants that others have, too, there may be less."""
    return 1_000 + 160 * len(ticket.grants.rules)
