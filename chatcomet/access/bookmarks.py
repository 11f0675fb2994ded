"""Bookmarks: places in the list of rooms, told to whom the room that is there may be nothing to know.

Whoever may read few of many rooms is sent on from place to place, and where one looks no further is mostly at a room
that is not for the asker.  So the name is encrypted (Fernet), and all names are of one length.
"""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64encode

from cryptography.fernet import Fernet, InvalidToken

from chatcomet.errors import Malformed

_MARK = "~"  # of no room's name
_NAME_BYTES = 64  # of the longest name


class Bookmarks:
    """Made and read by `key`, the one that signs sessions."""

    def __init__(self, key: bytes) -> None:
        derived = hashlib.blake2b(key, digest_size=32, person=b"bookmarks").digest()
        self._fernet = Fernet(urlsafe_b64encode(derived))

    def make(self, name: str) -> str:
        """What leads to the place after the room `name`; all of it may stand in a URL."""
        return _MARK + self._fernet.encrypt(name.encode().ljust(_NAME_BYTES)).decode().rstrip("=")

    def read(self, text: str) -> str:
        """The name after which to go on, which is `text` itself if that is no bookmark.  Raises `Malformed`."""
        if not text.startswith(_MARK):
            return text
        token = text.removeprefix(_MARK).encode()
        try:
            return self._fernet.decrypt(token + b"=" * (-len(token) % 4)).decode().rstrip()
        except InvalidToken:
            raise Malformed("this does not lead on from here: ask for the rooms from the beginning") from None
