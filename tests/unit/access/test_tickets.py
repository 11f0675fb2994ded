"""Tickets: which are good, what they come to, and which are not."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from jwt import InvalidTokenError, PyJWS
from twisted.trial.unittest import SynchronousTestCase

from chatcomet.access import tickets as tickets_module
from chatcomet.access.grants import Grants
from chatcomet.access.keys import Key
from chatcomet.access.tickets import LEEWAY_SECONDS, TICKET_CHARACTERS, Ticket, Tickets
from chatcomet.errors import BadTicket
from tests.unit.access.forge import NOON, SIGNS, base64url, forge, hs256, keys, signed, ticket, with_header
from tests.unit.access.key_files import OTHER_SECRET, SECRET, ed25519_key, public_pem, rsa_key

BASE64URL = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
HEADER = '{"alg":"HS256"}'
NOTHING: tuple[object, ...] = (..., {})
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9) | st.just("ada") | st.just(NOON + 60),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(("*", "a", "A")), inner, max_size=2),
    max_leaves=5,
)


def zeros(length: int) -> Callable[[bytes], bytes]:
    """Signs with as many zeros."""
    return lambda _: bytes(length)


class TicketsTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.now: float = NOON
        self.tickets = self.checked_with(keys())

    def checked_with(self, checking: Iterable[Key], audience: str | None = None) -> Tickets:
        """The tickets of a server with these keys."""
        return Tickets(checking, audience, lambda: self.now)

    def assert_bad(self, text: str, reason: str = "", tickets: Tickets | None = None) -> None:
        """It is refused, each time, with a sentence that carries nothing of it, and not remembered."""
        tickets = tickets or self.tickets
        known = set(tickets._known)
        for _ in range(2):
            error = self.assertRaises(BadTicket, tickets.verify, text)
            self.assertIn(reason, str(error))
            self.assertLess(len(str(error)), 300)
            self.assertFalse([part for part in text.split(".") if len(part) > 9 and part in str(error)])
            self.assertTrue(error.__context__ is None or error.__suppress_context__)
        self.assertEqual(set(tickets._known), known)


class GoodTests(TicketsTestCase):
    def test_says_who_and_what_and_until_when(self) -> None:
        for algorithm in SIGNS:
            good = self.tickets.verify(ticket(algorithm, jti="t-1", grants={"team-*": ["post", "read"]}))
            self.assertEqual(good, Ticket("ada", Grants.parse({"team-*": ["read", "post"]}), NOON + 60, "jti:t-1"))

    def test_its_name_is_as_names_are(self) -> None:
        for subject, name in ((" Ada ", "Ada"), ("ａｄａ", "ada"), ("李小龍", "李小龍"), ("😀", "😀")):
            self.assertEqual(self.tickets.verify(ticket(sub=subject)).name, name)

    def test_without_grants_it_allows_nothing(self) -> None:
        for grants in NOTHING:
            self.assertEqual(self.tickets.verify(ticket(grants=grants)).grants, Grants())

    def test_it_may_say_more(self) -> None:
        more: dict[str, object] = {
            "iss": "https://example.org",
            "email": None,
            "nested": {"a": [{"b": {}}]},
            "iat": NOON,
            "nbf": NOON,
        }
        self.assertEqual(self.tickets.verify(ticket(**more)).name, "ada")

    def test_its_id_is_its_own(self) -> None:
        texts = [ticket(), ticket(exp=NOON + 61), ticket("EdDSA"), ticket(jti="1"), ticket(jti="2")]
        self.assertEqual(len({self.tickets.verify(text).id for text in texts}), 5)
        for text in texts:
            self.assertEqual(self.checked_with(keys()).verify(text).id, self.tickets.verify(text).id)

    def test_those_of_one_jti_have_one_id(self) -> None:
        texts = [ticket(jti="1"), ticket("EdDSA", jti="1", exp=NOON + 61, sub="bob")]
        self.assertEqual({self.tickets.verify(text).id for text in texts}, {"jti:1"})

    def test_a_jti_can_not_look_like_another_id(self) -> None:
        without = self.tickets.verify(ticket()).id
        for jti in (without, without.partition(":")[2]):
            self.assertNotEqual(self.tickets.verify(ticket(jti=jti)).id, without)

    def test_its_scope_is_of_the_person(self) -> None:
        texts = [ticket(), ticket(exp=NOON + 61), ticket("EdDSA", jti="1", grants={}), ticket(sub=" ada")]
        self.assertEqual({self.tickets.verify(text).scope for text in texts}, {"ticket:ada"})
        self.assertNotEqual(self.tickets.verify(ticket(sub="bob")).scope, "ticket:ada")


class TimeTests(TicketsTestCase):
    def test_ends_when_it_says(self) -> None:
        text = ticket()
        for known in (True, False):
            tickets = self.checked_with(keys())
            self.now = NOON + 59.9
            if known:
                tickets.verify(text)
            self.now = NOON + 60
            self.assert_bad_and_forgotten(text, tickets)

    def assert_bad_and_forgotten(self, text: str, tickets: Tickets) -> None:
        self.assertRaises(BadTicket, tickets.verify, text)
        self.assertEqual(len(tickets._known), 0)
        self.assert_bad(text, "has expired", tickets)

    def test_parts_of_seconds_count(self) -> None:
        text = ticket(exp=NOON + 0.5)
        self.assertEqual(self.tickets.verify(text).until, NOON + 0.5)
        self.now = NOON + 0.5
        self.assert_bad_and_forgotten(text, self.tickets)

    def test_has_an_end(self) -> None:
        self.assert_bad(ticket(exp=...), "no exp")
        self.assert_bad(forge(HEADER, "{}", hs256()), "no ")

    def test_times_are_numbers_of_seconds(self) -> None:
        odd: tuple[object, ...] = (
            None,
            True,
            str(NOON + 60),
            "soon",
            [NOON],
            {},
            -1,
            10**11 + 1,
            NOON * 1000,
            1e300,
            10**400,
        )
        for claim in ("exp", "nbf", "iat"):
            for value in odd:
                self.assert_bad(ticket(**{claim: value}), f"no {claim} that is a number of seconds")
            for constant in ("NaN", "Infinity", "-Infinity", "1e999"):
                claims = json.dumps({"sub": "ada", "exp": NOON + 60, claim: 0})[:-2] + constant + "}"
                self.assert_bad(forge(HEADER, claims.replace(f'"exp": {NOON + 60}, "exp"', '"exp"'), hs256()))
        self.assertEqual(self.tickets.verify(ticket(exp=10**11)).until, 10**11)

    def test_begins_when_it_says_or_a_little_before(self) -> None:
        self.tickets.verify(ticket(nbf=NOON + LEEWAY_SECONDS))
        text = ticket(nbf=NOON + LEEWAY_SECONDS + 1)
        self.assert_bad(text, "not good yet")
        self.now += 1
        self.tickets.verify(text)

    def test_when_it_was_issued_is_for_others_to_judge_by(self) -> None:
        for issued in (0, NOON - 10**9, NOON + 3_600, 1.5):
            self.tickets.verify(ticket(iat=issued))


class AudienceTests(TicketsTestCase):
    def test_has_to_name_the_server(self) -> None:
        tickets = self.checked_with(keys(), "chat")
        for audience in ("chat", ["chat"], ["other", "chat"]):
            self.assertEqual(tickets.verify(ticket(aud=audience)).name, "ada")
        for other in (..., None, "", "Chat", "chat ", "chat2", [], ["other"], [["chat"]], {"chat": 1}, 7, True):
            self.assert_bad(ticket(aud=other), "not for this server", tickets)

    def test_is_for_another_if_the_server_has_no_name(self) -> None:
        for audience in ("chat", ["chat"], "", [], None, 7):
            self.assert_bad(ticket(aud=audience), "is for an audience")


class ClaimsTests(TicketsTestCase):
    def test_a_name_it_has(self) -> None:
        for other in (..., None, 7, True, ["ada"], {"name": "ada"}):
            self.assert_bad(ticket(sub=other), "no sub that is a text")
        for subject in ("", " ", "a" * 33, "a\nb", "a\u202eb", "\ud800"):
            self.assert_bad(ticket(sub=subject), "a name has")

    def test_nobody_is_guest(self) -> None:
        for subject in ("guest", "GUEST", " Ｇuest"):
            self.assert_bad(ticket(sub=subject), "nobody can be called guest")

    def test_grants_have_their_form(self) -> None:
        odd: tuple[object, ...] = (None, [], "read", {"*": "read"}, {"*": ["raed"]}, {"A": ["read"]}, {"*": [["read"]]})
        for grants in odd:
            self.assert_bad(ticket(grants=grants), "this ticket is malformed: ")

    def test_so_has_its_id(self) -> None:
        for other in (None, 7, ["1"]):
            self.assert_bad(ticket(jti=other), "no jti that is a text")
        for jti in ("", "a" * 129, "a\nb", "\ud800"):
            self.assert_bad(ticket(jti=jti), "jti has 1 to 128 characters")


class FormTests(TicketsTestCase):
    def test_what_is_none_at_all(self) -> None:
        good = ticket()
        for text in ("", ".", "..", "...", "a.b", "Bearer " + good, good + " ", good + "\n", good + ".", "." + good):
            self.assert_bad(text, "three parts in base64url")
        for text in (good.replace(".", ".\0", 1), good + "=", good.replace("e", "é", 1), "😀.😀.😀", good + ".e30"):
            self.assert_bad(text, "three parts in base64url")
        header, claims, signature = good.split(".")
        for text in (f"{header}..{signature}", f".{claims}.{signature}", f"{header}.{claims}."):
            self.assert_bad(text, "three parts in base64url")

    def test_one_of_a_length_that_base64_can_not_have(self) -> None:
        header, claims, signature = ticket().split(".")
        for parts in (("A", claims, signature), (header, "A", signature), (header, claims, "A")):
            self.assert_bad(".".join(parts))

    def test_a_long_one_is_not_looked_into(self) -> None:
        short = TICKET_CHARACTERS * 3 // 4 - 250
        self.assertLess(len(ticket(more="x" * short)), TICKET_CHARACTERS)
        self.tickets.verify(ticket(more="x" * short))
        for text in (ticket(more="x" * TICKET_CHARACTERS), "x" * (TICKET_CHARACTERS + 1), "é" * 10**6):
            self.assert_bad(text, "4,096 characters at most")

    def test_parts_that_are_no_objects(self) -> None:
        for part in ("", " ", "[]", "null", '"a"', "7", "{", "{}x", "{'a': 1}", b"\xff", "{}".encode("utf-16"), b"\0"):
            self.assert_bad(forge(part or " ", "{}", hs256()), "no JSON object")
            self.assert_bad(forge(HEADER, part or " ", hs256()), "no JSON object")

    def test_deep_ones(self) -> None:
        """Whether such JSON can be read is Python's affair; that it can't is no fault of ours."""
        for deep in ("[" * 1_400, "[" * 700 + "]" * 700, "[" * 1_300 + "]" * 1_300, '{"a":' * 250, '{"a":' * 300 + "7"):
            self.assert_bad(forge(deep, "{}", hs256()))
            self.assert_bad(forge(f'{{"alg":"HS256","x":{deep}}}', "{}", hs256(OTHER_SECRET)))
            self.assert_bad(forge(HEADER, deep, hs256()), "no JSON object" if deep[0] == "[" else "")
            self.assert_bad(forge(HEADER, f'{{"x":{deep}}}', hs256()))

    def test_a_member_twice(self) -> None:
        for claims in (
            '"sub":"ada","sub":"bob"',
            '"sub":"ada","\\u0073ub":"ada"',
            '"sub":"ada","grants":{"a":[],"a":[]}',
        ):
            self.assert_bad(forge(HEADER, f'{{"exp":{NOON + 60},{claims}}}', hs256()), "no JSON object")
        self.assert_bad(forge('{"alg":"none","alg":"HS256"}', "{}", hs256()), "no JSON object")


class SignatureTests(TicketsTestCase):
    """Each of these says that somebody is ada, and nobody who may say so has said it."""

    def test_by_nobody(self) -> None:
        odd: tuple[object, ...] = ("none", "None", "NONE", "nOnE", "", None, ..., 0, False, [], ["HS256"], {})
        for algorithm in odd:
            self.assert_bad(with_header(alg=algorithm), "not signed, or not by a key")
            header, claims, _ = with_header(alg=algorithm).split(".")
            self.assert_bad(f"{header}.{claims}.", "three parts")
            self.assert_bad(f"{header}.{claims}.AAAA", "not signed, or not by a key")

    def test_by_another_key(self) -> None:
        for sign in (hs256(OTHER_SECRET), hs256(b""), hs256(SECRET + b"\n"), hs256(SECRET.upper())):
            self.assert_bad(signed(sign), "not by a key that this server")
        self.assert_bad(signed(ed25519_key(1).sign, "EdDSA"), "not by a key that this server")
        for algorithm in SIGNS:
            for length in (1, 32, 64, 256, 512):
                self.assert_bad(signed(zeros(length), algorithm), "not by a key")

    def test_by_a_good_key_with_another_algorithm(self) -> None:
        signs = PyJWS()
        claims = json.dumps({"sub": "ada", "exp": NOON + 60}).encode()
        for algorithm, key in (
            ("HS384", SECRET * 2),
            ("HS512", SECRET * 2),
            ("RS384", rsa_key()),
            ("PS256", rsa_key()),
        ):
            tickets = self.checked_with((Key("HS256", SECRET * 2), *keys()))
            self.assert_bad(signs.encode(claims, key, algorithm), "not by a key", tickets)
        for algorithm, other in (("HS256", "RS256"), ("RS256", "HS256"), ("EdDSA", "HS256"), ("HS256", "EdDSA")):
            self.assert_bad(signed(SIGNS[other], algorithm), "not by a key")

    def test_by_a_public_key_taken_for_a_secret(self) -> None:
        """The confusion of keys: the server's public key is no secret, and HS256 takes any bytes for a key."""
        for private, only in ((ed25519_key(), keys()[1:2]), (rsa_key(), keys()[2:])):
            public = private.public_key()
            raw = public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
            ssh = public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
            pem = public_pem(public)
            for secret in (pem, pem.strip(), pem.replace(b"\n", b"\r\n"), raw, ssh, raw[-32:]):
                for tickets in (self.checked_with(only), self.tickets):
                    self.assert_bad(signed(hs256(secret)), "not by a key", tickets)

    def test_by_a_key_that_it_brings_along(self) -> None:
        public = ed25519_key(1).public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        jwk = {"kty": "OKP", "crv": "Ed25519", "x": base64url(public)}
        for members in ({"jwk": jwk}, {"jku": "https://evil.example/"}, {"x5c": ["MIIB"]}, {"kid": "/dev/null"}):
            header = json.dumps({"alg": "EdDSA", **members})
            self.assert_bad(forge(header, '{"sub":"ada"}', ed25519_key(1).sign), "not by a key")

    def test_without_keys_none_is_good(self) -> None:
        for algorithm in SIGNS:
            self.assert_bad(ticket(algorithm), "not by a key", self.checked_with(()))

    def test_its_header_chooses_nothing(self) -> None:
        for kid in ("", "1", "../../dev/null", "' OR 1=1 --", "\0", "x" * 999):
            self.assertEqual(self.tickets.verify(with_header(kid=kid)).name, "ada")
        for members in ({"typ": ...}, {"typ": "at+jwt"}, {"jku": "https://evil.example/"}, {"cty": "x"}, {"more": [1]}):
            self.assertEqual(self.tickets.verify(with_header(**members)).name, "ada")
        for other in (7, None, ["1"]):
            self.assert_bad(with_header(kid=other))

    def test_what_is_critical_and_not_known_is_refused(self) -> None:
        odd: tuple[object, ...] = (["exp"], ["b64"], ["x"], [], None, "exp", {})
        for crit in odd:
            self.assert_bad(with_header(crit=crit, x=1, exp=1), "asks for what is not done here")
        for b64 in (True, False):
            self.assert_bad(with_header(b64=b64), "asks for what is not done here")
            self.assert_bad(with_header(b64=b64, crit=["b64"]), "asks for what is not done here")


