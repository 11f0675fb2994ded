"""Limits: how often posts, sessions and rooms may be made, and by whom; docs/limits.md lists them.

Every limit says whom it stops, and every refusal when to come back (law 9).  Whoever is counted is a string: a
session's id, a ticket's scope, or an address as `Proxies` has it, of which none looks like another.  None is somebody
who is not counted.
"""

from __future__ import annotations

from twisted.internet.interfaces import IReactorTime

from chatcomet.access.buckets import Buckets
from chatcomet.access.refusals import Refusals
from chatcomet.access.rules import Rules
from chatcomet.errors import Limited, TooMany
from chatcomet.settings import Rate, Settings

BURST = 30
"""Of posts, where neither the room nor the server has one, since there is no limit elsewhere."""

_WHY: dict[Limited, str] = {
    "posts": "you post too often",
    "sessions": "too many sessions are made from your address",
    "rooms": "you make too many rooms",
}


class Limits:
    """The limits of `settings`.  `clock` does not jump; what is refused is counted in `refusals`."""

    def __init__(self, settings: Settings, clock: IReactorTime, refusals: Refusals) -> None:
        self._settings = settings
        self._refusals = refusals
        self._posts = Buckets(clock)
        self._posts_in_room = Buckets(clock)  # by room and person: the rooms that have a rate of their own
        self._sessions = Buckets(clock)
        self._rooms = Buckets(clock)

    def post(self, who: str | None, room: str, rules: Rules) -> None:
        """`who` posts in `room`, where `rules` hold.  Raises `TooMany`.

        Where these have a rate, what each posts there is counted by itself; in all other rooms it is counted together.
        """
        if rules.posts_per_second is None and rules.post_burst is None:
            self._take("posts", self._posts, who, self._settings.post_rate)
        elif who is not None:
            key = f"{room} {who}"  # a room's name has no space
            self._take("posts", self._posts_in_room, key, self._rate(rules))

    def session(self, address: str | None) -> None:
        """Somebody at `address` makes a session.  Raises `TooMany`."""
        self._take("sessions", self._sessions, address, self._settings.session_rate)

    def room(self, who: str | None) -> None:
        """`who` makes a room.  Raises `TooMany`."""
        self._take("rooms", self._rooms, who, self._settings.room_rate)

    def _rate(self, rules: Rules) -> Rate | None:
        """How often each may post where `rules` hold; None: as often as they like."""
        usual = self._settings.post_rate
        per_second = rules.posts_per_second
        if per_second is None:
            per_second = usual.per_second if usual else 0.0
        burst = rules.post_burst or (usual.burst if usual else BURST)
        return Rate(per_second, burst) if per_second else None

    def _take(self, name: Limited, buckets: Buckets, key: str | None, rate: Rate | None) -> None:
        wait = buckets.take(key, rate) if key is not None and rate is not None else 0.0
        if wait:
            self._refusals.count(name)
            raise TooMany(_WHY[name], name, wait)
