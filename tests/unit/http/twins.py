"""Two edges that are the same but for the lanes that requests may take, and what can happen to both."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Protocol

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from chatcomet.access.identity import Session
from chatcomet.access.policy import Policy, PolicyFile
from chatcomet.access.refusals import Refusals
from chatcomet.access.rulings import Rulings
from chatcomet.access.sessions import LIFE_SECONDS, Sessions
from chatcomet.access.tickets import Tickets
from chatcomet.api.chat import Access, open_chat
from chatcomet.core.hub import Hub
from chatcomet.core.message import Draft
from chatcomet.core.rulings import Kind, Ruling
from chatcomet.core.store import Posted
from chatcomet.http.hosts import Hosts
from chatcomet.http.lane import Lane
from chatcomet.http.resource import ChatResource
from chatcomet.http.site import ChatSite
from chatcomet.settings import Rate, Settings
from tests.unit.access.forge import hs256, keys, signed, ticket
from tests.unit.api.running_chat import NOON, HeldStore
from tests.unit.http.peer import Peer, PeerTransport, PlainTransport

ROOMS = ("lobby", "kitchen", "vault")
POLICY = """
[[rooms]]
name = "vault"
read = "members"
moderate = ["mia"]
"""
PEERS = 2
CLOSE_SECONDS = 1.5
BUFFER_BYTES = 200
"""So much is kept for a peer that takes nothing: less than an answer."""
KEY = b"k" * 32
ORIGINS = frozenset({"https://friend.example", "https://other-friend.example"})
HOSTS = Hosts(("chat.example",), "")
SETTINGS = Settings(store="memory:", origins=ORIGINS, post_rate=Rate(0.5, 5), readers_per_address=1)
"""All peers are of this very machine: they are counted by address where a header says that they are others."""


def id_of(name: str) -> str:
    """Of the session of `name`."""
    return f"id-of-{name}"


def cookie_of(name: str, age_seconds: float = 0.0, member: bool = False) -> str:
    """A cookie that every twin believes, unless it is too old."""
    session = Session(id_of(name), name, NOON - age_seconds, member)
    return Sessions(KEY, lambda: NOON, Clock()).cookie(session)


ADA, BOB, STALE = cookie_of("ada"), cookie_of("bob"), cookie_of("eve", 2.0 * LIFE_SECONDS)
MIA = cookie_of("mia", member=True)
"""A member."""

GRACE = ticket(sub="grace", jti="of-grace", exp=int(NOON) + 10**6, grants={"*": ["read", "post"]})
BRIEF = ticket(sub="grace", exp=int(NOON) + 10, grants={"*": ["read", "post"]})
NARROW = ticket(sub="hedy", exp=int(NOON) + 10**6, grants={"lobby": ["read"]})
BACK_END = ticket(sub="back end", exp=int(NOON) + 10**6, grants={"*": ["post", "as"]})
EXPIRED = ticket(sub="grace", exp=int(NOON) - 1, grants={"*": ["read", "post"]})
FORGED = signed(hs256(b"x" * 32), sub="grace", exp=int(NOON) + 10**6, grants={"*": ["read", "post"]})
TICKETS = (GRACE, BRIEF, NARROW, BACK_END, EXPIRED, FORGED)


class Twin:
    """One whole edge, with time, chance and store of its own, and its peers, which are connected by `transport`."""

    def __init__(self, transport: type[PeerTransport]) -> None:
        self.clock = Clock()
        self.store = HeldStore(self._wall)
        self.site = ChatSite("", HOSTS, ORIGINS, self.clock, self._wall)
        self.hub = Hub(self.store, self.clock, burst=self.site.outbox)
        self.rulings = Rulings(self.store, self._wall)
        policy = PolicyFile()
        policy.policy = Policy.parse(POLICY)
        tickets = Tickets(keys(), None, self._wall)
        access = Access(self.rulings, policy, tickets, Refusals(self.clock))
        self.chat = chat = open_chat(
            SETTINGS, self.store, self.hub, KEY, access, Random(0).random, self.clock, self._wall
        )
        self.site.serve(ChatResource(chat).resource(), Lane(chat, HOSTS))
        self.peers = [Peer(self.site, self.clock, transport(self.clock)) for _ in range(PEERS)]
        for peer in self.peers:
            peer.transport.buffer_bytes = BUFFER_BYTES
        self._on_the_way = [b""] * PEERS

    def _wall(self) -> float:
        return NOON + self.clock.seconds()

    def hear(self, peer: int, data: bytes) -> None:
        """`data` comes from `peer`, when it is listened to."""
        self._on_the_way[peer] += data
        self.let_in()

    def let_in(self) -> None:
        """Hear what the peers have sent, as far as the server reads it."""
        for number, peer in enumerate(self.peers):
            if self._on_the_way[number] and peer.transport.producerState == "producing":
                data, self._on_the_way[number] = self._on_the_way[number], b""
                peer.send(data)

    def end(self) -> None:
        """Leave nothing waiting: what waits does something once more when it is found to be garbage."""
        for peer in self.peers:
            peer.lose()
        self.store.release()
        self.hub.drain()

    def observe(self) -> dict[str, object]:
        """All that can be seen of it; what the peers were sent since the last time."""
        seen: dict[str, object] = {"waiting": self.hub.waiting, "connections": len(self.site.channels)}
        seen["readers"] = sorted(reader.asker.name for reader in self.chat.readers._all)
        seen["addresses"] = dict(self.chat.readers._by_address)
        for number, peer in enumerate(self.peers):
            seen[f"sent to {number}"] = peer.taken()
            transport = peer.transport
            ends = (peer.lost, transport.disconnecting, transport.half_closed, transport.aborted)
            seen[f"connection {number}"] = ends
            if not any(ends):
                seen[f"whether {number} is heard"] = transport.producerState
        for room in ROOMS:
            seen[f"messages of {room}"] = self._messages(room)
            seen[f"readers of {room}"] = self.hub.readers(room)
        # An idle room may be forgotten a little later: in a burst a stream asks on before it is found slow.
        rooms = self.hub._rooms.items()
        seen["rosters"] = {name: room.roster.state for name, room in rooms if not room.idle}
        seen["being appended"] = [(room, draft) for room, draft, _ in self.store.held]
        return seen

    def _messages(self, room: str) -> list[tuple[str, str]]:
        found: list[tuple[str, str]] = []
        self.store.read(room, 0, 1_000).addCallback(
            lambda messages: found.extend((message.author, message.text) for message in messages)
        )
        return found


class Step(Protocol):
    """Something that happens to a twin."""

    def __call__(self, twin: Twin) -> None: ...


@dataclass(frozen=True)
class Say:
    """A segment of bytes comes from a peer."""

    peer: int
    data: bytes

    def __call__(self, twin: Twin) -> None:
        twin.hear(self.peer, self.data)


@dataclass(frozen=True)
class Tell:
    """Somebody else's message comes to a room."""

    room: str

    def __call__(self, twin: Twin) -> None:
        told: Deferred[Posted] = twin.store.append(self.room, Draft("eve", "told"))
        told.addErrback(lambda _: None)
        twin.let_in()


