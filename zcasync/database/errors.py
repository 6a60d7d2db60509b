"""The errors of a storage that is away or full: a job waits then, instead of failing."""

from __future__ import annotations

import logging

from transaction.interfaces import TransientError
from ZEO.Exceptions import ClientStorageError
from ZODB.POSException import ConflictError, POSError, StorageError

from zcasync.errors import HistoryChanged
from zcasync.zeo.full_disk import REASONS
from zcasync.zeo.storage_errors import is_marked, is_of_commit

#: The errors of a commit that the storage cannot take now: others were first, it is away, full.
NOT_COMMITTED = (TransientError, StorageError, OSError)


def is_storage_lost(error: BaseException | None, committing: bool = True) -> bool:
    """Return whether an error of a transaction of our own means that the storage is away or full.

    Nothing but storages takes part in it, and nothing of it is anybody else's code; outside of its
    commit only an error of a ZEO client counts.
    """
    if isinstance(error, TransientError):
        return isinstance(error, POSError) and not isinstance(error, ConflictError)
    return isinstance(error, NOT_COMMITTED if committing else ClientStorageError)


def is_lost_by_storage(error: BaseException | None) -> bool:
    """Return whether an error of a call, or of its commit, means that its storage is away or full.

    A call and what it has brought into its transaction may raise anything: only what a storage of
    the call's connection is known to have raised counts (:mod:`zcasync.zeo.storage_errors`).
    """
    if not is_marked(error) or not is_storage_lost(error):
        return False
    if not isinstance(error, OSError) or isinstance(error, ConnectionError | TimeoutError):
        return True
    return error.errno in REASONS  # another one is about a file of the call's own, a blob's


def is_given_up(error: BaseException | None) -> bool:
    """Return whether a server was lost in a commit: it has ended, or has given up that commit."""
    return isinstance(error, ClientStorageError) and is_of_commit(error)


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
