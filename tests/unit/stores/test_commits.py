"""Commits: what goes into one commit.  The writer's work is run here in the test's own thread."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from chatcomet.core.message import Draft, IdempotencyKey
from chatcomet.core.store import Posted
from chatcomet.errors import KeyReused
from chatcomet.stores import commits
from chatcomet.stores.commits import Answers, Append, Commits, News
from chatcomet.stores.database import Database
from tests.unit.stores.weak_disk import WeakDisk


class CommitsTests(SynchronousTestCase):
    """A queue that is full already when the thread comes round."""

    def setUp(self) -> None:
        self.now = 1_000.0
        folder = Path(self.mktemp())
        folder.mkdir(parents=True)
        self.disk = WeakDisk()
        self.database = Database(folder / "chat.db", lambda room: 2, self.disk.connect)
        self.commits = Commits(self.database.reopen, self.wall, self.hand_over)
        self.told: list[dict[str, list[int]]] = []

    def wall(self) -> float:
        return self.now

    def hand_over(self, news: News, answers: Answers) -> None:
        if news.runs:
            self.told.append({room: [message.seq for message in run] for room, run in news.runs.items()})
        for asked, outcome in answers:
            answer: Deferred[Any] = asked.answer
            answer.callback(outcome)

    def put(self, draft: Draft, room: str = "lobby") -> Deferred[Posted]:
        answer: Deferred[Posted] = Deferred()
        self.commits.put([Append(room, draft, answer)])
        return answer

    def run_all(self) -> None:
        self.commits.finish()
        self.database.close(self.commits.run(self.database.open()))

    def test_what_is_queued_is_committed_and_told_at_once(self) -> None:
        posted = [self.put(Draft("ada", "hello"), room) for room in ("a", "b", "a")]
        self.run_all()
        self.assertEqual([self.successResultOf(each).message.seq for each in posted], [0, 0, 1])
        self.assertEqual(self.told, [{"a": [0, 1], "b": [0]}])
        self.assertEqual(self.disk.commits, 1)

    def test_a_commit_has_an_end(self) -> None:
        self.patch(commits, "BATCH_APPENDS", 2)
        posted = [self.put(Draft("ada", "hello")) for _ in range(5)]
        self.run_all()
        self.assertEqual([self.successResultOf(each).message.seq for each in posted], list(range(5)))
        self.assertEqual(self.told, [{"lobby": [0, 1]}, {"lobby": [2, 3]}, {"lobby": [4]}])

    def test_what_is_put_together_is_committed_so_as_far_as_a_commit_goes(self) -> None:
        self.patch(commits, "BATCH_APPENDS", 2)
        posted: list[Deferred[Posted]] = [Deferred() for _ in range(5)]
        self.commits.put([Append("lobby", Draft("ada", "hello"), answer) for answer in posted])
        self.run_all()
        self.assertEqual([self.successResultOf(each).message.seq for each in posted], list(range(5)))
        self.assertEqual(self.told, [{"lobby": [0, 1]}, {"lobby": [2, 3]}, {"lobby": [4]}])

    def test_a_commit_is_never_twice_as_long(self) -> None:
        self.patch(commits, "BATCH_APPENDS", 2)
        self.put(Draft("ada", "hello"))
        self.commits.put([Append("lobby", Draft("ada", "hello"), Deferred()) for _ in range(3)])
        self.run_all()
        self.assertEqual(self.told, [{"lobby": [0, 1, 2]}, {"lobby": [3]}])

    def test_drafts_that_are_refused_or_known_spoil_nothing(self) -> None:
        key = IdempotencyKey("session", "k")
        first = self.put(Draft("ada", "one", None, key))
        reused = self.put(Draft("ada", "two", None, key))
        repeated = self.put(Draft("ada", "one", None, key))
        next_one = self.put(Draft("ada", "three"))
        self.run_all()
        self.failureResultOf(reused, KeyReused)
        self.assertEqual(self.successResultOf(repeated), (self.successResultOf(first).message, True))
        self.assertEqual(self.successResultOf(next_one).message.seq, 1)
        self.assertEqual(self.told, [{"lobby": [0, 1]}])
        self.assertEqual(self.disk.commits, 1)

    def test_a_draft_that_can_not_be_kept_fails_alone(self) -> None:
        before = self.put(Draft("ada", "one"))
        draft = Draft("ada", "an author that is no text")
        object.__setattr__(draft, "author", "\ud800")  # which Draft itself would refuse
        unfit = self.put(draft)
        after = self.put(Draft("ada", "two"))
        self.run_all()
        self.failureResultOf(unfit, UnicodeEncodeError)
        self.assertEqual([self.successResultOf(each).message.seq for each in (before, after)], [0, 1])
        self.assertEqual(len(self.flushLoggedErrors(UnicodeEncodeError)), 1)

    def test_garbage_is_swept_in_the_same_commits(self) -> None:
        for _ in range(10):
            self.put(Draft("ada", "hello"))
        self.run_all()
        self.assertEqual(self.disk.commits, 1)
        tables = self.database.open()
        self.addCleanup(self.database.close, tables)
        self.assertFalse(tables.has_garbage)
        self.assertEqual(tables.connection.execute("SELECT count(*) FROM messages").fetchone(), (2,))
