"""Keys: what tickets are signed and checked with, each in a file of its own.

What a file holds decides the algorithm, and never what a ticket says of itself (RFC 8725, 3.1):

==============================  =========  ===================================
the file holds                  algorithm  it can
==============================  =========  ===================================
a secret of 32 bytes or more    HS256      sign and check
an Ed25519 key, PEM             EdDSA      sign if private, check if public
an RSA key, PEM, 2,048 bits up  RS256      the same
==============================  =========  ===================================

A secret is the text of the file as it stands, without white space around it: nothing is decoded, so that nobody can
read it in two ways.  A file that is no text is a secret as it is, byte by byte.  So any file could be one, a public
key in a form that is not known here among them, and then whoever has that could sign: known forms are refused.
"""

from __future__ import annotations

import codecs
import os
import re
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key
from jwt import InvalidKeyError, get_algorithm_by_name

from chatcomet.errors import StartRefused

SECRETS = "HS256"
"""The algorithm of secrets."""

SECRET_BYTES = 32
RSA_BITS = 2_048
FILE_BYTES = 16 * 1024

_SSH_KEY = re.compile(rb"(ssh|ecdsa)-\S+ AAAA")
_KINDS = f"Ed25519 keys and RSA keys of {RSA_BITS:,} bits at least"


@dataclass(frozen=True, slots=True)
class Key:
    """What checks a signature.  `algorithm` is its name in RFC 7518 or RFC 8037."""

    algorithm: str
    material: bytes | Ed25519PublicKey | RSAPublicKey = field(repr=False)


@dataclass(frozen=True, slots=True)
class SigningKey:
    """What signs."""

    algorithm: str
    material: bytes | Ed25519PrivateKey | RSAPrivateKey = field(repr=False)


def load_key(path: Path) -> Key:
    """The key at `path` for checking tickets: a secret or a public key.  Raises `StartRefused`."""
    content = _read(path)
    if not _is_pem(content):
        return Key(SECRETS, _secret(content, path))
    if _is_private(content):
        raise StartRefused(
            f"{path} holds a private key, which signs: whoever checks tickets should have the public one alone "
            f"(openssl pkey -in {path} -pubout)"
        )
    try:
        material = load_pem_public_key(content)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise StartRefused(f"{path} holds no public key that can be read") from error
    match material:
        case Ed25519PublicKey():
            return Key("EdDSA", material)
        case RSAPublicKey() if material.key_size >= RSA_BITS:
            return Key("RS256", material)
    raise StartRefused(f"{path} holds a key of another kind: tickets are checked with {_KINDS}")


def load_signing_key(path: Path) -> SigningKey:
    """The key at `path` for signing tickets: a secret or a private key.  Raises `StartRefused`."""
    content = _read(path)
    if not _is_pem(content):
        return SigningKey(SECRETS, _secret(content, path))
    if not _is_private(content):
        raise StartRefused(f"{path} holds no private key: only that can sign")
    try:
        material = load_pem_private_key(content, None)
    except TypeError as error:
        raise StartRefused(f"{path} is encrypted: a key that signs tickets should have no passphrase") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise StartRefused(f"{path} holds no private key that can be read") from error
    match material:
        case Ed25519PrivateKey():
            return SigningKey("EdDSA", material)
        case RSAPrivateKey() if material.key_size >= RSA_BITS:
            return SigningKey("RS256", material)
    raise StartRefused(f"{path} holds a key of another kind: tickets are signed with {_KINDS}")


def write_secret(path: Path) -> None:
    """Write a new secret to `path`, for its owner's eyes alone.  Raises `OSError`, also if there is a file already."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_hex(SECRET_BYTES) + "\n")
    except OSError:
        path.unlink()  # half a key is none
        raise


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(FILE_BYTES + 1)
    except OSError as error:
        raise StartRefused(f"the key {path} can't be read: {error.strerror}") from error
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise StartRefused(f"{path} is a text in UTF-16: a key's file is in ASCII, or UTF-8")
    if len(content) > FILE_BYTES:
        raise StartRefused(f"{path} is too large for a key")
    if content.count(b"-----BEGIN") > 1:
        raise StartRefused(f"{path} holds more than a key: each should have a file of its own")
    return content


def _is_pem(content: bytes) -> bool:
    return b"-----BEGIN" in content


def _is_private(content: bytes) -> bool:
    return b"PRIVATE KEY-----" in content


def _secret(content: bytes, path: Path) -> bytes:
    secret = content
    try:
        text = content.decode().strip()
    except UnicodeDecodeError:
        pass
    else:
        if not text.isprintable():
            raise StartRefused(f"{path} is a text, but not of one line, as a secret should be")
        secret = text.encode()
    if len(secret) < SECRET_BYTES:
        raise StartRefused(
            f"{path} holds a secret of {len(secret)} bytes, and {SECRET_BYTES} it should have at least: "
            "chatcomet ticket-key makes one"
        )
    if _is_public_key(secret):
        raise StartRefused(f"{path} holds a key, but neither in PEM nor a secret")
    return secret


def _is_public_key(secret: bytes) -> bool:
    """Whether this is a public key for all we know: in DER, as a JWK, for SSH."""
    try:
        get_algorithm_by_name(SECRETS).prepare_key(secret)
    except InvalidKeyError:
        return True
    return _SSH_KEY.search(secret) is not None
