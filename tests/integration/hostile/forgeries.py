"""Forgeries: tickets that are nearly good, made by somebody who has seen good ones and knows what is public."""

from __future__ import annotations

import base64
import hmac
import json
import time
from collections.abc import Iterator, Mapping

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.integration.hostile.castle import AUDIENCE, Castle


def encoded(part: object) -> str:
    """A part of a ticket; what is no bytes is written as JSON."""
    content = part if isinstance(part, bytes) else json.dumps(part, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def by_hand(header: object, claims: object, secret: bytes | None, digest: str = "sha256") -> str:
    """A ticket with an HMAC by `secret`, which no library would make; None: without a signature."""
    signed = f"{encoded(header)}.{encoded(claims)}"
    return f"{signed}.{'' if secret is None else encoded(hmac.digest(secret, signed.encode(), digest))}"


def forged_tickets(castle: Castle) -> Iterator[tuple[str, str]]:
    """Each by what it is; none of them may be taken."""
    claims = castle.claims()
    good = castle.ticket()
    yield from _unsigned(claims, good)
    yield from _confused(castle, claims)
    yield from _by_others(castle, claims)
    yield from _tampered(castle, good)
    yield from _untimely(castle)
    yield from _malformed(castle, good)


def _unsigned(claims: Mapping[str, object], good: str) -> Iterator[tuple[str, str]]:
    for name in ("none", "None", "NONE", "nOnE", "", None, "HS256 ", ["none"], {"alg": "none"}):
        yield f"alg {name!r}", by_hand({"alg": name, "typ": "JWT"}, claims, None)
        yield f"alg {name!r}, signed for another", f"{encoded({'alg': name})}.{encoded(claims)}.{good.split('.')[2]}"
    yield "no alg", by_hand({"typ": "JWT"}, claims, None)
    for name in ("HS256", "EdDSA", "RS256"):
        yield f"{name} without a signature", by_hand({"alg": name}, claims, None)


def _confused(castle: Castle, claims: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    """The public key taken for a secret, and all that somebody could take for it."""
    public = castle.key.public_key()
    pem, raw = castle.public_pem, public.public_bytes(Encoding.Raw, PublicFormat.Raw)
    ssh = public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    der = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    jwk = {"kty": "OKP", "crv": "Ed25519", "x": encoded(raw)}
    lines = b"".join(pem.splitlines()[1:-1])
    secrets = {"PEM": pem, "PEM, trimmed": pem.strip(), "PEM, windows": pem.replace(b"\n", b"\r\n"), "raw": raw}
    secrets |= {"DER": der, "base64": lines, "hex": raw.hex().encode(), "ssh": ssh, "JWK": json.dumps(jwk).encode()}
    secrets |= {"nothing": b"", "a NUL": b"\0", "None": b"None", "audience": AUDIENCE.encode()}
    for name, secret in secrets.items():
        yield f"the key is {name}", by_hand({"alg": "HS256"}, claims, secret)
        yield f"EdDSA, but by HMAC of {name}", by_hand({"alg": "EdDSA"}, claims, secret)
    shared = castle.secret.encode()
    for name, digest in (("HS384", "sha384"), ("HS512", "sha512"), ("HS256", "sha512"), ("EdDSA", "sha256")):
        yield f"{name} by the shared secret and {digest}", by_hand({"alg": name}, claims, shared, digest)
    for name in ("hs256", "RS256", "ES256", "PS256", "Ed25519"):
        yield f"{name}, by the shared secret", by_hand({"alg": name}, claims, shared)


def _by_others(castle: Castle, claims: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    """Signed by keys of the forger's own, which the ticket brings along, or says where they are."""
    other = Ed25519PrivateKey.generate()
    jwk = {"kty": "OKP", "crv": "Ed25519", "x": encoded(other.public_key().public_bytes_raw())}
    for more in ({}, {"jwk": jwk}, {"jku": f"{castle.server.url}/keys"}, {"x5u": "file:///dev/null"}, {"kid": "1"}):
        yield f"another's key, {list(more)}", jwt.encode(dict(claims), other, "EdDSA", headers=more)
    rsa = generate_private_key(65537, 2048)
    yield "an RSA key", jwt.encode(dict(claims), rsa, "RS256")
    for kid in ("../../../../dev/null", "/dev/null", "' OR 1=1 --", "\0", "secret"):
        yield f"kid {kid!r}", by_hand({"alg": "HS256", "kid": kid}, claims, b"")
    yield "another secret", by_hand({"alg": "HS256"}, claims, b"8d2f" * 16 + b"\n")


def _tampered(castle: Castle, good: str) -> Iterator[tuple[str, str]]:
    head, said, signature = good.split(".")
    other = castle.ticket(sub="ada").split(".")
    yield "another's claims", f"{head}.{other[1]}.{signature}"
    yield "another's signature", f"{head}.{said}.{other[2]}"
    last = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    at = last.index(signature[-1])
    yield "a signature in other letters", f"{good[:-1]}{last[at ^ 1]}"
    yield from (
        *(("a letter less", good[:-1]), ("a letter more", good + "A"), ("padded", good + "==")),
        *(("in two lines", f"{head}.{said}\t.{signature}"), ("twice", f"{good}.{good}"), ("in capitals", good.upper())),
        *(("no head", f".{said}.{signature}"), ("no claims", f"{head}..{signature}"), ("dots", "..")),
        *(("five parts", f"{head}.{said}.{said}.{said}.{signature}"), ("two parts", f"{head}.{said}")),
        *(("in standard base64", f"{head}.{said}.{signature[:-1]}+"), ("long", "a." + "b" * 5_000 + ".c")),
    )


def _untimely(castle: Castle) -> Iterator[tuple[str, str]]:
    now = time.time()
    for name, claims in (
        *(("expired", {"exp": int(now) - 1}), ("expired long ago", {"exp": 0}), ("no exp", {"exp": None})),
        *(("exp in milliseconds", {"exp": int(now * 1_000)}), ("exp true", {"exp": True})),
        *(("exp a text", {"exp": str(int(now) + 60)}), ("exp in a list", {"exp": [int(now) + 60]})),
        *(("exp negative", {"exp": -1}), ("not yet", {"nbf": int(now) + 120}), ("nbf a text", {"nbf": "0"})),
        *(("another audience", {"aud": "other.example"}), ("no audience", {"aud": None}), ("aud empty", {"aud": []})),
        *(("other audiences", {"aud": ["a", "b"]}), ("aud longer", {"aud": AUDIENCE + ".evil"})),
        *(("aud in capitals", {"aud": AUDIENCE.upper()}), ("aud in an object", {"aud": {AUDIENCE: 1}})),
        *(("aud in a list in a list", {"aud": [[AUDIENCE]]}), ("no name", {"sub": None}), ("sub empty", {"sub": ""})),
        *(("sub a number", {"sub": 1}), ("sub guest", {"sub": "Guest"}), ("sub invisible", {"sub": "a\u202eb"})),
        *(("sub long", {"sub": "a" * 33}), ("grants a list", {"grants": ["read"]}), ("jti a number", {"jti": 1})),
        *(("grants of all", {"grants": {"*": "read"}}), ("unknown grants", {"grants": {"*": ["own"]}})),
    ):
        for sort, text in (("EdDSA", castle.signed(claims)), ("HS256", castle.signed(claims, shared=True))):
            yield f"{name}, {sort}", text


def _malformed(castle: Castle, good: str) -> Iterator[tuple[str, str]]:
    secret = castle.secret.encode()
    claims = json.dumps(castle.claims())
    for name, said in (
        *(("exp infinite", claims[:-1] + ',"exp":1e999}'), ("exp NaN", claims[:-1] + ',"exp":NaN}')),
        *(("sub twice", claims[:-1] + ',"sub":"ada"}'), ("no object", f"[{claims}]"), ("no JSON", claims[:-1])),
        *(("deep", '{"sub":' + "[" * 1_400 + "]" * 1_400 + "}"), ("a ticket within", json.dumps(good))),
    ):
        yield name, by_hand({"alg": "HS256"}, said.encode(), secret)
    headers: list[dict[str, object]] = [{"crit": ["exp"]}, {"crit": []}, {"b64": False}, {"b64": True, "crit": ["b64"]}]
    for header in headers:
        yield f"it asks for {header}", by_hand({"alg": "HS256", **header}, castle.claims(), secret)
    yield "alg twice", by_hand(b'{"alg":"HS256","alg":"none"}', castle.claims(), secret)
    yield "alg twice, the other way round", by_hand(b'{"alg":"none","alg":"HS256"}', castle.claims(), secret)
