"""The values: limits, cursors, and what fits a page."""

from __future__ import annotations

from dataclasses import FrozenInstanceError

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from chatcomet.core.message import (
    DATA_BYTES,
    PAGE_BYTES,
    TEXT_CHARACTERS,
    Cursor,
    Draft,
    IdempotencyKey,
    Message,
    Page,
    Sizes,
    check_room_name,
    first_that_fit,
    last_that_fit,
    parse_number,
)
from chatcomet.errors import Malformed, TooLong


def _message(seq: int, text: str = "x", data: str | None = None) -> Message:
    return Message(seq, "ada", text, 0.0, data)


class RoomNameTests(SynchronousTestCase):
    def test_allowed(self) -> None:
        for name in ("lobby", "0", "a.b_c-d", "a" * 64, "9-"):
            self.assertEqual(check_room_name(name), name)

    def test_refused(self) -> None:
        for name in ("", "a" * 65, "Lobby", ".hidden", "-a", "_a", "a b", "a/b", "lobby\n", "ä", "а", "٣", "a\0"):
            with self.subTest(name=name):
                self.assertRaises(Malformed, check_room_name, name)


class NumberTests(SynchronousTestCase):
    def test_numbers(self) -> None:
        for text, number in (("0", 0), ("7", 7), ("10", 10), ("9" * 18, 10**18 - 1)):
            self.assertEqual(parse_number(text), number)

    def test_not_numbers(self) -> None:
        for text in ("", "00", "01", "-0", "-1", "+1", " 1", "1 ", "1\n", "1_0", "1.0", "0x1", "1e3", "٣", "１", "²"):
            with self.subTest(text=text):
                self.assertIsNone(parse_number(text))

    def test_too_many_digits(self) -> None:
        for digits in (19, 5_000):
            self.assertIsNone(parse_number("9" * digits))

    @given(st.integers(0, 10**18 - 1))
    def test_round_trip(self, number: int) -> None:
        self.assertEqual(parse_number(str(number)), number)


class CursorTests(SynchronousTestCase):
    def test_parse(self) -> None:
        self.assertEqual(Cursor.parse("k3v9.42"), Cursor("k3v9", 42))
        self.assertEqual(Cursor.parse("0.0"), Cursor("0", 0))
        self.assertEqual(Cursor.parse("a" * 16 + "." + "9" * 18), Cursor("a" * 16, 10**18 - 1))

    def test_malformed(self) -> None:
        refused = (
            *("", ".", "k3v9", "k3v9.", ".42", "42", "k3v9.042", "k3v9.00", "k3v9.-1", "k3v9.+1", "k3v9. 1", "k3v9.1 "),
            *(
                "k3v9.1\n",
                "\nk3v9.1",
                "k3v9.1.2",
                "K3V9.1",
                "k3-9.1",
                "k3v9.1_0",
                "k3v9.٣",
                "k٣v9.3",
                "k3v9.１",
                "k3v9.²",
            ),
            *("a" * 17 + ".1", "k3v9." + "9" * 19, "k3v9." + "9" * 5_000, "k3v9.1\0", "k3v9.²", "k3v9.\ud800"),
        )
        for text in refused:
            with self.subTest(text=text[:40]):
                self.assertRaises(Malformed, Cursor.parse, text)

    @given(st.from_regex(r"[a-z0-9]{1,16}", fullmatch=True), st.integers(0, 10**18 - 1))
    def test_round_trip(self, epoch: str, following: int) -> None:
        cursor = Cursor(epoch, following)
        self.assertEqual(Cursor.parse(str(cursor)), cursor)

    @given(st.text())
    def test_what_parses_is_written_the_same(self, text: str) -> None:
        """There is one way to write a cursor, so that text and value may both be compared."""
        try:
            cursor = Cursor.parse(text)
        except Malformed:
            return
        self.assertEqual(str(cursor), text)


