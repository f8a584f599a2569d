"""An HTTP server on a loopback socket, byte by byte: what libraries for servers are too polite to send."""

from __future__ import annotations

import contextlib
import socket
import threading
from abc import ABC, abstractmethod


class RawServer(ABC):
    """Reads the head of each request and leaves the rest to `answer`, on a thread for each connection."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    @abstractmethod
    def answer(self, connection: socket.socket, head: bytes, rest: bytes) -> bool:
        """Answers a request, of whose body `rest` has come already. True: the connection is closed at once, as by a
        server that dies; False: properly."""

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            connection.settimeout(60)
            came = b""
            while b"\r\n\r\n" not in came:
                more = connection.recv(65_536)
                if not more:
                    return
                came += more
            head, _, rest = came.partition(b"\r\n\r\n")
            if self.answer(connection, head, rest):
                return
            connection.shutdown(socket.SHUT_WR)
            connection.settimeout(1)
            connection.recv(1)
