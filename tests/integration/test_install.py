"""``pip install .``: what it installs runs by itself, far from the checkout.

This makes a virtual environment and fetches what chatcomet requires, by pip as it is set up here: about a minute.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.plain_client import ask, post_text
from tests.integration.server import Server

CHECKOUT = Path(__file__).parents[2]
INSTALL_SECONDS = 600  # a slow network is not our fault
NOT_SOURCES = (".*", "*.egg-info", "build", "dist", "node_modules", "__pycache__", "_trial_temp*", "chatcomet.db*")


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of programs of a virtual environment with chatcomet in it, made from a copy of the sources."""
    folder = tmp_path_factory.mktemp("installed")
    shutil.copytree(CHECKOUT, folder / "sources", symlinks=True, ignore=shutil.ignore_patterns(*NOT_SOURCES))
    programs = folder / "environment" / "bin"
    run(sys.executable, "-m", "venv", folder / "environment")
    run(programs / "python", "-m", "pip", "install", "--quiet", "--no-compile", folder / "sources")
    shutil.rmtree(folder / "sources")
    return programs


@pytest.fixture
def elsewhere(installed: Path, tmp_path: Path) -> Iterator[Server]:
    """The installed server, running in an empty folder."""
    server = Server(tmp_path, environ={"PYTHONPATH": ""}, twistd=installed / "twistd")
    server.start()
    yield server
    server.close()


def run(*command: str | Path) -> str:
    """What a program prints, which must succeed."""
    away = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    ran = subprocess.run(
        list(map(str, command)), cwd="/", env=away, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def test_the_installed_server_serves_the_page_and_the_chat(elsewhere: Server) -> None:
    files = {"": "index.html"} | {path.name: path.name for path in (CHECKOUT / "web").iterdir()}
    del files["index.html"]
    for served, name in files.items():
        answer = ask(elsewhere.port, "GET", f"/{served}")
        assert answer.status == 200, name
        assert answer.body == (CHECKOUT / "web" / name).read_bytes(), name
    described = ask(elsewhere.port, "GET", "/openapi.yaml")
    assert described.body == (CHECKOUT / "docs" / "openapi.yaml").read_bytes()
    assert post_text(elsewhere.port, "hello").status == 200
    assert ask(elsewhere.port, "GET", "/chat/get/0").body == b"hello"
    elsewhere.stop()
    elsewhere.start()
    assert ask(elsewhere.port, "GET", "/chat/get/0").body == b"hello"


def test_the_installed_command_runs(installed: Path) -> None:
    assert "chatcomet" in run(installed / "chatcomet", "--version")


def test_its_types_are_installed_with_it(installed: Path) -> None:
    where = run(installed / "python", "-c", "import chatcomet; print(chatcomet.__file__)")
    assert not Path(where).is_relative_to(CHECKOUT)
    assert Path(where.strip()).with_name("py.typed").exists()
