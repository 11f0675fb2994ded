"""What a server needs of its process, before anything is scheduled in it."""

from __future__ import annotations

import ctypes
import gc
import resource
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType

from twisted.internet.base import ReactorBase
from twisted.internet.interfaces import IReactorFromThreads

GARBAGE_THRESHOLDS = (20_000, 5, 5)
"""When Python looks for cycles: after so many new objects at first; every 5th time also among those that survived
the last look; every 25th time among all.  A crowd that polls makes hundreds of thousands of objects that live for
as long as a hold, in no cycles.  With Python's own (700, 10, 10) looking through them, again and again, took half of
a poll's time for 10,000 waiters.

Klein leaves some 45 objects in cycles for each request, 5 KB with all that they hold, and 95 for a peer that vanishes.
Those of a poll have survived the first looks by then.  So up to 11,000 of them lie there at the worst, some 60 MB; to
look among them five hundred times as seldom let them grow to gigabytes where polls come over TLS.  And to free what one
look finds stops all else: 53 ms where a first look came after 100,000 objects, 10 ms so; polls cost the same with both.
"""

SWITCH_SECONDS = 0.0005
"""For how long a busy thread keeps the interpreter when another one asks for it.  While a large fan-out is on, the
thread that writes to the store asks several times for each commit: with Python's own 5 ms, messages in other rooms
came twice as late (55 ms at the worst, and not 29, beside a room of 15,000)."""

OWN_DESCRIPTORS = 32
"""So many the process needs for itself: a server with a database has opened 22."""

DESCRIPTOR_RESERVE = 1_000
"""So many connections are kept free for what does not stay: posts, sign-ins, who asks for the page, readers who are
told to come again.  Where there are few descriptors, a fifth of them.  Half of it is for these; the other half is for
who comes while another one is cut."""

ACCEPTED = 100
"""So many connections at most are accepted in one turn, however many knock."""


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


def spare_descriptors(reserve: int = DESCRIPTOR_RESERVE) -> int:
    """How many connections this process may let stay: its limit of descriptors, less a reserve; 0: it has no limit."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return 0
    others = max(soft - OWN_DESCRIPTORS, soft // 2)
    few = others // 5 * reserve // DESCRIPTOR_RESERVE
    return max(1, others - min(reserve, few))


def most_connections() -> int:
    """How many connections it may have, those included that do not stay; 0: it has no limit."""
    return spare_descriptors(DESCRIPTOR_RESERVE // 2)


def most_accepted() -> int:
    """How many connections may be accepted in one turn of the reactor: those that are cut for them go in the next."""
    kept_free = most_connections() - spare_descriptors()
    return max(1, min(ACCEPTED, kept_free // 4)) if most_connections() else ACCEPTED


def on_hangup(reactor: IReactorFromThreads, callback: Callable[[], object]) -> None:
    """From now on, call `callback` in the reactor's turn when this process gets SIGHUP, which would have ended it.

    Only the main thread may ask for this.  Twisted leaves SIGHUP alone (``twistd`` turns its log over at SIGUSR1), and
    is woken by any signal that Python handles.
    """

    def hung_up(number: int, frame: FrameType | None) -> None:
        reactor.callFromThread(callback)

    signal.signal(signal.SIGHUP, hung_up)
    signal.siginterrupt(signal.SIGHUP, False)  # a write in a store's thread goes on


def settle_garbage_collector() -> None:
    """Let the collector look seldom, and never at what a server keeps for its life: to be called when it has begun."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GARBAGE_THRESHOLDS)


def give_memory_back() -> None:
    """Give the system back the memory that is free, where the C library is glibc; others are left alone.

    Freed pieces of some 100 KB, among small ones that live on, stay with glibc: of 2,140 MB that eighty connections had
    filled by HTTP/2, 2,140 MB when they had been cut, and 840 MB when all had gone; after this 410 MB, of which 310 MB
    were in use, and 170 MB.  It takes 0.2 s for so much, and a millisecond where nothing is free.  Not to keep such
    pieces at all (``MALLOC_MMAP_THRESHOLD_=131072``) would do the same, but made each page of 256 KiB cost half as
    much again.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def tidy() -> None:
    """Free the garbage that there is, and give the system back all memory that is free then."""
    gc.collect()
    give_memory_back()


def resident_bytes() -> int:
    """How much memory this process has; 0 where the system does not tell (it is Linux that does)."""
    try:
        pages = Path("/proc/self/statm").read_text().split()[1]
    except OSError:
        return 0
    return int(pages) * resource.getpagesize()


def share_interpreter() -> None:
    """Let threads take turns more often than Python's own 5 ms: see `SWITCH_SECONDS`."""
    sys.setswitchinterval(SWITCH_SECONDS)
