"""Group commit: several short jobs in one transaction, each behind a savepoint of its own.

Each job's changes, result and state are still one commit, which it now shares with others.  A job
that fails or conflicts is rolled back to its savepoint, with all that it has registered with the
transaction, and has to be run alone, in the usual way; so has every job whose record has no result
after the commit.

Hooks, notes and data managers of the members add up, in their order.  What is said of the whole
transaction (its user, extension data, its data, that it is doomed) is said of one job's changes: a
job that says such a thing has a commit of its own.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from twisted.python.failure import Failure

from zcasync.database.commit_once import look_up
from zcasync.database.errors import is_lost_by_storage
from zcasync.errors import FencedError
from zcasync.job.callbacks import Delegate
from zcasync.job.record import PartialRecord
from zcasync.perform.attribution import GroupLabel, JobLabel, label_of_group
from zcasync.perform.call import NOT_OF_THE_JOB, attempt, label_for
from zcasync.perform.noted import Noted
from zcasync.perform.performer import Performer
from zcasync.perform.run import Run
from zcasync.perform.scope import Scope
from zcasync.perform.transactions import abort
from zcasync.retry.attempts import Attempts
from zcasync.retry.decision import decide
from zcasync.retry.fault import Raised, Repeat
from zcasync.retry.policy import begins_only_once, is_policy_imported, policy_of
from zcasync.workers.incarnation import Incarnation
from zcasync.zeo.labels import labelled
from zcasync.zeo.manager_state import ManagerState
from zcasync.zeo.registrations import Registrations
from zcasync.zeo.storage_errors import mark

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
        and not partial.is_isolated
        and not partial.interruptions
        and partial.first_started_at is None  # else its time may be over
        and partial.is_claimed_by(incarnation)
        and not partial.callbacks
        and partial.after_gate is None
        and not partial.is_too_late
        and is_policy_imported(partial)  # importing it may end the process
        and not begins_only_once(partial)
    )


class Member(NamedTuple):
    """A partial of a group, and what the group's commit writes of it."""

    partial: PartialRecord
    noted: Noted


class Group:
    """A transaction of ``manager`` that several jobs share; begun when the group is made.

    ``is_closed``: one of the jobs has committed or aborted by itself, so that no more may join.
    ``deferred``: the Deferreds of members that have not fired, by oid.  ``is_stored``: what could
    be committed is, and ``deferred`` has those of committed members only.
    """

    def __init__(self, performer: Performer, manager: Any) -> None:
        self.is_closed = self.is_stored = False
        self._state = ManagerState(manager)
        self.deferred: dict[bytes, Any] = {}
        self._performer = performer
        self._manager = manager
        self._members: dict[bytes, Member] = {}
        self._labels: list[JobLabel] = []
        manager.begin()
        self._transaction = manager.get()
        self._mark()

    def _mark(self) -> None:
        """Note the state that a member which fails is rolled back to."""
        self._savepoint = self._transaction.savepoint(optimistic=True)
        self._registrations = Registrations(self._transaction)

    def add(self, partial: PartialRecord) -> bool:
        """Perform a partial; return False when it was rolled back and has to be run alone.

        Raises FencedError when this process may not commit any more.
        """
        host = self._performer.host
        attempts = Attempts(partial, policy_of(partial), host.timing)
        attempts.begin()
        run = Run(partial, host, attempts=attempts)
        label = label_for(run)
        on_the_way = None if label is None else GroupLabel(label, self._labels)
        try:
            with Scope() as scope:
                run, deferred = host.within(attempt, run, self._state, scope, on_the_way)
            if isinstance(deferred, Delegate):  # its partial is performed in own transactions
                self._take_out()
                return False
            if run.partial is not partial:
                self._find_members()
            noted = Noted.of(run.partial)
            if self._manager.get() is not self._transaction:
                self.is_closed = True
            elif not self._registrations.is_labelled:
                # After the job, so that a change that cannot be stored is found to be this job's.
                self._mark()
            elif self._members:
                self._take_out()
                return False
            else:
                self.is_closed = True  # it has the transaction to itself
        except (FencedError, *NOT_OF_THE_JOB) as error:
            abort(self._manager, error)
            raise
        except BaseException as error:  # SystemExit too: it ends this job only
            self._failed(run, error)
            return False
        oid: bytes = run.partial._p_oid
        self._members[oid] = Member(run.partial, noted)
        if label is not None:
            self._labels.append(label)
        if deferred is not None:
            self.deferred[oid] = deferred
        return True

    def _find_members(self) -> None:
        """Find the members in another connection, where a job has closed theirs.

        What they have written is stored by then, or lost: the records decide.
        """
        for oid, (partial, noted) in self._members.items():
            found = Run(partial, self._performer.host).sound().partial
            if found is partial:
                return
            self.is_closed = True
            self._members[oid] = Member(found, noted)

    def member(self, oid: bytes) -> PartialRecord:
        """Return a partial of the group.  Raises KeyError."""
        return self._members[oid].partial

    def commit(self) -> list[bytes]:
        """Commit; return the oids of members that have to be run alone: they have no result.

        Raises FencedError.  After any other error the records decide.
        """
        self._find_members()
        try:
            with labelled(label_of_group(self._labels)):
                self._performer.host.within(self._manager.commit)
        except (FencedError, *NOT_OF_THE_JOB) as error:
            abort(self._manager, error)
            raise
        except BaseException as error:  # alone, the member at fault raises it again
            for partial, _ in list(self._members.values())[:1]:
                mark(error, partial._p_jar)
            abort(self._manager, error)
            self._performer.note_conflict(error, [one.partial for one in self._members.values()])
            if is_lost_by_storage(error):
                self._performer.host.storage_lost(error)
        finally:
            self._state.put_back()
        alone = look_up(self._manager, self._not_stored, self._performer.host.storage_lost)
        for oid in alone:
            self.deferred.pop(oid, None)
        self.is_stored = True
        for oid, (partial, noted) in self._members.items():
            if oid not in alone and oid not in self.deferred:
                if noted.is_stored(partial):  # else another process has ended it, and has told that
                    self._performer.tell_end(partial)
                self._performer.follow_up(partial)
        return alone

    def _not_stored(self) -> list[bytes]:
        """Return the oids of the members whose records do not have the group's commit."""
        return [
            oid
            for oid, (partial, noted) in self._members.items()
            if partial.is_unfinished and not noted.is_stored(partial)
        ]

    def _failed(self, run: Run, error: BaseException) -> None:
        self._state.put_back_mode()
        has_ended_transaction = self._manager.get() is not self._transaction
        sound = run.sound()
        if sound is not run:
            self.is_closed = True
            self._find_members()
        if has_ended_transaction:
            self.is_closed = True
            abort(self._manager, error)
            fault = Raised(Failure(error), repeat=Repeat.NOWHERE)
            decision = decide(sound.partial, fault, run.attempts)
            self._performer.act(sound, fault, decision)
        elif sound is run:
            self._take_out()
            self._performer.note_conflict(error, [run.partial])
        else:
            abort(self._manager, error)

    def _take_out(self) -> None:
        """Roll the last member back, with what it has registered; else all members run alone."""
        try:
            self._registrations.take_back(self._savepoint.rollback)
        except Exception:  # a participant cannot roll back, for instance
            self.is_closed = True
            abort(self._manager)
