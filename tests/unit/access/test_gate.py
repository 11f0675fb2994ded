"""Gate: who may do what now, what is remembered of that, and how it is refused."""

from __future__ import annotations

from math import inf

from twisted.trial.unittest import SynchronousTestCase

from chatcomet.access import gate as gate_module
from chatcomet.access.asker import Asker, bearer, ended, holder, nameless, stranger
from chatcomet.access.gate import Gate
from chatcomet.access.grants import Grants
from chatcomet.access.identity import Session
from chatcomet.access.permission import may
from chatcomet.access.policy import Policy, PolicyFile
from chatcomet.access.rules import ACTIONS, Action, Rules
from chatcomet.access.rulings import Rulings, of_session
from chatcomet.access.tickets import Ticket
from chatcomet.core.rulings import KINDS, Kind, Ruling, RulingKey
from chatcomet.errors import NotAllowed, NotSignedIn, SessionEnded
from chatcomet.stores.memory import MemoryStore

NOON = 1_795_354_155.0
POLICY = """
[[rooms]]
name = "members"
read = "members"
moderate = ["mo"]

[[rooms]]
name = "news"
post = ["mo"]
create = "nobody"
"""
ROOMS = ("members", "news", "lobby")


def guest(name: str = "bob", session: str = "") -> Asker:
    return holder(Session(session or f"session of {name}", name, NOON), None)


def member(name: str) -> Asker:
    return holder(Session(f"session of {name}", name, NOON, member=True), None)


def with_ticket(name: str, *actions: str, pattern: str = "*") -> Asker:
    return bearer(Ticket(name, Grants.parse({pattern: actions}), NOON + 60, "jti:1"), None)


class GateTestCase(SynchronousTestCase):
    guests_allowed = True

    def setUp(self) -> None:
        self.now = NOON
        self.store = MemoryStore(lambda: self.now)
        self.rulings = Rulings(self.store, lambda: self.now)
        self.policy = PolicyFile()
        self.policy.policy = Policy.parse(POLICY)
        self.gate = Gate(self.policy, self.rulings, self.guests_allowed)

    def rule(self, kind: Kind, subject: str, room: str = "lobby", seconds: float = inf) -> RulingKey:
        ruling = Ruling(kind, room, subject, self.now + seconds, "mo", self.now)
        self.successResultOf(self.rulings.rule(ruling))
        return ruling.key

    def lift(self, key: RulingKey) -> None:
        self.successResultOf(self.rulings.lift(*key))

    def allowed(self, asker: Asker, room: str = "lobby") -> str:
        """All that `asker` may do in `room`; what `check` says of each is the same."""
        allowed = [action for action in ACTIONS if self.gate.may(action, asker, room)]
        for action in ACTIONS:
            if action in allowed:
                self.gate.check(action, asker, room)
            else:
                self.assertRaises((NotAllowed, NotSignedIn), self.gate.check, action, asker, room)
        return " ".join(allowed)


class PolicyTests(GateTestCase):
    def test_what_the_policy_and_the_ticket_say(self) -> None:
        table: list[tuple[Asker, tuple[str, str, str]]] = [
            (stranger(None), ("", "read", "read post create")),
            (guest("mo"), ("", "read", "read post create")),
            (nameless(Session("id", "mo", NOON), None), ("", "read", "read post create")),
            (member("bob"), ("read post create", "read", "read post create")),
            (member("Mo"), ("read post create moderate", "read post", "read post create")),
            (with_ticket("mo", "post"), ("post create", "post", "post create")),
            (with_ticket("mo"), ("", "", "")),
        ]
        for asker, cells in table:
            self.assertEqual(tuple(self.allowed(asker, room) for room in ROOMS), cells, asker)

    def test_another_policy_holds_at_once(self) -> None:
        asker = stranger(None)
        self.policy.policy = Policy.parse('[[rooms]]\nname = "lobby"\npost = "nobody"')
        self.assertEqual((self.allowed(asker), self.allowed(asker, "members")), ("read", "read post create"))

    def test_what_holds_in_a_room(self) -> None:
        self.policy.policy = Policy.parse('[[rooms]]\nname = "news"\npost_burst = 3')
        self.assertEqual((self.gate.rules("news"), self.gate.rules("lobby")), (Rules(post_burst=3), Rules()))


class NoGuestsTests(GateTestCase):
    guests_allowed = False

    def test_they_may_nothing_and_others_what_they_might(self) -> None:
        for asker in (stranger(None), guest(), nameless(Session("id", "bob", NOON), None)):
            for room in ROOMS:
                self.assertEqual(self.allowed(asker, room), "")
                self.assertRaises(NotSignedIn, self.gate.check_reader, asker, room)
        self.assertEqual(self.allowed(member("bob")), "read post create")
        self.assertEqual(self.allowed(with_ticket("bob", "read")), "read")


