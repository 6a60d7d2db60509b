"""The socket of a service manager, which hears what a supervisor says of itself."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from zcasync.testing.waiting import wait_until


class Manager:
    """Listens at a path, or, where the path begins with ``@``, at a name without a file."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.heard: list[tuple[float, dict[str, str]]] = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.bind(address.replace("@", "\0", 1) if address[0] == "@" else address)

    def listen(self) -> list[dict[str, str]]:
        """Take what has been sent; return all that was, each message by the names of its lines."""
        while True:
            try:
                message = self._socket.recv(65536).decode()
            except BlockingIOError:
                return [lines for _, lines in self.heard]
            pairs = (line.partition("=") for line in message.split("\n"))
            self.heard.append((time.monotonic(), {name: value for name, _, value in pairs}))

    def all_of(self, name: str) -> list[str]:
        """Return the values with which a name was sent so far."""
        return [lines[name] for lines in self.listen() if name in lines]

    def wait_for(self, name: str, words: str = "", seconds: float = 60.0) -> str:
        """Wait until a name was sent with these words in its value; return the value."""
        found = wait_until(
            lambda: [value for value in self.all_of(name) if words in value],
            f"{name} with {words!r}",
            seconds,
            lambda: str(self.listen()),
        )
        return str(found[0])

    def close(self) -> None:
        """Listen no more."""
        self._socket.close()
        if self.address[0] != "@":
            os.unlink(self.address)


@contextmanager
def manager_at(address: Path | str) -> Iterator[Manager]:
    """A manager that listens there."""
    manager = Manager(os.fspath(address))
    try:
        yield manager
    finally:
        manager.close()
