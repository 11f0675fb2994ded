"""Policy: which block holds where, and what becomes of a file that errs."""

from __future__ import annotations

import os
import re
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from chatcomet.access import policy as policy_module
from chatcomet.access.blocks import _READ
from chatcomet.access.identity import Kind
from chatcomet.access.patterns import matches
from chatcomet.access.policy import BLOCKS, FILE_BYTES, Policy, PolicyFile, read_policy
from chatcomet.access.rules import MEMBERS, NOBODY, Rules
from chatcomet.errors import StartRefused

PATTERNS = st.text("ab*", min_size=1, max_size=5)


def blocks(*patterns: str) -> str:
    """A policy with a block for each pattern, told apart by what it retains: 1, 2, …"""
    return "".join(f'[[rooms]]\nname = "{pattern}"\nretain = {place}\n' for place, pattern in enumerate(patterns, 1))


class PolicyTests(SynchronousTestCase):
    def assert_refused(self, text: str, *words: str) -> None:
        error = self.assertRaises(StartRefused, Policy.parse, text)
        for word in words:
            self.assertIn(word, str(error))
        self.assertNotIn("\n", str(error))

    def test_the_first_block_that_matches_holds_alone(self) -> None:
        policy = Policy.parse(
            '[[rooms]]\nname = "team-a"\nread = "members"\n\n[[rooms]]\nname = "team-*"\nread = "nobody"\nretain = 7'
        )
        self.assertEqual(policy.rules("team-a"), Rules(read=MEMBERS, post=MEMBERS))
        self.assertEqual(policy.rules("team-b"), Rules(read=NOBODY, post=NOBODY, retain=7))

    def test_a_room_that_none_matches_is_open(self) -> None:
        for policy in (Policy(), Policy.parse(""), Policy.parse("rooms = []"), Policy.parse(blocks("team-*"))):
            self.assertEqual(policy.rules("lobby"), Rules())

    @settings(deadline=None)
    @given(st.lists(PATTERNS, unique=True, max_size=5), st.text("ab", max_size=6))
    def test_as_if_each_block_were_tried(self, patterns: list[str], room: str) -> None:
        try:
            policy = Policy.parse(blocks(*patterns))
        except StartRefused:
            return
        first = next((place for place, pattern in enumerate(patterns, 1) if matches(pattern, room)), None)
        self.assertEqual(policy.rules(room).retain, first)
        self.assertEqual(policy.rules(room).retain, first)

    def test_a_block_that_can_never_hold_is_refused(self) -> None:
        for patterns in (("a", "a"), ("*", "lobby"), ("team-*", "x", "team-a*"), ("a*", "a**"), ("a**", "a*")):
            self.assert_refused(blocks(*patterns), f'block {len(patterns)} ("{patterns[-1]}"): name: ', patterns[0])
        for patterns in (("lobby", "*"), ("team-a*", "team-*"), ("a*b", "a*"), ("a*b", "b*a")):
            Policy.parse(blocks(*patterns))

    def test_what_is_not_toml(self) -> None:
        for text in ("[[rooms", "rooms = [{", "a = b", "a = 1\na = 2", "a = " + "[" * 100_000, "a = " + "1" * 10_000):
            self.assert_refused(text, "this is not TOML")

    def test_what_is_no_policy(self) -> None:
        self.assert_refused('[room]\nname = "lobby"', "'room'", "[[rooms]]")
        for text in ('[rooms]\nname = "lobby"', "rooms = 1", 'rooms = ["lobby"]', "rooms = [[]]"):
            self.assert_refused(text, "[[rooms]]")

    def test_says_which_block_and_which_key(self) -> None:
        right = '[[rooms]]\nname = "a"\n'
        self.assert_refused(right + '[[rooms]]\nname = "b"\nread = "ada"', 'block 2 ("b"): read: should be')
        self.assert_refused(right + '[[rooms]]\nname = "b"\ncolour = 1', "block 2 (\"b\"): 'colour' is not known")
        self.assert_refused(right + "[[rooms]]\nread = 1", "block 2: read: ")
        self.assert_refused("[[rooms]]", "block 1: name is missing")
        self.assert_refused(right + '[[rooms]]\nname = "B\\u001b\\n"', "block 2: name: ")

    def test_has_an_end(self) -> None:
        self.assert_refused(blocks(*(f"r{number}" for number in range(BLOCKS + 1))), str(BLOCKS))
        policy = Policy.parse(blocks(*(f"r{number}" for number in range(BLOCKS))))
        self.assertEqual(policy.rules(f"r{BLOCKS - 1}").retain, BLOCKS)

    def test_is_asked_once_for_each_room_and_remembers_so_many(self) -> None:
        with patch.object(policy_module, "_REMEMBERED", 2):
            policy = Policy.parse(blocks("a*"))
        asked: list[str] = []

        def watched(pattern: str, name: str) -> bool:
            asked.append(name)
            return matches(pattern, name)

        with patch.object(policy_module, "matches", watched):
            for room in ("a1", "a1", "b", "b", "a2", "a1"):
                policy.rules(room)
            self.assertEqual(asked, ["a1", "b", "a2", "a1"])
            for _ in range(2):
                policy.rules("a" * 65)  # what is no room's name is not remembered
        self.assertEqual(asked[4:], ["a" * 65] * 2)

    @settings(deadline=None)
    @given(st.text())
    def test_any_text_is_a_policy_or_refused(self, text: str) -> None:
        try:
            Policy.parse(text)
        except StartRefused as error:
            self.assertTrue(str(error))


