"""The databases of a child's jobs, as its thread uses them: opened, caught up with, made anew."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import transaction

from zcasync.child.read_ahead import ClaimReadAhead
from zcasync.database.sync import catch_up_all, manager_database
from zcasync.job.record import PartialRecord
from zcasync.perform.job_connection import JobConnection
from zcasync.workers.fence import storage_fence
from zcasync.workers.incarnation import Incarnation
from zcasync.zeo.bulk_load import load_ahead, load_all
from zcasync.zeo.connections import cached
from zcasync.zeo.manager_state import ManagerState
from zcasync.zeo.storage_fence import fence_process


class JobDatabase:
    """The databases and the connection of a child's jobs; ``open`` it in their thread.

    ``open_databases()`` returns the main database, ``opened(db)`` is told of each that was opened:
    a job can close it, and then another one is.  ``owns_process``: whatever this process commits,
    in other threads too, is its engine's work.
    """

    def __init__(
        self,
        open_databases: Callable[[], Any],
        incarnation: bytes,
        opened: Callable[[Any], None],
        owns_process: bool = False,
    ) -> None:
        self._open_databases = open_databases
        self._incarnation_oid = incarnation
        self._opened = opened
        self._owns_process = owns_process

    def open(self) -> None:
        """Open the connection.  Raises what that raises."""
        self.job_connection = JobConnection(self._open(), self._incarnation_oid, reopen=self._open)
        self._fence()
        self._state = ManagerState(transaction.manager)

    def close(self) -> None:
        """Close the connection."""
        self._read_ahead.close()
        self.job_connection.close()

    def _open(self) -> Any:
        self._is_fenced = False
        if self._owns_process:
            fence_process(None)
        db = self._open_databases()
        self._opened(db)
        self._read_ahead = ClaimReadAhead(manager_database(db))
        return db

    def _fence(self) -> None:
        if self._owns_process and not self._is_fenced:
            fence_process(storage_fence(self.connection))
            self._is_fenced = True

    @property
    def connection(self) -> Any:
        """The connection of the data manager's database."""
        return self.job_connection.connection

    @property
    def incarnation(self) -> Incarnation:
        """The engine's incarnation, in this connection."""
        return self.job_connection.incarnation

    def renew(self) -> None:
        """Make sure that the connection works, and its manager as it did before other jobs.

        Raises what the storage raises.
        """
        self._state.put_back()
        self.job_connection.renew()
        self._fence()

    def sound(self, partial: PartialRecord) -> PartialRecord:
        """Return the partial in a connection that works: see ``zcasync.perform.run.Host``."""
        found = self.job_connection.sound(partial)
        self._fence()
        return found

    def require_usable(self, partial: PartialRecord) -> None:
        """Raise BadStateError where the call has lost its changes: see there."""
        self.job_connection.require_usable(partial)

    def begin(self) -> None:
        """Begin a transaction.  Raises what the storage raises."""
        self.job_connection.begin()

    def see_claims(self, tids: list[bytes | None], jobs: list[bytes]) -> None:
        """Begin a transaction that sees the claims of jobs; load all their records at once.

        ``tids``: the transactions that have claimed them.
        """
        last = self.catch_up(tids)
        load_ahead(self.connection, jobs[:1], self._read_ahead.take(last))
        self.job_connection.protect(jobs[0])
        self._load_records(jobs)

    def catch_up(self, tids: list[bytes | None]) -> bytes | None:
        """See these transactions; return the last one, None: one of them is not known."""
        known = [tid for tid in tids if tid is not None]
        last = max(known, default=None) if len(known) == len(tids) else None
        catch_up_all(self.connection.db(), last)
        self.begin()
        return last

    def _load_records(self, oids: list[bytes]) -> None:
        """Load the records of several jobs with one request, instead of one by one."""
        if len(oids) > 1:
            load_all(self.connection, oids)
            # A job that was added just now may be newer than what this transaction sees.
            partials = [cached(self.connection, oid) for oid in oids]
            loaded = [one for one in partials if one is not None and one._p_changed is not None]
            sidecars = [one.stored_sidecar for one in loaded if isinstance(one, PartialRecord)]
            load_all(self.connection, [one._p_oid for one in sidecars if one is not None])
