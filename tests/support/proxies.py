"""A proxy before a database server that can be cut, or go silent, for one process alone."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import psutil

from tests.support.ports import free_port

#: It takes no more than this from a client before it passes that on.
RECEIVED_BYTES = 65536


@dataclass
class Pair:
    """The two connections of one client; ``server`` None: one that was never made."""

    pid: int
    client: socket.socket
    pace: Callable[[int], None]
    server: socket.socket | None = None
    #: Set while it passes anything on.
    passes: threading.Event = field(default_factory=threading.Event)
    is_over: bool = False

    def pass_on(self, source: socket.socket, target: socket.socket) -> None:
        """Pass on what comes from one side, and its end."""
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                self.passes.wait()
                if self.is_over:
                    return
                target.sendall(data)
                self.pace(len(data))
        self.passes.wait()
        self.end()

    def end(self) -> None:
        """End both connections."""
        self.is_over = True
        self.passes.set()
        for one in (self.client, self.server):
            if one is not None:
                with contextlib.suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)
                one.close()


class Proxy:
    """Listens at ``port`` and passes on what comes to a server's port, both of the loopback."""

    def __init__(self, server_port: int) -> None:
        self.port = free_port()
        self.bytes_per_second: int | None = None  # in each direction; None: what it can
        self._server = ("127.0.0.1", server_port)
        self._lock = threading.Lock()
        self._cut: set[int] = set()
        self._silent: set[int] = set()
        self._is_silent = False
        self._pairs: list[Pair] = []
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVED_BYTES)
        threading.Thread(target=self._accept, name="proxy", daemon=True).start()

    def cut(self, *pids: int) -> None:
        """End the connections of these processes, and take no more of them."""
        with self._lock:
            self._cut.update(pids)
            cut = [one for one in self._pairs if one.pid in self._cut]
        for pair in cut:
            pair.end()

    def silence(self, *pids: int) -> None:
        """Keep the connections of these processes, or of all, and pass nothing on any more.

        New ones are taken, and nothing is said.  Neither side is told of the end of the other.
        """
        with self._lock:
            self._silent.update(pids)
            self._is_silent = self._is_silent or not pids
            for pair in self._pairs:
                if self._holds(pair.pid):
                    pair.passes.clear()

    def forget(self) -> None:
        """Let all connections that there are be silent for good; new ones are as they were."""
        with self._lock:
            for pair in self._pairs:
                pair.passes.clear()

    def mend(self, late: bool = False) -> None:
        """Take connections of all processes again; those that are silent stay so.

        ``late``: what they have held back is passed on after all.
        """
        with self._lock:
            self._cut.clear()
            self._silent.clear()
            self._is_silent = False
            pairs = list(self._pairs) if late else []
        for pair in pairs:
            pair.passes.set()

    def count(self, *pids: int) -> int:
        """Return how many connections there have been of these processes, or in all."""
        with self._lock:
            return sum(not pids or one.pid in pids for one in self._pairs)

    def close(self) -> None:
        """End all connections."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for pair in self._pairs:
            pair.end()

    def _pace(self, size: int) -> None:
        if self.bytes_per_second is not None:
            time.sleep(size / self.bytes_per_second)

    def _holds(self, pid: int) -> bool:
        return self._is_silent or pid in self._silent

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # it is closed
            while True:
                client, address = self._listener.accept()
                threading.Thread(target=self._serve, args=(client, address[1]), daemon=True).start()

    def _serve(self, client: socket.socket, port: int) -> None:
        pair = Pair(_owner_of(client, port), client, self._pace)
        with self._lock:
            is_cut, is_silent = pair.pid in self._cut, self._holds(pair.pid)
            if is_silent:
                self._pairs.append(pair)
        if is_silent:
            return
        if not is_cut:
            with contextlib.suppress(OSError):
                pair.server = socket.create_connection(self._server)
        if pair.server is None:
            client.close()
            return
        with self._lock:
            self._pairs.append(pair)
            is_cut = pair.pid in self._cut
            if not self._holds(pair.pid):
                pair.passes.set()
        if is_cut:
            pair.end()
        for ends in ((client, pair.server), (pair.server, client)):
            threading.Thread(target=pair.pass_on, args=ends, daemon=True).start()


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
