"""Rules: whom an audience admits."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from chatcomet.access.identity import Kind, fold
from chatcomet.access.rules import EVERYONE, MEMBERS, NOBODY, Audience, Rules


class AudienceTests(SynchronousTestCase):
    def admitted(self, audience: Audience, name: str | None = "ada") -> set[Kind]:
        """Of which kinds somebody is admitted who goes by `name`."""
        return {kind for kind in Kind if audience.admits(kind, name)}

    def test_everyone(self) -> None:
        for name in ("ada", None):
            self.assertEqual(self.admitted(EVERYONE, name), {Kind.STRANGER, Kind.GUEST, Kind.MEMBER})

    def test_members(self) -> None:
        self.assertEqual(self.admitted(MEMBERS), {Kind.MEMBER})

    def test_nobody(self) -> None:
        self.assertEqual(self.admitted(NOBODY), set())
        self.assertEqual(Audience(names=frozenset()), NOBODY)

    def test_a_list_admits_members_of_these_names(self) -> None:
        listed = Audience(names=frozenset({"ada", fold("Straße")}))
        for name in ("ada", "Ada", "ADA", "STRASSE", "straße"):
            self.assertEqual(self.admitted(listed, name), {Kind.MEMBER}, name)
        for other in ("bob", "ad", "adà", None):
            self.assertEqual(self.admitted(listed, other), set(), other)


class RulesTests(SynchronousTestCase):
    def test_without_any_all_is_open_and_nobody_moderates(self) -> None:
        rules = Rules()
        self.assertEqual((rules.read, rules.post, rules.create, rules.moderate), (EVERYONE, EVERYONE, EVERYONE, NOBODY))
        self.assertEqual((rules.retain, rules.retain_days), (None, None))
        self.assertEqual((rules.posts_per_second, rules.post_burst), (None, None))

    def test_each_action_has_its_audience(self) -> None:
        read, post, create, moderate = (Audience(names=frozenset({name})) for name in "abcd")
        rules = Rules(read, post, create, moderate)
        self.assertEqual(
            [rules.audience(action) for action in ("read", "post", "create", "moderate")],
            [read, post, create, moderate],
        )
