"""Limits: how often posts, sessions and rooms may be made, and by whom; docs/limits.md lists them.

Every limit says whom it stops, and every refusal when to come back (law 9).  Whoever is counted is a string: a
session's id, a ticket's scope, or an address as `Proxies` has it, of which none looks like another.  None is somebody
who is not counted.

A limit that counts sessions would be as loose as sessions are: one address may make ten a minute, which live for a
month.  So all guests at one address together, a `crowd`, may do `GUESTS` times what one of them may.  Behind one
address there may be a whole office, but seldom so many who write without a pause.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from twisted.internet.interfaces import IReactorTime

from chatcomet.access.buckets import Buckets
from chatcomet.access.refusals import Refusals
from chatcomet.access.rules import Rules
from chatcomet.errors import ChatcometError, Limited, SignInBusy, StoreBusy, TooMany, TooManyTries
from chatcomet.settings import Rate, Settings

BURST = 30
"""Of posts, where neither the room nor the server has one, since there is no limit elsewhere."""

GUESTS = 10
"""For so many the guests at one address count."""

ENDED = 500_000
"""So many sessions are known at most to have ended, for guests to end another one: some 160 MB.  One address can't make
more while they have to be known (ten a minute, for 30 days)."""

_WHY: dict[Limited, str] = {
    "posts": "you write too often",
    "sessions": "too many sessions are made from your address",
    "rooms": "you make too many rooms",
}
_WHY_CROWD: dict[Limited, str] = {
    "posts": "the guests at your address write too often",
    "rooms": "the guests at your address make too many rooms",
}


@dataclass(frozen=True, slots=True)
class Taken:
    """One was taken out of this bucket."""

    buckets: Buckets
    key: str
    rate: Rate

    def give_back(self) -> None:
        """It was not used."""
        self.buckets.give_back(self.key, self.rate)


class Limits:
    """The limits of `settings`.  `clock` does not jump; what is refused is counted in `refusals`."""

    def __init__(self, settings: Settings, clock: IReactorTime, refusals: Refusals) -> None:
        self._settings = settings
        self._refusals = refusals
        self._posts = Buckets(clock)
        self._posts_in_room = Buckets(clock)  # by room and person: the rooms that have a rate of their own
        self._typing = Buckets(clock)
        self._sessions = Buckets(clock)
        self._rooms = Buckets(clock)

    def post(self, who: str | None, room: str, rules: Rules, crowd: str | None = None) -> Sequence[Taken]:
        """`who`, one of `crowd`, posts in `room`, where `rules` hold.  Raises `TooMany`.

        Where these have a rate, what each posts there is counted by itself; in all other rooms it is counted together.
        What is returned may be given back, if nothing is posted for another reason.
        """
        if rules.posts_per_second is None and rules.post_burst is None:
            return self._take("posts", self._posts, who, crowd, self._settings.post_rate)
        where = f"{room} "  # whose name has no space
        return self._take("posts", self._posts_in_room, who, crowd, self._rate(rules), where)

    def typing(self, who: str | None, crowd: str | None = None) -> None:
        """`who`, one of `crowd`, types: as often as one may post, but counted by itself.  Raises `TooMany`.

        It costs what a post costs that nobody keeps; and who types would else have nothing left to post with, least of
        all in a room that has a rate of its own.
        """
        self._take("posts", self._typing, who, crowd, self._settings.post_rate)

    def session(self, address: str | None) -> None:
        """Somebody at `address` makes a session.  Raises `TooMany`."""
        self._take("sessions", self._sessions, address, None, self._settings.session_rate)

    def room(self, who: str | None, crowd: str | None = None) -> None:
        """`who`, one of `crowd`, makes a room.  Raises `TooMany`."""
        self._take("rooms", self._rooms, who, crowd, self._settings.room_rate)

    def sign_out(self, ended: int) -> None:
        """A guest ends a session, beside so many that have `ended`.  Raises `StoreBusy`."""
        if ended >= ENDED:
            self._refusals.count("sign-outs")
            raise StoreBusy("too many sessions have ended lately to know of another one; it ends by itself", 60)

    def sign_in(self, error: ChatcometError) -> None:
        """Somebody who signs in is refused with `error`: count it, if that is since there were too many before."""
        if isinstance(error, TooManyTries):
            self._refusals.count(error.name)
        elif isinstance(error, SignInBusy):
            self._refusals.count("passwords")

    def _rate(self, rules: Rules) -> Rate | None:
        """How often each may post where `rules` hold; None: as often as they like."""
        usual = self._settings.post_rate
        per_second = rules.posts_per_second
        if per_second is None:
            per_second = usual.per_second if usual else 0.0
        burst = rules.post_burst or (usual.burst if usual else BURST)
        return Rate(per_second, burst) if per_second else None

    def _take(
        self, name: Limited, buckets: Buckets, who: str | None, crowd: str | None, rate: Rate | None, where: str = ""
    ) -> Sequence[Taken]:
        """One for `who` and one for `crowd`, or none at all."""
        if who is None or rate is None:
            return ()
        wait = buckets.take(where + who, rate)
        if wait:
            self._refusals.count(name)
            raise TooMany(_WHY[name], name, wait)
        own = Taken(buckets, where + who, rate)
        if crowd is None:
            return (own,)
        shared = Taken(buckets, where + crowd, rate.times(GUESTS))
        wait = buckets.take(shared.key, shared.rate)
        if wait:
            own.give_back()
            self._refusals.count(name)
            raise TooMany(_WHY_CROWD[name], name, wait)
        return (own, shared)