class DescribedTests(SynchronousTestCase):
    def test_the_example_of_the_docs(self) -> None:
        page = (Path(__file__).parents[3] / "docs" / "rooms.md").read_text("utf-8")
        example = re.search(r"```toml\n(.*?)```", page, re.DOTALL)
        assert example is not None
        policy = Policy.parse(example[1])
        self.assertEqual(policy.rules("announcements").posts_per_second, 1.0)
        self.assertEqual(policy.rules("team-a").post, MEMBERS)
        self.assertEqual(policy.rules("sensors.roof").post, NOBODY)
        self.assertEqual(policy.rules("lobby"), Rules(create=NOBODY))
        for key in _READ:
            self.assertIn(f"| `{key}` |", page)


class FileTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        folder = TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = Path(folder.name) / "rooms.toml"

    def assert_refused(self, *words: str) -> None:
        error = self.assertRaises(StartRefused, read_policy, self.path)
        self.assertTrue(str(error).startswith(f"--rooms {self.path}: "), error)
        for word in words:
            self.assertIn(word, str(error))


class ReadTests(FileTestCase):
    def test_a_file(self) -> None:
        self.path.write_text('[[rooms]]\nname = "a"\nread = ["Ōta"]', "utf-8")
        rules = read_policy(self.path).rules("a")
        self.assertTrue(rules.read.admits(Kind.MEMBER, "ōta"))

    def test_with_the_mark_that_some_editors_begin_with(self) -> None:
        self.path.write_text(blocks("a"), "utf-8-sig")
        self.assertEqual(read_policy(self.path).rules("a").retain, 1)

    def test_what_is_not_there_or_no_file(self) -> None:
        self.assert_refused("no such file")
        self.path.mkdir()
        self.assert_refused("no such file")

    def test_a_pipe_is_not_waited_for(self) -> None:
        os.mkfifo(self.path)
        self.assert_refused("no such file")

    def test_what_can_not_be_read(self) -> None:
        self.path.write_text("")
        with patch.object(Path, "open", side_effect=PermissionError(13, "Permission denied")):
            self.assert_refused("Permission denied")

    def test_what_is_not_utf_8(self) -> None:
        self.path.write_bytes(b'[[rooms]]\nname = "\xff"')
        self.assert_refused("can't be read")

    def test_what_is_too_long(self) -> None:
        self.path.write_bytes(b"#" * FILE_BYTES)
        read_policy(self.path)
        self.path.write_bytes(b"#" * (FILE_BYTES + 1))
        self.assert_refused("bytes at most")

    def test_what_errs(self) -> None:
        self.path.write_text('[[rooms]]\nname = "a"\nread = 1')
        self.assert_refused('block 1 ("a"): read: ')


class ReloadTests(FileTestCase):
    def reload(self, file: PolicyFile) -> tuple[bool, list[tuple[str, str]]]:
        """What `reload` returned, and the levels and texts of what it logged."""
        with capturedLogs() as events:
            reloaded = file.reload()
        return reloaded, [(event["log_level"].name, str(formatEvent(event))) for event in events]

    def test_another_policy(self) -> None:
        self.path.write_text(blocks("a"))
        file = PolicyFile(self.path)
        self.path.write_text(blocks("b"))
        self.assertEqual(file.policy.rules("b").retain, None)
        said = f"the rooms' policy was read again from {self.path}"
        self.assertEqual(self.reload(file), (True, [("info", said)]))
        self.assertEqual(file.policy.rules("b").retain, 1)
        self.assertEqual(file.policy.rules("a").retain, None)

    def test_one_that_errs_leaves_the_old_one(self) -> None:
        self.path.write_text(blocks("a"))
        file = PolicyFile(self.path)
        policy = file.policy
        for text, reason in (("[[rooms]]", "name is missing"), ("x", "not TOML"), (None, "no such file")):
            self.path.unlink() if text is None else self.path.write_text(text)
            reloaded, [(level, said)] = self.reload(file)
            self.assertEqual((reloaded, level), (False, "error"))
            self.assertIs(file.policy, policy)
            self.assertIn(f"--rooms {self.path}: ", said)
            self.assertIn(reason, said)
        self.path.write_text(blocks("b"))
        self.assertTrue(self.reload(file)[0])

    def test_at_the_start_there_is_no_old_one(self) -> None:
        self.assertRaises(StartRefused, PolicyFile, self.path)

    def test_without_a_file_all_is_open_and_stays_so(self) -> None:
        file = PolicyFile()
        self.assertEqual(file.policy.rules("lobby"), Rules())
        self.assertEqual(self.reload(file), (False, []))
