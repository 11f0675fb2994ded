"""How long to wait before asking again.

Exponential, capped, and only then jittered: so many clients stay spread at the cap too.  Where the server names a
time, never less than that, and a little more by chance, so that they do not all come back in one second.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

FIRST_SECONDS = 1.0
LONGEST_SECONDS = 30.0
LONGEST_RETRY_AFTER = 300.0
"""Who asks for more (or has another clock) gets this many seconds."""

_SECONDS = re.compile(r"[0-9]{1,9}", re.ASCII)


def delay(failures: int, luck: float, retry_after: float | None = None) -> float:
    """Seconds to wait after so many failures before this one; `luck` is a random number from 0 to 1."""
    most = min(LONGEST_SECONDS, FIRST_SECONDS * 2.0 ** min(failures, 16))
    seconds = (most + luck * most) / 2
    return seconds if retry_after is None else max(seconds, retry_after + luck)


def parse_retry_after(header: str | None, date: str | None) -> float | None:
    """The seconds that a `Retry-After` header names, or None.

    It may be a moment; then the answer's `Date` header says how far off that is, whatever our own clock shows.
    """
    if header is None:
        return None
    if _SECONDS.fullmatch(header.strip()):
        seconds = float(header)
    else:
        moment, now = _moment(header), _moment(date or "")
        if moment is None or now is None:
            return None
        seconds = (moment - now).total_seconds()
    return min(max(seconds, 0.0), LONGEST_RETRY_AFTER)


def _moment(header: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(header)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
