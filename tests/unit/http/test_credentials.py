"""Credentials: what a request says of who asks, and from where."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import replace

from twisted.trial.unittest import SynchronousTestCase

from chatcomet.access.asker import ended
from chatcomet.access.tickets import Tickets
from chatcomet.errors import BadTicket, Malformed
from chatcomet.http.credentials import (
    Credentials,
    Password,
    counted_address,
    known_by,
    read_credentials,
    with_ticket,
    without_ticket,
)
from chatcomet.http.plain import Line
from tests.unit.access.forge import keys, ticket
from tests.unit.api.running_chat import ChatTestCase

COOKIE = "a cookie"
CLIENT, OTHER = "198.51.100.7", "198.51.100.8"


class Said:
    """A header of these lines."""

    def __init__(self, *lines: tuple[str, str]) -> None:
        self._lines = lines

    def values(self, name: str) -> list[str]:
        return [value for other, value in self._lines if other.lower() == name.lower()]

    def header(self, name: str) -> str | None:
        values = self.values(name)
        return values[-1] if values else None


def authorized(value: str, cookie: str | None = COOKIE) -> Credentials:
    """What is read of an `Authorization` of this `value`."""
    return read_credentials(Said(("Authorization", value)), cookie)


def basic(text: str | bytes) -> str:
    """What a script sends for this name, colon and password."""
    return "Basic " + b64encode(text.encode() if isinstance(text, str) else text).decode()


def asked(*tickets: bytes) -> Line:
    """A request with ``ticket=`` for each of these."""
    return Line(b"GET", "/rooms/lobby/events", {b"ticket": list(tickets)} if tickets else {})


class ReadTests(SynchronousTestCase):
    def test_nothing(self) -> None:
        self.assertEqual(read_credentials(Said(), None), Credentials())

    def test_a_cookie(self) -> None:
        self.assertEqual(read_credentials(Said(), COOKIE), Credentials(cookie=COOKIE))

    def test_a_ticket(self) -> None:
        for scheme in ("Bearer", "bearer", "BEARER"):
            for spaces in (" ", "   "):
                self.assertEqual(authorized(f"{scheme}{spaces}a.b.c ", None), Credentials(ticket="a.b.c"))

    def test_a_ticket_or_password_is_taken_in_the_place_of_a_cookie(self) -> None:
        self.assertEqual(authorized("Bearer a.b.c"), Credentials(ticket="a.b.c"))
        self.assertEqual(authorized(basic("ada:secret")), Credentials(password=Password("ada", "secret")))

    def test_a_ticket_that_is_none_is_one_still(self) -> None:
        """It is for others to refuse: whoever says that much means to be known."""
        for text in ("", "x", "a.b.c d", "\xe9"):
            self.assertEqual(authorized(f"Bearer {text}").ticket, text)
        self.assertEqual(authorized("Bearer").ticket, "")

    def test_a_password(self) -> None:
        for name, password in (
            *(("ada", "secret"), ("ada", ""), ("", "secret"), ("ada", "se:cr:et"), ("ä d", "sécret 😀"), ("", "")),
        ):
            for scheme in ("Basic", "basic"):
                value = basic(f"{name}:{password}").replace("Basic", scheme)
                self.assertEqual(authorized(value).password, Password(name, password))

    def test_what_is_no_password(self) -> None:
        for value in (
            *("Basic", "Basic ", "Basic ?", "Basic YQ", "Basic YTpi\xe9", "Basic YTpi YTpi", "Basic YTp=i"),
            *(basic("no colon"), basic(""), basic(b"ada:\xff"), basic(b"\xff:secret")),
        ):
            self.assertRaises(Malformed, authorized, value)

    def test_no_password_stands_in_what_is_refused(self) -> None:
        for value in ("Basic secret", basic("secret"), basic(b"secret\xff:"), "secret", "Digest secret"):
            error = self.assertRaises(Malformed, authorized, value)
            self.assertNotIn("secret", str(error))
            self.assertNotIn(value.partition(" ")[2] or value, str(error))

    def test_another_scheme(self) -> None:
        for value in ("", " ", "Digest a=b", "BearerX a.b.c", "a.b.c", "Negotiate", "Bearer\ta.b.c", "\xe9"):
            self.assertRaises(Malformed, authorized, value)

    def test_it_is_said_once(self) -> None:
        for other in ("Bearer a.b.c", "Bearer d.e.f", basic("ada:secret"), "", "x"):
            lines = Said(("Authorization", "Bearer a.b.c"), ("authorization", other))
            self.assertRaises(Malformed, read_credentials, lines, None)

    def test_from_where(self) -> None:
        lines = Said(
            *(("Forwarded", "for=1.2.3.4"), ("X-Forwarded-For", "1.2.3.4"), ("forwarded", "for=5.6.7.8")),
            *(("x-forwarded-for", "5.6.7.8, 9.9.9.9"), ("Authorization", "Bearer a.b.c")),
        )
        of_all = ("for=1.2.3.4, for=5.6.7.8", "1.2.3.4, 5.6.7.8, 9.9.9.9")
        self.assertEqual(read_credentials(lines, None), Credentials(None, "a.b.c", None, *of_all))
        only = Said(("X-Forwarded-For", "1.2.3.4"))
        self.assertEqual(read_credentials(only, COOKIE), Credentials(COOKIE, x_forwarded_for="1.2.3.4"))
        both = Said(("X-Forwarded-For", "1.2.3.4"), ("Authorization", basic("ada:secret")))
        self.assertEqual(read_credentials(both, COOKIE).x_forwarded_for, "1.2.3.4")


class TicketOfQueryTests(SynchronousTestCase):
    def test_none(self) -> None:
        for credentials in (Credentials(), Credentials(COOKIE), Credentials(ticket="a.b.c")):
            self.assertIs(with_ticket(credentials, asked()), credentials)

    def test_it_is_taken_in_the_place_of_a_cookie(self) -> None:
        for cookie in (None, COOKIE):
            found = with_ticket(
                Credentials(cookie, forwarded="for=1.2.3.4", x_forwarded_for="1.2.3.4"), asked(b"a.b.c")
            )
            self.assertEqual(found, Credentials(None, "a.b.c", None, "for=1.2.3.4", "1.2.3.4"))

    def test_an_empty_one_is_one(self) -> None:
        self.assertEqual(with_ticket(Credentials(COOKIE), asked(b"")), Credentials(ticket=""))

    def test_beside_another(self) -> None:
        for credentials in (
            Credentials(ticket="a.b.c"),
            Credentials(ticket=""),
            Credentials(password=Password("", "")),
        ):
            self.assertRaises(Malformed, with_ticket, credentials, asked(b"a.b.c"))

    def test_where_there_should_be_none(self) -> None:
        without_ticket(asked())
        without_ticket(Line(b"GET", "/session", {b"tickets": [b"a.b.c"]}))
        for tickets in ((b"a.b.c",), (b"",), (b"a.b.c", b"a.b.c"), (b"\xff",)):
            self.assertRaises(Malformed, without_ticket, asked(*tickets))

    def test_twice_or_no_text(self) -> None:
        for tickets in ((b"a.b.c", b"a.b.c"), (b"a.b.c", b""), (b"\xff",)):
            self.assertRaises(Malformed, with_ticket, Credentials(), asked(*tickets))


class KnownByTests(ChatTestCase):
    def tickets(self) -> Tickets:
        return Tickets(keys(), None, lambda: self.now)

    def test_a_ticket(self) -> None:
        asker = known_by(self.chat, Credentials(ticket=ticket(sub="grace")), CLIENT)
        assert asker.ticket is not None
        self.assertEqual((asker.name, asker.address, asker.session), ("grace", CLIENT, None))

    def test_a_ticket_that_is_not_good_is_nobody_else(self) -> None:
        for text in ("", "x", ticket(exp=1), ticket()[:-5]):
            self.assertRaises(BadTicket, known_by, self.chat, Credentials(ticket=text), CLIENT)

    def test_a_cookie(self) -> None:
        session = self.sessions.sign_in("ada", None)
        asker = known_by(self.chat, Credentials(self.sessions.cookie(session)), CLIENT)
        self.assertEqual((asker.session, asker.name, asker.address), (session, "ada", CLIENT))

    def test_a_cookie_that_is_not_good_is_of_a_session_that_has_ended(self) -> None:
        for cookie in ("forged", "x" * 5_000):
            self.assertEqual(known_by(self.chat, Credentials(cookie), CLIENT), ended(CLIENT))

    def test_somebody(self) -> None:
        asker = known_by(self.chat, Credentials(), CLIENT)
        self.assertEqual((asker.address, asker.scope, asker.right), (CLIENT, "", None))

    def test_from_where(self) -> None:
        session = self.sessions.sign_in("ada", None)
        for known in (Credentials(), Credentials(self.sessions.cookie(session)), Credentials(ticket=ticket())):
            for peer, forwarded, address in (
                *((CLIENT, None, CLIENT), (CLIENT, OTHER, CLIENT), ("127.0.0.1", None, None)),
                *(("127.0.0.1", OTHER, OTHER), ("", OTHER, OTHER), ("127.0.0.1", "nonsense", "127.0.0.1")),
            ):
                credentials = replace(known, x_forwarded_for=forwarded)
                self.assertEqual(known_by(self.chat, credentials, peer).address, address)
                self.assertEqual(counted_address(self.chat, credentials, peer), address)

    def test_two_headers_that_differ(self) -> None:
        credentials = Credentials(forwarded=f"for={CLIENT}", x_forwarded_for=OTHER)
        self.assertEqual(counted_address(self.chat, credentials, "127.0.0.1"), "127.0.0.1")
        credentials = Credentials(forwarded=f"for={CLIENT}", x_forwarded_for=CLIENT)
        self.assertEqual(counted_address(self.chat, credentials, "127.0.0.1"), CLIENT)