class RefusalTests(GateTestCase):
    """To sign in may help who is not known, unless it was just that one who was ruled."""

    def test_who_is_not_known_is_to_sign_in(self) -> None:
        for asker in (stranger(None), guest("mo"), nameless(Session("id", "mo", NOON), None)):
            for action, room in (("read", "members"), ("post", "news"), ("create", "members"), ("moderate", "lobby")):
                error = self.assertRaises(NotSignedIn, self.gate.check, action, asker, room)
                self.assertIn("sign in", str(error))

    def test_whom_it_would_not_help_may_not(self) -> None:
        for asker in (member("bob"), with_ticket("mo")):
            for action, room in (("post", "news"), ("create", "news"), ("moderate", "lobby")):
                self.assertRaises(NotAllowed, self.gate.check, action, asker, room)
        self.assertRaises(NotAllowed, self.gate.check, "read", with_ticket("mo"), "members")

    def test_says_what_may_not_be_done_and_not_where(self) -> None:
        doing = ("read this room", "post in this room", "make this room", "moderate this room")
        self.policy.policy = Policy.parse('[[rooms]]\nname = "*"\nread = "nobody"\ncreate = ["mo"]')
        for asker, error in ((guest(), NotSignedIn), (member("bob"), NotAllowed)):
            for action, what in zip(ACTIONS, doing, strict=True):
                said = str(self.assertRaises(error, self.gate.check, action, asker, "secret"))
                self.assertEqual((what in said, "secret" in said), (True, False), said)

    def test_where_nobody_may_it_helps_nobody_to_sign_in(self) -> None:
        everybody = (stranger(None), guest("mo"), nameless(Session("id", "mo", NOON), None), member("mo"))
        for asker in (*everybody, with_ticket("mo", "post")):
            self.assertRaises(NotAllowed, self.gate.check, "create", asker, "news")

    def test_it_helps_where_there_may_be_somebody(self) -> None:
        asked: tuple[tuple[Action, str], ...] = (("read", "members"), ("post", "news"), ("moderate", "lobby"))
        for accounts, tickets, helped in (
            (True, True, (True, True, True)),
            (False, True, (True, True, True)),
            (True, False, (True, True, False)),
            (False, False, (False, False, False)),
        ):
            self.gate = Gate(self.policy, self.rulings, self.guests_allowed, accounts=accounts, tickets=tickets)
            for (action, room), helps in zip(asked, helped, strict=True):
                error = NotSignedIn if helps else NotAllowed
                self.assertRaises(error, self.gate.check, action, guest(), room)

    def test_who_is_banned_may_not_whoever_that_is(self) -> None:
        bob = guest()
        for asker in (bob, member("bob"), with_ticket("bob", "read", "post", "moderate")):
            key = self.rule("ban", "bob")
            for action in ACTIONS:
                self.assertRaises(NotAllowed, self.gate.check, action, asker, "lobby")
            self.assertRaises(NotAllowed, self.gate.check_reader, asker, "lobby")
            self.lift(key)
        self.rule("ban", "guest")
        self.assertRaises(NotAllowed, self.gate.check_reader, stranger(None), "lobby")

    def test_nor_may_who_is_muted(self) -> None:
        self.rule("mute", "bob")
        self.rule("mute", "bob", "members")
        self.assertRaises(NotAllowed, self.gate.check, "post", guest(), "lobby")
        self.assertRaises(NotSignedIn, self.gate.check, "read", guest(), "members")


class RulingTests(GateTestCase):
    def test_a_ban(self) -> None:
        bob = guest()
        self.rule("ban", "bob")
        self.assertEqual((self.allowed(bob), self.allowed(bob, "news")), ("", "read"))
        self.assertEqual(self.allowed(guest("eve")), "read post create")

    def test_a_mute(self) -> None:
        self.rule("mute", "bob")
        self.rule("mute", "mo", "members")
        self.assertEqual(self.allowed(guest()), "read")
        self.assertEqual(self.allowed(with_ticket("bob", "read", "post", "moderate")), "read")
        self.assertEqual(self.allowed(member("mo"), "members"), "read")

    def test_by_each_of_its_subjects(self) -> None:
        bob = guest("bob", "the id")
        for subject in ("bob", of_session("the id", "bob"), of_session("the id", "rob")):
            key = self.rule("ban", subject)
            self.assertEqual(self.allowed(bob), "", subject)
            self.lift(key)
        self.rule("ban", of_session("the id", "bob"))
        self.assertEqual(self.allowed(guest("rob", "the id")), "")
        self.assertEqual(self.allowed(guest("bob", "another id")), "read post create")
        self.assertEqual(self.allowed(member("the id")), "read post create")

    def test_until_it_is_over(self) -> None:
        self.rule("ban", "bob", seconds=10.0)
        self.now += 9.0
        self.assertEqual(self.allowed(guest()), "")
        self.now += 1.0
        self.assertEqual(self.allowed(guest()), "read post create")


