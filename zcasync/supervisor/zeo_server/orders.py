"""What a supervisor tells its database server while that serves: where to listen from now on.

One line each on the server's standard input, which is a pipe from the supervisor.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable
from typing import Any

READ_BYTES = 4096


def listen_at(path: str | os.PathLike[str]) -> bytes:
    """Return the order to listen at the path of a unix socket."""
    return json.dumps({"listen": os.fspath(path)}).encode() + b"\n"


def obey(loop: Any, fd: int, listen: Callable[[str], None]) -> None:
    """Call ``listen(path)`` in an event loop for each order that comes through a pipe."""
    rest = bytearray()

    def read() -> None:
        data = os.read(fd, READ_BYTES)
        if not data:  # the supervisor is gone
            loop.remove_reader(fd)
        rest.extend(data)
        while b"\n" in rest:
            line, _, after = bytes(rest).partition(b"\n")
            rest[:] = after
            listen(json.loads(line)["listen"])

    with contextlib.suppress(PermissionError):  # it is no pipe: nobody will order anything
        loop.add_reader(fd, read)