class RotationTests(TicketsTestCase):
    def test_each_of_the_keys_may_have_signed(self) -> None:
        old, new = Key("HS256", SECRET), Key("HS256", OTHER_SECRET)
        for checking in ((old, new), (new, old)):
            tickets = self.checked_with(checking)
            for secret in (SECRET, OTHER_SECRET):
                self.assertEqual(tickets.verify(signed(hs256(secret))).name, "ada")
        self.assert_bad(ticket(), "not by a key", self.checked_with((new,)))


class MemoryTests(TicketsTestCase):
    """A ticket is checked once; only good ones are remembered, and not without end."""

    def setUp(self) -> None:
        super().setUp()
        self.checked: list[str] = []
        check = Tickets._check

        def count(tickets: Tickets, text: str) -> Ticket:
            self.checked.append(text)
            return check(tickets, text)

        self.patch(Tickets, "_check", count)

    def test_a_good_one_is_checked_once(self) -> None:
        text = ticket()
        one = self.tickets.verify(text)
        for _ in range(3):
            self.assertIs(self.tickets.verify("".join(list(text))), one)
        self.assertEqual(len(self.checked), 1)

    def test_forged_ones_drive_out_none(self) -> None:
        self.patch(tickets_module, "_REMEMBERED_BYTES", 2_000)
        self.tickets = self.checked_with(keys())
        text = ticket()
        self.tickets.verify(text)
        for number in range(10):
            self.assert_bad(signed(hs256(OTHER_SECRET), jti=str(number)))
        self.checked.clear()
        self.tickets.verify(text)
        self.assertEqual(self.checked, [])

    def test_one_that_nobody_uses_is_forgotten_in_time(self) -> None:
        used, unused = ticket(jti="1"), ticket(jti="2")
        self.tickets.verify(unused)
        for _ in range(2):
            self.tickets.verify(used)
            self.tickets.age()
        self.checked.clear()
        for text in (used, unused):
            self.assertEqual(self.tickets.verify(text).name, "ada")
        self.assertEqual(self.checked, [unused])

    def test_so_many_bytes_at_the_most(self) -> None:
        self.patch(tickets_module, "_REMEMBERED_BYTES", 100_000)
        self.tickets = self.checked_with(keys())
        large = {f"room-{number}-*": ["read"] for number in range(100)}
        for number in range(20):
            self.tickets.verify(ticket(jti=str(number), grants=large))
        self.assertLess(len(self.tickets._known), 6)
        for number in range(200):
            self.tickets.verify(ticket(jti=str(number)))
        self.assertGreater(len(self.tickets._known), 50)
        self.now += 60
        for number in range(200):
            self.assertRaises(BadTicket, self.tickets.verify, ticket(jti=str(number)))
        self.assertEqual(len(self.tickets._known), 0)


