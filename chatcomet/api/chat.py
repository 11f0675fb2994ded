"""Chat: what every endpoint is given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from twisted.internet.interfaces import IReactorTime

from chatcomet.access.sessions import Sessions
from chatcomet.access.tickets import Tickets
from chatcomet.core.hub import Hub
from chatcomet.core.store import MessageStore
from chatcomet.settings import Settings


@dataclass(frozen=True, slots=True)
class Chat:
    """One running chat.  `random` gives numbers from 0 to 1, for jitter; `clock` does not jump.

    `tickets`: None where there is no key to check them with.
    """

    settings: Settings
    store: MessageStore
    hub: Hub
    sessions: Sessions
    random: Callable[[], float]
    clock: IReactorTime
    tickets: Tickets | None = None
