"""HandChecker: a checker of cred whose answers the test gives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.credentials import IUsernamePassword
from twisted.internet.defer import Deferred
from zope.interface import implementer


@implementer(ICredentialsChecker)
class HandChecker:
    """Notes what it is asked, and answers with what `answer` returns or raises, or else when the test wants it."""

    credentialInterfaces = (IUsernamePassword,)

    def __init__(self, answer: Callable[[], Any] | None = None) -> None:
        self.asked: list[tuple[bytes, bytes]] = []
        self.waiting: list[Deferred[Any]] = []
        self._answer = answer

    def requestAvatarId(self, credentials: IUsernamePassword) -> Any:
        self.asked.append((credentials.username, credentials.password))
        if self._answer is not None:
            return self._answer()
        self.waiting.append(Deferred())
        return self.waiting[-1]
