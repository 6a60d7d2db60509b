"""Which errors mean that the storage is away or full, so that a job waits instead of failing."""

from __future__ import annotations

import logging

from transaction.interfaces import TransientError
from ZEO.Exceptions import ClientStorageError
from ZODB.POSException import ConflictError, POSError, StorageError

#: What a commit raises when the storage cannot take it now: others were first, it is away, full.
NOT_COMMITTED = (TransientError, StorageError, OSError)


def is_storage_lost(error: BaseException | None, committing: bool = True) -> bool:
    """Whether an error means that the storage is away or full: the job has to wait for it.

    While the job itself runs only an error of a ZEO client counts: other ones can be about files
    and storages of the job's own.
    """
    if isinstance(error, TransientError):
        return isinstance(error, POSError) and not isinstance(error, ConflictError)
    return isinstance(error, NOT_COMMITTED if committing else ClientStorageError)


def give_up(error: BaseException) -> None:
    """What to do about a lost storage where nobody waits for it: raise."""
    raise error


def say_it_once() -> None:
    """Keep what the storage's errors look like from inside ZODB out of this process's log.

    It would be a traceback for every object that cannot be loaded while the storage is away; who
    waits for the storage says so.
    """
    logging.getLogger("ZODB.Connection").addFilter(_is_news)


def _is_news(record: logging.LogRecord) -> bool:
    error = record.exc_info[1] if record.exc_info else None
    return not isinstance(error, TransientError)
