"""The errors of a storage that is away or full: a job waits then, instead of failing."""

from __future__ import annotations

import logging

from transaction.interfaces import TransientError
from ZEO.Exceptions import ClientStorageError
from ZODB.POSException import ConflictError, POSError, StorageError

from zcasync.errors import HistoryChanged

#: The errors of a commit that the storage cannot take now: others were first, it is away, full.
NOT_COMMITTED = (TransientError, StorageError, OSError)


def is_storage_lost(error: BaseException | None, committing: bool = True) -> bool:
    """Return whether an error means that the storage is away or full, so the job has to wait.

    While the job itself runs only an error of a ZEO client counts: other ones can be about files
    and storages of the job's own.
    """
    if isinstance(error, TransientError):
        return isinstance(error, POSError) and not isinstance(error, ConflictError)
    return isinstance(error, NOT_COMMITTED if committing else ClientStorageError)


def give_up(error: BaseException) -> None:
    """Raise the error of a lost storage, for a caller that does not wait for it."""
    raise error


def say_it_once() -> None:
    """Keep ZODB's own reports of the storage's errors out of this process's log.

    ZODB logs a traceback for every object that cannot be loaded while the storage is away, or has
    another database; the process that waits for the storage, or ends, logs that itself, once.
    """
    logging.getLogger("ZODB.Connection").addFilter(_is_worth_logging)


def _is_worth_logging(record: logging.LogRecord) -> bool:
    error = record.exc_info[1] if record.exc_info else None
    return not isinstance(error, TransientError | HistoryChanged)
