"""Names for the lives of stores."""

from __future__ import annotations

import secrets
import string

_LETTERS = string.ascii_lowercase + string.digits


def new_epoch() -> str:
    """A name that no other life of a store has: 8 letters and digits."""
    return "".join(secrets.choice(_LETTERS) for _ in range(8))
