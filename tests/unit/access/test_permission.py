"""Permission: the table of who may do what, cell by cell."""

from __future__ import annotations

from itertools import product

from twisted.trial.unittest import SynchronousTestCase

from chatcomet.access.grants import Grants
from chatcomet.access.identity import Identity, Kind
from chatcomet.access.permission import may, may_somebody
from chatcomet.access.policy import Policy
from chatcomet.access.rules import NOBODY, Action, Audience, Rules

POLICY = Policy.parse("""
[[rooms]]
name = "listed"
read = ["ada"]
post = ["ada"]
create = ["ada"]
moderate = ["ada"]

[[rooms]]
name = "members"
read = "members"
moderate = "members"

[[rooms]]
name = "closed"
read = "nobody"
create = "nobody"

[[rooms]]
name = "made"
create = "nobody"

[[rooms]]
name = "news"
post = ["ada"]
create = "everyone"

[[rooms]]
name = "box"
read = ["ada"]
post = "everyone"
""")

ACTIONS: tuple[Action, ...] = ("read", "post", "create", "moderate")
ROOMS = ("open", "listed", "members", "closed", "made", "news", "box")


def with_ticket(name: str, **granted: str) -> Identity:
    """Who has a ticket that grants an action in rooms of a pattern."""
    return Identity(Kind.TICKET, name, Grants.parse({pattern: [action] for action, pattern in granted.items()}))


STRANGER = Identity()
NAMED_AS_ADA = Identity(Kind.GUEST, "ada")
BOB = Identity(Kind.MEMBER, "bob")
ADA = Identity(Kind.MEMBER, "Ada")
TICKET_OF_ADA = Identity(Kind.TICKET, "ada")
READER = with_ticket("robot", read="*")
POSTER = with_ticket("robot", post="*")
MODERATOR = with_ticket("robot", moderate="*")
AUTHOR = Identity(Kind.TICKET, "robot", Grants.parse({"*": ["as"]}))

GUEST_CELLS = {
    "open": "read post create",
    "listed": "",
    "members": "",
    "closed": "",
    "made": "read post",
    "news": "read",
    "box": "post create",
}
TABLE: dict[str, tuple[Identity, dict[str, str]]] = {
    "a stranger": (STRANGER, GUEST_CELLS),
    "a guest who has picked a listed name": (NAMED_AS_ADA, GUEST_CELLS),
    "a member": (BOB, {**GUEST_CELLS, "members": "read post create moderate"}),
    "a listed member": (
        ADA,
        {
            "open": "read post create",
            "listed": "read post create moderate",
            "members": "read post create moderate",
            "closed": "",
            "made": "read post",
            "news": "read post create",
            "box": "read post create",
        },
    ),
    "a ticket without a grant, under a listed name": (TICKET_OF_ADA, dict.fromkeys(ROOMS, "")),
    "a ticket to read": (READER, dict.fromkeys(ROOMS, "read")),
    "a ticket to post": (POSTER, {**dict.fromkeys(ROOMS, "post create"), "closed": "post", "made": "post"}),
    "a ticket to moderate": (MODERATOR, dict.fromkeys(ROOMS, "moderate")),
    "a ticket to name authors": (AUTHOR, dict.fromkeys(ROOMS, "")),
}


def allowed(identity: Identity, room: str, policy: Policy = POLICY, **circumstances: bool) -> str:
    """All that `identity` may do in `room`, with guests, if nothing else is said, and without rulings."""
    usual = {"guests_allowed": True, "muted": False, "banned": False}
    return " ".join(action for action in ACTIONS if may(action, room, identity, policy, **{**usual, **circumstances}))


class TableTests(SynchronousTestCase):
    def test_every_cell(self) -> None:
        for (who, (identity, cells)), room in product(TABLE.items(), ROOMS):
            with self.subTest(who=who, room=room):
                self.assertEqual(allowed(identity, room), cells[room])

    def test_without_guests_the_others_may_what_they_might(self) -> None:
        for (who, (identity, cells)), room in product(TABLE.items(), ROOMS):
            with self.subTest(who=who, room=room):
                expected = "" if identity.kind in (Kind.STRANGER, Kind.GUEST) else cells[room]
                self.assertEqual(allowed(identity, room, guests_allowed=False), expected)

    def test_whoever_is_banned_may_nothing(self) -> None:
        for (identity, _), room, muted in product(TABLE.values(), ROOMS, (False, True)):
            self.assertEqual(allowed(identity, room, banned=True, muted=muted), "")

    def test_whoever_is_muted_may_read_if_at_all(self) -> None:
        for (identity, cells), room in product(TABLE.values(), ROOMS):
            expected = "read" if "read" in cells[room] else ""
            self.assertEqual(allowed(identity, room, muted=True), expected)

    def test_without_a_policy_all_is_open_and_nobody_moderates(self) -> None:
        for identity in (STRANGER, NAMED_AS_ADA, BOB, ADA):
            self.assertEqual(allowed(identity, "lobby", Policy()), "read post create")
        self.assertEqual(allowed(MODERATOR, "lobby", Policy()), "moderate")

    def test_a_grant_holds_where_it_is_given(self) -> None:
        visitor = with_ticket("ada", read="open", post="c*")
        cells = {room: allowed(visitor, room) for room in ROOMS}
        self.assertEqual(cells, {**dict.fromkeys(ROOMS, ""), "open": "read", "closed": "post"})


class SomebodyTests(SynchronousTestCase):
    """Whether there can be anybody who may."""

    def assert_somebody(self, action: Action, rules: Rules, by_account: bool, by_ticket: bool) -> None:
        for accounts, tickets in product((False, True), repeat=2):
            found = may_somebody(action, rules, accounts=accounts, tickets=tickets)
            expected = (accounts and by_account) or (tickets and by_ticket)
            self.assertEqual(found, expected, (action, rules, accounts, tickets))

    def test_by_an_account_where_the_room_is_for_some(self) -> None:
        names = frozenset({"ada"})
        for room, by_account in (("open", True), ("listed", True), ("members", True), ("closed", False)):
            self.assert_somebody("read", POLICY.rules(room), by_account, True)
        for audience, by_account in ((Audience(names=names), True), (NOBODY, False)):
            self.assert_somebody("post", Rules(post=audience), by_account, True)
            self.assert_somebody("moderate", Rules(moderate=audience), by_account, True)

    def test_who_makes_it_may_post_there_too(self) -> None:
        ada, bob = Audience(names=frozenset({"ada"})), Audience(names=frozenset({"bob"}))
        self.assert_somebody("create", Rules(create=ada, post=ada), True, True)
        self.assert_somebody("create", Rules(create=ada), True, True)
        self.assert_somebody("create", Rules(create=ada, post=bob), False, True)
        self.assert_somebody("create", Rules(post=NOBODY), False, True)

    def test_where_nobody_makes_it_no_ticket_does(self) -> None:
        self.assert_somebody("create", Rules(create=NOBODY), False, False)

    def test_is_what_there_is_anybody_of(self) -> None:
        anybody = (ADA, BOB, Identity(Kind.MEMBER, "eve"))
        for room, action in product(ROOMS, ACTIONS):
            found = any(
                may(action, room, one, POLICY, guests_allowed=True, muted=False, banned=False) for one in anybody
            )
            rules = POLICY.rules(room)
            self.assertEqual(may_somebody(action, rules, accounts=True, tickets=False), found, (room, action))
