"""The wire: byte by byte, and valid whatever is said."""

from __future__ import annotations

import json
from typing import get_args

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from chatcomet import errors
from chatcomet.api.moderation import Ruled
from chatcomet.api.polling import Polled
from chatcomet.api.sessions import Who
from chatcomet.core.message import Cursor, Message, Page, Sizes
from chatcomet.core.roster import Listed, RosterState
from chatcomet.core.store import Posted
from chatcomet.errors import (
    AskerError,
    BadTicket,
    ChatcometError,
    Crowded,
    CrowdedAddress,
    CursorExpired,
    HalfAsked,
    Limited,
    Malformed,
    NotAllowed,
    NotSignedIn,
    ServerFault,
    SignInBusy,
    SignInFailed,
    SignInUnavailable,
    StoreUnavailable,
    TooMany,
)
from chatcomet.http import wire
from chatcomet.http.wire import Answer

TEXTS = st.text(st.characters(codec="utf-8"))
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner),
    max_leaves=8,
)
HELLO = Message(41, "ada", "hello", 1795354155.1234)
CHALLENGE = 'Bearer realm="chatcomet"'
HELLO_JSON = b'{"seq":41,"author":"ada","text":"hello","at":1795354155.123}'


def shown(name: str, version: int) -> RosterState:
    """A roster of one."""
    return RosterState(version, 1, (Listed(name, False),))


def in_json(roster: RosterState) -> dict[str, object]:
    """What `shown` made, as it stands in an answer."""
    people = [{"name": listed.name, "typing": False} for listed in roster.people]
    return {"version": roster.version, "count": 1, "people": people}


def _kinds(of: type[ChatcometError]) -> list[type[ChatcometError]]:
    """Every error of `errors` that is one `of` these."""
    return [error for error in vars(errors).values() if isinstance(error, type) and issubclass(error, of)]


class MessageTests(SynchronousTestCase):
    def test_to_the_byte(self) -> None:
        self.assertEqual(wire.message_json(HELLO).encode(), HELLO_JSON)

    def test_data_stands_there_as_it_was_given(self) -> None:
        for data in ("null", "[]", '{"a":[1,"ü"]}', '"x"', "0"):
            message = Message(0, "ada", "", 0.0, data)
            self.assertEqual(
                wire.message_json(message), '{"seq":0,"author":"ada","text":"","at":0.000,"data":' + data + "}"
            )

    def test_letters_are_not_escaped_without_need(self) -> None:
        self.assertIn('"text":"ü 😀 \\"\\\\\\n\\u0000"', wire.message_json(Message(0, "ada", 'ü 😀 "\\\n\0', 0.0)))

    @settings(deadline=None)
    @given(TEXTS, TEXTS, st.floats(0, 1e12), st.integers(0, 10**18), JSON_VALUES)
    def test_is_json_whatever_is_said(self, author: str, text: str, at: float, seq: int, data: object) -> None:
        message = Message(seq, author, text, at, wire.dumps(data))
        document = json.loads(wire.message_json(message).encode().decode())
        self.assertEqual((document["seq"], document["author"], document["text"]), (seq, author, text))
        self.assertEqual(document["data"], data)
        self.assertLessEqual(abs(document["at"] - at), 0.001)

    def test_erased(self) -> None:
        erased = Message(41, "ada", "hello", 1795354155.1234, '{"a":1}').erase()
        document = b'{"seq":41,"author":"ada","text":"","at":1795354155.123,"erased":true}'
        self.assertEqual(wire.message_json(erased).encode(), document)


