"""One frozen value that holds every choice an operator has; ``tap.py`` makes it from the command line."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Settings:
    """How one server runs.  Units stand in the names; ranges are checked where options are read.

    `listen`: Twisted endpoint strings.  `store`: ``memory:`` or ``sqlite:PATH``.
    `retain`: how many messages a room keeps; 0 keeps all.  `retain_days`: for how many days; 0 keeps them for ever.
    `prefix`: the path under which everything is served: "" or ``/like/this``.
    `origins`: other sites whose pages may post, as browsers name them (``https://example.org``).
    `ticket_keys`: files, each with a key that tickets may be signed with; without any there are no tickets.
    `ticket_audience`: whom tickets have to be for; None: nobody in particular.
    """

    listen: tuple[str, ...] = ("tcp:8080",)
    store: str = "sqlite:chatcomet.db"
    hold_seconds: float = 25.0
    retain: int = 100_000
    retain_days: float = 0.0
    prefix: str = ""
    origins: frozenset[str] = frozenset()
    ticket_keys: tuple[str, ...] = ()
    ticket_audience: str | None = None
