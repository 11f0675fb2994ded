"""Addresses: from where a request comes, as far as that can be known, and who is counted for it.

Whoever connects has an address that can't be made up.  Behind a proxy that is the proxy's, and the client's stands in
a header (`Forwarded`, RFC 7239, or its forerunner `X-Forwarded-For`), which anybody can write.  So a header is
believed only from who is *trusted*: this machine itself (loopback and UNIX sockets) and the proxies that the operator
names.  Each proxy appends by whom it was asked.  So the list is read from its right end, over those that are trusted
themselves, to the first that is not: that one is the client, and what stands to the left of it may be invented.

======================================================  ======================================================
the peer is                                             it is counted as
======================================================  ======================================================
not trusted                                             itself, whatever headers say
trusted, and there is no header                         nobody
trusted, and so are all in the header                   nobody
trusted, and the header leads to a client               that client
trusted, and the header leads nowhere: it is            itself, together with all such requests; for whoever can spoil
malformed, says `unknown` or hides the client (RFC      the header on its way would else be counted as nobody, or as
7239, 6.2 and 6.3), names more than `HOPS`, or there    anybody they like
are both headers and they lead to different clients
======================================================  ======================================================
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from chatcomet.errors import Malformed

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

HOPS = 32
"""On its way a request may have come by so many; those of a list are looked at."""

FORWARDED_CHARACTERS = 1_024
"""A `Forwarded` that is longer is not read."""

UNIX = "unix:"
"""As whom a peer on a UNIX socket is counted, where it is."""

_GROUP_BITS = 64  # of an IPv6 address: the rest each subscriber chooses at will
_REMEMBERED = 10_000
_REMEMBERED_CHARACTERS = 256  # of headers: none longer than this is remembered
_LOOPBACK: tuple[Network, ...] = (ip_network("127.0.0.0/8"), ip_network("::1"))

_NODE = re.compile(r"(?:([0-9.]+)|\[([0-9a-f:.]+)\])(?::[0-9]{1,5}|:_[a-z0-9._-]+)?|([0-9a-f:.]+)", re.A | re.I)
_TOKEN = r"[!#$%&'*+.^_`|~0-9a-z-]++"  # noqa: S105  # RFC 9110's word for a word
_VALUE = r"[!#$%&'*+.^_`|~0-9a-z:\[\]-]++"  # a bare address is none, but is seen
_PAIR = re.compile(rf'[ \t]*+(?:({_TOKEN})=(?:({_VALUE})|"((?:[^"\\]|\\.)*+)"))?[ \t]*+([;,]|\Z)', re.A | re.I)


class Proxies:
    """Who is trusted beside this machine itself: `networks`."""

    def __init__(self, networks: Sequence[Network] = ()) -> None:
        self._trusted = (*_LOOPBACK, *networks)
        self._peers = lru_cache(_REMEMBERED)(self._find)
        self._clients = lru_cache(_REMEMBERED)(self._find)

    def client(self, peer: str, forwarded: str | None = None, x_forwarded_for: str | None = None) -> str | None:
        """As whom a request is counted; None: as nobody.  Of an IPv6 address the first 64 bits count.

        `peer`: the address at the other end of the connection; "" for a UNIX socket.  The headers: all lines of each,
        in order, with commas between them.
        """
        if forwarded is None and x_forwarded_for is None:
            return self._peers(peer)
        if len(forwarded or "") + len(x_forwarded_for or "") > _REMEMBERED_CHARACTERS:
            return self._find(peer, forwarded, x_forwarded_for)
        return self._clients(peer, forwarded, x_forwarded_for)

    def _find(self, peer: str, forwarded: str | None = None, x_forwarded_for: str | None = None) -> str | None:
        itself, trusted = self._look_at(peer)
        if not trusted:
            return itself
        try:
            lists = (_forwarded_nodes(forwarded or ""), _x_forwarded_nodes(x_forwarded_for or ""))
            clients = {self._first_untrusted(nodes) for nodes in lists if nodes}
        except Malformed:
            return itself
        if not clients:
            return None
        return clients.pop() if len(clients) == 1 else itself

    def _look_at(self, peer: str) -> tuple[str, bool]:
        """As whom `peer` is counted where it is, and whether it is trusted."""
        if not peer:
            return UNIX, True
        try:
            address = _read_address(peer)
        except Malformed:
            return peer, False
        return _counted(address), self._trusts(address)

    def _trusts(self, address: Address) -> bool:
        return any(address in network for network in self._trusted)

    def _first_untrusted(self, nodes: Sequence[str]) -> str | None:
        """Whom `nodes`, the client first and each proxy after it, lead to.  Raises `Malformed` where it is nowhere."""
        for hop, node in enumerate(reversed(nodes)):
            address = _read_node(node)
            if hop == HOPS:
                raise Malformed("there are too many proxies on the way")
            if not self._trusts(address):
                return _counted(address)
        return None


def read_network(text: str) -> Network:
    """The network, or the one address, that `text` says.  Raises `Malformed`."""
    try:
        network = ip_network(text)
    except ValueError as error:
        raise Malformed(f"{error}; it should be an address or a network such as 10.0.0.0/8") from error
    if network.prefixlen == 0:
        raise Malformed("with this anybody could say who they are")
    if isinstance(network, IPv6Network) and network.network_address.ipv4_mapped is not None:
        raise Malformed(f"the address {network.network_address} should be written in IPv4's form")
    return network


def _read_address(text: str) -> Address:
    try:
        address = ip_address(text)
    except ValueError as error:
        raise Malformed(str(error)) from error
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _counted(address: Address) -> str:
    """The network of one subscriber, as far as that can be told: on one link all have the same."""
    if isinstance(address, IPv4Address) or address.is_link_local:
        return str(address)
    rest = 128 - _GROUP_BITS
    return str(IPv6Network((int(address) >> rest << rest, _GROUP_BITS)))


def _read_node(text: str) -> Address:
    """The address of a node as RFC 7239, 6 has it, or as proxies write it without brackets."""
    match = _NODE.fullmatch(text)
    if match is None:
        raise Malformed("this names no address")
    return _read_address(match[1] or match[2] or match[3])


def _x_forwarded_nodes(header: str) -> list[str]:
    """The last of the nodes in `header`, some more than are looked at."""
    return [node for node in (part.strip(' \t"') for part in header.rsplit(",", HOPS + 1)) if node]


def _forwarded_nodes(header: str) -> list[str]:
    """Each element's `for` in `header`, "" where it has none.  Raises `Malformed`."""
    if len(header) > FORWARDED_CHARACTERS:
        raise Malformed("this is too long")
    nodes: list[str] = []
    element: dict[str, str] = {}
    place, ended = 0, False
    while not ended:
        match = _PAIR.match(header, place)
        if match is None:
            raise Malformed("this is no list of pairs")
        name, bare, quoted, end = match.groups()
        if name is not None:
            if name.lower() in element:
                raise Malformed(f"an element says {name} twice")
            element[name.lower()] = bare if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
        if end != ";" and element:
            nodes.append(element.get("for", ""))
            element = {}
        place, ended = match.end(), not end
    return nodes
