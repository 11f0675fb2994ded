"""Moderation: who may take back what was said, and keep whom from what, for how long."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from math import inf, nan
from unittest.mock import patch

from twisted.internet.defer import Deferred
from twisted.logger import capturedLogs, formatEvent

from chatcomet.access.asker import Asker, holder, stranger
from chatcomet.access.policy import Policy
from chatcomet.access.rules import ACTIONS
from chatcomet.access.rulings import SESSION, Rulings
from chatcomet.api.moderation import LONGEST_SECONDS, Ruled, Sanction, erase, lift, sanction, sanctions
from chatcomet.api.polling import Poll, poll
from chatcomet.core.message import Cursor
from chatcomet.errors import ChatcometError, Malformed, NotAllowed, NotFound, NotSignedIn, StoreUnavailable
from tests.unit.api.running_chat import EPOCH, NOON, ChatTestCase, with_ticket

KINDS: tuple[Sanction, ...] = ("ban", "mute")


class ModerationTestCase(ChatTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.policy.policy = Policy.parse('[[rooms]]\nname = "lobby"\nmoderate = ["mo", "mia"]')
        self.mo = self.account("mo")

    def rule(self, kind: Sanction, whom: str, seconds: float | None = None) -> Ruled:
        return self.successResultOf(sanction(self.chat, kind, "lobby", whom, seconds, self.mo))

    def lift(self, kind: Sanction, whom: str) -> None:
        self.successResultOf(lift(self.chat, kind, "lobby", whom, self.mo))

    def may(self, asker: Asker, room: str = "lobby") -> str:
        """What `asker` may do, of reading and posting."""
        return " ".join(action for action in ACTIONS[:2] if self.chat.gate.may(action, asker, room))

    def assert_for_moderators_alone(self, act: Callable[[str, Asker], object]) -> None:
        """That nobody else is let `act` in a room, whatever they may do elsewhere; and nothing has happened."""
        refused: list[tuple[str, Asker, type[ChatcometError]]] = [
            ("lobby", stranger(None), NotSignedIn),
            ("lobby", self.sign_in("mo's friend"), NotSignedIn),
            ("lobby", self.account("ada"), NotAllowed),
            ("lobby", with_ticket("mo", "read", "post", "as", rooms="lobby"), NotAllowed),
            ("kitchen", self.mo, NotAllowed),
            ("kitchen", with_ticket("ada", "moderate", rooms="lobby"), NotAllowed),
            ("Lobby", self.mo, Malformed),
            ("Lobby", stranger(None), Malformed),
        ]
        for room, asker, error in refused:
            self.assertRaises(error, act, room, asker)
        self.assertEqual(len(self.rulings), 0)
        act("lobby", with_ticket("ada", "moderate", rooms="lobby"))
        act("lobby", self.account("Mia"))


class EraseTests(ModerationTestCase):
    def test_the_text_is_gone_and_the_message_stays(self) -> None:
        one, two = self.add("one", "two")
        self.assertIsNone(self.successResultOf(erase(self.chat, "lobby", 0, self.mo)))
        self.assertEqual(self.kept(), [one.erase(), two])

    def test_what_is_not_there(self) -> None:
        self.add("one", room="kitchen")
        error = self.failureResultOf(erase(self.chat, "lobby", 0, self.mo), NotFound).value
        self.assertIn("0", str(error))

    def test_is_for_moderators(self) -> None:
        self.add("one")
        self.add("one", room="kitchen")
        self.assert_for_moderators_alone(lambda room, asker: erase(self.chat, room, 0, asker))
        self.assertEqual((self.texts(), self.texts("kitchen")), ([""], ["one"]))

    def test_one_who_is_muted_or_banned_is_none(self) -> None:
        (one,) = self.add("one")
        for kind in KINDS:
            self.rule(kind, "mia")
            self.assertRaises(NotAllowed, erase, self.chat, "lobby", 0, self.account("mia"))
            self.lift(kind, "mia")
        self.assertEqual(self.kept(), [one])

    def test_fails_with_the_store(self) -> None:
        self.store.close()
        self.failureResultOf(erase(self.chat, "lobby", 0, self.mo), StoreUnavailable)


class SanctionTests(ModerationTestCase):
    def test_says_who_is_ruled_by_whom_and_until_when(self) -> None:
        for kind in KINDS:
            self.assertEqual(self.rule(kind, " BOB "), Ruled("bob", "mo", NOON, None))
            self.assertEqual(self.rule(kind, "bob", 60.0), Ruled("bob", "mo", NOON, NOON + 60.0))

    def test_who_is_banned_may_nothing_and_who_is_muted_may_read(self) -> None:
        bobs = [self.sign_in("Bob"), with_ticket("bob", "read", "post", rooms="lobby")]
        for kind, left in zip(KINDS, ("", "read"), strict=True):
            self.assertEqual([self.may(bob) for bob in bobs], ["read post"] * 2)
            self.rule(kind, "bob")
            self.assertEqual([self.may(bob) for bob in bobs], [left] * 2)
            self.assertEqual([self.may(self.sign_in(kind)), self.may(stranger(None))], ["read post"] * 2)
            self.lift(kind, "bob")

    def test_a_member_too_by_whichever_session(self) -> None:
        here, there = self.account("bob"), self.account("bob")
        self.rule("ban", "bob")
        self.assertEqual([self.may(here), self.may(there), self.may(self.account("Bob"))], ["", "", ""])

    def test_nobody_is_ruled_by_themself(self) -> None:
        moderators = (self.mo, with_ticket("Mo", "moderate", rooms="lobby"))
        for kind, asker, seconds in product(KINDS, moderators, (None, 60.0)):
            for whom in ("mo", " MO "):
                self.assertRaises(NotAllowed, sanction, self.chat, kind, "lobby", whom, seconds, asker)
        self.assertEqual(len(self.rulings), 0)
        self.rule("ban", "mia")
        self.assertEqual(self.may(self.mo), "read post")

    def test_in_that_room(self) -> None:
        bob = self.sign_in("bob")
        self.rule("ban", "bob")
        self.assertEqual(self.may(bob, "kitchen"), "read post")

    def test_a_guest_under_another_name_too(self) -> None:
        bob = self.sign_in("bob")
        self.rule("ban", "bob")
        self.assertEqual(self.may(holder(self.sessions.sign_in("rob", bob.session), None)), "")

    def test_the_name_whoever_picks_it(self) -> None:
        self.rule("ban", "bob")
        self.assertEqual(self.may(self.sign_in("BOB")), "")

    def test_a_member_is_not_taken_for_the_guest_who_had_the_name(self) -> None:
        self.account("bob")
        self.rule("ban", "bob")
        self.assertEqual([ruling.subject for ruling in self.rulings.of("lobby")], ["bob"])

    def test_guest_is_all_who_have_no_name(self) -> None:
        self.rule("mute", "guest")
        self.assertEqual([self.may(stranger(None)), self.may(self.sign_in("bob"))], ["read", "read post"])

    def test_for_a_while(self) -> None:
        bob = self.sign_in("bob")
        self.rule("ban", "bob", 60.0)
        self.now += 59.0
        self.assertEqual(self.may(bob), "")
        self.now += 1.0
        self.assertEqual(self.may(bob), "read post")

    def test_for_how_long(self) -> None:
        for seconds in (1.0, LONGEST_SECONDS):
            self.rule("ban", "bob", seconds)
        self.lift("ban", "bob")
        for seconds in (0.0, 0.999, -60.0, LONGEST_SECONDS + 1, inf, nan):
            self.assertRaises(Malformed, sanction, self.chat, "ban", "lobby", "bob", seconds, self.mo)
        self.assertEqual(len(self.rulings), 0)

    def test_who_can_not_be(self) -> None:
        for name in ("", " ", "a" * 33, "a\nb"):
            self.assertRaises(Malformed, sanction, self.chat, "ban", "lobby", name, None, self.mo)
        self.assertEqual(len(self.rulings), 0)

    def test_a_ban_ends_what_waits_and_a_mute_does_not(self) -> None:
        bob, waited = self.sign_in("bob"), Poll("lobby", Cursor(EPOCH, 0))
        waiting, other = poll(self.chat, waited, bob), poll(self.chat, waited, self.sign_in("eve"))
        self.rule("mute", "bob")
        self.assertNoResult(waiting)
        self.rule("ban", "bob")
        self.failureResultOf(waiting, NotAllowed)
        self.assertNoResult(other)

    def test_is_known_after_a_restart(self) -> None:
        bob = self.sign_in("bob")
        self.rule("ban", "bob")
        again = Rulings(self.store, lambda: self.now)
        self.successResultOf(again.load())
        for subject in bob.subjects:
            self.assertTrue(again.is_ruled("ban", "lobby", subject))

    def test_is_for_moderators(self) -> None:
        self.assert_for_moderators_alone(lambda room, asker: sanction(self.chat, "ban", room, "bob", 9.0, asker))

    def test_fires_when_all_of_it_holds(self) -> None:
        self.sign_in("bob")
        answers: list[Deferred[None]] = [Deferred(), Deferred()]
        with patch.object(self.store, "rule", side_effect=answers):
            ruled = sanction(self.chat, "ban", "lobby", "bob", None, self.mo)
        for answer in answers:
            self.assertNoResult(ruled)
            answer.callback(None)
        self.assertEqual(self.successResultOf(ruled), Ruled("bob", "mo", NOON, None))

    def test_fails_with_the_store(self) -> None:
        self.sign_in("bob")
        self.store.close()
        self.failureResultOf(sanction(self.chat, "ban", "lobby", "bob", None, self.mo), StoreUnavailable)


class LiftTests(ModerationTestCase):
    def test_is_as_if_it_had_not_been(self) -> None:
        bob = self.sign_in("bob")
        for kind in KINDS:
            self.rule(kind, "bob")
            self.lift(kind, "BOB")
            self.assertEqual(self.may(bob), "read post")
        self.assertEqual(self.successResultOf(self.store.rulings()), [])

    def test_what_is_not_there(self) -> None:
        self.rule("mute", "bob")
        self.rule("ban", "eve", 60.0)
        self.now += 60.0
        for whom in ("bob", "eve", "ada"):
            self.assertRaises(NotFound, lift, self.chat, "ban", "lobby", whom, self.mo)
        self.assertRaises(Malformed, lift, self.chat, "ban", "lobby", "", self.mo)
        self.assertTrue(self.rulings.is_ruled("mute", "lobby", "bob"))

    def test_of_one_and_not_of_others_who_were_ruled_at_the_same_time(self) -> None:
        bob, eve = self.sign_in("bob"), self.sign_in("eve")
        for whom in ("bob", "eve", "ada"):
            self.rule("ban", whom)
        self.rule("mute", "bob")
        self.lift("ban", "bob")
        self.assertEqual([self.may(bob), self.may(eve), self.may(self.sign_in("ada"))], ["read", "", ""])

    def test_the_session_of_another_stays_ruled(self) -> None:
        bob, eve = self.sign_in("bob"), self.sign_in("eve")
        self.rule("ban", "eve")
        self.now += 0.001
        self.rule("ban", "bob")
        self.lift("ban", "bob")
        self.assertEqual(self.may(holder(self.sessions.sign_in("rob", bob.session), None)), "read post")
        self.assertEqual(self.may(holder(self.sessions.sign_in("eva", eve.session), None)), "")

    def test_is_for_moderators_whoever_ruled(self) -> None:
        self.rule("ban", "bob")
        for asker, error in ((stranger(None), NotSignedIn), (self.account("ada"), NotAllowed)):
            self.assertRaises(error, lift, self.chat, "ban", "lobby", "bob", asker)
        self.assertRaises(NotAllowed, lift, self.chat, "ban", "kitchen", "bob", self.mo)
        self.assertTrue(self.rulings.is_ruled("ban", "lobby", "bob"))
        self.successResultOf(lift(self.chat, "ban", "lobby", "bob", self.account("Mia")))
        self.assertFalse(self.rulings.is_ruled("ban", "lobby", "bob"))

    def test_fails_with_the_store(self) -> None:
        self.sign_in("bob")
        self.rule("ban", "bob")
        self.store.close()
        self.failureResultOf(lift(self.chat, "ban", "lobby", "bob", self.mo), StoreUnavailable)
        self.assertTrue(self.rulings.is_ruled("ban", "lobby", "bob"))


class RenamedTests(ModerationTestCase):
    """A guest who is banned takes another name, and is banned again."""

    def rename(self, asker: Asker, name: str) -> Asker:
        return holder(self.sessions.sign_in(name, asker.session), None)

    def setUp(self) -> None:
        super().setUp()
        bob = self.sign_in("bob")
        self.rule("ban", "bob", 600.0)
        self.rob = self.rename(bob, "rob")
        self.now += 1.0

    def test_a_second_ban_of_the_old_name_takes_the_place_of_the_first_for_the_session_too(self) -> None:
        self.rule("ban", "bob", 60.0)
        self.now += 60.0
        self.assertEqual(self.may(self.rob), "read post")
        self.rule("ban", "bob", 60.0)
        self.assertEqual(self.may(self.rob), "read post")  # that was over, and who it is now was not ruled

    def test_a_longer_one_too(self) -> None:
        self.rule("ban", "bob")
        self.now += 600.0
        self.assertEqual(self.may(self.rob), "")

    def test_whoever_has_the_old_name_now_is_ruled_beside_the_first(self) -> None:
        other = self.sign_in("bob")
        self.rule("ban", "bob")
        others_name = self.rename(other, "barbara")
        self.assertEqual([self.may(self.rob), self.may(others_name)], ["", ""])
        self.lift("ban", "bob")
        self.assertEqual([self.may(self.rob), self.may(others_name)], ["read post", "read post"])
        self.assertEqual(len(self.rulings), 0)

    def test_a_second_ban_of_the_old_name_can_be_lifted(self) -> None:
        self.rule("ban", "bob")
        self.lift("ban", "bob")
        self.assertEqual(self.may(self.rob), "read post")
        self.assertEqual(len(self.rulings), 0)

    def test_bans_of_both_names_are_lifted_each_by_itself(self) -> None:
        self.rule("ban", "rob")
        rick = self.rename(self.rob, "rick")
        for name in ("rob", "bob"):
            self.assertEqual(self.may(rick), "")
            self.lift("ban", name)
        self.assertEqual(self.may(rick), "read post")
        self.assertEqual(len(self.rulings), 0)

    def test_in_whichever_order(self) -> None:
        self.rule("ban", "rob")
        rick = self.rename(self.rob, "rick")
        for name in ("bob", "rob"):
            self.assertEqual(self.may(rick), "")
            self.lift("ban", name)
        self.assertEqual(self.may(rick), "read post")

    def test_a_mute_is_another_matter(self) -> None:
        self.rule("mute", "rob")
        self.lift("ban", "bob")
        self.assertEqual(self.may(self.rob), "read")

    def test_after_a_restart_too(self) -> None:
        self.rule("ban", "rob")
        again = Rulings(self.store, lambda: self.now)
        self.successResultOf(again.load())
        subject = self.rename(self.rob, "rick").subjects[1]
        self.assertTrue(again.is_ruled("ban", "lobby", subject))
        self.lift("ban", "rob")
        self.assertTrue(again.is_ruled("ban", "lobby", subject))
        self.lift("ban", "bob")
        self.assertFalse(again.is_ruled("ban", "lobby", subject))


class SanctionsTests(ModerationTestCase):
    def listed(self, kind: Sanction) -> list[str]:
        return [ruled.name for ruled in sanctions(self.chat, kind, "lobby", self.mo)]

    def test_those_that_hold_the_oldest_first(self) -> None:
        for number, name in enumerate(("eve", "bob", "ada")):
            self.sign_in(name)
            self.rule("ban", name, 60.0 + number)
        self.rule("mute", "cy")
        self.now += 60.0
        self.assertEqual((self.listed("ban"), self.listed("mute")), (["bob", "ada"], ["cy"]))
        self.assertEqual(sanctions(self.chat, "mute", "lobby", self.mo), [Ruled("cy", "mo", NOON, None)])

    def test_whatever_somebody_is_called(self) -> None:
        for name in ("session", "session:x"):
            self.sign_in(name)
            self.rule("ban", name)
        self.assertEqual(self.listed("ban"), ["session", "session:x"])
        self.assertRaises(Malformed, self.sign_in, f"{SESSION}x")

    def test_is_for_moderators(self) -> None:
        self.assert_for_moderators_alone(lambda room, asker: sanctions(self.chat, "ban", room, asker))


class LogTests(ModerationTestCase):
    def told(self, *acts: Callable[[], object]) -> list[str]:
        """What is logged of these."""
        with capturedLogs() as events:
            for act in acts:
                act()
        return [str(formatEvent(event)) for event in events]

    def test_says_what_was_done_and_by_whom_and_never_what_was_said(self) -> None:
        self.add("a secret")
        told = self.told(
            lambda: erase(self.chat, "lobby", 0, self.mo),
            lambda: self.rule("ban", "Eve"),
            lambda: self.rule("mute", "d'Arc", 90.5),
            lambda: self.lift("ban", "EVE"),
            lambda: erase(self.chat, "lobby", 0, with_ticket("ada l.", "moderate")),
        )
        self.assertEqual(
            told,
            [
                "'mo' (member) has erased message 0 in lobby",
                "'mo' (member) has banned 'eve' for good in lobby",
                """'mo' (member) has muted "d'arc" for 90.5 s in lobby""",
                "'mo' (member) has lifted the ban of 'eve' in lobby",
                "'ada l.' (ticket) has erased message 0 in lobby",
            ],
        )

    def test_names_no_session(self) -> None:
        eve = self.sign_in("eve")
        assert eve.session is not None
        self.assertNotIn(
            eve.session.id, "".join(self.told(lambda: self.rule("ban", "eve"), lambda: self.lift("ban", "eve")))
        )

    def test_what_was_not_done_is_not_told(self) -> None:
        def refused() -> None:
            self.failureResultOf(erase(self.chat, "lobby", 7, self.mo), NotFound)
            self.assertRaises(NotFound, lift, self.chat, "ban", "lobby", "eve", self.mo)
            self.assertRaises(NotAllowed, erase, self.chat, "lobby", 0, self.account("ada"))
            self.store.close()
            self.failureResultOf(sanction(self.chat, "ban", "lobby", "eve", None, self.mo), StoreUnavailable)

        self.assertEqual(self.told(refused), [])
