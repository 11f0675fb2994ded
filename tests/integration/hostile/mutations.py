"""Mutations: what becomes of a wish that somebody tampers with, in its parts and in its bytes."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from random import Random

from tests.integration.hostile.grammar import Wish
from tests.integration.hostile.poisons import (
    AUTHORIZATIONS,
    CHUNKS,
    FORMS,
    FRAMES,
    HEADERS,
    JSON,
    METHODS,
    TARGETS,
    TRICKS,
    VALUES,
    VERSIONS,
)

Mutation = Callable[[Random, Wish], Wish]


def method(random: Random, wish: Wish) -> Wish:
    """Another method, or what is none."""
    return replace(wish, method=random.choice(METHODS))


def version(random: Random, wish: Wish) -> Wish:
    """Another version."""
    return replace(wish, version=random.choice(VERSIONS))


def path(random: Random, wish: Wish) -> Wish:
    """Tricks in the path, at one of its slashes or anywhere; or another target altogether."""
    if random.random() < 0.2:
        return replace(wish, path=random.choice(TARGETS))
    at = random.randrange(len(wish.path) + 1)
    return replace(wish, path=wish.path[:at] + random.choice(TRICKS) + wish.path[at:])


def query(random: Random, wish: Wish) -> Wish:
    """A parameter that is wrong, twice there, unknown; or thousands of them."""
    pairs = list(wish.query) or [(b"cursor", b"elsewhere.1")]
    at = random.randrange(len(pairs))
    name, _ = pairs[at]
    match random.randrange(5):
        case 0:
            pairs.append(pairs[at])
        case 1:
            pairs *= random.choice([2, 40, 300])
        case 2:
            pairs.append(
                (random.choice([b"ticket", b"wait", b"limit", b"at", b"roster", b"%ff", b""]), random.choice(VALUES))
            )
        case _:
            pairs[at] = (name, random.choice(VALUES))
    return replace(wish, query=tuple(pairs))


def header(random: Random, wish: Wish) -> Wish:
    """One more header, in place of that of its name or beside it; one away; or hundreds."""
    headers = list(wish.headers)
    match random.randrange(6):
        case 0:
            del headers[random.randrange(len(headers)) :][:1]
        case 1:
            headers.append(random.choice(headers))
        case 2:
            headers += [(b"X-%d" % number, b"x" * random.choice([1, 60])) for number in range(random.choice([90, 600]))]
        case _:
            name, value = random.choice(HEADERS)
            if random.random() < 0.5:
                headers = [pair for pair in headers if pair[0] != name]
            headers.insert(random.randrange(len(headers) + 1), (name, value))
    return replace(wish, headers=tuple(headers))


def authorization(random: Random, wish: Wish) -> Wish:
    """Who asks is said in a way that is wrong, beside what was said or in its place."""
    headers = [pair for pair in wish.headers if pair[0] != b"Authorization" or random.random() < 0.2]
    said = [value for name, value in wish.headers if name == b"Authorization" and value.startswith(b"Bearer ")]
    value = b"Bearer " + ticket(random, said[0][7:]) if said else random.choice(AUTHORIZATIONS)
    return replace(wish, headers=(*headers, (b"Authorization", value)))


def ticket(random: Random, text: bytes) -> bytes:
    """A ticket that was tampered with: `alg` none, other claims, other bytes."""
    if text.count(b".") != 2:
        return _tampered(random, text)
    header_part, claims, signature = text.split(b".")
    match random.randrange(5):
        case 0:
            headers = (
                {"alg": "none"},
                {"alg": "HS256"},
                {"alg": ["EdDSA"]},
                {"alg": "EdDSA", "crit": ["b64"]},
                [1],
                "x",
            )
            return b".".join([_encoded(random.choice(headers)), claims, random.choice([signature, b""])])
        case 1:
            others: tuple[object, ...] = (
                {"sub": "ada"},
                {"sub": "ada", "exp": 1e400},
                {"sub": ["ada"]},
                [[[]]],
                {"exp": -1, "grants": 7},
            )
            return b".".join([header_part, _encoded(random.choice(others)), signature])
        case 2:
            return b".".join([header_part, base64.urlsafe_b64encode(b"[" * 2_900).rstrip(b"="), signature])
        case 3:
            return text + random.choice([b".", b"=", b"A", b"\x00", b".e30"])
    return _tampered(random, text)


def cookie(random: Random, wish: Wish) -> Wish:
    """A session that was tampered with, many, or what is none."""
    values = [value for name, value in wish.headers if name == b"Cookie"] or [b"chatcomet=x.y"]
    others = [pair for pair in wish.headers if pair[0] != b"Cookie"]
    match random.randrange(5):
        case 0:
            values = [_tampered(random, values[0])]
        case 1:
            values = [b"; ".join([b"chatcomet=" + b"x" * 40] * 100)]
        case 2:
            values = [b"chatcomet=" + random.randbytes(random.choice([4, 80, 2_000])).replace(b"\n", b"")]
        case 3:
            values = [*values, b"chatcomet=x"]
        case _:
            values = [b"chatcomet=" + b"A" * 7_000, b";;;==;"]
    return replace(wish, headers=(*others, *((b"Cookie", value) for value in values)))


def body(random: Random, wish: Wish) -> Wish:
    """Another body, or that one with other bytes."""
    if not wish.body or random.random() < 0.5:
        kind = (b"Content-Type", random.choice([b"application/json", b"application/x-www-form-urlencoded"]))
        headers = [pair for pair in wish.headers if pair[0] != b"Content-Type"]
        return replace(wish, headers=(*headers, kind), body=random.choice((*JSON, *FORMS)))
    return replace(wish, body=_tampered(random, wish.body))


def framing(random: Random, wish: Wish) -> Wish:
    """The body's length is not what is said, or its chunks are none."""
    if random.random() < 0.5:
        said = (b"Transfer-Encoding", b"chunked")
        return replace(wish, headers=(*wish.headers, said), chunks=False, body=b"", behind=random.choice(CHUNKS))
    length = max(0, len(wish.body) + random.choice([-3, -1, 1, 40, 70_000]))
    said = (b"Content-Length", b"%d" % length)
    return replace(wish, headers=(*wish.headers, said), body=b"", behind=wish.body)


