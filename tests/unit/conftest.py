"""Unit tests leave no files behind: those of trial's `mktemp` are made in a folder of each test's own."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def in_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run each test in a folder that pytest removes."""
    monkeypatch.chdir(tmp_path)
