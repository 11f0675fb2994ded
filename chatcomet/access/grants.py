"""Grants: what somebody may do, and in which rooms.

On a wire and in a ticket they are an object from room pattern to a list of actions: ``{"team-*": ["read", "post"]}``.
An action is granted in a room if any pattern that matches the room's name grants it; none implies another.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Literal, cast, get_args
from weakref import WeakValueDictionary

from chatcomet.access.patterns import check_pattern, matches
from chatcomet.errors import Malformed

Action = Literal["read", "post", "moderate", "as"]
"""`as`: a back end, which may name the author of what it posts."""

ACTIONS: tuple[Action, ...] = get_args(Action)
PATTERNS = 256
_ROOMS = 128  # whose answers are remembered, for all who are granted the same


@dataclass(frozen=True, slots=True, weakref_slot=True)
class Grants:
    """Room patterns, each once and in order, and the actions granted where they match.  Make one by `parse`.

    What `parse` makes is one object where it is equal, and what that grants is found out once: a back end grants the
    same to many.
    """

    rules: tuple[tuple[str, tuple[Action, ...]], ...] = ()
    _seen: dict[str, tuple[Action, ...]] = field(default_factory=dict, init=False, repr=False, compare=False)

    @classmethod
    def parse(cls, value: object) -> Grants:
        """The grants that `value`, which comes from JSON or the like, is.  Raises `Malformed`."""
        if not isinstance(value, Mapping):
            raise Malformed("grants are an object, from room pattern to a list of actions")
        if len(value) > PATTERNS:
            raise Malformed(f"grants have {PATTERNS} room patterns at most")
        rules = ((check_pattern(pattern), _read_actions(pattern, actions)) for pattern, actions in value.items())
        made = cls(tuple(sorted(rule for rule in rules if rule[1])))
        return _GRANTED.setdefault(made.rules, made)

    def to_object(self) -> dict[str, tuple[Action, ...]]:
        """What `parse` would read these from; actions in the order of `ACTIONS`."""
        return dict(self.rules)

    def may(self, action: Action, room: str) -> bool:
        """Whether `action` is granted in `room`, which is a room's name.

        Each poll asks this: of a room that was asked for before, the answer is remembered.
        """
        actions = self._seen.get(room)
        return action in (self._look(room) if actions is None else actions)

    def _look(self, room: str) -> tuple[Action, ...]:
        """All that is granted in `room`; remembered."""
        granted = {action for pattern, actions in self.rules if matches(pattern, room) for action in actions}
        if len(self._seen) >= _ROOMS:
            self._seen.clear()
        self._seen[room] = found = _in_order(frozenset(granted))
        return found


_GRANTED: WeakValueDictionary[tuple[tuple[str, tuple[Action, ...]], ...], Grants] = WeakValueDictionary()


def _read_actions(pattern: object, value: object) -> tuple[Action, ...]:
    if not isinstance(value, list | tuple):
        raise Malformed(f"what is granted in {pattern!r:.60} should be a list of actions")
    for action in value:
        if action not in ACTIONS:
            raise Malformed(f"{action!r:.60} can't be granted: an action is one of {', '.join(ACTIONS)}")
    return _in_order(frozenset(cast(list[Action], value)))


@cache
def _in_order(actions: frozenset[Action]) -> tuple[Action, ...]:
    """Each set of actions once, however many grants have it."""
    return tuple(action for action in ACTIONS if action in actions)
