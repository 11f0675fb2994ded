"""The description: the OpenAPI document of all that is served, read once and served from memory."""

from __future__ import annotations

from importlib import resources

import chatcomet
from chatcomet.http.wire import Answer

YAML = "application/yaml"


def read_description() -> Answer:
    """The answer for ``docs/openapi.yaml``, which comes into the package by a symbolic link."""
    return Answer(200, (resources.files(chatcomet) / "openapi.yaml").read_bytes(), YAML)
