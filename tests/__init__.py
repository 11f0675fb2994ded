"""Tests: `unit` mirrors the source, without sockets or sleeps; `integration` runs a real server.

What Hypothesis draws is the same in each run, so that a test that fails fails because of what was changed.  With
`CHATCOMET_HUNT` in the environment it is something else each time: for who hunts for what nobody has thought of.
No example fails for being slow: how long something takes is no test's matter, and a machine may be busy.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

settings.register_profile(
    "chatcomet",
    derandomize=not os.environ.get("CHATCOMET_HUNT"),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("chatcomet")
