"""TurningClock: a `Clock` whose turns a test can count."""

from __future__ import annotations

from twisted.internet.task import Clock


class TurningClock(Clock):
    """`Clock.advance` also runs what is scheduled for now while it runs; a reactor leaves that to its next turn."""

    def turn(self) -> None:
        """One turn of a reactor: what is due now, and not what is scheduled meanwhile."""
        for call in [call for call in self.calls if call.getTime() <= self.seconds()]:
            if call.active():
                self.calls.remove(call)
                call.called = 1
                call.func(*call.args, **call.kw)
