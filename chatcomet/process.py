"""What a server needs of its process, before anything is scheduled in it."""

from __future__ import annotations

import resource
import time

from twisted.internet.base import ReactorBase


def use_monotonic_clock(reactor: ReactorBase) -> None:
    """Let `reactor` schedule by a clock that nobody can set.

    Twisted's own is wall time: set back by an hour, every time-out would come an hour late (law 13).
    """
    assert not reactor.getDelayedCalls(), "what is scheduled already would be moved to another time"
    reactor.seconds = time.monotonic  # there is no other way to choose a clock


def raise_descriptor_limit() -> None:
    """Allow this process as many connections as the system lets it: 1,024 is a common default."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
