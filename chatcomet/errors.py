"""Every exception of chatcomet, by whose fault it is.

* `AskerError`: whoever asked can put it right by asking otherwise.
* `ServerFault`: the server can't do now what it should; asking again later is right.
* `StartRefused`: the operator's; the server, or the command, does not start.

What these become on a wire (HTTP status codes, problem documents) is decided in ``http/wire.py`` alone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal

Limited = Literal["posts", "sessions", "rooms", "sign-ins"]
"""Of what there can be too many, as logs and problems name it; `sign-ins` are failed ones.  For readers: `Crowded`."""


class ChatcometError(Exception):
    """The base of all; ``str()`` of it is a sentence for people."""


class AskerError(ChatcometError):
    """The asker's fault."""


class Malformed(AskerError):
    """Something asked for does not have its form: a number, a cursor, a name, a body."""


class TooLong(AskerError):
    """A text, its data or a body is longer than its limit."""


class UnsupportedForm(AskerError):
    """A body in a form that this server does not read."""


class UpgradeRequired(AskerError):
    """What was asked for speaks another protocol, and the asker did not offer to."""


class NotFound(AskerError):
    """There is no such thing here."""


class CrossSite(AskerError):
    """A change asked for by another site's page, which is not listed as allowed."""


class Misdirected(AskerError):
    """A request for a host that this server is not known as."""


class NotAllowed(AskerError):
    """Whoever asks may not do this."""


class NotSignedIn(AskerError):
    """Whoever asks may not do this as long as it is not known who that is."""


class SessionEnded(NotSignedIn):
    """A change asked for by who shows a session that is over, and would go out as nobody's."""


class BadTicket(AskerError):
    """A ticket that is worth nothing: forged, without its form, of another time, for somebody else, or revoked.

    The reason is told in general words: a ticket is a secret, and no error carries one.
    """


class CursorExpired(AskerError):
    """A cursor that does not lead on from here: of another epoch, pruned, or ahead of the log.

    What is here instead: the store's `epoch`, and in `room` the seqs from `first` to before `head`.
    """

    def __init__(self, room: str, epoch: str, first: int, head: int) -> None:
        super().__init__(
            "this cursor does not lead on from here: messages after it are not kept, or it is of another log"
        )
        self.room = room
        self.epoch = epoch
        self.first = first
        self.head = head


class KeyReused(AskerError):
    """An idempotency key that was used already, for another message."""


class NameTaken(AskerError):
    """A name that another live session holds, or that nobody may hold."""


class TooMany(AskerError):
    """More than one may have or do: of `name`; `retry_after` says in how many whole seconds to ask again."""

    def __init__(self, reason: str, name: Limited, wait_seconds: float = 1.0) -> None:
        super().__init__(reason)
        self.name: Limited = name
        self.retry_after = max(1, math.ceil(wait_seconds))


class SignInFailed(AskerError):
    """The name or the password is wrong; nobody is told which."""

    def __init__(self, reason: str = "the name or the password is wrong") -> None:
        super().__init__(reason)


class TooManyTries(TooMany):
    """Too many sign-ins have failed; `retry_after` says in how many seconds the next one is looked at."""

    def __init__(self, reason: str, retry_after: int = 1) -> None:
        super().__init__(reason, "sign-ins", retry_after)


class ServerFault(ChatcometError):
    """The server's fault; `retry_after` says in how many seconds to ask again."""

    def __init__(self, reason: str, retry_after: int = 1) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


class StoreUnavailable(ServerFault):
    """The store can't be read or written now; what was asked for is not known to have happened."""


class StoreBusy(ServerFault):
    """More is asked of the store than it has room to queue."""


class SignInUnavailable(ServerFault):
    """Passwords can't be checked now."""


class HalfAsked(SignInUnavailable):
    """One checker does not know the name by the password, and another one, which might, could not be asked."""


class SignInBusy(SignInUnavailable):
    """More passwords wait to be checked than there is room for."""


class Crowded(ServerFault):
    """Too many wait already: this one is answered at once, with these empty `pages` (`core.message.Page`)."""

    def __init__(self, pages: Sequence[Any], retry_after: int) -> None:
        super().__init__("too many wait here already", retry_after)
        self.pages = pages


class CrowdedAddress(Crowded):
    """Too many of them are from the address of this one."""


class StartRefused(ChatcometError):
    """The server can't start with this configuration, this store or this key."""
