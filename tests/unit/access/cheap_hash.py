"""Argon2 hashes that cost next to nothing."""

from __future__ import annotations

from argon2 import PasswordHasher

_CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


def cheap_hash(password: str) -> str:
    """A hash of `password`, good enough for tests."""
    return _CHEAP.hash(password)
