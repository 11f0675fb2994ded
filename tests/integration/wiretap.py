"""What lies between a client and a server: somebody who listens on the wire."""

from __future__ import annotations

import socket
from contextlib import suppress
from threading import Thread
from typing import Self

from tests.integration.plain_client import HOST


class Wiretap:
    """Passes connections to its own `port` on to the `server_port`, and keeps all that goes either way."""

    def __init__(self, server_port: int) -> None:
        self._server_port = server_port
        self._listening = socket.create_server((HOST, 0))
        self._sockets: list[socket.socket] = []
        self.port: int = self._listening.getsockname()[1]
        self.heard: list[bytearray] = []
        """What went over the wire: of each connection what the client sent, and what the server did."""

    def __enter__(self) -> Self:
        Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        for open_socket in (self._listening, *self._sockets):
            open_socket.close()

    def _accept(self) -> None:
        with suppress(OSError):  # the end
            while True:
                client, _ = self._listening.accept()
                server = socket.create_connection((HOST, self._server_port))
                self._sockets += [client, server]
                for source, sink in ((client, server), (server, client)):
                    self.heard.append(bytearray())
                    Thread(target=_pass_on, args=(source, sink, self.heard[-1]), daemon=True).start()


def _pass_on(source: socket.socket, sink: socket.socket, heard: bytearray) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            heard += data
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