class ReaderTests(GateTestCase):
    """The way of each poll."""

    def setUp(self) -> None:
        super().setUp()
        self.asked: list[str] = []

        def count(action: object, room: str, *asked: object, **circumstances: bool) -> bool:
            self.asked.append(room)
            return may(action, room, *asked, **circumstances)  # type: ignore[arg-type]

        self.patch(gate_module, "may", count)

    def reads(self, asker: Asker, room: str = "lobby") -> bool:
        """Whether it was found that `asker` may read, and not by heart."""
        before = len(self.asked)
        self.gate.check_reader(asker, room)
        return len(self.asked) > before

    def test_is_remembered(self) -> None:
        for asker in (stranger(None), guest(), member("bob"), with_ticket("bob", "read")):
            self.assertEqual([self.reads(asker) for _ in range(3)], [True, False, False])
            self.assertTrue(self.reads(asker, "news"))
            self.assertFalse(self.reads(asker))

    def test_of_each_by_itself(self) -> None:
        self.reads(member("bob"), "members")
        self.assertRaises(NotSignedIn, self.gate.check_reader, guest("bob"), "members")

    def test_to_read_is_not_to_post(self) -> None:
        asker = stranger(None)
        self.reads(asker, "news")
        self.assertRaises(NotSignedIn, self.gate.check, "post", asker, "news")

    def test_after_a_ruling_all_is_found_once_again(self) -> None:
        askers = [guest("eve"), guest("bob")]
        for asker in askers:
            self.reads(asker)
        self.rule("ban", "whoever")
        self.assertEqual([self.reads(asker) for asker in askers * 2], [True, True, False, False])

    def test_a_ruling_is_heeded(self) -> None:
        bob, eve = guest("bob"), guest("eve")
        for kind in KINDS:
            self.reads(eve)
            self.rule(kind, "whoever", "" if kind in ("ended", "revoked") else "news")
            self.assertTrue(self.reads(eve))
        self.reads(bob)
        self.rule("ban", "bob")
        self.assertRaises(NotAllowed, self.gate.check_reader, bob, "lobby")

    def test_so_is_a_new_policy_when_it_is_said(self) -> None:
        asker = stranger(None)
        self.reads(asker)
        self.policy.policy = Policy.parse('[[rooms]]\nname = "lobby"\nread = "members"')
        self.gate.forget()
        self.assertRaises(NotSignedIn, self.gate.check_reader, asker, "lobby")

    def test_a_refusal_is_not_remembered(self) -> None:
        bob = guest()
        key = self.rule("ban", "bob")
        self.assertRaises(NotAllowed, self.gate.check_reader, bob, "lobby")
        self.lift(key)
        self.assertEqual([self.reads(bob), self.reads(bob)], [True, False])
        self.rule("ban", "bob", seconds=10.0)
        self.assertRaises(NotAllowed, self.gate.check_reader, bob, "lobby")
        self.now += 10.0
        self.assertTrue(self.reads(bob))

    def test_of_so_many_rooms_at_the_most(self) -> None:
        """The others are looked for each time: what is remembered of one who asks is small."""
        asker = stranger(None)
        rooms = [f"room{number}" for number in range(9)]
        self.assertEqual([self.reads(asker, room) for room in rooms], [True] * 9)
        self.assertEqual([self.reads(asker, room) for room in rooms], [False] * 4 + [True] * 5)

    def test_all_who_read_the_same_have_one_clearance(self) -> None:
        askers = [stranger(None), guest("ada"), with_ticket("bob", "read")]
        for asker in askers:
            for room in ("lobby", "news") if asker.ticket else ("news", "lobby"):
                self.gate.check_reader(asker, room)
        self.assertEqual(len({id(asker.cleared) for asker in askers}), 1)
        self.gate.check_reader(askers[0], "kitchen")
        self.assertEqual([self.reads(asker, "kitchen") for asker in askers], [False, True, True])

    def test_so_many_clearances_are_kept_to_be_shared(self) -> None:
        for number in range(1_500):
            self.reads(stranger(None), f"room{number}")
        self.assertLessEqual(len(self.gate._cleared), 1_000)


