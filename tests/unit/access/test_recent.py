"""Recent: what is kept, for how long, and how much of it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from chatcomet.access.recent import Recent

KEYS = "abcdefgh"
MOST = 5


class RecentTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.recent: Recent[str, str] = Recent(MOST)

    def put(self, keys: str) -> None:
        for key in keys:
            self.recent.put(key, key.upper())

    def test_what_was_put_is_there(self) -> None:
        self.put("ab")
        self.assertEqual([self.recent.get(key) for key in "abc"], ["A", "B", None])
        self.assertEqual((len(self.recent), sorted(self.recent)), (2, ["a", "b"]))

    def test_the_last_one_counts(self) -> None:
        self.put("a")
        self.recent.put("a", "another")
        self.assertEqual((self.recent.get("a"), len(self.recent)), ("another", 1))
        self.recent.age()
        self.recent.put("a", "a third")
        self.assertEqual((self.recent.get("a"), len(self.recent)), ("a third", 1))

    def test_what_was_not_used_between_two_calls_is_forgotten(self) -> None:
        self.put("abc")
        self.recent.age()
        self.recent.get("a")
        self.put("d")
        self.assertEqual(sorted(self.recent), ["a", "b", "c", "d"])
        self.recent.age()
        self.assertEqual(sorted(self.recent), ["a", "d"])
        self.recent.age()
        self.assertEqual(sorted(self.recent), [])

    def test_what_is_not_used_goes_first(self) -> None:
        self.put("abcd")
        self.recent.age()
        for key in "ab":
            self.recent.get(key)
        self.put("efg")
        self.assertEqual(sorted(self.recent), ["a", "b", "e", "f", "g"])

    def test_of_what_is_not_used_the_first_goes_first(self) -> None:
        self.put("abcde")
        self.recent.age()
        self.put("f")
        self.assertEqual(sorted(self.recent), ["b", "c", "d", "e", "f"])

    def test_of_what_is_all_used_the_first_goes_first(self) -> None:
        self.put("abcdefg")
        self.assertEqual(sorted(self.recent), ["c", "d", "e", "f", "g"])

    def test_what_is_to_be_forgotten_is(self) -> None:
        self.put("abc")
        self.recent.age()
        self.put("d")
        for key in "adx":
            self.recent.forget(key)
        self.assertEqual(sorted(self.recent), ["b", "c"])

    def test_each_has_its_weight(self) -> None:
        recent: Recent[str, int] = Recent(10, lambda key, value: value)
        for key, weight in zip("abcd", (4, 4, 4, 9), strict=True):
            recent.put(key, weight)
        self.assertEqual(list(recent), ["d"])

    @given(st.lists(st.one_of(st.tuples(st.sampled_from(["put", "get", "forget"]), st.sampled_from(KEYS)), st.none())))
    def test_tells_nothing_that_was_not_put_and_keeps_to_its_limit(self, steps: list[tuple[str, str] | None]) -> None:
        recent: Recent[str, int] = Recent(MOST, lambda key, value: 1 + KEYS.index(key) % 3)
        told: dict[str, int] = {}
        for number, step in enumerate(steps):
            if step is None:
                recent.age()
                continue
            does, key = step
            if does == "put":
                recent.put(key, number)
                told[key] = number
                self.assertEqual(recent.get(key), number)
            elif does == "forget":
                recent.forget(key)
                told.pop(key, None)
            self.assertIn(recent.get(key), (None, told.get(key)))
            self.assertLessEqual(sum(1 + KEYS.index(each) % 3 for each in recent), MOST)
        for key in KEYS:
            recent.forget(key)
        self.assertEqual((len(recent), recent._used_weight, recent._others_weight), (0, 0, 0))
