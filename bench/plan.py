"""What one run measures: sizes, rates, turns."""

from __future__ import annotations

from dataclasses import dataclass

PARTS = ("polls", "browser", "tickets", "events", "sockets", "posts", "chat", "idle", "aside")


@dataclass(frozen=True, slots=True)
class Plan:
    """The sizes of one run.  Every server is started afresh for each measurement, in turns, `repeats` times.

    Slow ones take no more than `slow_repeats` turns: they cost twenty times as much, and no noise hides that.
    """

    parts: tuple[str, ...] = PARTS
    repeats: int = 3
    slow_repeats: int = 1
    waiters: tuple[int, ...] = (1_000, 2_000, 5_000, 10_000, 15_000)
    servers: tuple[str, ...] = ()
    """Only these; all if empty."""
    post_seconds: float = 10.0
    post_connections: int = 64
    chat_rooms: int = 100
    chat_readers: int = 10
    """In each room."""
    chat_rates: tuple[int, ...] = (100, 200, 400, 800, 1_600)
    """Posts a second over all rooms."""
    chat_seconds: float = 5.0
    idle_waiters: int = 10_000
    idle_seconds: float = 120.0
    aside_waiters: int = 15_000

    def rounds(self, waiters: int) -> int:
        """Fewer of large ones: the more deliveries a round has, the less chance there is in it."""
        return max(3, min(15, 20_000 // waiters))

    @property
    def most_waiters(self) -> int:
        """The largest number of connections that any part holds."""
        sizes = dict.fromkeys(("polls", "browser", "tickets", "events", "sockets"), max(self.waiters))
        sizes |= {"idle": self.idle_waiters, "aside": self.aside_waiters}
        return max([sizes[part] for part in self.parts if part in sizes] + [2 * self.chat_rooms * self.chat_readers])


QUICK = Plan(
    repeats=1,
    waiters=(1_000,),
    post_seconds=3.0,
    chat_rates=(100, 400),
    chat_seconds=3.0,
    idle_waiters=1_000,
    idle_seconds=30.0,
    aside_waiters=2_000,
)
