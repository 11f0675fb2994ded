"""Tests: `unit` mirrors the source, without sockets or sleeps; `integration` runs a real server.

What Hypothesis draws is the same in each run, so that a test that fails fails because of what was changed.  With
`CHATCOMET_HUNT` in the environment it is something else each time: for who hunts for what nobody has thought of.
"""

from __future__ import annotations

import os

from hypothesis import settings

settings.register_profile("repeat", derandomize=True)
if not os.environ.get("CHATCOMET_HUNT"):
    settings.load_profile("repeat")
