"""Sessions: guests who have picked a name, members who have signed in, and the cookies by which they are known again.

A cookie carries the whole session under a signature, so that a restart signs nobody out.  Which *name*
belongs to whom is kept in memory: a session holds its name for as long as it is used every
`HOLD_NAME_SECONDS` (to the second), and whoever comes back later has it again unless somebody else took it meanwhile.

A member's session is bound to the account as it was: it is over when that is gone, or has another password, also if
that has happened while the server was stopped.
"""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from itsdangerous import BadData, URLSafeSerializer
from twisted.internet.interfaces import IReactorTime

from chatcomet.access.accounts import NOBODY, Register
from chatcomet.access.identity import GUEST, Session, check_name
from chatcomet.access.recent import Recent
from chatcomet.errors import NameTaken, StartRefused

LIFE_SECONDS = 30 * 24 * 3600
RENEW_SECONDS = 24 * 3600
"""A session that has lived for so long is given its whole life again when it is looked at."""

HOLD_NAME_SECONDS = 600.0
_SEEN_SECONDS = 1.0  # a name is noted to be in use no more often: in a room where much is said each poll would do it
KEY_BYTES = 32
_REMEMBERED = 20_000
_MEMBER = "a member"
_NAMES = 100_000  # held at once; whoever signs in under one name after the other frees those used least recently
_COOKIE_CHARACTERS = 1_024  # base64 has many ways to write the same signature: none longer than this is remembered


class _Holder(NamedTuple):
    session: str
    seen: float


