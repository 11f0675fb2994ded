"""Keys to sign and check with, and the files that hold them.  Each is made once: RSA keys take a while."""

from __future__ import annotations

from functools import cache

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed448 import Ed448PrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key as generate_rsa_key
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes, PublicKeyTypes
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

SECRET = b"correct horse battery staple, and then some"
OTHER_SECRET = b"Tr0ub4dor&3, which is not quite as good a one"

NOT_FOR_TICKETS = (generate_private_key(SECP256R1()), Ed448PrivateKey.generate())
"""Private keys of kinds that are not used here."""


@cache
def ed25519_key(number: int = 0) -> Ed25519PrivateKey:
    """An Ed25519 key; another number is another key."""
    return Ed25519PrivateKey.generate()


@cache
def rsa_key(bits: int = 2_048) -> RSAPrivateKey:
    """An RSA key."""
    return generate_rsa_key(65_537, bits)


def private_pem(key: PrivateKeyTypes, passphrase: bytes = b"") -> bytes:
    """The file of a private key (PKCS #8)."""
    encryption = BestAvailableEncryption(passphrase) if passphrase else NoEncryption()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)


def public_pem(key: PublicKeyTypes) -> bytes:
    """The file of a public key."""
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
