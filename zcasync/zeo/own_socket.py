"""The place where a server listens: a unix socket of its own user's, or TLS with certificates.

Whoever can connect reads and writes the whole database.
"""

from __future__ import annotations

import logging
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

log = logging.getLogger(__name__)


@contextmanager
def open_to_nobody_else() -> Iterator[None]:
    """Let a unix socket that is made meanwhile have the mode 0600, whatever the umask."""
    before = os.umask(0o177)
    try:
        yield
    finally:
        os.umask(before)


def warn_of_open_doors(address: Any, ssl: Any) -> None:
    """Say in the log whom the place of a server lets in besides its own user.

    ``address``: a path, or host and port.  ``ssl``: the context of a server that asks for
    certificates, which ZEO's always do; None for one without TLS.
    """
    if not isinstance(address, str):
        if ssl is None:
            log.warning(open_port(address))
        return
    problem = shared_folder(Path(address).absolute().parent)
    if problem is not None:
        log.warning(problem)


def open_port(address: Any) -> str:
    """Return what a server without client certificates at this address means, and what to do."""
    host, port = address[:2]
    return (
        f"whoever reaches port {port} of {host or 'this machine'} can read and write the database: "
        "let the server listen on a unix socket, or ask for client certificates with <ssl>"
    )


def shared_folder(folder: Path) -> str | None:
    """Return why the folder of a socket lets others in, and what to do; None where it does not."""
    found = folder.stat()
    if found.st_uid not in (os.geteuid(), 0):
        return (
            f"{folder}, the folder of the socket, belongs to another user (uid {found.st_uid}), "
            "who could put a server of his own there: use a folder of this user's"
        )
    if stat.S_IMODE(found.st_mode) & 0o077:
        return (
            f"{folder}, the folder of the socket, is open to other users (mode "
            f"{stat.S_IMODE(found.st_mode):04o}): chmod 700 {folder}"
        )
    return None
