"""Bodies: JSON and forms, as they should be and as they come."""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from chatcomet.errors import Malformed, UnsupportedForm
from chatcomet.http.bodies import read_draft, read_form, read_json, read_object, read_seconds, read_sign_in

URLENCODED = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=cut"


def part(name: str, value: bytes, more: str = "") -> bytes:
    """One field of a multipart form."""
    return f'--cut\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n'.encode() + value + b"\r\n"


END = b"--cut--\r\n"


class JsonTests(SynchronousTestCase):
    def test_is_any_value(self) -> None:
        for body, value in (
            (b"{}", {}),
            (b" [1, 2.5, null] ", [1, 2.5, None]),
            (b'"\\u00fc"', "ü"),
            ("ü".encode(), None),
        ):
            if value is None:
                self.assertRaises(Malformed, read_json, body)
            else:
                self.assertEqual(read_json(body), value)

    def test_what_is_none(self) -> None:
        for body in (
            *(
                b"",
                b" ",
                b"{",
                b"{}{}",
                b"{'a': 1}",
                b"[1,]",
                b"nul",
                b"\x00",
                b'"\n"',
                b'"\xff"',
                b'{"a":}',
                b"01",
                b"+1",
            ),
            *(b"NaN", b"Infinity", b"-Infinity", b'{"a": [NaN]}', b"\xef\xbb\xbf", b"\xff\xfe{\x00}"),
            *(b"\xff\xfe{\x00}\x00", b"{\x00}\x00", b'"\xed\xa0\x80"'),  # UTF-16; a surrogate
        ):
            self.assertRaises(Malformed, read_json, body)

    def test_nesting_has_an_end(self) -> None:
        for body in (b"[" * 100_000, b"[" * 30_000 + b"]" * 30_000, b'{"a":' * 13_000 + b"1" + b"}" * 13_000):
            self.assertRaises(Malformed, read_json, body)

    def test_numbers_have_an_end(self) -> None:
        self.assertEqual(read_json(b"9" * 4_000), int("9" * 4_000))
        self.assertRaises(Malformed, read_json, b"9" * 60_000)

    def test_a_mark_of_its_byte_order_is_let_pass(self) -> None:
        self.assertEqual(read_json(b"\xef\xbb\xbf{}"), {})

    @settings(deadline=None)
    @given(st.binary(max_size=64))
    def test_whatever_comes_it_is_a_value_or_malformed(self, body: bytes) -> None:
        try:
            read_json(body)
        except Malformed as error:
            str(error).encode()


class ObjectTests(SynchronousTestCase):
    def test_is_json_where_it_says_so(self) -> None:
        for kind in ("application/json", "Application/JSON", "application/json; charset=utf-8", " application/json ;x"):
            self.assertEqual(read_object(kind, b'{"text": "a"}'), {"text": "a"})

    def test_the_last_of_two_members_counts_as_in_every_browser(self) -> None:
        self.assertEqual(read_object("application/json", b'{"text": "a", "text": "b"}'), {"text": "b"})

    def test_is_an_object(self) -> None:
        for body in (b"[]", b'"text"', b"1", b"null", b'[{"text": "a"}]'):
            self.assertRaises(Malformed, read_object, "application/json", body)

    def test_is_a_form_where_it_says_so(self) -> None:
        self.assertEqual(read_object(URLENCODED, b"text=a+b"), {"text": "a b"})
        self.assertEqual(read_object(MULTIPART, part("text", b"a b") + END), {"text": "a b"})

    def test_what_is_not_read(self) -> None:
        for kind in (None, "", "text/plain", "application/jsonx", "text/json", "application/problem+json", ";", "\xff"):
            error = self.assertRaises(UnsupportedForm, read_object, kind, b"{}")
            for readable in ("application/json", URLENCODED, "multipart/form-data"):
                self.assertIn(readable, str(error))


