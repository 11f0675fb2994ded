"""The command ``chatcomet``, run as a process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import IO, Any

CHATCOMET = str(Path(sys.executable).with_name("chatcomet"))
END_SECONDS = 20.0
SOON_SECONDS = 5.0


def run(
    url: str, *words: str, stdin: str | bytes | IO[bytes] = b"", **environ: str
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, with this text or file as its input."""
    given: dict[str, Any] = {"stdin": stdin}
    if isinstance(stdin, str | bytes):
        given = {"input": stdin.encode() if isinstance(stdin, str) else stdin}
    ended = subprocess.run(
        [CHATCOMET, *words], capture_output=True, timeout=END_SECONDS, env=environment(url, environ), **given
    )
    return subprocess.CompletedProcess(ended.args, ended.returncode, ended.stdout.decode(), ended.stderr.decode())


def environment(url: str, more: dict[str, str]) -> dict[str, str]:
    return {**os.environ, "CHATCOMET_URL": url, "TZ": "UTC", **more}


def spawn(started: list[subprocess.Popen[str]], url: str, *words: str) -> subprocess.Popen[str]:
    """A command that runs, with pipes to it."""
    process = subprocess.Popen(
        [CHATCOMET, *words],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(url, {}),
    )
    started.append(process)
    return process
