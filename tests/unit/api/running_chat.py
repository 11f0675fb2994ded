"""A chat over a store in memory, whose time and chance are the test's."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from twisted.internet.defer import Deferred, fail
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from chatcomet.access.asker import Asker, bearer, holder, stranger
from chatcomet.access.grants import Grants
from chatcomet.access.policy import PolicyFile
from chatcomet.access.refusals import Refusals
from chatcomet.access.rulings import Rulings
from chatcomet.access.signin import SignIn
from chatcomet.access.tickets import Ticket, Tickets
from chatcomet.api.chat import Access, open_chat
from chatcomet.core.hub import Hub
from chatcomet.core.message import Draft, Message
from chatcomet.core.store import Posted
from chatcomet.core.waiters import NO_BURST, Burst
from chatcomet.errors import ServerFault
from chatcomet.settings import Settings
from chatcomet.stores.memory import MemoryStore
from tests.unit.access.forge import keys

EPOCH = "k3v9"
KEY = b"k" * 32
SOMEBODY = stranger(None)
NOON = 1_795_354_155.123
"""What the wall clock says as a test begins."""


def with_ticket(name: str, *actions: str, rooms: str = "*", seconds: float = 60.0) -> Asker:
    """Whom a ticket grants these in `rooms`, a pattern, for so many seconds from noon; its id is "jti:1"."""
    return bearer(Ticket(name, Grants.parse({rooms: actions}), NOON + seconds, "jti:1"), None)


class HeldStore(MemoryStore):
    """A store whose appends wait for the test, while `holding`, and fail while there is a `fault`."""

    holding = False
    fault: ServerFault | None = None

    def __init__(self, wall: Callable[[], float], retain: int = 0) -> None:
        super().__init__(wall, lambda room: retain, EPOCH)
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


class ChatTestCase(SynchronousTestCase):
    """`self.chat`, with all that it is made of."""

    settings = Settings(store="memory:")
    retain = 0

    def setUp(self) -> None:
        self.clock = Clock()
        self.now = NOON
        self.luck = 0.0
        self.store = HeldStore(lambda: self.now, self.retain)
        page_bytes = self.settings.sizes.page_bytes
        self.hub = Hub(self.store, self.clock, burst=self.burst(), page_bytes=page_bytes)
        self.rulings = Rulings(self.store, lambda: self.now)
        self.policy = PolicyFile()
        readers = self.settings.readers or 0
        sign_in = self.sign_in_by_password()
        access = Access(self.rulings, self.policy, self.tickets(), Refusals(self.clock), readers, sign_in)
        self.chat = open_chat(
            self.settings, self.store, self.hub, KEY, access, lambda: self.luck, self.clock, lambda: self.now
        )
        self.sessions = self.chat.sessions
        self.addCleanup(self.hub.drain)  # what waits would do something once more when it is found to be garbage

    def tickets(self) -> Tickets | None:
        """Which ones are good."""
        return Tickets(keys(), None, lambda: self.now)

    def sign_in_by_password(self) -> SignIn | None:
        """Who does."""
        return None

    def sign_in(self, name: str, address: str | None = None) -> Asker:
        """A guest who has picked `name`."""
        return holder(self.sessions.sign_in(name, None), address)

    def account(self, name: str) -> Asker:
        """Who has signed in as `name` with a password."""
        return holder(self.sessions.admit(name, None), None)

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
