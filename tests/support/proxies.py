"""A proxy before a database server that can be cut for one process alone."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from typing import Any

import psutil

from tests.support.ports import free_port


class Proxy:
    """Listens at ``port`` and passes on what comes to a server's port, both of the loopback."""

    def __init__(self, server_port: int) -> None:
        self.port = free_port()
        self._server = ("127.0.0.1", server_port)
        self._lock = threading.Lock()
        self._cut: set[int] = set()
        self._pairs: list[tuple[int, socket.socket, socket.socket]] = []
        self._listener = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._accept, name="proxy", daemon=True).start()

    def cut(self, *pids: int) -> None:
        """End the connections of these processes, and take no more of them."""
        with self._lock:
            self._cut.update(pids)
            cut = [(one, other) for pid, one, other in self._pairs if pid in self._cut]
        for pair in cut:
            _end(*pair)

    def mend(self) -> None:
        """Take connections of all processes again."""
        with self._lock:
            self._cut.clear()

    def close(self) -> None:
        """End all connections."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for _, one, other in self._pairs:
            _end(one, other)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # it is closed
            while True:
                client, address = self._listener.accept()
                threading.Thread(target=self._serve, args=(client, address[1]), daemon=True).start()

    def _serve(self, client: socket.socket, port: int) -> None:
        pid = _owner_of(client, port)
        with self._lock:
            is_cut = pid in self._cut
        if is_cut:
            client.close()
            return
        try:
            server = socket.create_connection(self._server)
        except OSError:
            client.close()
            return
        with self._lock:
            self._pairs.append((pid, client, server))
            is_cut = pid in self._cut
        if is_cut:
            _end(client, server)
        for ends in ((client, server), (server, client)):
            threading.Thread(target=_pass_on, args=ends, daemon=True).start()


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    _end(source, target)


def _end(*ends: Any) -> None:
    for one in ends:
        with contextlib.suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
        one.close()


def _owner_of(client: socket.socket, port: int) -> int:
    """Return the process that has this port as its own end; 0: it is gone.

    The kernel's table of connections is read in pieces, and one that changes meanwhile may lack
    some that are there.
    """
    while not _is_ended(client):
        for one in psutil.net_connections("tcp4"):
            if one.laddr and one.laddr.port == port and one.raddr and one.pid:
                return int(one.pid)
    return 0


def _is_ended(client: socket.socket) -> bool:
    """Return whether the other side has ended a connection from which nothing was read yet."""
    try:
        return not client.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except BlockingIOError:
        return False
    except OSError:
        return True


@contextlib.contextmanager
def proxied(server_port: int) -> Iterator[Proxy]:
    """A proxy before the server at this port."""
    proxy = Proxy(server_port)
    try:
        yield proxy
    finally:
        proxy.close()
