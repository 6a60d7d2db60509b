"""Refusals of waits: those that would never end, would stop others, or would cost changes."""

from __future__ import annotations

import sys
from typing import Any

from transaction.interfaces import NoTransaction
from twisted.python import threadable
from ZODB.utils import z64

from zcasync.errors import BadStateError
from zcasync.job.ids import name_of
from zcasync.job.record import PartialRecord
from zcasync.job.waiting import is_orphan, needs
from zcasync.perform.progress import current
from zcasync.zeo.registrations import has_participants


def require_committed(partial: PartialRecord) -> None:
    """Raise BadStateError, saying what to do, for a partial that no worker can see yet."""
    if partial._p_jar is None and partial.queue is None and partial.parent is None:
        raise BadStateError(f"{partial!r} was never put, so it would be waited for in vain")
    is_loaded = partial._p_changed is not None
    if partial._p_jar is None or (is_loaded and partial._p_serial == z64):
        raise BadStateError(
            f"{partial!r} is not committed yet, so no worker can see it: commit first, then wait"
        )


def require_new_transaction(manager: Any) -> None:
    """Raise BadStateError where a new transaction cannot be begun, or would cost changes."""
    if _runs_a_reactor():
        raise BadStateError(
            "waiting would stop the reactor, in whose thread this is: wait in another thread "
            "(twisted.internet.threads.deferToThread)"
        )
    job = current()
    if job is not None and job.is_batch:
        raise BadStateError(
            f"{name_of(job)} shares its transaction with others (batch=True), so it cannot wait "
            "for a job: return that one instead"
        )
    try:
        transaction = manager.get()
    except NoTransaction:
        return
    if has_participants(transaction):
        raise BadStateError(
            "waiting begins a new transaction, and this one has changes that would be lost: commit "
            "(or abort) first, then wait"
        )


def require_end(partial: PartialRecord) -> None:
    """Raise BadStateError for a partial that would never end, however long this waits."""
    if is_orphan(partial):
        raise BadStateError(
            f"{partial!r} is in no queue, so nobody will call it: put it, and commit"
        )
    job = current()
    if job is None or not _are_of_one_database(job, partial):
        return
    itself = partial._p_jar.get(job._p_oid)
    if itself is partial:
        raise BadStateError(f"{name_of(job)} cannot wait for itself")
    if needs(partial, itself):
        raise BadStateError(
            f"{name_of(job)} cannot wait for {name_of(partial)}, which waits for it: neither would "
            "ever end"
        )


def _runs_a_reactor() -> bool:
    """Return whether a reactor runs in this thread.  Loads none."""
    reactor = sys.modules.get("twisted.internet.reactor")
    return bool(getattr(reactor, "running", False)) and threadable.isInIOThread()


def _are_of_one_database(job: PartialRecord, partial: PartialRecord) -> bool:
    if job._p_jar is None or job._p_oid is None:
        return False
    ours, other = job._p_jar.db(), partial._p_jar.db()
    return ours.database_name == other.database_name  # type: ignore[no-any-return]
