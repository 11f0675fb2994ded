"""Who may do what in which room, written down by hand, once more: nothing here asks the server's own rules.

A cell of a table has a letter for each thing that is allowed, and ``-`` for none:

====  ==========================================================================
r     read: messages, the roster, history; be told that there is such a room
p     post, and show that one types
c     make such a room, by posting where nobody has posted before
m     moderate: erase, ban, mute, and see who is banned or muted
a     name the author of what one posts
====  ==========================================================================
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

POLICY = """
[[rooms]]
name = "members-*"
read = "members"

[[rooms]]
name = "news-*"
post = ["ada", "carol", "eve", "mia"]
moderate = ["ada", "eve", "mia"]

[[rooms]]
name = "nobodys-*"
read = "nobody"

[[rooms]]
name = "listed-*"
read = ["ada", "carol", "eve", "mia"]
moderate = "members"

[[rooms]]
name = "letters-*"
read = ["ada", "eve", "mia"]
post = "everyone"

[[rooms]]
name = "fixed-*"
create = "nobody"

[[rooms]]
name = "lobby"
post = "members"
"""
"""Carol is a guest, and has the name of no account; ada, bob, eve and mia have signed in."""

ALL = ["read", "post", "moderate", "as"]

GRANTS: Mapping[str, Mapping[str, list[str]]] = {
    "read": {"*": ["read"]},
    "post": {"*": ["post"]},
    "read, post": {"*": ["read", "post"]},
    "moderate": {"*": ["moderate"]},
    "as": {"*": ["as"]},
    "post, as": {"*": ["post", "as"]},
    "all": {"*": ALL},
    "nothing": {},
    "elsewhere": {"commons": ALL, "*-else": ALL},
}
"""What tickets grant.  No room here ends in ``-else``."""

TABLE = """
                      open   members  news   nobodys  listed  letters  fixed  lobby  commons
stranger              rpc    -        r      -        -       pc       rp     r      rpc
guest                 rpc    -        r      -        -       pc       rp     r      rpc
signed-out-guest      r      -        r      -        -       -        r      r      r
signed-out-member     r      -        r      -        -       -        r      r      r
ada                   rpc    rpc      rpcm   -        rpcm    rpc      rp     rp     rpc
ada-by-password       rpc    rpc      rpcm   -        rpcm    rpc      rp     rp     rpc
bob                   rpc    rpc      r      -        m       pc       rp     rp     rpc
bob-by-password       rpc    rpc      r      -        m       pc       rp     rp     rpc
ticket-read           r      r        r      r        r       r        r      r      r
ticket-post           pc     pc       pc     pc       pc      pc       p      p      pc
ticket-read-post      rpc    rpc      rpc    rpc      rpc     rpc      rp     rp     rpc
ticket-moderate       m      m        m      m        m       m        m      m      m
ticket-as             -      -        -      -        -       -        -      -      -
ticket-post-as        pca    pca      pca    pca      pca     pca      pa     pa     pca
ticket-all            rpcma  rpcma    rpcma  rpcma    rpcma   rpcma    rpma   rpma   rpcma
ticket-nothing        -      -        -      -        -       -        -      -      -
ticket-elsewhere      -      -        -      -        -       -        -      -      rpcma
expired-ticket        -      -        -      -        -       -        -      -      -
revoked-ticket        -      -        -      -        -       -        -      -      -
forged-ticket         -      -        -      -        -       -        -      -      -
banned-guest          -      -        -      -        -       -        -      -      rpc
banned-member         -      -        -      -        -       -        -      -      rpc
banned-by-password    -      -        -      -        -       -        -      -      rpc
banned-ticket         -      -        -      -        -       -        -      -      rpcma
muted-guest           r      -        r      -        -       -        r      r      rpc
muted-member          r      r        r      -        r       r        r      r      rpc
muted-by-password     r      r        r      -        r       r        r      r      rpc
muted-ticket          r      r        r      r        r       r        r      r      rpcma
"""
"""Where guests are.  Who is banned or muted is so in all rooms but `commons`."""

NO_GUESTS_TABLE = """
                      open   lobby  commons
