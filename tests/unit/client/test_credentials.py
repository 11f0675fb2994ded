"""What a client shows."""

from __future__ import annotations

from base64 import b64decode

from twisted.trial.unittest import SynchronousTestCase

from chatcomet.client.credentials import Ticket, authorization
from chatcomet.errors import Malformed


def shown(ticket: Ticket | None = None, auth: tuple[str, str] | None = None) -> str | None:
    """The header of a request made now."""
    return authorization(ticket, auth)()


class CredentialsTests(SynchronousTestCase):
    def test_nothing(self) -> None:
        self.assertIsNone(shown())

    def test_a_ticket(self) -> None:
        self.assertEqual(shown("a.b-c_d.e"), "Bearer a.b-c_d.e")

    def test_the_ticket_of_the_moment(self) -> None:
        tickets = iter(["a", "b"])
        header = authorization(lambda: next(tickets), None)
        self.assertEqual([header(), header()], ["Bearer a", "Bearer b"])

    def test_a_name_and_a_password(self) -> None:
        for name, password in (("ada", "s3:cret"), ("Zoë", "pä"), ("ada", "")):
            scheme, _, encoded = (shown(auth=(name, password)) or "").partition(" ")
            self.assertEqual((scheme, b64decode(encoded).decode()), ("Basic", f"{name}:{password}"))

    def test_what_is_none(self) -> None:
        for ticket in ("", "a b", "a\r\nX: y", "ä", " a"):
            self.assertRaises(Malformed, authorization, ticket, None)
            self.assertRaises(Malformed, authorization(lambda ticket=ticket: ticket, None))
        for auth in (("", "x"), ("a:b", "x"), ("a", "\udcff")):
            self.assertRaises(Malformed, authorization, None, auth)
        self.assertRaises(Malformed, authorization, "a", ("ada", "x"))

    def test_a_secret_is_in_no_error(self) -> None:
        error = self.assertRaises(Malformed, authorization, "s3cret ", None)
        self.assertNotIn("s3cret", str(error))
