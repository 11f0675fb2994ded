"""HandRegister: accounts of which the test says what is known."""

from __future__ import annotations


class HandRegister:
    """A `Register`.  `names`: as `fold` has them.  `knows_all`: whether there are no accounts without a fingerprint."""

    def __init__(self) -> None:
        self.names: set[str] = set()
        self.fingerprints: set[str] = set()
        self.knows_all = False

    def has_account(self, name: str) -> bool:
        return name in self.names

    def vouches(self, fingerprint: str | None) -> bool:
        return not self.knows_all if fingerprint is None else fingerprint in self.fingerprints
