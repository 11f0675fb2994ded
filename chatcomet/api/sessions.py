"""Sessions: sign in, who am I, sign out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from twisted.internet.defer import Deferred, fail, succeed
from twisted.python.failure import Failure

from chatcomet.access.asker import Asker, member
from chatcomet.access.identity import Kind, Session, check_name, fold
from chatcomet.access.sessions import LIFE_SECONDS
from chatcomet.api.chat import Chat
from chatcomet.core.message import DEFAULT_SIZES, Sizes, check_room_name
from chatcomet.core.rulings import Ruling
from chatcomet.errors import ChatcometError, NotSignedIn


@dataclass(frozen=True, slots=True)
class Who:
    """A name, whether anybody might have picked it, and what its holder may do: room patterns, or a room, and actions.

    And how one becomes somebody here: whether `by_password`, and whether `as_guest`.  `sizes`: how long a post may be.
    """

    name: str
    guest: bool
    grants: Mapping[str, Sequence[str]]
    by_password: bool
    as_guest: bool
    sizes: Sizes = DEFAULT_SIZES


def who(chat: Chat, asker: Asker, room: str | None = None) -> Who:
    """Who `asker` is here; without a session or ticket, or after losing its name, a guest.

    `room`: where it wants to know what it may do; None: anywhere.  Raises `Malformed` for what can't be a room.
    """
    guest = asker.identity.kind in (Kind.STRANGER, Kind.GUEST)
    gate = chat.gate
    grants = gate.grants(asker) if room is None else gate.grants_in(asker, check_room_name(room))
    return Who(asker.name, guest, grants, chat.sign_in is not None, gate.guests_allowed, chat.settings.sizes)


def sign_in(chat: Chat, asker: Asker, name: str) -> Session:
    """A guest's session under `name`; whoever has one keeps its id.

    Each asking for a name is counted before it is looked at, also of who has a session: whether a name is taken tells
    which are accounts' to who may ask for many.  One's own in another spelling tells nothing.

    Raises `Malformed`, `NameTaken`, `TooMany`, and `NotSignedIn` where there are no guests.
    """
    if not chat.gate.guests_allowed:
        raise NotSignedIn("there are no guests here: sign in with a password")
    name = check_name(name)
    session = asker.session if asker.session and not asker.session.member else None
    if session is None or session.folded != fold(name):
        chat.limits.session(asker.address)
    return chat.sessions.sign_in(name, session)


def authenticate(chat: Chat, name: str, password: str, address: str | None) -> Deferred[Asker]:
    """Fires with the member `name`, if `password` is its.

    Fails with `SignInFailed`, `TooManyTries`, `ServerFault`, and `NotSignedIn` where nobody has a password.
    Cancelling it changes nothing.
    """
    if chat.sign_in is None:
        return fail(NotSignedIn("nobody signs in with a password here: the operator has said by --auth who may"))

    def refused(failure: Failure) -> Failure:
        if isinstance(failure.value, ChatcometError):
            chat.limits.sign_in(failure.value)
        return failure

    answer = chat.sign_in.authenticate(name, password, address)
    return answer.addCallbacks(lambda account: member(account, address), refused)


def admit(chat: Chat, asker: Asker, admitted: Asker) -> Session:
    """A session of the member that `admitted` is; `asker` was known by another one, maybe, before."""
    session = asker.session if asker.session and not asker.session.member else None
    return chat.sessions.admit(admitted.name, session, admitted.fingerprint)


def renew(chat: Chat, asker: Asker) -> Session | None:
    """The session of `asker` with its whole life before it, if it is time for that."""
    return chat.sessions.renew(asker.session) if asker.session else None


def sign_out(chat: Chat, asker: Asker) -> Deferred[None]:
    """End what `asker` is known by, a session or a ticket, and all that was begun by it.

    Fires when that will be so after a restart, too.  Fails with `ServerFault`.  Raises `StoreBusy`, and nothing has
    ended.
    """
    now = chat.wall()
    if asker.session is not None:
        if not asker.session.member:
            chat.limits.sign_out(chat.rulings.count("ended", ""))
        chat.sessions.sign_out(asker.session)
        until = now + LIFE_SECONDS + 1.0  # when the last of its cookies is too old
        return chat.rulings.rule(Ruling("ended", "", asker.session.id, until, asker.name, now))
    if asker.ticket is not None:
        return chat.rulings.rule(Ruling("revoked", "", asker.ticket.id, asker.ticket.revoked_until, asker.name, now))
    return succeed(None)
