"""Patterns of room names: ``*`` stands for any run of characters, an empty one too, and nothing else is special.

No regular expression is made of a pattern: each part between two stars is looked for once, from left to right,
as far left as it is there.  With no other special character that finds a match if there is one, in no more steps
than pattern times name has characters, whatever a pattern looks like.
"""

from __future__ import annotations

import re

from chatcomet.errors import Malformed

PATTERN_CHARACTERS = 128

_PATTERN = re.compile(rf"[a-z0-9._*-]{{1,{PATTERN_CHARACTERS}}}", re.ASCII)


def check_pattern(text: object) -> str:
    """`text`, if it is a pattern that a room's name may match.  Raises `Malformed`."""
    if not isinstance(text, str) or not _PATTERN.fullmatch(text):
        raise Malformed(
            f"{text!r:.60} is no pattern of rooms: that is 1 to {PATTERN_CHARACTERS} of a-z, 0-9, '.', '_', '-' and '*'"
        )
    return text


def matches(pattern: str, name: str) -> bool:
    """Whether the whole of `name` is what `pattern` says.

    Where `name` is a pattern too, this says whether `pattern` matches all that it matches: a star of the one can only
    be a part of what a star of the other stands for.
    """
    first, star, others = pattern.partition("*")
    if not star:
        return pattern == name
    if not name.startswith(first):
        return False
    *middle, last = others.split("*")
    start, end = len(first), len(name) - len(last)
    if start > end or not name.endswith(last):
        return False
    for part in middle:
        found = name.find(part, start, end)
        if found < 0:
            return False
        start = found + len(part)
    return True