class PageTests(SynchronousTestCase):
    def test_to_the_byte(self) -> None:
        page = Page("lobby", (HELLO, HELLO), Cursor("k3v9", 43))
        body = b'{"room":"lobby","cursor":"k3v9.43","messages":[' + HELLO_JSON + b"," + HELLO_JSON + b"]}"
        self.assertEqual(wire.page_answer(page), Answer(200, body, "application/json"))

    def test_empty(self) -> None:
        page = Page("lobby", (), Cursor("k3v9", 0))
        self.assertEqual(wire.page_json(page), b'{"room":"lobby","cursor":"k3v9.0","messages":[]}')

    def test_is_encoded_once(self) -> None:
        page = Page("lobby", (HELLO,), Cursor("k3v9", 42))
        self.assertIs(wire.page_answer(page).body, wire.page_answer(page).body)
        self.assertIs(wire.page_answer(page), wire.page_answer(page))

    def test_with_a_roster_is_encoded_once_for_each_that_is_shown(self) -> None:
        page, ada, bob = Page("lobby", (HELLO,), Cursor("k3v9", 42)), shown("ada", 7), shown("bob", 8)
        for roster in (ada, bob):
            answer = wire.polled_answer(Polled(page, roster))
            self.assertEqual(json.loads(answer.body), {**json.loads(wire.page_json(page)), "roster": in_json(roster)})
            self.assertIs(wire.polled_answer(Polled(page, roster)), answer)

    def test_keeps_one_roster_at_a_time(self) -> None:
        page = Page("lobby", (), Cursor("k3v9", 42))
        wire.polled_answer(Polled(page, shown("ada", 0)))
        kept = len(page.encodings)
        for version in range(1, 10):
            wire.polled_answer(Polled(page, shown("ada", version)))
        self.assertEqual(len(page.encodings), kept)

    def test_without_a_roster_it_is_the_page_alone(self) -> None:
        page = Page("lobby", (HELLO,), Cursor("k3v9", 42))
        self.assertIs(wire.polled_answer(Polled(page, None)), wire.page_answer(page))

    def test_an_equal_page_has_its_own(self) -> None:
        for text in ("one", "two"):
            page = Page("lobby", (Message(0, "ada", text, 0.0),), Cursor("k3v9", 1))
            self.assertIn(text.encode(), wire.page_json(page))

    @settings(deadline=None)
    @given(st.lists(st.tuples(TEXTS, TEXTS, st.none() | JSON_VALUES.map(wire.dumps)), max_size=4))
    def test_is_json_whatever_is_said(self, said: list[tuple[str, str, str | None]]) -> None:
        messages = tuple(Message(seq, author, text, 1.5, data) for seq, (author, text, data) in enumerate(said))
        document = json.loads(wire.page_json(Page("lobby", messages, Cursor("k3v9", len(said)))).decode())
        self.assertEqual([message["text"] for message in document["messages"]], [text for _, text, _ in said])
        self.assertEqual(
            ["data" in message for message in document["messages"]], [data is not None for _, _, data in said]
        )


class OtherAnswerTests(SynchronousTestCase):
    def test_posted(self) -> None:
        body = b'{"message":' + HELLO_JSON + b',"cursor":"k3v9.42"}'
        for repeated, status in ((False, 201), (True, 200)):
            answer = wire.posted_answer(Posted(HELLO, repeated), "k3v9")
            self.assertEqual(answer, Answer(status, body, "application/json"))

    def test_who(self) -> None:
        for guest, text in ((True, b"true"), (False, b"false")):
            who = Who('a"b', guest, {"*": ("read", "post")}, not guest, as_guest=guest, sizes=Sizes(9, 99))
            answer = wire.who_answer(who, (("X", "y"),))
            body = b'{"name":"a\\"b","guest":%b,"grants":{"*":["read","post"]},' % text
            body += b'"sign_in":{"password":%b,"guest":%b},' % (b"false" if guest else b"true", text)
            body += b'"limits":{"text":9,"data":99}}'
            self.assertEqual(answer, Answer(200, body, "application/json", (("X", "y"),)))

    def test_who_is_banned_or_muted(self) -> None:
        answer = wire.sanction_answer(Ruled("eve", "ada", 1795354155.1234, 1795354215.0001))
        for_a_minute = b'{"name":"eve","by":"ada","at":1795354155.123,"until":1795354215.0}'
        self.assertEqual(answer, Answer(200, for_a_minute, "application/json"))
        answer = wire.sanction_answer(Ruled("bob", "ada", 0.0, None))
        for_good = b'{"name":"bob","by":"ada","at":0.0,"until":null}'
        self.assertEqual(answer, Answer(200, for_good, "application/json"))
        both = [Ruled("eve", "ada", 1795354155.1234, 1795354215.0001), Ruled("bob", "ada", 0.0, None)]
        answer = wire.sanctions_answer("bans", both)
        self.assertEqual(answer.body, b'{"bans":[%b,%b]}' % (for_a_minute, for_good))
        self.assertEqual(wire.sanctions_answer("mutes", []).body, b'{"mutes":[]}')


