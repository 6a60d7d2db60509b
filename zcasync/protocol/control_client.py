"""The operator's side of the control socket: a blocking client."""

from __future__ import annotations

import json
import socket
import time
from pathlib import Path
from typing import Any

from twisted.protocols import amp

from zcasync.errors import NotRunning, StorageAway
from zcasync.protocol.control import Status
from zcasync.unix_sockets import fits, require_trusted_folder, require_trusted_peer


class ControlClient:
    """A client of a supervisor that needs no reactor.

    All calls end within ``timeout`` seconds of its creation.  Raises NotRunning when no supervisor
    listens at ``path``, StorageAway when it cannot be reached, ConfigurationError where another
    user's process answers, or could.  ``owner``: that of the supervisor's home, where that is
    known to be trusted.
    """

    def __init__(self, path: Path, timeout: float, owner: int | None = None) -> None:
        self._path = path
        self._deadline = time.monotonic() + timeout
        require_trusted_folder(path, owner)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._connect()
            require_trusted_peer(self._socket, path, owner)
        except BaseException:
            self._socket.close()
            raise

    def _connect(self) -> None:
        """Connect.  Only here it can be seen that no supervisor is there."""
        path = self._path
        if not fits(path):
            raise NotRunning(f"no supervisor answers at {path}: it is too long for a socket")
        self._socket.settimeout(self._left())
        try:
            self._socket.connect(str(path))
        except (FileNotFoundError, ConnectionRefusedError) as error:
            raise NotRunning(f"no supervisor answers at {path}") from error
        except BlockingIOError as error:  # where too many wait the kernel does not let us wait
            raise StorageAway(
                f"the supervisor at {path} takes no more connections now: so many wait already "
                "that it may be frozen"
            ) from error
        except OSError as error:
            raise StorageAway(f"the supervisor cannot be reached at {path}: {error}") from error

    def _left(self) -> float:
        return max(0.001, self._deadline - time.monotonic())

    def call(self, command: type[amp.Command], **arguments: Any) -> dict[str, Any]:
        """Send one command and return the answer.

        Raises StorageAway when no answer comes, or none in time.  The supervisor may live also
        where it has closed the connection.
        """
        box = command.makeArguments(arguments, None)
        box[amp.COMMAND] = command.commandName
        box[amp.ASK] = b"1"
        try:
            self._socket.sendall(box.serialize())
            answer = self._read_box()
        except TimeoutError as error:
            raise StorageAway(f"the supervisor at {self._path} does not answer") from error
        except OSError as error:
            raise StorageAway(
                f"the supervisor at {self._path} closed the connection: it has ended, or too many "
                "are connected"
            ) from error
        if amp.ERROR in answer:
            raise StorageAway(answer[amp.ERROR_DESCRIPTION].decode())
        return command.parseResponse(answer, None)  # type: ignore[no-any-return]

    def _read_box(self) -> amp.AmpBox:
        box = amp.AmpBox()
        while True:
            key = self._read_string()
            if not key:
                return box
            box[key] = self._read_string()

    def _read_string(self) -> bytes:
        return self._read(int.from_bytes(self._read(2)))

    def _read(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            self._socket.settimeout(self._left())
            more = self._socket.recv(count - len(data))
            if not more:
                raise ConnectionResetError("connection closed")
            data += more
        return data

    def status(self) -> dict[str, Any]:
        """Return the supervisor's whole status.  Raises as ``call``."""
        text, piece, more = b"", 0, True
        while more:
            answer = self.call(Status, piece=piece)
            text += answer["text"]
            more, piece = answer["more"], piece + 1
        return json.loads(text)  # type: ignore[no-any-return]

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()