@dataclass(frozen=True)
class Rule:
    """Somebody is banned or muted, or a session or ticket ends, for a while."""

    kind: Kind
    room: str
    subject: str

    def __call__(self, twin: Twin) -> None:
        now = NOON + twin.clock.seconds()
        twin.rulings.rule(Ruling(self.kind, self.room, self.subject, now + 20, "mia", now))
        twin.let_in()


@dataclass(frozen=True)
class Wait:
    """Time passes."""

    seconds: float

    def __call__(self, twin: Twin) -> None:
        clock = twin.clock
        end = clock.seconds() + self.seconds
        while (due := [call.getTime() for call in clock.getDelayedCalls()]) and min(due) <= end:
            clock.advance(max(0.0, min(due) - clock.seconds()))
            twin.let_in()
        clock.advance(end - clock.seconds())


@dataclass(frozen=True)
class Lose:
    """A peer's connection is no more."""

    peer: int

    def __call__(self, twin: Twin) -> None:
        twin.peers[self.peer].lose()


@dataclass(frozen=True)
class Stop:
    """The service stops."""

    def __call__(self, twin: Twin) -> None:
        if not twin.site.closing:
            twin.site.close(CLOSE_SECONDS)
            twin.hub.drain()
        twin.let_in()


@dataclass(frozen=True)
class Listen:
    """A peer takes what it is sent, or does not, from now on."""

    peer: int
    takes: bool

    def __call__(self, twin: Twin) -> None:
        peer = twin.peers[self.peer]
        if not self.takes:
            peer.transport.taking = False
        elif not peer.lost:
            peer.transport.take()
        twin.let_in()


@dataclass(frozen=True)
class Hold:
    """The store is slow, or does all that it has not done."""

    holds: bool

    def __call__(self, twin: Twin) -> None:
        if self.holds:
            twin.store.holding = True
        else:
            twin.store.release()
        twin.let_in()


def with_lane() -> Twin:
    """A twin whose peers may take the fast lane."""
    return Twin(PlainTransport)


def without_lane() -> Twin:
    """A twin whose peers may not."""
    return Twin(PeerTransport)