class ProblemTests(SynchronousTestCase):
    def test_to_the_byte(self) -> None:
        answer = wire.problem_answer(CursorExpired("lobby", "k3v9", 17, 42))
        document = json.loads(answer.body)
        self.assertEqual((answer.status, answer.content_type, answer.headers), (410, "application/problem+json", ()))
        self.assertEqual(list(document), ["type", "title", "status", "detail", "room", "earliest", "latest"])
        self.assertEqual(document["type"], "/problems/cursor-expired")
        self.assertEqual((document["earliest"], document["latest"]), ("k3v9.17", "k3v9.42"))

    def test_every_error_of_an_asker_or_the_server_has_one(self) -> None:
        asked = [error for error in _kinds(AskerError) if error not in (AskerError, CursorExpired, TooMany)]
        faults = [error for error in _kinds(ServerFault) if not issubclass(error, Crowded)]
        found = {error: wire.problem_answer(error("why")) for error in [*asked, *faults]}
        found |= {error: wire.problem_answer(error((), 5)) for error in (Crowded, CrowdedAddress)}
        self.assertTrue(all(400 <= found[error].status < 500 for error in asked))
        self.assertTrue(all(found[error].status == 503 for error in found if issubclass(error, ServerFault)))
        named: dict[str, set[type[ChatcometError]]] = {}
        for error, answer in found.items():
            named.setdefault(json.loads(answer.body)["type"].removeprefix("/problems/"), set()).add(error)
        shared = {name: errors for name, errors in named.items() if len(errors) > 1}
        self.assertEqual(
            shared,
            {
                "store-unavailable": {ServerFault, StoreUnavailable},  # what any other fault is taken for
                "sign-in-unavailable": {SignInUnavailable, SignInBusy, HalfAsked},  # which one helps only a guesser
            },
        )

    def test_who_is_not_known_is_told_by_what_it_would_be(self) -> None:
        """RFC 9110, 15.5.2: each 401 has a challenge.  None is Basic, for which a browser would ask by itself."""
        for error in (NotSignedIn("why"), BadTicket("why"), SignInFailed()):
            answer = wire.problem_answer(error)
            self.assertEqual((answer.status, answer.headers), (401, (("WWW-Authenticate", CHALLENGE),)))
        for kind in _kinds(AskerError):
            if kind not in (CursorExpired, TooMany):
                answer = wire.problem_answer(kind("why"))
                self.assertEqual(answer.status == 401, "WWW-Authenticate" in dict(answer.headers), kind)

    def test_one_reader_too_many_is_told_when_to_come_back(self) -> None:
        page = Page("lobby", (), Cursor("k3v9", 42))
        empty, later = wire.page_json(page), (("Retry-After", "5"),)
        answer = wire.refuse_page(Crowded([page], 5))
        self.assertEqual(answer, Answer(200, empty, "application/json", later))
        self.assertEqual(wire.page_answer(page).headers, ())  # to others the same page is as it was
        pages = wire.refuse_pages(Crowded([page, page], 5))
        self.assertEqual(pages, Answer(200, b'{"pages":[%b,%b]}' % (empty, empty), "application/json", later))
        problem = wire.problem_answer(Crowded((), 5))
        self.assertEqual((problem.status, problem.headers), (503, later))
        for refuse in (wire.refuse_page, wire.refuse_pages):
            for error in (NotAllowed("why"), StoreUnavailable("why")):
                self.assertEqual(refuse(error), wire.problem_answer(error))

    def test_the_statuses_of_the_design(self) -> None:
        for name, status in (
            *(("Malformed", 400), ("TooLong", 413), ("UnsupportedForm", 415), ("NotFound", 404), ("CrossSite", 403)),
            *(("KeyReused", 422), ("NameTaken", 409), ("StoreUnavailable", 503), ("StoreBusy", 503)),
            *(("NotSignedIn", 401), ("BadTicket", 401), ("SignInFailed", 401), ("NotAllowed", 403)),
            *(("TooManyTries", 429), ("SignInBusy", 503), ("HalfAsked", 503), ("Misdirected", 421)),
        ):
            self.assertEqual(wire.problem_answer(getattr(errors, name)("why")).status, status, name)

    def test_an_error_made_later_is_what_its_base_is(self) -> None:
        class Odd(AskerError):
            """Nobody has thought of it in wire.py."""

        self.assertEqual(wire.problem_answer(Odd("why")).status, 400)

    def test_a_fault_says_when_to_come_back(self) -> None:
        answer = wire.problem_answer(StoreUnavailable("the disk is full", retry_after=7))
        self.assertEqual(answer.headers, (("Retry-After", "7"),))

    def test_too_many_says_of_what_and_when_to_come_back(self) -> None:
        names = get_args(Limited)
        self.assertIn("posts", names)
        for name in names:
            for wait_seconds, after in ((0.01, "1"), (1.0, "1"), (1.2, "2"), (180.0, "180")):
                answer = wire.problem_answer(TooMany("why", name, wait_seconds))
                self.assertEqual((answer.status, answer.headers), (429, (("Retry-After", after),)))
                self.assertEqual(json.loads(answer.body)["type"], f"/problems/too-many-{name}")

    @settings(deadline=None)
    @given(TEXTS)
    def test_is_json_whatever_went_wrong(self, reason: str) -> None:
        self.assertEqual(json.loads(wire.problem_answer(Malformed(reason)).body.decode())["detail"], reason)
