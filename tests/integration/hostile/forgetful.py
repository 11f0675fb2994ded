"""A chatcomet that remembers little, and not for long: so it soon shows whether that is all it does.

As a program: ``twistd`` with other constants than ours, which tells at SIGUSR2 how many blocks of memory Python has
given out.  That is all that lives there, to the last string, once the garbage is gone.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
import time
from importlib import import_module
from pathlib import Path
from types import FrameType

from twisted.scripts import twistd

from tests.integration.plain_client import settle
from tests.integration.server import START_SECONDS, Server

KEPT = 40
LASTS_SECONDS = 0.05

OTHERWISE: dict[str, dict[str, float]] = {
    "chatcomet.access.addresses": {"_REMEMBERED": KEPT},
    "chatcomet.access.askers": {"_REMEMBERED": KEPT},
    "chatcomet.access.gate": {"_CLEARANCES": KEPT},
    "chatcomet.access.limits": {"ENDED": KEPT},
    "chatcomet.access.policy": {"_REMEMBERED": KEPT},
    "chatcomet.access.remembered": {"REMEMBERED": KEPT},
    "chatcomet.access.rulings": {"KEPT": KEPT, "CROWD": KEPT},
    "chatcomet.access.sessions": {"_REMEMBERED": KEPT, "_NAMES": KEPT},
    "chatcomet.access.tickets": {"_REMEMBERED_BYTES": 2_000 * KEPT},
    "chatcomet.access.tries": {"REMEMBERED": KEPT},
    "chatcomet.api.known_rooms": {"_REMEMBERED": KEPT},
    "chatcomet.core.hub": {"CROWD": KEPT, "IDLE_SECONDS": LASTS_SECONDS, "LEFT_SECONDS": LASTS_SECONDS},
    "chatcomet.core.roster": {"GRACE_SECONDS": LASTS_SECONDS},
    "chatcomet.http.lane": {"ASKS": KEPT, "HEADS_BYTES": 1_000 * KEPT, "_ELSEWHERE": KEPT},
}
"""What stands there otherwise, by module."""

_REPORT = Path("blocks")
_ROOT = Path(__file__).parents[3]


class ForgetfulServer(Server):
    """One of them."""

    def __init__(self, folder: Path, *options: str) -> None:
        program = folder / "twistd"
        program.write_text(f"#!{sys.executable}\nfrom {__name__} import main\nmain()\n")
        program.chmod(0o700)
        super().__init__(folder, *options, environ={"PYTHONPATH": str(_ROOT)}, twistd=program)

    def blocks(self) -> int:
        """How many blocks of memory there are when it is left alone."""
        time.sleep(4 * LASTS_SECONDS)
        report = self.folder / _REPORT
        report.unlink(missing_ok=True)
        os.kill(self.pid, signal.SIGUSR2)
        end = time.monotonic() + START_SECONDS
        while not report.exists():
            assert time.monotonic() < end, self.log
            settle(self.port)  # it hears of a signal in its next turn
        return int(report.read_text())


def _report(number: int, frame: FrameType | None) -> None:
    gc.collect()
    unfinished = _REPORT.with_suffix(".new")
    unfinished.write_text(str(sys.getallocatedblocks()))
    unfinished.replace(_REPORT)


def main() -> None:
    """Run twistd."""
    for name, constants in OTHERWISE.items():
        module = import_module(name)
        for constant, value in constants.items():
            assert hasattr(module, constant), (name, constant)
            setattr(module, constant, value)
    signal.signal(signal.SIGUSR2, _report)
    twistd.run()
