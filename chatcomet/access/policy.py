"""Policy: which rules hold in which room, as the operator has written them into a file (`--rooms`).

The first block whose pattern matches a room's name holds for it, alone; a room that none matches is open to all.
docs/rooms.md has the form.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from twisted.logger import Logger

from chatcomet.access.blocks import read_block
from chatcomet.access.patterns import PATTERN_CHARACTERS, matches
from chatcomet.access.rules import Rules
from chatcomet.errors import Malformed, StartRefused

FILE_BYTES = 1024 * 1024
BLOCKS = 500
"""A room that was not asked for before is compared with each of their patterns, and each pattern with those before."""

_REMEMBERED = 10_000
_ROOM_CHARACTERS = 64  # nothing longer than a room's name is remembered
OPEN = Rules()


class Policy:
    """The rules of all rooms: `blocks`, in their order, of which none is hidden by one before it.  It never changes."""

    def __init__(self, blocks: Sequence[tuple[str, Rules]] = ()) -> None:
        self.blocks = tuple(blocks)
        self._named = {pattern: rules for pattern, rules in blocks if "*" not in pattern}
        self._patterns = [block for block in blocks if "*" in block[0]]
        self._remembered = lru_cache(_REMEMBERED)(self._find)

    @classmethod
    def parse(cls, text: str) -> Policy:
        """The policy that `text`, which is TOML, says.  Raises `StartRefused` with the block and the key that err."""
        try:
            document = tomllib.loads(text)
        except (ValueError, RecursionError) as error:  # numbers of thousands of digits, nesting without end
            raise StartRefused(f"this is not TOML: {error}") from error
        for key in document:
            if key != "rooms":
                raise StartRefused(f"{key!r} is not known: a policy is made of blocks that begin with [[rooms]]")
        blocks = document.get("rooms", [])
        if not isinstance(blocks, list) or not all(isinstance(block, dict) for block in blocks):
            raise StartRefused("rooms should be blocks, each of which begins with [[rooms]]")
        if len(blocks) > BLOCKS:
            raise StartRefused(f"there are {len(blocks)} blocks; {BLOCKS} are the most")
        return cls(_read_blocks(blocks))

    def rules(self, room: str) -> Rules:
        """What holds in `room`."""
        return self._remembered(room) if len(room) <= _ROOM_CHARACTERS else self._find(room)

    def _find(self, room: str) -> Rules:
        named = self._named.get(room)  # a pattern before it that matches it would hide it
        if named is not None:
            return named
        return next((rules for pattern, rules in self._patterns if matches(pattern, room)), OPEN)


def _read_blocks(blocks: Sequence[dict[str, object]]) -> list[tuple[str, Rules]]:
    read: dict[str, Rules] = {}
    for number, block in enumerate(blocks, 1):
        try:
            pattern, rules = read_block(block)
        except Malformed as error:
            raise StartRefused(f"{_title(number, block.get('name'))}: {error}") from error
        hiding = next((other for other in read if other == pattern or ("*" in other and matches(other, pattern))), None)
        if hiding is not None:
            raise StartRefused(
                f'{_title(number, pattern)}: name: it can never hold, since "{hiding}" comes before it '
                "and matches all of its rooms"
            )
        read[pattern] = rules
    return list(read.items())


def _title(number: int, name: object) -> str:
    """A block's place among `[[rooms]]`, from 1, and its name, where it says one that can be repeated in a line."""
    legible = isinstance(name, str) and len(name) <= PATTERN_CHARACTERS and name.isprintable()
    return f'block {number} ("{name}")' if legible else f"block {number}"


def read_policy(path: Path) -> Policy:
    """The policy in the file at `path`.  Raises `StartRefused` with what is wrong, and where."""
    try:
        if not path.is_file():  # a pipe might never end, and can't be read again
            raise StartRefused(f"--rooms {path}: there is no such file")
        with path.open("rb") as file:
            read = file.read(FILE_BYTES + 1)
        if len(read) > FILE_BYTES:
            raise StartRefused(f"--rooms {path}: a policy has {FILE_BYTES} bytes at most")
        text = read.decode("utf-8-sig")
    except (OSError, ValueError) as error:
        raise StartRefused(f"--rooms {path}: this can't be read: {error}") from error
    try:
        return Policy.parse(text)
    except StartRefused as error:
        raise StartRefused(f"--rooms {path}: {error}") from error


class PolicyFile:
    """The policy that holds now, and the file it came from, which may be read again; without a file all is open.

    Raises `StartRefused` where the file can't be read or errs.
    """

    _log = Logger()

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self.policy = Policy() if path is None else read_policy(path)

    def reload(self) -> bool:
        """Read the file again; whether `policy` is another one now.  A file that errs changes nothing but the log."""
        if self._path is None:
            return False
        try:
            self.policy = read_policy(self._path)
        except StartRefused as error:
            self._log.error("the rooms' policy was not changed: {error}", error=error)
            return False
        self._log.info("the rooms' policy was read again from {path}", path=self._path)
        return True
