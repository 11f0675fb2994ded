"""Origin: whether a request that changes something comes from where it may (cross-site request forgery).

Browsers say by themselves what page a request comes from; programs say nothing, and need not.  The rule
follows Filippo Valsorda's survey (Go's http.CrossOriginProtection, 2025): `Sec-Fetch-Site` decides where it
is present, and `Origin` against `Host` where it is not.  What the pages of those who may are shown is in `cors`.
"""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from urllib.parse import urlsplit

from chatcomet.errors import CrossSite


def check_origin(site: str | None, origin: str | None, host: str | None, allowed: AbstractSet[str]) -> None:
    """Raise `CrossSite` unless a change may be asked for by whoever sent these headers.

    `site`: Sec-Fetch-Site; `allowed`: other sites' origins, as a browser writes them.
    """
    if origin is not None and origin in allowed:
        return
    if site is not None:
        if site in ("same-origin", "none"):
            return
    elif origin is None or (host and _host(origin) == host.lower()):
        return
    raise CrossSite(f"a page of {origin or 'another site'} may not do this here; the operator can allow it by --origin")


def _host(origin: str) -> str | None:
    """The host and port of an origin; None for ``null`` and what is none."""
    try:
        return urlsplit(origin).netloc.lower() or None
    except ValueError:
        return None
