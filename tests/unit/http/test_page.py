"""The page: its files, as they are served."""

from __future__ import annotations

import re
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

import chatcomet
from chatcomet.http.page import POLICY, read_page

WEB = Path(chatcomet.__file__).parent / "web"


class PageTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.files = read_page()

    def test_has_all_files(self) -> None:
        self.assertEqual(set(self.files), {"" if path.name == "index.html" else path.name for path in WEB.iterdir()})

    def test_each_is_of_its_kind(self) -> None:
        kinds = {name: answer.content_type for name, answer in self.files.items()}
        self.assertEqual(kinds[""], "text/html; charset=utf-8")
        self.assertEqual(kinds["page.js"], "text/javascript; charset=utf-8")
        self.assertEqual(kinds["chat.css"], "text/css; charset=utf-8")
        self.assertEqual(kinds["icon.svg"], "image/svg+xml")
        self.assertTrue(all(answer.status == 200 and answer.body for answer in self.files.values()))

    def test_each_carries_the_policy(self) -> None:
        for answer in self.files.values():
            self.assertEqual(dict(answer.headers)["Content-Security-Policy"], POLICY)

    def test_the_policy_lets_nothing_run_but_its_own_files(self) -> None:
        rules = dict(rule.strip().split(" ", 1) for rule in POLICY.split(";"))
        self.assertEqual(rules["default-src"], "'none'")
        self.assertEqual({rules[kind] for kind in ("script-src", "style-src", "connect-src", "img-src")}, {"'self'"})
        self.assertEqual(rules["frame-ancestors"], "'none'")
        self.assertEqual(rules["base-uri"], "'none'")

    def test_the_page_keeps_the_policy(self) -> None:
        page = self.files[""].body.decode()
        self.assertEqual(re.findall(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son[a-z]+=|javascript:", page), [])

    def test_its_links_are_relative_so_that_it_works_under_a_prefix(self) -> None:
        for name in self.files.keys() - {"icon.svg"}:
            text = self.files[name].body.decode()
            self.assertEqual(re.findall(r"""(?:src=|href=|from |url\(|import )["']?/""", text), [], name)