class EndedTests(GateTestCase):
    """Who shows a session that is none any more."""

    def test_reads_as_a_stranger(self) -> None:
        for room in ROOMS:
            may = self.gate.may("read", stranger(None), room)
            self.assertEqual(self.gate.may("read", ended(None), room), may)
            if may:
                self.gate.check_reader(ended(None), room)
            else:
                error = self.assertRaises(NotSignedIn, self.gate.check_reader, ended(None), room)
                self.assertNotIsInstance(error, SessionEnded)

    def test_changes_nothing_wherever(self) -> None:
        for room in ROOMS:
            for action in ("post", "create", "moderate"):
                self.assertRaises(SessionEnded, self.gate.check, action, ended(None), room)


class AuthorTests(GateTestCase):
    def test_is_named_by_who_has_a_ticket_for_that(self) -> None:
        self.assertTrue(self.gate.may_name_author(with_ticket("robot", "as", pattern="l*"), "lobby"))
        others = (stranger(None), guest(), member("mo"), with_ticket("robot", "read", "post", "moderate"))
        for asker in (*others, with_ticket("robot", "as", pattern="m*")):
            self.assertFalse(self.gate.may_name_author(asker, "lobby"))

    def test_is_nobody_who_may_not_post(self) -> None:
        ruled: list[tuple[Kind, str]] = [("ban", "eve"), ("mute", "guest")]
        for kind, name in ruled:
            self.gate.check_author(name.upper(), "lobby")
            self.rule(kind, name)
            with self.assertRaises(NotAllowed):
                self.gate.check_author(name.upper(), "lobby")
            self.gate.check_author(name, "kitchen")
        self.gate.check_author("bob", "lobby")


class GrantsTests(GateTestCase):
    def test_of_a_ticket_are_its_own(self) -> None:
        self.assertEqual(self.gate.grants(with_ticket("bob", "as", "read")), {"*": ("read", "as")})

    def test_of_others_are_by_the_policy(self) -> None:
        everywhere = {"*": ["read", "post", "create"]}
        for asker in (stranger(None), guest("mo")):
            self.assertEqual(self.gate.grants(asker), {"news": ["read"], **everywhere})
        mo = {"members": ["read", "post", "create", "moderate"], "news": ["read", "post"], **everywhere}
        self.assertEqual(self.gate.grants(member("mo")), mo)

    def test_what_the_policy_says_of_all_rooms_is_said(self) -> None:
        self.policy.policy = Policy.parse(POLICY + '\n[[rooms]]\nname = "*"\ncreate = "nobody"')
        self.assertEqual(self.gate.grants(stranger(None)), {"news": ["read"], "*": ["read", "post"]})

    def test_where_one_may_do_nothing_is_not_told(self) -> None:
        self.policy.policy = Policy.parse(
            '[[rooms]]\nname = "secret-*"\nread = ["mo"]\n[[rooms]]\nname = "*"\nread = []'
        )
        self.assertEqual([self.gate.grants(asker) for asker in (stranger(None), member("bob"))], [{}, {}])
        self.assertEqual(list(self.gate.grants(member("mo"))), ["secret-*"])

    def test_of_the_patterns_that_match_the_first_holds(self) -> None:
        for asker in (stranger(None), guest("mo"), member("bob"), member("mo")):
            grants = self.gate.grants(asker)
            for room in ROOMS:
                first = next(actions for pattern, actions in grants.items() if pattern in (room, "*"))
                self.assertIn(self.allowed(asker, room), (" ".join(first), ""))

    def test_of_one_room_is_told_what_holds_there_under_its_name_alone(self) -> None:
        with_tickets = (with_ticket("bob", "as", "read", pattern="n*"), with_ticket("bob", "post", "moderate"))
        for asker in (stranger(None), guest("mo"), member("bob"), member("mo"), *with_tickets):
            for room in ROOMS:
                ((named, actions),) = self.gate.grants_in(asker, room).items()
                may = [action for action in ("read", "post", "moderate") if self.gate.may(action, asker, room)]
                may += ["create"] if asker.ticket is None and self.gate.may("create", asker, room) else []
                may += ["as"] if self.gate.may_name_author(asker, room) else []
                self.assertEqual((named, sorted(actions)), (room, sorted(may)))

    def test_what_was_ruled_is_not_in_it(self) -> None:
        before = self.gate.grants(guest())
        self.rule("ban", "bob")
        self.assertEqual(self.gate.grants(guest()), before)
