"""Checkers: all that ``--auth`` names, as one.

They are asked in their order, and the first that knows the name by the password decides.  One that takes its time is
asked in the threads of `Hashing`: ours, and Twisted's own that read files or ask the system.  (The system's ``unix``
holds the interpreter while it hashes, wherever it is asked.)  Any other is taken at its word and asked in the
reactor's thread: a checker that has to wait returns a Deferred.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from twisted.cred.checkers import FilePasswordDB, ICredentialsChecker
from twisted.cred.credentials import IUsernamePassword
from twisted.cred.error import LoginFailed, UnauthorizedLogin
from twisted.internet.defer import CancelledError, Deferred, maybeDeferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.plugins.cred_unix import UNIXChecker
from twisted.python.failure import Failure
from zope.interface import implementer

from chatcomet.access.argon2_checker import Argon2Checker
from chatcomet.access.hashing import Hashing
from chatcomet.errors import HalfAsked, ServerFault, SignInUnavailable

ANSWER_SECONDS = 30.0
"""For how long one checker is waited for."""

AvatarId = bytes | tuple[()]
"""What cred says that a checker answers; some answer with text."""

_BLOCKING = (Argon2Checker, FilePasswordDB, UNIXChecker)


@implementer(ICredentialsChecker)
class Checkers:
    """`checkers`, one after the other."""

    credentialInterfaces = (IUsernamePassword,)
    _log = Logger()

    def __init__(self, checkers: Sequence[ICredentialsChecker], hashing: Hashing, clock: IReactorTime) -> None:
        self._checkers = checkers
        self._ours = [checker for checker in checkers if isinstance(checker, Argon2Checker)]
        self._hashing = hashing
        self._clock = clock

    def requestAvatarId(self, credentials: IUsernamePassword) -> Deferred[AvatarId]:
        """Fires with what the first one says that knows these credentials.

        Fails with `UnauthorizedLogin` if none does, with `HalfAsked` if some do not and another could not be asked,
        and with another `ServerFault` if none could be.
        """
        return Deferred.fromCoroutine(self._ask_all(credentials))

    def has(self, name: str) -> bool:
        """Whether there is an account of `name`, as `fold` has it, as far as that can be known without a password."""
        return any(checker.has(name) for checker in self._ours)

    def vouches(self, fingerprint: str | None) -> bool:
        """Whether the account of `fingerprint` is as it was; with None, whether that can't be known of some."""
        if fingerprint is None:
            return len(self._ours) < len(self._checkers)
        return any(checker.vouches(fingerprint) for checker in self._ours)

    def stamp(self) -> tuple[object, ...]:
        """What is another if accounts may have changed, as far as that can be seen; empty if it never can."""
        return tuple(checker.stamp() for checker in self._ours)

    def read_again(self) -> None:
        """Learn what has changed, which may take long: for any thread."""
        for checker in self._ours:
            checker.read_again()

    async def _ask_all(self, credentials: IUsernamePassword) -> AvatarId:
        fault: ServerFault | None = None
        denied = False
        for checker in self._checkers:
            try:
                return await self._ask(checker, credentials).addTimeout(ANSWER_SECONDS, self._clock)
            except LoginFailed:
                denied = True
            except CancelledError:
                raise
            except ServerFault as error:
                fault = error
            except Exception:
                self._log.failure("a checker of passwords has failed")
                fault = SignInUnavailable("passwords can't be checked now")
        if fault is None:
            raise UnauthorizedLogin
        raise HalfAsked(str(fault), fault.retry_after) if denied else fault

    def _ask(self, checker: ICredentialsChecker, credentials: IUsernamePassword) -> Deferred[AvatarId]:
        asking: Callable[[], Deferred[AvatarId]] = partial(checker.requestAvatarId, credentials)
        if isinstance(checker, _BLOCKING):
            return self._hashing.ask(lambda: _outcome(maybeDeferred(asking)))
        return maybeDeferred(asking)


def _outcome(answer: Deferred[AvatarId]) -> AvatarId:
    """What `answer`, which has fired, has fired with."""
    outcomes: list[AvatarId | Failure] = []
    answer.addBoth(outcomes.append)
    (outcome,) = outcomes
    if isinstance(outcome, Failure):
        outcome.raiseException()
    return outcome