class MutationTests(TicketsTestCase):
    """Nobody who has a good ticket can make another of it."""

    def test_a_character_changed_removed_or_doubled(self) -> None:
        for algorithm in SIGNS:
            text = ticket(algorithm)
            places = range(0, len(text), 1 if algorithm == "HS256" else 7)
            for place in (*places, len(text) - 1):
                other = BASE64URL[(BASE64URL.find(text[place]) + 17) % 64]
                self.assert_bad(text[:place] + other + text[place + 1 :])
                self.assert_bad(text[:place] + text[place + 1 :])
                self.assert_bad(text[:place] + text[place] + text[place:])

    def test_the_last_character_can_not_be_written_otherwise(self) -> None:
        """Some of its bits mean nothing (RFC 4648, 3.5), and the signature's are not signed."""
        for algorithm in SIGNS:
            text = ticket(algorithm)
            self.assertNotEqual(len(text.rpartition(".")[2]) % 4, 0)
            for last in BASE64URL.replace(text[-1], ""):
                self.assert_bad(text[:-1] + last)
            for padding in ("=", "==", "A", "AA", "AAAA"):
                self.assert_bad(text + padding)

    def test_parts_of_two(self) -> None:
        one, other = ticket(sub="ada").split("."), ticket(sub="bob", more=1).split(".")
        for parts in ((one[0], one[1], other[2]), (one[0], other[1], one[2])):
            self.assert_bad(".".join(parts), "not by a key")

    @settings(deadline=None, max_examples=200)
    @given(st.sampled_from(sorted(SIGNS)), st.data())
    def test_whatever_is_done_to_it(self, algorithm: str, data: st.DataObject) -> None:
        text = ticket(algorithm)
        start = data.draw(st.integers(0, len(text)))
        end = data.draw(st.integers(start, min(start + 8, len(text))))
        inserted = data.draw(st.text(BASE64URL + ".=\n é", max_size=8))
        mutated = text[:start] + inserted + text[end:]
        assume(mutated != text)
        self.assert_bad(mutated)

    @settings(deadline=None)
    @given(st.text())
    @example("a.b.c")
    @example(base64url(b'{"alg":"HS256"}') + ".e30.AAAA")
    def test_any_text(self, text: str) -> None:
        self.assert_bad(text)

    @settings(deadline=None)
    @given(st.dictionaries(st.sampled_from(("sub", "exp", "nbf", "iat", "aud", "jti", "grants")), JSON))
    def test_any_claims(self, claims: dict[str, object]) -> None:
        """Whatever a back end signs is a ticket or refused."""
        try:
            good = self.tickets.verify(forge(HEADER, json.dumps(claims), hs256()))
        except BadTicket:
            return
        self.assertLess(self.now, good.until)


class LibraryTests(SynchronousTestCase):
    def test_refuses_all_ways_but_one_to_write_a_signature(self) -> None:
        """Ours is to be no worse if the library's rule changes: so this is noticed."""
        text = ticket()
        last = BASE64URL[BASE64URL.index(text[-1]) ^ 1]
        self.assertRaises(InvalidTokenError, PyJWS().decode, text[:-1] + last, SECRET, ["HS256"])
