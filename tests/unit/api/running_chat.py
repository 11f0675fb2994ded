"""A chat over a store in memory, whose time and chance are the test's."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from twisted.internet.defer import Deferred, fail
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from chatcomet.access.addresses import Proxies
from chatcomet.access.limits import Limits
from chatcomet.access.policy import PolicyFile
from chatcomet.access.refusals import Refusals
from chatcomet.access.sessions import Sessions
from chatcomet.api.chat import Chat
from chatcomet.api.readers import Readers
from chatcomet.core.hub import Hub
from chatcomet.core.message import Draft, Message
from chatcomet.core.store import MessageStore, Posted
from chatcomet.core.waiters import NO_BURST, Burst
from chatcomet.errors import ServerFault
from chatcomet.settings import Settings
from chatcomet.stores.memory import MemoryStore

EPOCH = "k3v9"
NOON = 1_795_354_155.123
"""What the wall clock says as a test begins."""


class HeldStore(MemoryStore):
    """A store whose appends wait for the test, while `holding`, and fail while there is a `fault`."""

    holding = False
    fault: ServerFault | None = None

    def __init__(self, wall: Callable[[], float], retain: int = 0) -> None:
        super().__init__(wall, retain, EPOCH)
        self.held: list[tuple[str, Draft, Deferred[Posted]]] = []

    def append(self, room: str, draft: Draft) -> Deferred[Posted]:
        if self.fault is not None:
            return fail(self.fault)
        if not self.holding:
            return super().append(room, draft)
        answer: Deferred[Posted] = Deferred(self._undo)
        self.held.append((room, draft, answer))
        return answer

    def _undo(self, answer: Deferred[Posted]) -> None:
        """What a store might do for one who cancels; nobody should."""
        self.held = [held for held in self.held if held[2] is not answer]

    def release(self) -> None:
        """Do the appends that wait."""
        self.holding = False
        held, self.held = self.held, []
        for room, draft, answer in held:
            self.append(room, draft).chainDeferred(answer)


def open_chat(
    settings: Settings,
    store: MessageStore,
    hub: Hub,
    sessions: Sessions,
    random: Callable[[], float],
    clock: Clock,
) -> Chat:
    """A chat whose rooms are open to all, with the limits that `settings` say."""
    refusals = Refusals(clock)
    limits = Limits(settings, clock, refusals)
    readers = Readers(settings.readers or 0, settings.readers_per_address, refusals)
    proxies = Proxies(settings.proxies)
    return Chat(settings, store, hub, sessions, random, clock, PolicyFile(), limits, readers, proxies)


class ChatTestCase(SynchronousTestCase):
    """`self.chat`, with all that it is made of."""

    settings = Settings(store="memory:")
    retain = 0

    def setUp(self) -> None:
        self.clock = Clock()
        self.now = NOON
        self.luck = 0.0
        self.store = HeldStore(lambda: self.now, self.retain)
        self.hub = Hub(self.store, self.clock, burst=self.burst())
        self.sessions = Sessions(b"k" * 32, lambda: self.now, self.clock)
        self.chat = open_chat(self.settings, self.store, self.hub, self.sessions, lambda: self.luck, self.clock)

    def burst(self) -> Burst:
        """What fan-outs write to."""
        return NO_BURST

    def add(self, *texts: str, room: str = "lobby", data: str | None = None) -> list[Message]:
        """Append messages by ada."""
        posted = [self.store.append(room, Draft("ada", text, data)) for text in texts]
        return [self.successResultOf(answer).message for answer in posted]

    def kept(self, room: str = "lobby") -> list[Message]:
        """All that the store has of `room`."""
        read: Sequence[Message] = self.successResultOf(self.store.read(room, 0, 1_000))
        return list(read)

    def texts(self, room: str = "lobby") -> list[str]:
        """The texts of all that the store has of `room`."""
        return [message.text for message in self.kept(room)]
