"""Checkpoint: commits what a call has done so far, and from where a later attempt goes on."""

from __future__ import annotations

from typing import Any

from ZODB.POSException import ConflictError

from zcasync.errors import BadStateError
from zcasync.job.values import storable
from zcasync.perform.at_work import AtWork, Stop, at_work
from zcasync.perform.attribution import keep_commits
from zcasync.perform.transactions import Transactions
from zcasync.retry.decision import can_wait

WHAT = "checkpoint()"


def checkpoint(value: Any = None) -> None:
    """Commit what the job has done so far, and ``value``, for ``zcasync.current().checkpoint``.

    Whatever ends this attempt later, the next one finds that value, and all that was changed before
    this call.  The arguments stay as they were put.  Conflicts are counted from here on again.
    ``value``: what could be a result, up to 16 MB.  A new transaction begins.

    Raises BadStateError where this cannot be: outside of a job, in one that is detached, shares its
    commit (``batch=True``) or runs in a reactor, and in another thread than that of the call;
    UnstorableError for the value; ConflictError, and all else that a commit raises: let it pass, so
    that the attempt is repeated.  Raises StoppedAtCheckpoint, when all is committed, where the
    process is to end: let that pass, too, and the job goes on in another process.
    """
    work = at_work(WHAT)
    _require_connection(work)
    stored = storable(value, "value of the checkpoint")
    partial, attempts, transactions = work.partial, work.run.attempts, Transactions(work.partial)
    assert attempts is not None
    if partial.has_result or partial.waits_for is not None or not work.run.is_ours:
        raise ConflictError("the job was ended, undone, or claimed by another engine, meanwhile")
    partial.start()
    attempts.record(partial)
    keep_commits(partial)
    partial.note_checkpoint(stored)
    transactions.commit(work.label)
    attempts.note_checkpoint()
    transactions.begin()
    if work.run.host.is_to_stop() and can_wait(partial) and not partial.has_begun_once:
        raise Stop("the process is to end: the job goes on behind its checkpoint in another one")


def _require_connection(work: AtWork) -> None:
    """Raise BadStateError where there is no connection, here, that the checkpoint can be made in.

    Also where the job has closed it, or has given it another transaction manager.
    """
    if work.is_detached:
        raise BadStateError(
            f"{WHAT} commits what a job has changed, and a detached job has no connection: record "
            "what it has done with once()"
        )
    if not work.is_here:
        raise BadStateError(f"{WHAT} is for the thread in which the job was called")
    jar = work.partial._p_jar
    if jar is None or jar.opened is None:
        raise BadStateError(f"{WHAT} needs the job's connection, and the job has closed that")
    if jar.transaction_manager is not work.manager:
        raise BadStateError(f"{WHAT}: the job has given its connection another transaction manager")