stranger              -      -      -
guest                 -      -      -
signed-out-guest      -      -      -
signed-out-member     -      -      -
ada                   rpc    rp     rpc
ada-by-password       rpc    rp     rpc
bob                   rpc    rp     rpc
ticket-read           r      r      r
ticket-post           pc     p      pc
ticket-read-post      rpc    rp     rpc
ticket-post-as        pca    pa     pca
ticket-nothing        -      -      -
expired-ticket        -      -      -
"""
"""The same where there are none, and no policy."""

SIGN_IN, MAY_NOT, BAD_TICKET = "401 not-signed-in", "403 not-allowed", "401 bad-ticket"
YES = "yes"

SESSION_ENDED = "401 session-ended"
NOT_IN_THE_URL = "400 malformed"

_ENDED = ("signed-out-guest", "signed-out-member")
_SIGN_IN_MAY_HELP = ("stranger", "guest", "signed-out-guest", "signed-out-member", "muted-guest")
_NOBODY_MAKES = ("fixed",)
"""Rooms that no ticket makes either: all else a ticket may grant."""

_BAD_TICKETS = ("expired-ticket", "revoked-ticket", "forged-ticket")

BY_QUERY = {
    "query-read-post": "ticket-read-post",
    "query-read": "ticket-read",
    "query-nothing": "ticket-nothing",
    "query-elsewhere": "ticket-elsewhere",
    "query-expired": "expired-ticket",
    "query-revoked": "revoked-ticket",
    "query-forged": "forged-ticket",
    "query-banned": "banned-ticket",
    "query-muted": "muted-ticket",
}
"""Who has which ticket in the URL: it is for streams and sockets; for all else it is refused."""


@dataclass(frozen=True)
class Cell:
    """What `who` may do in rooms of one kind."""

    who: str
    kind: str
    allowed: str

    def expected(self, letter: str) -> str:
        """How somebody fares who asks for that alone."""
        return YES if letter in self.allowed else self.refusal(letter)

    def all_of(self, letters: str) -> str:
        """How somebody fares who asks for one after the other."""
        return next((self.refusal(letter) for letter in letters if letter not in self.allowed), YES)

    def naming(self) -> str:
        """How somebody fares who posts under another name."""
        return self.all_of("p") if "p" not in self.allowed else YES if "a" in self.allowed else MAY_NOT

    def refusal(self, letter: str) -> str:
        """Why not."""
        if self.who in BY_QUERY:
            return NOT_IN_THE_URL
        if self.who in _BAD_TICKETS:
            return BAD_TICKET
        if self.who in _ENDED and letter != "r":  # or it would go out as nobody's
            return SESSION_ENDED
        if self.who == "muted-guest" and letter != "r":  # under another name it would not be of any more use
            return MAY_NOT
        if letter == "c" and self.kind in _NOBODY_MAKES:
            return MAY_NOT
        return SIGN_IN if self.who in _SIGN_IN_MAY_HELP else MAY_NOT


Table = Mapping[tuple[str, str], Cell]
"""By who and the kind of room."""


def read_table(text: str) -> Table:
    """What stands in a table."""
    head, *rows = text.strip("\n").splitlines()
    kinds = head.split()
    table = {}
    for row in rows:
        who, *cells = row.split()
        for kind, allowed in zip(kinds, cells, strict=True):
            table[who, kind] = Cell(who, kind, "" if allowed == "-" else allowed)
    return table


def kinds_of(table: Table) -> list[str]:
    """The kinds of rooms, `commons` aside, which is there to be asked for together with others."""
    return [kind for kind in dict.fromkeys(kind for _, kind in table) if kind != "commons"]


def people_of(table: Table) -> list[str]:
    """Who stands in it."""
    return list(dict.fromkeys(who for who, _ in table))
