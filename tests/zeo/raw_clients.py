"""A client of a database server that sends whatever it likes: lengths and bytes on a socket."""

from __future__ import annotations

import pickle
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

#: Beyond this a server does not answer any more.
SECONDS = 20.0


class Marker:
    """When it is unpickled without restrictions, ``function(*args)`` is called."""

    def __init__(self, function: Any, *args: Any) -> None:
        self._call = function, args

    def __reduce__(self) -> Any:
        return self._call


def touch(path: Path) -> Marker:
    """What makes a file where it is unpickled."""
    return Marker(eval, f"open({str(path)!r}, 'w').close()")


class RawClient:
    """One connection, after the handshake."""

    def __init__(self, address: Any, protocol: bytes | None = None) -> None:
        kind = socket.AF_INET if isinstance(address, tuple) else socket.AF_UNIX
        self.socket = socket.socket(kind)
        self.socket.settimeout(SECONDS)
        self.socket.connect(address)
        announced = self.receive()
        self.send(protocol or announced)

    def close(self) -> None:
        self.socket.close()

    def send(self, data: bytes) -> None:
        """Send a message of any bytes."""
        self.socket.sendall(struct.pack(">I", len(data)) + data)

    def receive(self) -> bytes:
        """The next message.  Raises ConnectionError when the server has closed."""
        return self._exactly(*struct.unpack(">I", self._exactly(4)))

    def _exactly(self, length: int) -> bytes:
        data = b""
        while len(data) < length:
            part = self.socket.recv(length - len(data))
            if not part:
                raise ConnectionError("closed")
            data += part
        return data

    def say(self, method: Any, *args: Any) -> None:
        """Send a message that asks for no answer."""
        self.send(pickle.dumps((0, True, method, args), 3))

    def ask(self, method: Any, *args: Any) -> Any:
        """Send a request; its answer.  Raises ConnectionError when the server has closed."""
        self.send(pickle.dumps((1, False, method, args), 3))
        while True:
            number, _, name, answer = pickle.loads(self.receive())
            if (number, name) == (1, ".reply"):
                return answer

    def is_cut_off(self) -> bool:
        """Whether the server ends the connection; waits for that.  Reads what comes before it."""
        try:
            while self.socket.recv(65536):
                pass
        except ConnectionError:
            return True
        except TimeoutError:
            return False
        return True


@contextmanager
def raw_client(address: Any, storage: str | None = None) -> Iterator[RawClient]:
    """A connection; of a client that is registered for a storage if one is named."""
    client = RawClient(address)
    try:
        if storage is not None:
            client.ask("register", storage, False)
        yield client
    finally:
        client.close()
