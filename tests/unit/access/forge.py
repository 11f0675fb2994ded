"""Tickets as a back end's library makes them, and as no library would."""

from __future__ import annotations

import hmac
import json
from base64 import urlsafe_b64encode
from collections.abc import Callable
from hashlib import sha256
from typing import Any

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256

from chatcomet.access.keys import Key
from tests.unit.access.key_files import SECRET, ed25519_key, rsa_key

NOON = 1_795_354_155

Sign = Callable[[bytes], bytes]


def hs256(secret: bytes = SECRET) -> Sign:
    """Signs with a secret, whatever that is."""
    return lambda message: hmac.new(secret, message, sha256).digest()


SIGNS: dict[str, Sign] = {
    "HS256": hs256(),
    "EdDSA": lambda message: ed25519_key().sign(message),
    "RS256": lambda message: rsa_key().sign(message, PKCS1v15(), SHA256()),
}


def keys() -> tuple[Key, Key, Key]:
    """What checks the signatures of all `SIGNS`."""
    return (
        Key("HS256", SECRET),
        Key("EdDSA", ed25519_key().public_key()),
        Key("RS256", rsa_key().public_key()),
    )


def base64url(content: bytes) -> str:
    """As in RFC 7515."""
    return urlsafe_b64encode(content).decode().rstrip("=")


def forge(header: bytes | str, claims: bytes | str, sign: Sign) -> str:
    """A ticket of exactly these parts."""
    parts = [part.encode() if isinstance(part, str) else part for part in (header, claims)]
    message = ".".join(map(base64url, parts))
    return f"{message}.{base64url(sign(message.encode()))}"


def ticket(algorithm: str = "HS256", /, **claims: Any) -> str:
    """A good ticket, except for what is given; a claim that is given as Ellipsis is left out."""
    return signed(SIGNS[algorithm], algorithm, **claims)


def signed(sign: Sign, algorithm: str = "HS256", /, **claims: Any) -> str:
    """The same, signed so."""
    said = {"sub": "ada", "exp": NOON + 60, "grants": {"*": ["read"]}, **claims}
    said = {claim: value for claim, value in said.items() if value is not ...}
    return forge(json.dumps({"typ": "JWT", "alg": algorithm}), json.dumps(said), sign)


def with_header(**members: Any) -> str:
    """A good ticket with these in its header."""
    header = {"typ": "JWT", "alg": "HS256", **members}
    header = {member: value for member, value in header.items() if value is not ...}
    return forge(json.dumps(header), json.dumps({"sub": "ada", "exp": NOON + 60}), hs256())