class Sessions:
    """Makes sessions and knows them again.

    `key`: what signs cookies.  `wall`: seconds since 1970, for their age.  `clock`: for how long a name is held.
    `has_ended`: whether the session of an id was signed out.  `accounts`: which there are.
    """

    def __init__(
        self,
        key: bytes,
        wall: Callable[[], float],
        clock: IReactorTime,
        has_ended: Callable[[str], bool] = lambda _: False,
        accounts: Register = NOBODY,
    ) -> None:
        self._serializer = URLSafeSerializer(key, salt="chatcomet.session", signer_kwargs={"key_derivation": "hmac"})
        self._wall = wall
        self._clock = clock
        self._holders: OrderedDict[str, _Holder] = OrderedDict()  # by folded name, the one used last stands last
        self._known: Recent[str, Session] = Recent(_REMEMBERED)  # by cookie: verified before
        self._has_ended = has_ended
        self._accounts = accounts

    def sign_in(self, name: str, session: Session | None) -> Session:
        """A session under `name`; whoever has one keeps its id and lets go of the old name.

        Raises `Malformed` for what can't be a name, and `NameTaken`.
        """
        name = check_name(name)
        renewed = Session(session.id if session else secrets.token_urlsafe(16), name, self._wall())
        if renewed.folded == GUEST or not self.holds_name(renewed):
            raise NameTaken(f"the name {name} is taken")
        if session is not None and session.folded != renewed.folded:
            self._release(session)
        return renewed

    def admit(self, name: str, session: Session | None, fingerprint: str | None = None) -> Session:
        """A session of the member `name`, whose name it is, whoever held it, and whose account has this `fingerprint`.

        It has an id of its own: what was known of a guest (`session`, which lets go of its name) is not known of it.
        """
        if session is not None:
            self._release(session)
        admitted = Session(secrets.token_urlsafe(16), name, self._wall(), member=True, fingerprint=fingerprint)
        self.holds_name(admitted)
        return admitted

    def renew(self, session: Session) -> Session | None:
        """The same one with its life before it, if a part of that has gone by."""
        now = self._wall()
        if now - session.issued < RENEW_SECONDS:
            return None
        return replace(session, issued=now)

    def sign_out(self, session: Session) -> None:
        """Let go of the name of `session`."""
        self._release(session)

    def holds_name(self, session: Session) -> bool:
        """Whether `session` has its name, or takes it now since nobody else has it.

        A member always has it, and of an account's name no guest has it, also if the guest had it first.  Counts as a
        use of the name, to the second.
        """
        now = self._clock.seconds()
        name = session.folded
        if not session.member and self._accounts.has_account(name):
            self._release(session)
            return False
        holder = self._holders.get(name)
        if holder is None:
            self._forget_unused(now)
        elif holder.session == _holder(session):
            if now - holder.seen < _SEEN_SECONDS:
                return True
        elif not session.member and now - holder.seen < HOLD_NAME_SECONDS:
            return False
        self._holders.pop(name, None)  # to stand last again
        self._holders[name] = _Holder(_holder(session), now)
        if len(self._holders) > _NAMES:
            del self._holders[next(iter(self._holders))]
        return True

    def guest(self, name: str) -> str | None:
        """The id of the guest's session that has `name`, as `fold` has it."""
        holder = self._holders.get(name)
        return None if holder is None or holder.session == _MEMBER else holder.session

    def cookie(self, session: Session) -> str:
        """What says, signed, that its bearer is `session`."""
        signed = self._serializer.dumps([session.id, session.name, session.issued, session.member, session.fingerprint])
        return signed.decode() if isinstance(signed, bytes) else signed

    def recall(self, cookie: str) -> Session | None:
        """The session of `cookie`; None if it is forged, too old, was signed out, or its account has changed."""
        if len(cookie) > _COOKIE_CHARACTERS:
            return None
        session = self._known.get(cookie) or self._verify(cookie)
        return session if session is not None and self.holds(session) else None

    def holds(self, session: Session) -> bool:
        """Whether `session`, of a cookie that was good, is still one: see `recall`."""
        if self._has_ended(session.id) or end_of(session) <= self._wall():
            return False
        return not session.member or self._accounts.vouches(session.fingerprint)

    def age(self) -> None:
        """Forget cookies that nobody has used lately, which are verified when they come again, and names that nobody
        holds any more."""
        self._forget_unused(self._clock.seconds())
        self._known.age()

    def _verify(self, cookie: str) -> Session | None:
        try:
            signed = self._serializer.loads(cookie)
        except BadData:
            return None
        match signed:
            case [str(who), str(name), float(issued), bool(member), str() | None as fingerprint]:
                session = Session(who, name, issued, member, fingerprint)
            case [str(who), str(name), float(issued), bool(member)]:  # of before accounts were told apart
                session = Session(who, name, issued, member)
            case [str(who), str(name), float(issued)]:  # of before there were members
                session = Session(who, name, issued)
            case _:  # ours, but of a version that had another form
                return None
        self._known.put(cookie, session)
        return session

    def _release(self, session: Session) -> None:
        holder = self._holders.get(session.folded)
        if holder is not None and holder.session == _holder(session):
            del self._holders[session.folded]

    def _forget_unused(self, now: float) -> None:
        """Let go of the names that were not used for long: they stand first.

        To find the first of a plain dict, all that were deleted before it are passed: of 100,000 in one go, for 4 s.
        """
        while self._holders:
            name, holder = next(iter(self._holders.items()))
            if now - holder.seen < HOLD_NAME_SECONDS:
                return
            del self._holders[name]


def end_of(session: Session) -> float:
    """When the cookie of `session` is too old, in seconds since 1970."""
    return session.issued + LIFE_SECONDS


def _holder(session: Session) -> str:
    """As whom `session` holds its name: all of a member's sessions do so as one."""
    return _MEMBER if session.member else session.id


def read_key(path: Path | None) -> bytes:
    """The key kept at `path`, made there if there is none; without a path one that lives as long as this process.

    Raises `StartRefused` where it can't be read or made, or is none.
    """
    if path is None:
        return secrets.token_bytes(KEY_BYTES)
    try:
        if not path.exists():
            _write_key(path)
        key = bytes.fromhex(path.read_text("ascii").strip())
    except (OSError, ValueError) as error:
        raise StartRefused(f"the key that signs sessions can't be read or made: {error}") from error
    if len(key) < KEY_BYTES:
        raise StartRefused(f"{path} should hold a key of {KEY_BYTES} bytes in hexadecimal: remove it to make another")
    return key


def _write_key(path: Path) -> None:
    """Whole or not at all: a crash leaves no half of a key behind."""
    unfinished = path.with_name(path.name + ".new")
    unfinished.touch(mode=0o600)
    unfinished.chmod(0o600)
    unfinished.write_text(secrets.token_hex(KEY_BYTES) + "\n", "ascii")
    unfinished.replace(path)
