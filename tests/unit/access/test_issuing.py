"""Issuing: what is issued is good where it is checked, and what would not be is not issued."""

from __future__ import annotations

import runpy
from pathlib import Path
from tempfile import TemporaryDirectory

import jwt
from twisted.trial.unittest import SynchronousTestCase

from chatcomet.access.grants import Grants
from chatcomet.access.issuing import issue
from chatcomet.access.keys import Key, SigningKey
from chatcomet.access.tickets import TICKET_CHARACTERS, Ticket, Tickets
from chatcomet.errors import Malformed
from tests.unit.access.forge import NOON, keys
from tests.unit.access.key_files import SECRET, ed25519_key, rsa_key

GRANTS = Grants.parse({"team-*": ["read", "post"], "lobby": ["read"]})
KEY = SigningKey("HS256", SECRET)


def issued(grants: Grants = GRANTS, name: str = "ada", life_seconds: int = 60, **more: str) -> str:
    """A ticket that was issued at noon, and a bit."""
    return issue(KEY, name, grants, NOON + 0.9, life_seconds, **more)


class IssueTests(SynchronousTestCase):
    def test_is_good_where_it_is_checked(self) -> None:
        for key in (KEY, SigningKey("EdDSA", ed25519_key()), SigningKey("RS256", rsa_key())):
            text = issue(key, " Ada ", GRANTS, NOON + 0.9, 60, audience="chat", jti="t-1")
            good = Tickets(keys(), "chat", lambda: NOON).verify(text)
            self.assertEqual(good, Ticket("Ada", GRANTS, NOON + 60, "jti:t-1"))

    def test_says_this_and_nothing_else(self) -> None:
        claims = {"sub": "ada", "iat": NOON, "exp": NOON + 60}
        grants = {"lobby": ["read"], "team-*": ["read", "post"]}
        self.assertEqual(self.read(issued()), {**claims, "grants": grants})
        self.assertEqual(self.read(issued(Grants())), {**claims, "grants": {}})
        more = {"aud": "chat", "jti": "1", "grants": grants}
        self.assertEqual(self.read(issued(audience="chat", jti="1")), {**claims, **more})
        self.assertEqual(jwt.get_unverified_header(issued()), {"typ": "JWT", "alg": "HS256"})

    def read(self, text: str) -> dict[str, object]:
        """Its claims, as another library's user reads them."""
        unchecked = {"verify_exp": False, "verify_iat": False, "verify_aud": False}
        return jwt.decode(text, SECRET, ["HS256"], unchecked)  # type: ignore[arg-type]

    def test_what_would_not_be_good_is_not_issued(self) -> None:
        for name in ("", "guest", "a\nb", "a" * 33):
            self.assertRaises(Malformed, issued, name=name)
        self.assertRaises(Malformed, issued, jti="")
        self.assertRaises(Malformed, issued, life_seconds=10**11)
        self.assertRaises(Malformed, issued, life_seconds=-2 * NOON)

    def test_nor_what_would_be_too_long(self) -> None:
        tickets = Tickets([Key("HS256", SECRET)], None, lambda: NOON)
        fitting = Grants.parse({f"room-{number:04}": ["read"] for number in range(120)})
        self.assertEqual(tickets.verify(issued(fitting)).grants, fitting)
        error = self.assertRaises(Malformed, issued, Grants.parse({f"{n:03}" + "-" * 99: ["read"] for n in range(30)}))
        self.assertIn(f"{TICKET_CHARACTERS:,} characters at most", str(error))


class DocumentationTests(SynchronousTestCase):
    def test_what_the_documentation_has_for_a_back_end_is_good(self) -> None:
        """The Python of ``docs/tickets.md`` runs, and what it makes is a ticket."""
        page = (Path(__file__).parents[3] / "docs" / "tickets.md").read_text("utf-8")
        source = page.partition("```python\n")[2].partition("```")[0]
        with TemporaryDirectory() as folder:
            secret, script = Path(folder) / "tickets.key", Path(folder) / "backend.py"
            secret.write_bytes(SECRET + b"\n")
            script.write_text(source.replace('Path("tickets.key")', f"Path({str(secret)!r})"))
            names = runpy.run_path(str(script))
        good = Tickets([Key("HS256", SECRET)], None, lambda: names["now"]).verify(names["ticket"])
        self.assertEqual((good.name, good.grants.to_object()), ("ada", {"team-*": ("read", "post")}))