class UrlencodedTests(SynchronousTestCase):
    def test_fields(self) -> None:
        for body, fields in (
            (b"", {}),
            (b"message=hello+%26+bye", {"message": "hello & bye"}),
            (b"message=", {"message": ""}),
            (b"message", {"message": ""}),
            (b"message=a=b;c", {"message": "a=b;c"}),
            (b"message=%C3%BC%0A%00", {"message": "ü\n\0"}),
            ("message=ü".encode(), {"message": "ü"}),
            (b"message=100%", {"message": "100%"}),
            (b"a=1&&b=2&", {"a": "1", "b": "2"}),
        ):
            self.assertEqual(read_form(URLENCODED, body), fields)

    def test_what_is_no_utf_8(self) -> None:
        for body in (b"message=%FF", b"message=%ED%A0%80", b"message=\xff", b"%C3=1", b"message=%C3"):
            self.assertRaises(Malformed, read_form, URLENCODED, body)

    def test_a_repeated_field(self) -> None:
        for body in (b"message=a&message=b", b"message=a&message=a", b"message=a&%6Dessage=b", b"message&message"):
            self.assertRaises(Malformed, read_form, URLENCODED, body)

    def test_too_many_fields(self) -> None:
        fields = [f"f{number}=".encode() for number in range(1_000)]
        self.assertEqual(len(read_form(URLENCODED, b"&".join(fields[:16]))), 16)
        self.assertRaises(Malformed, read_form, URLENCODED, b"&".join(fields[:17]))
        self.assertRaises(Malformed, read_form, URLENCODED, b"&".join(fields))


class MultipartTests(SynchronousTestCase):
    def assert_malformed(self, body: bytes, kind: str = MULTIPART) -> None:
        error = self.assertRaises(Malformed, read_form, kind, body)
        str(error).encode()

    def test_fields(self) -> None:
        body = part("message", "ü\r\n--cu".encode()) + part("more", b"") + END
        self.assertEqual(read_form(MULTIPART, body), {"message": "ü\r\n--cu", "more": ""})

    def test_a_quoted_boundary(self) -> None:
        body = part("message", b"a") + END
        self.assertEqual(read_form('Multipart/Form-Data; charset=x; boundary="cut"', body), {"message": "a"})

    def test_a_field_that_says_what_it_is(self) -> None:
        for charset in ("utf-8", "UTF-8", "utf8", "us-ascii", '"utf-8"'):
            more = f"\r\nContent-Type: text/plain; charset={charset}"
            self.assertEqual(read_form(MULTIPART, part("message", b"a", more) + END), {"message": "a"})

    def test_an_odd_charset(self) -> None:
        for charset in (
            "utf-16",
            "latin-1",
            "hex",
            "zlib",
            "rot13",
            "idna",
            "no-such",
            "unicode_escape",
            "a\0b",
            "x" * 999,
        ):
            self.assert_malformed(part("message", b"6161", f"\r\nContent-Type: text/plain; charset={charset}") + END)

    def test_no_boundary(self) -> None:
        for kind in ("multipart/form-data", "multipart/form-data; boundary=", 'multipart/form-data; boundary=""'):
            self.assert_malformed(part("message", b"a") + END, kind)

    def test_another_boundary(self) -> None:
        self.assert_malformed(part("message", b"a") + END, "multipart/form-data; boundary=tuc")
        self.assert_malformed(part("message", b"a") + END, "multipart/form-data; boundary=" + "c" * 2_000)

    def test_truncated_anywhere(self) -> None:
        body = part("message", b"hello") + END
        for length in range(len(body) - len("\r\n")):
            self.assert_malformed(body[:length])

    def test_no_utf_8(self) -> None:
        for text in (b"\xff", b"\xed\xa0\x80", b"\xc3"):
            self.assert_malformed(part("message", text) + END)
            self.assert_malformed(b'--cut\r\nContent-Disposition: form-data; name="' + text + b'"\r\n\r\na\r\n' + END)

    def test_a_file(self) -> None:
        for more in ('; filename="a.txt"', '; filename=""', "; filename=a\r\nContent-Type: text/plain"):
            self.assert_malformed(part("message", b"a", more) + END)

    def test_a_repeated_field(self) -> None:
        self.assert_malformed(part("message", b"a") + part("message", b"b") + END)

    def test_too_many_fields(self) -> None:
        fields = [part(f"f{number}", b"") for number in range(1_000)]
        self.assertEqual(len(read_form(MULTIPART, b"".join(fields[:16]) + END)), 16)
        self.assert_malformed(b"".join(fields[:17]) + END)

    def test_a_part_without_a_name_or_with_an_endless_head(self) -> None:
        self.assert_malformed(b"--cut\r\nContent-Disposition: form-data\r\n\r\na\r\n" + END)
        self.assert_malformed(b"--cut\r\nContent-Type: text/plain\r\n\r\na\r\n" + END)
        self.assert_malformed(part("message", b"a", "\r\nX: " + "x" * 10_000) + END)
        self.assert_malformed(part("message", b"a", "\r\nX: y" * 20) + END)

    @settings(deadline=None)
    @given(st.binary(max_size=80))
    def test_whatever_comes_it_is_a_form_or_malformed(self, noise: bytes) -> None:
        for body in (noise, part("message", noise) + END, part("a", b"b") + noise):
            try:
                json.dumps(read_form(MULTIPART, body))
            except Malformed as error:
                str(error).encode()


