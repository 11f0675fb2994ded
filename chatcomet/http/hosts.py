"""Hosts: by which names a server may be called (DNS rebinding).

A page of another site can have that site's own name lead to this server, and is then, to its browser, a page of the
server: it may ask for whatever it likes, from inside a network that its author can't reach.  What gives it away is
the name, which the browser still sends as `Host`.  So a name that is not this server's is refused (421).

Known are IP literals and localhost in any case, since nobody has those leading elsewhere (probes and proxies use
them); beside them the names that the operator lists or, where none is listed, the machine's own.  No name is asked of
a name server for that: what it says is another's word.  The port does not matter: whoever forwards one changes it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from ipaddress import AddressValueError, IPv4Address, IPv6Address

from chatcomet.errors import Malformed, Misdirected

ANY = "*"
"""Stands for every name."""

STRICT = ("Strict-Transport-Security", "max-age=31536000")
"""What is said over TLS under a name that others could have: for a year come by TLS only (RFC 6797)."""

_HOST = re.compile(r"(?:\[([0-9A-Za-z:.%_~-]{0,255})\]|([0-9A-Za-z._~%!$&'()*+,;=-]{0,255}))(?::[0-9]{0,5})?", re.ASCII)
"""What a `Host` header may say (RFC 9110, 7.2; RFC 3986, 3.2.2): an IPv6 literal in brackets, or a name."""


class Hosts:
    """The names in `listed` or, where there are none, those of a machine that calls itself `machine`."""

    def __init__(self, listed: Iterable[str], machine: str) -> None:
        self._names = frozenset(map(_plain, listed)) or _called(machine)

    def knows(self, host: str) -> bool:
        """Whether `host`, a header's value, is a name of this server, with or without a port."""
        match = _HOST.fullmatch(host)
        if match is None:
            return False
        if ANY in self._names:
            return True
        literal, name = match.groups()
        if literal is not None:
            return _is_address(IPv6Address, literal)
        name = _plain(name)
        return name in self._names or is_local(name) or _is_address(IPv4Address, name)

    def names(self, host: str) -> bool:
        """Whether `host` is a name of this server that others could have: no address, and not localhost."""
        name = _plain(host.partition(":")[0])
        return not host.startswith("[") and self.knows(host) and not (is_local(name) or _is_address(IPv4Address, name))

    def check(self, values: Sequence[str], version: bytes) -> None:
        """Raise unless a request whose `Host` headers have these `values` is for this server.

        `Malformed` where there is none, several, or what is no host (RFC 9112, 3.2), and `Misdirected` for other names.
        Before HTTP/1.1 there was no such header; every browser has sent it for longer than it has told origins.
        """
        if not values and version == b"HTTP/1.0":
            return
        if len(values) != 1 or not _HOST.fullmatch(values[0]):
            raise Malformed("a request has one Host, which is a name or an address, and maybe a port")
        if not self.knows(values[0]):
            called = values[0] or "nothing"
            raise Misdirected(f"this server is not known as {called}; the operator can add a name by --host")


def is_local(name: str) -> bool:
    """Whether `name`, in small letters, is this very machine's wherever it is asked for (RFC 6761, 6.3)."""
    return name == "localhost" or name.endswith(".localhost")


def _called(machine: str) -> frozenset[str]:
    """By what a machine is called that calls itself `machine`.

    That and, in its network, its first label, alone or under ``.local`` (RFC 6762, 3).
    """
    name = _plain(machine)
    label = name.partition(".")[0]
    if not label or _is_address(IPv4Address, name):
        return frozenset({name} - {""})
    return frozenset({name, label, f"{label}.local"})


def _plain(name: str) -> str:
    """`name` as it is compared: case does not matter, nor does the dot of the root."""
    return name.lower().removesuffix(".")


def _is_address(kind: type[IPv4Address] | type[IPv6Address], text: str) -> bool:
    try:
        kind(text)
    except AddressValueError:
        return False
    return True
