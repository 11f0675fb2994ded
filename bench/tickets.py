"""Tickets: what a reader sends who has one, through a proxy on this machine."""

from __future__ import annotations

import time
from functools import cache
from ipaddress import IPv4Address

from bench.contenders import PEERS
from chatcomet.access.grants import Grants
from chatcomet.access.issuing import issue
from chatcomet.access.keys import SigningKey, load_signing_key

READERS_AT_ONE_ADDRESS = 100
"""As in an office; the server allows twice as many."""

_FIRST = IPv4Address("10.0.0.1")
_LIFE_SECONDS = 24 * 3_600
_GRANTS = Grants.parse({"lobby": ["read", "post"], "team-*": ["read"]})


@cache
def _key() -> SigningKey:
    return load_signing_key(PEERS / "ticket.key")


def bearer_header(number: int) -> bytes:
    """The header lines of reader `number`, and an empty one behind them."""
    ticket = issue(_key(), f"reader-{number}", _GRANTS, time.time(), _LIFE_SECONDS)
    address = _FIRST + number // READERS_AT_ONE_ADDRESS
    return f"Authorization: Bearer {ticket}\r\nX-Forwarded-For: {address}\r\n\r\n".encode()
