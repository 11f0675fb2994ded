"""Chat: what every endpoint is given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from twisted.internet.interfaces import IReactorTime

from chatcomet.access.addresses import Proxies
from chatcomet.access.limits import Limits
from chatcomet.access.policy import PolicyFile
from chatcomet.access.sessions import Sessions
from chatcomet.access.tickets import Tickets
from chatcomet.api.readers import Readers
from chatcomet.core.hub import Hub
from chatcomet.core.store import MessageStore
from chatcomet.settings import Settings


@dataclass(frozen=True, slots=True)
class Chat:
    """One running chat.  `random` gives numbers from 0 to 1, for jitter; `clock` does not jump.

    `tickets`: None where there is no key to check them with.
    `policy`: what holds in which room; ask it anew each time, for the operator may change it.
    """

    settings: Settings
    store: MessageStore
    hub: Hub
    sessions: Sessions
    random: Callable[[], float]
    clock: IReactorTime
    policy: PolicyFile
    limits: Limits
    readers: Readers
    proxies: Proxies
    tickets: Tickets | None = None
