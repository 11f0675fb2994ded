"""Origin: the whole table of what browsers say and what comes of it."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from chatcomet.errors import CrossSite
from chatcomet.http.origin import check_origin

HOST = "chat.example:8080"
OURS = "http://chat.example:8080"
LISTED = "https://friend.example"
OTHER = "https://evil.example"


class OriginTests(SynchronousTestCase):
    def may(self, site: str | None, origin: str | None, host: str | None = HOST) -> bool:
        try:
            check_origin(site, origin, host, frozenset({LISTED}))
        except CrossSite:
            return False
        return True

    def test_a_program_says_nothing(self) -> None:
        self.assertTrue(self.may(None, None))
        self.assertTrue(self.may(None, None, host=None))

    def test_sec_fetch_site_decides_where_it_is(self) -> None:
        for origin in (None, OURS, OTHER, "null"):
            for site in ("same-origin", "none"):
                self.assertTrue(self.may(site, origin))
            for site in ("same-site", "cross-site", "", "Same-Origin", "same-origin, cross-site", "x"):
                self.assertFalse(self.may(site, origin), (site, origin))

    def test_a_listed_origin_may_whatever_the_browser_thinks_of_it(self) -> None:
        for site in (None, "same-origin", "same-site", "cross-site"):
            self.assertTrue(self.may(site, LISTED))

    def test_without_it_the_origin_has_to_be_the_host(self) -> None:
        for origin in (OURS, "https://chat.example:8080", "http://CHAT.example:8080"):
            self.assertTrue(self.may(None, origin))
        self.assertTrue(self.may(None, OURS, host="Chat.Example:8080"))

    def test_any_other_is_refused(self) -> None:
        for origin in (
            *(OTHER, "null", "", "http://chat.example", "http://chat.example:80", "chat.example:8080"),
            *("http://chat.example:8080.evil.example", "http://evil.example#chat.example:8080", "http://["),
            *("http://chat.example:8080@evil.example", f"{LISTED}/", "http://friend.example", LISTED.upper()),
        ):
            self.assertFalse(self.may(None, origin), origin)

    def test_no_host_is_nobodys(self) -> None:
        for host in (None, ""):
            for origin in (OURS, "null", "http://"):
                self.assertFalse(self.may(None, origin, host))

    def test_the_refusal_says_whom_to_ask(self) -> None:
        error = self.assertRaises(CrossSite, check_origin, None, OTHER, HOST, frozenset())
        self.assertIn(OTHER, str(error))
        self.assertIn("--origin", str(error))
