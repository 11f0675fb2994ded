"""How signing in can fail, by whose fault it is."""

from __future__ import annotations

from chatcomet.errors import AskerError, ServerFault


class SignInFailed(AskerError):
    """The name or the password is wrong; nobody is told which."""

    def __init__(self, reason: str = "the name or the password is wrong") -> None:
        super().__init__(reason)


class TooManyTries(AskerError):
    """Too many sign-ins have failed; `retry_after` says in how many seconds the next one is looked at."""

    def __init__(self, reason: str, retry_after: int = 1) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


class HalfAsked(ServerFault):
    """One checker does not know the name by the password, and another one, which might, could not be asked."""


class SignInBusy(ServerFault):
    """More passwords wait to be checked than there is room for."""
