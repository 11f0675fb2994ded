"""Spoken: what `h2` knows of an HTTP/2 connection."""

from __future__ import annotations

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.settings import SettingCodes, Settings

EXCHANGES = 100
"""How many requests there may be at once."""

TABLE_BYTES = 4 * 1024
"""So much we remember of the headers that we have sent, where the peer lets us remember more."""


class Spoken(H2Connection):
    """`block_bytes`: of a header."""

    MAX_CLOSED_STREAMS = 1024  # of which it remembers how they ended, for what may still come of them

    def __init__(self, block_bytes: int) -> None:
        super().__init__(H2Configuration(client_side=False, header_encoding=None))
        limits = {SettingCodes.MAX_CONCURRENT_STREAMS: EXCHANGES, SettingCodes.MAX_HEADER_LIST_SIZE: block_bytes}
        self.local_settings = Settings(client=False, initial_values=limits)
        self.decoder.max_header_list_size = block_bytes  # of itself it would be 64 KiB, whatever was said

    def keep_table_small(self) -> None:
        """The peer has said how much we may remember."""
        self.encoder.header_table_size = min(self.encoder.header_table_size, TABLE_BYTES)
