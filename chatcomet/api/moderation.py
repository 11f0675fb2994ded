"""Moderation: what was said may be taken back.  Nobody may do so yet: there are no moderators."""

from __future__ import annotations

from chatcomet.core.message import check_room_name
from chatcomet.errors import NotAllowed


def erase(name: str, seq: int) -> None:
    """Raises `NotAllowed`, and `Malformed` where `name` is no room's."""
    check_room_name(name)
    raise NotAllowed(f"only a moderator may erase message {seq}")
