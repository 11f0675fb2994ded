"""Ask whether anything installed beside chatcomet has a known weakness: ``python -m tests.audit``.

pip-audit asks a service of advisories.  Where none can be reached, or it does not know the packages, nothing is found
out: that is said, and does not fail, for nobody could do anything about it.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from typing import Any

COMMAND = ("-m", "pip_audit", "--local", "--progress-spinner=off", "--timeout=10", "--format=json")
PATIENCE_SECONDS = 300.0

Dependency = dict[str, Any]


def ask() -> Sequence[Dependency]:
    """What is installed, each with its ``vulns`` or a ``skip_reason``; raises ValueError where nothing was answered."""
    try:
        asked = subprocess.run(
            [sys.executable, *COMMAND], capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        raise ValueError(f"there was no answer within {PATIENCE_SECONDS:.0f} s") from None
    try:
        dependencies: Sequence[Dependency] = json.loads(asked.stdout)["dependencies"]
    except (ValueError, KeyError, TypeError):
        said = asked.stderr.strip().splitlines() or ["pip-audit said nothing"]
        raise ValueError(said[-1]) from None
    return dependencies


def report(dependencies: Sequence[Dependency]) -> tuple[str, bool]:
    """What is to be said of them, and whether there is nothing to worry about."""
    asked = [dependency for dependency in dependencies if "vulns" in dependency]
    weak = [
        f"{dependency['name']} {dependency['version']}: {weakness['id']}, mended in "
        f"{', '.join(weakness['fix_versions']) or 'no version yet'}"
        for dependency in asked
        for weakness in dependency["vulns"]
    ]
    if not asked:
        return f"the service of advisories knows none of {len(dependencies)} packages: nothing was found out", True
    summary = f"{len(asked)} of {len(dependencies)} packages were asked for, {len(weak)} weaknesses are known"
    return "\n".join([*weak, summary]), not weak


def main() -> int:
    """The status with which the process ends: 1 where something is known to be weak."""
    try:
        said, is_well = report(ask())
    except ValueError as error:
        said, is_well = f"no service of advisories can be asked, so nothing was found out: {error}", True
    print(f"audit: {said}")  # noqa: T201  # this is what it is for
    return 0 if is_well else 1


if __name__ == "__main__":
    sys.exit(main())