class MemberTests(SynchronousTestCase):
    def test_a_text(self) -> None:
        self.assertEqual(read_draft({"text": "hello", "other": 1}), ("hello", None, None))
        self.assertEqual(read_draft({}), ("", None, None))

    def test_data(self) -> None:
        for value, data in ((None, "null"), ([1, "ü"], '[1,"ü"]'), ({"a": 1.5}, '{"a":1.5}'), (0, "0")):
            self.assertEqual(read_draft({"data": value}), ("", data, None))

    def test_what_is_no_text(self) -> None:
        texts: list[object] = [None, 1, 1.5, [], {}, True, ["hello"]]
        for text in texts:
            self.assertRaises(Malformed, read_draft, {"text": text})

    def test_an_author(self) -> None:
        self.assertEqual(read_draft({"text": "hello", "author": "bob"}), ("hello", None, "bob"))
        self.assertEqual(read_draft({"author": "", "data": 1}), ("", "1", ""))
        self.assertEqual(read_draft({"text": "hello", "author": None}), ("hello", None, None))
        authors: list[object] = [1, 1.5, [], {}, True, ["bob"]]
        for author in authors:
            self.assertRaises(Malformed, read_draft, {"text": "hello", "author": author})

    def test_what_json_has_no_word_for(self) -> None:
        deep: list[object] = []
        for _ in range(100_000):
            deep = [deep]
        for data in (json.loads("1e400"), {"a": [float("nan")]}, deep):
            self.assertRaises(Malformed, read_draft, {"data": data})
        while deep:  # or freeing it would go as deep
            deep = deep.pop()  # type: ignore[assignment]

    def test_a_name(self) -> None:
        self.assertEqual(read_sign_in({"name": "ada"}), ("ada", None))
        names: list[object] = [None, 1, ["ada"], {}]
        for name in names:
            self.assertRaises(Malformed, read_sign_in, {"name": name})
        self.assertRaises(Malformed, read_sign_in, {})

    def test_a_password(self) -> None:
        for password in ("secret", ""):
            self.assertEqual(read_sign_in({"name": "ada", "password": password}), ("ada", password))
        self.assertEqual(read_sign_in({"name": "ada", "password": None}), ("ada", None))
        others: list[object] = [1, ["secret"], {}, True]
        for other in others:
            self.assertRaises(Malformed, read_sign_in, {"name": "ada", "password": other})
        self.assertRaises(Malformed, read_sign_in, {"password": "secret"})

    def test_a_sign_in_has_no_other_members(self) -> None:
        error = self.assertRaises(Malformed, read_sign_in, {"name": "ada", "pasword": "secret"})
        self.assertEqual(str(error), "'pasword' is not known here; name and password may be said")
        self.assertNotIn("secret", str(error))

    def test_seconds(self) -> None:
        for value, seconds in ((60, 60.0), (0.5, 0.5), (-1, -1.0), ("60", 60.0)):
            self.assertEqual(read_seconds({"seconds": value}), seconds)
        self.assertIsNone(read_seconds({}))
        self.assertIsNone(read_seconds({"seconds": None}))
        others: list[object] = ["x", "", "1.5", "-1", "9" * 19, True, False, [60], {}, 10**400]
        for other in others:
            self.assertRaises(Malformed, read_seconds, {"seconds": other})

    def test_nothing_else_beside_seconds(self) -> None:
        bodies: list[dict[str, object]] = [{"second": 5}, {"seconds": 5, "second": 6}, {"": 1}, {"\ud800": 1}]
        for body in bodies:
            error = self.assertRaises(Malformed, read_seconds, body)
            self.assertIn(b"seconds may be said", str(error).encode(), "it can be sent, whatever was said")
        self.assertIn("'second'", str(self.assertRaises(Malformed, read_seconds, {"second": 5})))
        self.assertLess(len(str(self.assertRaises(Malformed, read_seconds, {"x" * 60_000: 5}))), 120)
