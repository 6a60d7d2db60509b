"""A database server whose disk is full: it ends, and begins again where there is room.

A file storage writes through buffers.  What could not be written stays in them and may reach the
file later, at a place where something else is by then, so a storage that has failed to write must
not go on.  The process ends at once, which throws the buffers away; the commit was not confirmed,
and its client checks whether it is there.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import resource
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ZODB.FileStorage import FileStorage

log = logging.getLogger(__name__)

#: The exit codes of a server that could not write, and of one that did not begin for want of room.
EXIT_CANNOT_WRITE = 74
EXIT_NO_ROOM = 75

#: The bytes by which a file must be able to grow before a server begins.
ROOM_BYTES = 2 * 1024 * 1024

#: The reasons for which nothing can be written until an operator removes the cause.
REASONS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS})

#: The steps of a commit in which a storage writes; True: no client can have seen any of it yet.
STEPS = {"tpc_begin": True, "store": True, "storeBlob": True, "tpc_vote": True, "tpc_finish": False}


def why_no_room(file: Path) -> str | None:
    """Return the reason why a file, or one beside it, could not grow now; None when it could."""
    limit, _ = resource.getrlimit(resource.RLIMIT_FSIZE)
    size = file.stat().st_size if file.exists() else 0
    try:
        if limit != resource.RLIM_INFINITY and size + ROOM_BYTES > limit:
            raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))
        with tempfile.TemporaryFile(dir=file.parent, buffering=0) as trial:
            left = ROOM_BYTES
            while left:
                left -= trial.write(bytes(left))
    except OSError as error:
        if error.errno not in REASONS:
            raise
        return (
            f"{file} cannot be written: {error.strerror}; make room for it, and the database "
            "server goes on by itself"
        )
    return None


def end_when_full(name: str, storage: Any) -> None:
    """Let the process end when this storage cannot write any more."""
    for step, is_unseen in STEPS.items():
        method = getattr(storage, step, None)
        if method is not None:
            setattr(storage, step, _ending(name, storage, method, is_unseen))


def _ending(name: str, storage: Any, method: Callable[..., Any], is_unseen: bool) -> Any:
    def write(*args: Any, **options: Any) -> Any:
        try:
            return method(*args, **options)
        except OSError as error:
            if error.errno in REASONS:
                if is_unseen:
                    _cut_off(storage)
                log.critical(
                    "storage %r cannot be written (%s): this server ends, and can be started "
                    "again once there is room",
                    name,
                    error.strerror,
                )
                os._exit(EXIT_CANNOT_WRITE)
            raise

    return write


def _cut_off(storage: Any) -> None:
    """Cut the beginning of the commit off the file; the next opening would keep a copy of it."""
    if isinstance(storage, FileStorage):
        with contextlib.suppress(OSError):
            os.truncate(storage.getName(), storage.getSize())
