"""Castle: a server with tickets, passwords and a policy, and what opens it."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from argon2 import PasswordHasher
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt import PyJWS

from tests.integration.conftest import StartServer
from tests.integration.plain_client import JSON, ask, cursor
from tests.integration.server import Server

AUDIENCE = "castle.example"
PASSWORDS = {"Ada": "correct horse", "bob": "battery staple"}
GRACE = "under no attack"
"""The password of the account ``grace``, at which nobody guesses."""

POLICY = """
[[rooms]]
name = "hall"
moderate = ["ada"]

[[rooms]]
name = "keep*"
read = "members"
moderate = ["ada"]
posts_per_second = 2.0

[[rooms]]
name = "tower"
read = ["ada"]
post = "everyone"
create = "nobody"

[[rooms]]
name = "cell"
read = "nobody"
"""
ROOMS = ("hall", "keep", "keep.inner", "tower", "cell", "lobby", "yard")
KEPT_SECONDS = 3_600


@dataclass(frozen=True)
class Castle:
    """`key` signs tickets, its public half is known to the server; `secret` is the other key, which it shares."""

    server: Server
    key: Ed25519PrivateKey
    secret: str
    socket: Path

    @property
    def port(self) -> int:
        """Where it listens."""
        return self.server.port

    @property
    def public_pem(self) -> bytes:
        """The public half as the server has it, which is no secret."""
        return self.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    def claims(self, **more: object) -> dict[str, object]:
        """What a good ticket says, but for `more`, of which None takes a claim away."""
        grants = {"hall": ["read", "post"], "keep*": ["read", "post", "moderate"], "yard": ["post", "as"]}
        good = {"sub": "carol", "aud": AUDIENCE, "exp": int(time.time()) + KEPT_SECONDS, "grants": grants}
        return {claim: value for claim, value in {**good, **more}.items() if value is not None}

    def ticket(self, **more: object) -> str:
        """A ticket that is signed as it should be."""
        return self.signed(more)

    def shared_ticket(self, **more: object) -> str:
        """The same, signed with the shared secret."""
        return self.signed(more, shared=True)

    def signed(self, more: Mapping[str, object], shared: bool = False) -> str:
        """Whatever a ticket says, as PyJWT's own checks would not let it be: signed as it should be."""
        content = json.dumps(self.claims(**more)).encode()
        return PyJWS().encode(content, self.secret, "HS256") if shared else PyJWS().encode(content, self.key, "EdDSA")

    def cookie(self, name: str, password: str | None = None) -> str:
        """The cookie of a new session, as a browser sends it."""
        return sign_in(self.port, name, password)

    def epoch(self) -> str:
        """The log's."""
        return cursor(self.port, "lobby")[0]


def sign_in(port: int, name: str, password: str | None = None) -> str:
    """The cookie of a new session of `name`."""
    document = {"name": name} if password is None else {"name": name, "password": password}
    answer = ask(port, "POST", "/session", json.dumps(document), {"Content-Type": JSON})
    assert answer.status == 200, answer
    return answer.headers["set-cookie"].partition(";")[0]


def raise_castle(
    start_server: StartServer, folder: Path, *options: str, environ: dict[str, str] | None = None
) -> Castle:
    """A running castle, with its files in `folder`."""
    key, secret = Ed25519PrivateKey.generate(), "8d2f" * 16
    public, shared = folder / "public.pem", folder / "secret"
    public.write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    shared.write_text(secret + "\n", "ascii")
    hashes = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)  # what is tried here is not the hash
    passwords, policy, unix = folder / "passwords", folder / "rooms.toml", folder / "unix"
    passwords.write_text(
        "".join(f"{name}:{hashes.hash(password)}\n" for name, password in {**PASSWORDS, "grace": GRACE}.items())
    )
    policy.write_text(POLICY)
    server = start_server(
        *("--ticket-key", str(public), "--ticket-key", str(shared), "--ticket-audience", AUDIENCE),
        *("--auth", f"argon2:{passwords}", "--rooms", str(policy), "--listen", f"unix:{unix}"),
        *("--origin", "https://friend.example", *options),
        environ=environ,
    )
    return Castle(server, key, secret, unix)