class DraftTests(SynchronousTestCase):
    def test_text(self) -> None:
        self.assertEqual(Draft("ada", "x" * TEXT_CHARACTERS).text, "x" * TEXT_CHARACTERS)
        self.assertEqual(len(Draft("ada", "\U0001f600" * TEXT_CHARACTERS).text), TEXT_CHARACTERS)

    def test_text_too_long(self) -> None:
        self.assertRaises(TooLong, Draft, "ada", "x" * (TEXT_CHARACTERS + 1))

    def test_empty(self) -> None:
        self.assertRaises(Malformed, Draft, "ada", "")
        self.assertEqual(Draft("ada", "", "null").data, "null")

    def test_lone_surrogates(self) -> None:
        self.assertRaises(Malformed, Draft, "ada", "\ud800")
        self.assertRaises(Malformed, Draft, "ada", "x", '"\udfff"')

    def test_data_is_limited_in_bytes(self) -> None:
        self.assertEqual(len(Draft("ada", "", "0" * DATA_BYTES).data or ""), DATA_BYTES)
        self.assertRaises(TooLong, Draft, "ada", "", "0" * (DATA_BYTES + 1))
        self.assertRaises(TooLong, Draft, "ada", "", "ä" * (DATA_BYTES // 2 + 1))

    def test_other_sizes(self) -> None:
        sizes = Sizes(text_characters=3, data_bytes=4)
        self.assertEqual(Draft("ada", "xyz", "null", None, sizes), Draft("ada", "xyz", "null"))
        error = self.assertRaises(TooLong, Draft, "ada", "wxyz", None, None, sizes)
        self.assertEqual(str(error), "a message's text has 3 characters at most; this one has 4")
        error = self.assertRaises(TooLong, Draft, "ada", "x", "false", None, sizes)
        self.assertEqual(str(error), "a message's data has 4 bytes of JSON at most")

    def test_values(self) -> None:
        draft = Draft("ada", "x", key=IdempotencyKey("", "k1"))
        self.assertEqual(draft, Draft("ada", "x", None, IdempotencyKey("", "k1")))
        with self.assertRaises(FrozenInstanceError):
            draft.text = "y"  # type: ignore[misc]


class PageTests(SynchronousTestCase):
    def test_encodings_are_no_part_of_the_value(self) -> None:
        one, other = (Page("lobby", (_message(0),), Cursor("k3v9", 1)) for _ in range(2))
        one.encodings["json"] = b"{}"
        self.assertEqual(one, other)
        self.assertEqual(hash(one), hash(other))
        self.assertEqual(other.encodings, {})


class FitTests(SynchronousTestCase):
    def test_by_count(self) -> None:
        messages = [_message(seq) for seq in range(5)]
        self.assertEqual(first_that_fit(messages, 3, PAGE_BYTES), tuple(messages[:3]))
        self.assertEqual(last_that_fit(messages, 3, PAGE_BYTES), tuple(messages[2:]))
        self.assertEqual(first_that_fit(messages, 5, PAGE_BYTES), tuple(messages))
        self.assertEqual(first_that_fit(messages, 6, PAGE_BYTES), tuple(messages))
        self.assertEqual(first_that_fit([], 6, PAGE_BYTES), ())
        self.assertEqual(last_that_fit((), 6, PAGE_BYTES), ())

    def test_by_bytes(self) -> None:
        messages = [_message(seq, "", "0" * DATA_BYTES) for seq in range(100)]
        for fitting in (first_that_fit(messages, 100, PAGE_BYTES), last_that_fit(messages, 100, PAGE_BYTES)):
            self.assertLessEqual(len(fitting) * DATA_BYTES, PAGE_BYTES)
            self.assertGreater((len(fitting) + 1) * messages[0].size, PAGE_BYTES)
        self.assertEqual(first_that_fit(messages, 100, PAGE_BYTES)[0].seq, 0)
        self.assertEqual(last_that_fit(messages, 100, PAGE_BYTES)[-1].seq, 99)

    def test_one_at_least(self) -> None:
        messages = [_message(seq, "", "0" * 2 * PAGE_BYTES) for seq in range(3)]
        self.assertEqual(first_that_fit(messages, 3, PAGE_BYTES), (messages[0],))
        self.assertEqual(last_that_fit(messages, 3, PAGE_BYTES), (messages[2],))

    def test_the_longest(self) -> None:
        sizes = Sizes(text_characters=30, data_bytes=70)
        self.assertEqual(_message(0, "\U0001f600" * 30, "0" * 70).size, sizes.longest)
        self.assertLessEqual(Sizes().longest, PAGE_BYTES)

    def test_size_counts_bytes(self) -> None:
        """Neither text nor data of other alphabets makes a page several times as long as it may be."""
        self.assertGreaterEqual(_message(0, "\U0001f600" * 100).size, 400)
        self.assertGreaterEqual(_message(0, "", "\U0001f600" * 100).size, 400)

    @given(
        st.lists(st.integers(0, PAGE_BYTES // 3), max_size=12),
        st.integers(1, 15),
    )
    def test_as_many_as_fit(self, sizes: list[int], limit: int) -> None:
        messages = [_message(seq, "x", "0" * size) for seq, size in enumerate(sizes)]
        fitting = first_that_fit(messages, limit, PAGE_BYTES)
        self.assertEqual(fitting, tuple(messages[: len(fitting)]))
        self.assertEqual(bool(fitting), bool(messages))
        if len(fitting) > 1:
            self.assertLessEqual(sum(message.size for message in fitting), PAGE_BYTES)
        if len(fitting) < min(limit, len(messages)):
            self.assertGreater(sum(message.size for message in messages[: len(fitting) + 1]), PAGE_BYTES)
        self.assertEqual(last_that_fit(messages[::-1], limit, PAGE_BYTES), fitting[::-1])
