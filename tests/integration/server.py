"""A real twistd as a subprocess, to be started, stopped, killed and started again over one store."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

TWISTD = Path(sys.executable).with_name("twistd")
START_SECONDS = 20.0


class Server:
    """One chatcomet on a port of its own, with its files in `folder`; `options` are those of ``twistd chatcomet``."""

    def __init__(
        self, folder: Path, *options: str, environ: Mapping[str, str] | None = None, twistd: Path = TWISTD
    ) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.options = options
        self._twistd = twistd
        self._environ = {**os.environ, **(environ or {})}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> str:
        """All that the server has logged, over all its starts."""
        return (self.folder / "server.log").read_text()

    @property
    def pid(self) -> int:
        """The running process."""
        assert self._process is not None, "the server is not running"
        return self._process.pid

    def start(self) -> None:
        """Start it, again or for the first time, and wait until it serves."""
        listen = f"tcp:{self.port}:interface=127.0.0.1"
        command = [str(self._twistd), "--nodaemon", "--pidfile=", "chatcomet", "--listen", listen, *self.options]
        if "--store" not in self.options:
            command += ["--store", f"sqlite:{self.folder / 'chat.db'}"]
        with (self.folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                command, stdout=log, stderr=log, cwd=self.folder, env=self._environ, preexec_fn=_hear_signals
            )
        self._wait_until_it_serves()

    def _wait_until_it_serves(self) -> None:
        assert self._process is not None
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end:
            assert self._process.poll() is None, f"the server ended at once:\n{self.log}"
            if self._answers():
                return
            time.sleep(0.02)
        raise AssertionError(f"the server did not serve within {START_SECONDS} s:\n{self.log}")

    def _answers(self) -> bool:
        """Whether it answers.  It listens before it has opened its store: a connection alone says nothing."""
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1) as probe:
                probe.sendall(b"HEAD / HTTP/1.0\r\n\r\n")
                return bool(probe.recv(1))
        except OSError:
            return False

    def kill(self) -> None:
        """End it at once, as a power cut would."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()
        self._process = None

    def stop(self) -> int:
        """Ask it to stop, wait for its end; its exit status."""
        self.terminate()
        return self.wait()

    def terminate(self) -> None:
        """Ask it to stop (SIGTERM)."""
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)

    def wait(self) -> int:
        """Wait for its end; its exit status."""
        assert self._process is not None
        status = self._process.wait(10)
        self._process = None
        return status

    def close(self) -> None:
        """Let nothing of it run on."""
        if self._process is not None:
            self.kill()


def run_twistd(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run twistd in `folder`, to its end."""
    return subprocess.run([str(TWISTD), *arguments], cwd=folder, capture_output=True, text=True, timeout=START_SECONDS)


def free_port() -> int:
    """A port on which nobody listens now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def tls_endpoint(folder: Path) -> tuple[int, str]:
    """A free port and the endpoint of TLS there, for `--listen`; `folder` keeps its certificate."""
    port, key, certificate = free_port(), folder / "key.pem", folder / "certificate.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-subj", "/CN=localhost", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(command, check=True, capture_output=True)
    return port, f"ssl:{port}:interface=127.0.0.1:privateKey={key}:certKey={certificate}"


def _hear_signals() -> None:
    """Those that are ignored in what runs in the background, or by `nohup`."""
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
