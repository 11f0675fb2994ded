"""Clocks of a running server that a test sets, by libfaketime.

`time.sleep` fails under it, by a bug of libfaketime; the server never sleeps.
"""

from __future__ import annotations

from pathlib import Path


class SetClock:
    """A server's wall clock: `jump` sets it so many seconds away from ours, at once, as somebody who sets a clock does.

    The server's monotonic clock stays as it is.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self.jump(0)

    def jump(self, seconds: int) -> None:
        """Set it, as a whole: the server reads it at any moment."""
        unfinished = self._file.with_suffix(".new")
        unfinished.write_text(f"{seconds:+d}\n", "ascii")
        unfinished.replace(self._file)

    @property
    def environ(self) -> dict[str, str]:
        """What a process needs to see this clock."""
        return {
            **self._faketime,
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "DONT_FAKE_MONOTONIC": "1",  # its name before libfaketime 0.9.9
        }

    @property
    def _faketime(self) -> dict[str, str]:
        libraries = list(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
        assert libraries, "libfaketime is not installed: tests/install-system does that"
        return {
            "LD_PRELOAD": str(libraries[0]),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
        }


class HastyClock(SetClock):
    """All clocks of a server: after a `jump`, so many seconds more have passed there than here.

    A server that is asleep notices that when it is woken: ask it for something.
    """

    @property
    def environ(self) -> dict[str, str]:
        """What a process needs to see this clock."""
        return self._faketime
