"""The machine, and the versions of everything that was measured on it."""

from __future__ import annotations

import os
import platform
import re
import sqlite3
import subprocess
import time
from importlib.metadata import version
from pathlib import Path
from statistics import median

from bench.progress import say

SYNCS = 50


def describe(work: Path) -> dict[str, str]:
    """One line each; `work` is where servers keep their files."""
    return {
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "processors": f"{os.cpu_count()} × {_processor()}",
        "kernel": f"{platform.system()} {platform.release().partition('-')[0]}",
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB",
        "system": platform.freedesktop_os_release().get("PRETTY_NAME", "unknown"),
        "disk": _disk(work),
        "chatcomet": f"{version('chatcomet')} ({_told('git', 'describe', '--always', '--dirty')})",
        "Python": platform.python_version(),
        "Twisted": version("twisted"),
        "Klein": version("klein"),
        "Tornado": version("tornado"),
        "SQLite": sqlite3.sqlite_version,
        "nginx": _told("nginx", "-v").partition("/")[2],
        "Nchan": _told("dpkg-query", "-W", "-f", "${Version}", "libnginx-mod-nchan"),
        "C compiler": _told(os.environ.get("CC", "cc"), "--version").partition("\n")[0],
    }


def _processor() -> str:
    found = re.search(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return found[1] if found else platform.machine()


def _told(*command: str) -> str:
    """What a program says of itself, on whichever output."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        say(f"bench: {command[0]}: {error}")
        return "unknown"
    return (done.stdout or done.stderr).strip()


def _disk(work: Path) -> str:
    kind = _told("findmnt", "-n", "-o", "FSTYPE", "-T", str(work))
    return f"{kind}; a write and fdatasync take {_sync_ms(work):.2f} ms"


def _sync_ms(work: Path) -> float:
    """How long this disk takes to keep something: durable posts can't be faster."""
    path = work / "sync"
    times = []
    with path.open("wb", buffering=0) as file:
        for _ in range(SYNCS):
            begin = time.perf_counter()
            file.write(bytes(4096))
            os.fdatasync(file.fileno())
            times.append((time.perf_counter() - begin) * 1e3)
    path.unlink()
    return median(times)
