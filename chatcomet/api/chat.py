"""Chat: what every endpoint is given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from twisted.internet.interfaces import IReactorTime

from chatcomet.access.accounts import NOBODY
from chatcomet.access.addresses import Proxies
from chatcomet.access.asker import Asker
from chatcomet.access.askers import Askers
from chatcomet.access.bookmarks import Bookmarks
from chatcomet.access.gate import Gate
from chatcomet.access.limits import Limits
from chatcomet.access.policy import PolicyFile
from chatcomet.access.refusals import Refusals
from chatcomet.access.rulings import Rulings
from chatcomet.access.sessions import Sessions
from chatcomet.access.signin import SignIn
from chatcomet.access.tickets import Tickets
from chatcomet.api.known_rooms import KnownRooms
from chatcomet.api.readers import Readers
from chatcomet.core.hub import Hub
from chatcomet.core.store import MessageStore
from chatcomet.settings import Settings


@dataclass(frozen=True, slots=True)
class Chat:
    """One running chat.

    `random` gives numbers from 0 to 1, for jitter; `clock` does not jump; `wall` tells seconds since 1970.
    `sign_in`: by name and password; None where nobody can.
    """

    settings: Settings
    store: MessageStore
    hub: Hub
    sessions: Sessions
    askers: Askers
    gate: Gate
    rulings: Rulings
    limits: Limits
    readers: Readers
    proxies: Proxies
    rooms: KnownRooms
    bookmarks: Bookmarks
    random: Callable[[], float]
    clock: IReactorTime
    wall: Callable[[], float]
    sign_in: SignIn | None = None


@dataclass(frozen=True, slots=True)
class Access:
    """By what is decided who may come in: what was ruled, what holds in which room, and which tickets are good.

    `readers`: how many there may be in all; 0 is no limit.
    """

    rulings: Rulings
    policy: PolicyFile
    tickets: Tickets | None
    refusals: Refusals
    readers: int = 0
    sign_in: SignIn | None = None


def open_chat(
    settings: Settings,
    store: MessageStore,
    hub: Hub,
    key: bytes,
    access: Access,
    random: Callable[[], float],
    clock: IReactorTime,
    wall: Callable[[], float],
) -> Chat:
    """All that belongs to a chat, put together.  `key`: what signs sessions, and hides the places in lists."""
    rulings = access.rulings
    accounts = access.sign_in or NOBODY
    sessions = Sessions(key, wall, clock, partial(rulings.is_ruled, "ended", ""), accounts)
    askers = Askers(sessions, access.tickets, rulings, accounts)
    has_accounts, takes_tickets = access.sign_in is not None, access.tickets is not None
    gate = Gate(access.policy, rulings, settings.guests, accounts=has_accounts, tickets=takes_tickets)

    def check(asker: Asker, room: str) -> None:
        askers.check(asker)
        gate.check_reader(asker, room)

    readers = Readers(access.readers, settings.readers_per_address, access.refusals, check, wall, clock)
    rulings.subscribe(readers.heed)
    return Chat(
        settings,
        store,
        hub,
        sessions,
        askers,
        gate,
        rulings,
        Limits(settings, clock, access.refusals),
        readers,
        Proxies(settings.proxies),
        KnownRooms(store),
        Bookmarks(key),
        random,
        clock,
        wall,
        access.sign_in,
    )
