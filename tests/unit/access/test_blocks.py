"""Blocks: what each key takes, and what is said to what it does not."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from chatcomet.access.blocks import read_block
from chatcomet.access.rules import EVERYONE, MEMBERS, NOBODY, Audience, Rules
from chatcomet.errors import Malformed

# All that TOML has.
VALUES = st.recursive(
    st.booleans() | st.integers() | st.floats() | st.text() | st.datetimes() | st.dates() | st.times(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
KEYS = ("name", "read", "post", "create", "moderate", "retain", "retain_days", "posts_per_second", "post_burst")


def read(**block: object) -> Rules:
    """What `block` says of the lobby."""
    return read_block({"name": "lobby", **block})[1]


class BlockTests(SynchronousTestCase):
    def assert_wrong(self, key: str, *values: object, right: str = "") -> None:
        """Each value is refused, under its key, with a word of what would be right."""
        for value in values:
            error = self.assertRaises(Malformed, read, **{key: value})
            self.assertTrue(str(error).startswith(f"{key}: "), error)
            self.assertIn(right, str(error), value)

    def test_all(self) -> None:
        block = {
            "name": "team-*",
            "read": "members",
            "post": ["Ada", "grace"],
            "create": "nobody",
            "moderate": ["ada"],
            "retain": 1000,
            "retain_days": 30,
            "posts_per_second": 1.5,
            "post_burst": 5,
        }
        listed = Audience(names=frozenset({"ada", "grace"}))
        rules = Rules(MEMBERS, listed, NOBODY, Audience(names=frozenset({"ada"})), 1000, 30.0, 1.5, 5)
        self.assertEqual(read_block(block), ("team-*", rules))

    def test_none_but_the_name(self) -> None:
        self.assertEqual(read_block({"name": "lobby"}), ("lobby", Rules()))

    def test_whoever_may_not_read_may_not_post_unless_the_block_says_so(self) -> None:
        self.assertEqual(read(read="members").post, MEMBERS)
        self.assertEqual(read(read="nobody").post, NOBODY)
        self.assertEqual(read(read=["ada"], post="everyone").post, EVERYONE)
        self.assertEqual(read(post=["ada"]).read, EVERYONE)

    def test_name(self) -> None:
        self.assert_wrong("name", "", "Lobby", "a b", "x" * 129, 1, True, [], ["lobby"], {}, right="a-z")
        error = self.assertRaises(Malformed, read_block, {"read": "everyone"})
        self.assertIn("name is missing", str(error))

    def test_audiences(self) -> None:
        words = {"everyone": EVERYONE, "members": MEMBERS, "nobody": NOBODY}
        for key in ("read", "post", "create"):
            for word, audience in words.items():
                self.assertEqual(getattr(read(**{key: word}), key), audience)
            self.assertEqual(getattr(read(**{key: []}), key), NOBODY)
            self.assert_wrong(
                key, "ada", "Everyone", "", 1, True, {}, [1], ["ada", 1], [["ada"]], right="or a list of names"
            )

    def test_names_are_those_of_people(self) -> None:
        self.assertEqual(read(read=["Ada", "ａｄａ", " STRASSE "]).read, Audience(names=frozenset({"ada", "strasse"})))
        self.assert_wrong("read", [""], ["a" * 33], ["a\nb"], right="a name has")

    def test_guests_are_in_no_list(self) -> None:
        self.assert_wrong("read", ["guest"], ["ada", "Guest"], right="everyone")

    def test_not_everyone_moderates(self) -> None:
        self.assertEqual(read(moderate="members").moderate, MEMBERS)
        self.assert_wrong("moderate", "everyone", right="ban all others")
        self.assert_wrong("moderate", "ada", 1, right="or a list of names")

    def test_retain(self) -> None:
        for count in (0, 1, 10**18 - 1):
            self.assertEqual(read(retain=count).retain, count)
        self.assert_wrong("retain", -1, 1.5, True, "1000", 10**18, [], right="messages")

    def test_retain_days(self) -> None:
        for days in (0, 30, 0.5, 999_999):
            self.assertEqual(read(retain_days=days).retain_days, days)
        wrong: tuple[object, ...] = (-1, -0.5, True, "30", 10**6, 10**400, float("inf"), float("nan"), [])
        self.assert_wrong("retain_days", *wrong, right="such as 30 or 0.5")

    def test_posts_per_second(self) -> None:
        for posts in (0, 0.00001, 0.5, 1_000_000):
            self.assertEqual(read(posts_per_second=posts).posts_per_second, posts)
        wrong: tuple[object, ...] = (-1, 1e-6, 1e-300, True, "1", 1_000_001, 10**400, float("inf"), float("nan"), [])
        self.assert_wrong("posts_per_second", *wrong, right="such as 10 or 0.5")

    def test_post_burst(self) -> None:
        for posts in (1, 1_000_000):
            self.assertEqual(read(post_burst=posts).post_burst, posts)
        self.assert_wrong("post_burst", 0, -1, 1.0, True, "1", 1_000_001, right="from 1 to")

    def test_what_is_no_key(self) -> None:
        for key in ("colour", "Read", "reads", "", "\n"):
            error = self.assertRaises(Malformed, read_block, {"name": "lobby", key: "everyone"})
            self.assertIn(f"{key!r} is not known", str(error))
            self.assertIn("posts_per_second", str(error))

    @settings(deadline=None)
    @given(st.dictionaries(st.sampled_from(KEYS) | st.text(), VALUES, max_size=4))
    def test_anything_is_read_or_refused(self, block: dict[str, object]) -> None:
        try:
            pattern, rules = read_block(block)
        except Malformed:
            return
        self.assertEqual(pattern, block["name"])
        self.assertFalse(rules.moderate.guests)
