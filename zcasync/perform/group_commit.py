"""Group commit: several short jobs in one transaction, each behind a savepoint of its own.

Each job's changes, result and state are still one commit, which it now shares with others.  A job
that fails or conflicts is rolled back to its savepoint and has to be run alone, in the usual way;
so has every job whose record has no result after the commit.
"""

from __future__ import annotations

from typing import Any

from twisted.python.failure import Failure

from zcasync.database.errors import is_storage_lost
from zcasync.errors import FencedError
from zcasync.job.callbacks import Delegate
from zcasync.job.record import PartialRecord
from zcasync.perform.call import NOT_OF_THE_JOB, attempt
from zcasync.perform.performer import Performer
from zcasync.perform.run import Run
from zcasync.retry.attempts import Attempts
from zcasync.retry.decision import decide
from zcasync.retry.fault import Raised, Repeat
from zcasync.retry.policy import begins_only_once, policy_of
from zcasync.workers.incarnation import Incarnation

#: A group is committed when it has so many jobs or has taken so long, seconds.
GROUP_LIMIT = 100
GROUP_SECONDS = 0.05


def can_share(partial: Any, incarnation: Incarnation) -> bool:
    """Return whether a claimed partial may be committed together with others.

    One that was interrupted before may have killed its child: it runs alone from then on.
    """
    return (
        isinstance(partial, PartialRecord)
        and partial.is_batch
        and not partial.is_detached
        and not partial.interruptions
        and partial.is_claimed_by(incarnation)
        and not partial.callbacks
        and not partial.is_too_late
        and not begins_only_once(partial)
    )


class Group:
    """A transaction of ``manager`` that several jobs share; begun when the group is made.

    ``is_closed``: one of the jobs has committed or aborted by itself, so that no more may join.
    ``deferred``: the Deferreds of members that have not fired.
    """

    def __init__(self, performer: Performer, manager: Any) -> None:
        self.is_closed = False
        self.deferred: dict[PartialRecord, Any] = {}
        self._performer = performer
        self._manager = manager
        self._members: list[PartialRecord] = []
        manager.begin()
        self._transaction = manager.get()
        self._savepoint = self._transaction.savepoint(optimistic=True)

    def add(self, partial: PartialRecord) -> bool:
        """Perform a partial; return False when it was rolled back and has to be run alone.

        Raises FencedError when this process may not commit any more.
        """
        host = self._performer.host
        attempts = Attempts(partial, policy_of(partial), host.timing)
        attempts.begin()
        run = Run(partial, host, attempts=attempts)
        try:
            deferred = attempt(run)
            if isinstance(deferred, Delegate):
                return False  # its partial is performed in transactions of its own
            if self._manager.get() is self._transaction:
                # After the job, so that a change that cannot be stored is found to be this job's.
                self._savepoint = self._transaction.savepoint(optimistic=True)
            else:
                self.is_closed = True
        except (FencedError, *NOT_OF_THE_JOB):
            self._manager.abort()
            raise
        except BaseException as error:  # SystemExit too: it ends this job only
            self._failed(run, error)
            return False
        self._members.append(partial)
        if deferred is not None:
            self.deferred[partial] = deferred
        return True

    def commit(self) -> list[PartialRecord]:
        """Commit; return the members that have to be run alone, because they have no result.

        Raises FencedError.  After any other error the records decide.
        """
        try:
            self._manager.commit()
        except FencedError:
            self._manager.abort()
            raise
        except Exception as error:  # alone, the member at fault raises it again
            self._manager.abort()
            if is_storage_lost(error):
                self._performer.host.storage_lost(error)
        self._manager.begin()
        alone = [partial for partial in self._members if not self._is_stored(partial)]
        for partial in alone:
            self.deferred.pop(partial, None)
        for partial in self._members:
            if partial not in alone and partial not in self.deferred:
                self._performer.follow_up(partial)
        return alone

    def _is_stored(self, partial: PartialRecord) -> bool:
        """Return whether the group's commit is in the partial's record."""
        if partial in self.deferred:
            return partial.started_at is not None
        return not partial.is_unfinished

    def _failed(self, run: Run, error: BaseException) -> None:
        if self._manager.get() is not self._transaction:
            self.is_closed = True
            self._manager.abort()
            fault = Raised(Failure(error), repeat=Repeat.NOWHERE)
            decision = decide(run.partial, fault, run.attempts)
            self._performer.commits.apply(run, fault, decision)
            return
        try:
            self._savepoint.rollback()
        except Exception:  # a participant cannot roll back: all members run alone
            self.is_closed = True
            self._manager.abort()
