"""AtWork: the call that runs here, for what its own code asks of its performer."""

from __future__ import annotations

import threading
from contextvars import ContextVar, Token
from typing import Any

from zcasync.errors import BadStateError, StoppedAtCheckpoint
from zcasync.job.record import PartialRecord
from zcasync.perform.run import Run
from zcasync.zeo.labels import Label
from zcasync.zeo.storage_fence import StorageFence


class Stop(StoppedAtCheckpoint):
    """The stop that a checkpoint has raised itself; any other one is an error of the call's."""


class AtWork:
    """One attempt at a call, while its callable runs; a context, in which the code finds it.

    ``label``: of what it commits; ``fence``: of what it commits past its connection.  ``db``: the
    database of its record, None: it has none; ``manager``: of its connection's transactions.
    """

    __slots__ = (
        *("_thread", "_token", "db", "fence", "is_batch", "is_detached", "is_over"),
        *("label", "manager", "oid", "run"),
    )

    def __init__(self, run: Run, label: Label | None, fence: StorageFence | None) -> None:
        partial = run.partial
        jar = partial._p_jar
        self.run, self.label, self.fence = run, label, fence
        self.oid: bytes | None = partial._p_oid
        self.db: Any = None if jar is None else jar.db()
        self.manager: Any = None if jar is None else jar.transaction_manager
        self.is_batch, self.is_detached = partial.is_batch, partial.is_detached
        self.is_over = False
        self._thread = 0
        self._token: Token[AtWork | None] | None = None

    @property
    def partial(self) -> PartialRecord:
        """The partial, in the connection that the call has begun with."""
        return self.run.partial

    def __enter__(self) -> AtWork:
        self._thread = threading.get_ident()
        self._token = _at_work.set(self)
        return self

    def __exit__(self, *error: object) -> None:
        self.is_over = True
        if self._token is not None:
            _at_work.reset(self._token)

    @property
    def is_here(self) -> bool:
        """True in the thread that makes the call."""
        return threading.get_ident() == self._thread


_at_work: ContextVar[AtWork | None] = ContextVar("zcasync.at_work", default=None)


def at_work(what: str) -> AtWork:
    """Return the call that runs here, and that may do ``what``, the name of a function.

    Raises BadStateError, with the reason, where there is none, for a call that shares its commit
    with others or runs in a reactor, and for one that is not stored.
    """
    found = _at_work.get()
    if found is None:
        raise BadStateError(f"{what} is for the code of a job, and no job runs here")
    if found.is_over:
        raise BadStateError(f"{what} comes too late: the call of the job has returned")
    if not found.run.host.may_block:
        raise BadStateError(
            f"{what} would have the reactor wait for a commit: put the job in the thread queue"
        )
    if found.is_batch:
        raise BadStateError(
            f"{what} commits, and a job with batch=True shares its commit: put it without"
        )
    if found.db is None:
        raise BadStateError(f"{what} is for a job that is stored: put it in a queue")
    return found
