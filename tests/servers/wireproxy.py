"""A TCP proxy that breaks connections: what is inside may be encrypted, so it counts bytes and swallows answers.

with WireProxy(port) as proxy: proxy.cut_after(100_000)
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from types import TracebackType


class WireProxy:
    """In front of one port of this machine. `port`: its own. `connections`: made so far; `bytes_sent`: by clients, in all."""

    def __init__(self, upstream: int) -> None:
        self._upstream = upstream
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.connections = 0
        self.bytes_sent = 0
        self._lock = threading.Lock()
        self._cuts: list[int] = []
        self._deaf = False
        self._down = False
        self._open: set[socket.socket] = set()
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self) -> WireProxy:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.close()
        self.cut()

    def cut_after(self, *counts: int) -> None:
        """Ends the connection once clients sent so many bytes more; then again, so many after that."""
        with self._lock:
            self._cuts = list(counts)

    def lose_answers(self) -> None:
        """From now on what clients send arrives and no answer comes back; the connection ends when the next answer would have come."""
        self._deaf = True

    def down(self, is_down: bool = True) -> None:
        """Whether connections are refused from now on; those that are open end."""
        self._down = is_down
        if is_down:
            self.cut()

    def cut(self) -> None:
        """Ends all connections."""
        with self._lock:
            found, self._open = self._open, set()
        for each in found:
            _reset(each)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if self._down:
                _reset(client)
                continue
            server = socket.create_connection(("127.0.0.1", self._upstream))
            for each in (client, server):
                each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                self.connections += 1
                self._open |= {client, server}
            threading.Thread(target=self._forward, args=(client, server, True), daemon=True).start()
            threading.Thread(target=self._forward, args=(server, client, False), daemon=True).start()

    def _forward(self, source: socket.socket, target: socket.socket, of_client: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(16_384):
                if of_client and self._cuts_now(len(data)):
                    target.sendall(data[: len(data) // 2])
                    break
                if not of_client and self._deaf:
                    self._deaf = False
                    time.sleep(0.1)  # what was sent arrives, and is done
                    break
                target.sendall(data)
        _reset(source)
        _reset(target)

    def _cuts_now(self, size: int) -> bool:
        with self._lock:
            self.bytes_sent += size
            if not self._cuts:
                return False
            self._cuts[0] -= size
            if self._cuts[0] > 0:
                return False
            self._cuts.pop(0)
            return True


def _reset(sock: socket.socket) -> None:
    """Closes with RST: the other side sees `connection reset`."""
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
    with contextlib.suppress(OSError):
        sock.shutdown(socket.SHUT_RDWR)
    sock.close()
