"""How asking a server can fail, by whose fault it is.

* `Refused`: the asker's: the same request would be refused again.
* `Unreachable`: the server's, or the network's: asking again later may do.
* `Trouble`: one try has failed and another may not; it becomes `Unreachable` when patience is at its end, and
  never leaves the client by itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from chatcomet.errors import AskerError, ChatcometError


@dataclass(frozen=True, slots=True)
class Problem:
    """What a server says of a refusal (RFC 9457): `type` is for programs, `title` and `detail` are for people.

    `members` is the whole document, and empty where the answer had none.
    """

    status: int
    type: str
    title: str
    detail: str
    members: Mapping[str, object] = field(default_factory=dict)


class Refused(AskerError):
    """The server has answered, and the answer is no; `problem` says why."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.detail or problem.title or f"the server answered {problem.status}")
        self.problem = problem


class Unreachable(ChatcometError):
    """No answer for as long as patience lasted: `patience_seconds`.  Its cause is what went wrong last."""

    def __init__(self, url: str, patience_seconds: float, last: Trouble) -> None:
        super().__init__(f"{url} did not answer within {patience_seconds:g} s: {last}")
        self.patience_seconds = patience_seconds


class Trouble(ChatcometError):
    """One try has failed; `retry_after` is for how many seconds the server wants to be left alone, if it said so."""

    def __init__(self, reason: str, retry_after: float | None = None) -> None:
        super().__init__(reason)
        self.retry_after = retry_after
