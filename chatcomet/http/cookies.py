"""The cookie that carries a session (RFC 6265bis)."""

from __future__ import annotations

from collections.abc import Callable

from chatcomet.access.sessions import LIFE_SECONDS


def read_cookies(header: bytes) -> dict[bytes, bytes]:
    """The cookies of a `Cookie` header, read as Twisted's `Request` reads it."""
    pairs = (part.lstrip().partition(b"=") for part in header.split(b";"))
    return {name: value for name, equals, value in pairs if equals}


class SessionCookie:
    """Its name and attributes, for a chat served under `prefix`.

    Over TLS the name begins with ``__Host-``, which browsers take for a promise: it was set by this very host,
    over TLS, and no subdomain or plain connection can overwrite it.
    """

    def __init__(self, prefix: str) -> None:
        self._plain = "chatcomet" + prefix.replace("/", "-")
        self._secure = "__Host-" + self._plain

    def read(self, get_cookie: Callable[[bytes], bytes | None], secure: bool) -> str | None:
        """The cookie's value, if the request has it; one that is empty is none."""
        value = get_cookie((self._secure if secure else self._plain).encode())
        return value.decode("latin-1") if value else None

    def header(self, value: str | None, secure: bool) -> tuple[str, str]:
        """The `Set-Cookie` header that sets the cookie, or with None removes it."""
        attributes = f"Path=/; Max-Age={LIFE_SECONDS if value else 0}; HttpOnly; SameSite=Lax"
        if secure:
            return "Set-Cookie", f"{self._secure}={value or ''}; {attributes}; Secure"
        return "Set-Cookie", f"{self._plain}={value or ''}; {attributes}"