def frames(random: Random, wish: Wish) -> Wish:
    """Other frames behind a handshake, or the same with other bytes."""
    if not wish.behind:
        return replace(wish, behind=random.choice(FRAMES))
    if random.random() < 0.5:
        return replace(wish, behind=_tampered(random, wish.behind))
    return replace(wish, behind=wish.behind[: random.choice([0, 60])] + random.choice(FRAMES))


_OF_MEANING: tuple[Mutation, ...] = (path, query, query, authorization, cookie, body, body)
"""After which it is a request still, mostly, so that those behind it are heard."""

_OF_FORM: tuple[Mutation, ...] = (method, version, header, header, header, framing)


def mutated(random: Random, wish: Wish, is_last: bool) -> bytes:
    """`wish`, with none to three mutations, of its form mostly if it is the last one of its connection."""
    breaks = random.random() < (0.6 if is_last else 0.15)
    for _ in range(random.choice([0, 1, 1, 1, 2, 3])):
        if wish.behind and random.random() < 0.5:
            wish = frames(random, wish)
        else:
            wish = random.choice(_OF_FORM if breaks else _OF_MEANING)(random, wish)
    data = wish.to_bytes()
    return _tampered(random, data) if breaks and random.random() < 0.3 else data


def _encoded(value: object) -> bytes:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=")


def _tampered(random: Random, data: bytes) -> bytes:
    """`data` with some bytes changed, lost, repeated or moved."""
    at = random.randrange(len(data) + 1)
    to = min(len(data), at + random.choice([1, 1, 2, 20]))
    match random.randrange(7):
        case 0:
            return data[:at] + random.randbytes(to - at) + data[to:]
        case 1:
            return data[:at] + data[to:]
        case 2:
            return data[:at] + data[at:to] * random.choice([2, 100]) + data[to:]
        case 3:
            return data[:at]
        case 4:
            return data[:at] + random.choice([b"\x00", b"\r", b"\n", b"\r\n", b"\r\n\r\n", b"\xff", b":"]) + data[at:]
        case 5:
            return data.replace(b"\r\n", b"\n") if random.random() < 0.5 else data.replace(b"\r\n", b"\r")
    return data[to:] + data[:at]
