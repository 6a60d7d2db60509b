"""The poll pass: one commit that recovers, retires, claims and pings for an engine.

Everything here runs in the database thread.  A pass decides by the records alone: messages of
children only decide when one is made.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

from transaction import TransactionManager
from ZODB.POSException import ConflictError

from zcasync import clock
from zcasync.database.sync import catch_up, commit, last_seen
from zcasync.errors import FencedError
from zcasync.events import Told
from zcasync.formats import refuse_newer
from zcasync.liveness.watch import Watch
from zcasync.supervisor.poll.authorship import REASON, Authorship, TwinError
from zcasync.supervisor.poll.cancel import cancel_waiting, no_longer_held
from zcasync.supervisor.poll.clocks import Clocks
from zcasync.supervisor.poll.dispatch import Dispatcher, hand_out
from zcasync.supervisor.poll.environment import Environment
from zcasync.supervisor.poll.housekeeping import Housekeeping
from zcasync.supervisor.poll.lane_affinity import LaneAffinity
from zcasync.supervisor.poll.messages import HandOut, PassInput, PassResult
from zcasync.supervisor.poll.over import find_over
from zcasync.supervisor.poll.peers import Peers
from zcasync.supervisor.poll.ping import Pings
from zcasync.supervisor.poll.progress_notes import note_progress
from zcasync.supervisor.poll.records import EngineRecords
from zcasync.supervisor.poll.recover import Recovery, quarantine_unreadable, rehome
from zcasync.supervisor.poll.retire import Retiring
from zcasync.supervisor.poll.schedule import Scheduler
from zcasync.supervisor.poll.schedules import Ticking
from zcasync.supervisor.poll.serving import Serving
from zcasync.supervisor.poll.set_aside import SettingAside
from zcasync.supervisor.poll.slots import Slots
from zcasync.supervisor.poll.unique_keys import UniqueKeys
from zcasync.supervisor.poll.wishes import make_without_culprit, make_without_failed
from zcasync.workers.claims_snapshot import ClaimsSnapshot
from zcasync.workers.conflicts import note_conflicts
from zcasync.zeo.bulk_load import at_hand
from zcasync.zeo.connections import looking_once, which_is_away

CONFLICT_TRIES = 8

#: Called in some thread with what can begin and the id of the transaction that has claimed it, as
#: soon as that is committed, where one can know it before the pass has ended.
Committed = Callable[[HandOut, bytes], None]


class Passes:
    """Makes poll passes for one engine."""

    def __init__(
        self,
        records: EngineRecords,
        watch: Watch,
        environment: Environment,
        housekeeping: Housekeeping | None = None,
    ) -> None:
        seconds, incarnation = environment.seconds, records.incarnation
        self._records = records
        self._transactions: TransactionManager = records.connection.transaction_manager
        self._engine = incarnation.engineUUID.bytes
        self._environment = environment
        self._authorship = Authorship()
        self._told = Told()
        self._peers = Peers(records, watch, seconds)
        self._burials: list[str] = []  # lines about them that no result has taken along yet
        self._affinity = LaneAffinity(self._engine, environment)
        self._recovery = Recovery(incarnation)
        self._retiring = Retiring(incarnation, seconds)
        self._clocks = Clocks(environment)
        self._clocks.note_commit(incarnation._p_serial, incarnation.started)
        self._aside = SettingAside(incarnation, seconds, records.set_aside_days)
        self._keys = UniqueKeys()
        self._dispatcher = Dispatcher(
            incarnation,
            self._affinity,
            self._clocks,
            self._aside,
            self._keys,
            Serving(records.worker),
        )
        self._ticking = Ticking(self._clocks, environment)
        self._housekeeping = housekeeping or Housekeeping(seconds)
        self._pings = Pings(records.worker, seconds)
        self._too_many = 0  # the size above the limit that was said last
        self._scheduler = Scheduler(
            records, self._affinity, self._retiring, self._aside, self._ticking
        )

    def run(self, given: PassInput, committed: Committed = lambda jobs, tid: None) -> PassResult:
        """Make one pass; what fails of the wishes from outside is dropped.

        Raises FencedError when the engine was buried, and what the storage raises.
        """
        self._burials += self._peers.look()
        make = functools.partial(self._run, committed=committed)
        if given.has_doubts:
            return make_without_culprit(given, lambda left: make_without_failed(left, make))
        return make_without_failed(given, make)

    def _run(self, given: PassInput, committed: Committed) -> PassResult:
        connection = self._records.connection
        is_caught_up = given.has_changes or self._retiring.is_behind
        if is_caught_up:
            catch_up(connection.db())
        for attempt in range(CONFLICT_TRIES):
            with looking_once(connection):
                self._transactions.begin()
            try:
                heard = given.heard if attempt == 0 else ()
                with at_hand(connection, heard, given.ahead), self._told.anew():
                    result = self._steps(given, is_caught_up)
                seen = last_seen(connection)
                began = clock.now()
                notify = functools.partial(_notify, result.hand_out, committed)
                is_written, result.own = commit(connection, notify)
            except ConflictError:
                self._transactions.abort()
                self._affinity.note_conflict()
                if attempt == CONFLICT_TRIES - 1:
                    raise
                self._pause(0.005 * 2**attempt)
            except TwinError:
                self._transactions.abort()
                self._end_both()
                raise
            except BaseException:
                self._transactions.abort()
                raise
            else:
                self._note_commit()
                self._clocks.note_commit(result.own, began)
                result.last = result.own if is_written else seen
                result.log[:0] = self._burials + self._over_limit()
                self._clocks.tell(result)
                self._burials = []
                result.conflicts = attempt
                result.away = which_is_away(connection.db())
                return result
        raise AssertionError("unreachable")

    def _steps(self, given: PassInput, is_caught_up: bool) -> PassResult:
        self._require_ownership()
        self._authorship.check(self._records.worker)
        log: list[str] = []
        records, worker, cancelled = self._records, self._records.worker, given.cancelled
        slots = Slots(worker, given, records.thread_size)
        self._affinity.begin_pass(records.manager)
        quarantine_unreadable(slots, log)
        self._aside.set_aside(slots, given.absent, log)
        self._recovery.recover(slots, cancelled, log)
        # Behind that: what is claimed for this has nothing to do with a death.
        cancel_waiting(slots, cancelled, records, log)
        retired = self._retiring.retire(
            slots, worker.completed, is_last=given.is_last, is_caught_up=is_caught_up
        )
        rehome(slots)
        ticked = 0 if given.is_last else self._ticking.tick(records.manager, log)
        claimed = self._dispatcher.dispatch(slots, records.manager, log)
        self._keys.free(slots)
        jobs = hand_out(slots)
        note_progress(given.progress, records)
        note_conflicts(worker, given.conflicts)
        self._clocks.look(records.manager)
        self._housekeeping.do(records.manager, worker)
        self._pings.ping(at_once=self._ticking.needs_time)
        self._authorship.sign(worker)
        unretired = slots.unretired()
        return PassResult(
            claimed=claimed.count,
            retired=retired,
            ticked=ticked,
            hand_out=jobs,
            schedule=self._scheduler.schedule(claimed, given.reactor.asks),
            unretired=unretired,
            cancelled=no_longer_held(cancelled, worker),
            over=find_over(slots.threads),
            dropped=[oid for oid in cancelled if oid in given.reactor.deferred],
            held=ClaimsSnapshot.of(worker, frozenset().union(*unretired.values())),
            log=log,
        )

    def _over_limit(self) -> list[str]:
        """Return the warning about a size above the limit, once for each such size."""
        records, size = self._records, self._records.worker.thread.size
        before, self._too_many = self._too_many, size if size > records.max_children else 0
        if self._too_many in (0, before):
            return []
        return [
            f"thread.size of worker {records.worker.UUID} is {size:,}, but no more than "
            f"{records.max_children} children are started: raise the setting max-children, or "
            "lower the size with: zcasync run --children N"
        ]

    def _require_ownership(self) -> None:
        """Raise FencedError unless this engine still is the worker's, NewerRecords as it says."""
        refuse_newer(self._records.manager)
        incarnation, worker = self._records.incarnation, self._records.worker
        if incarnation.is_over or worker.engine_bytes != self._engine:
            reason = incarnation.end_reason or f"the worker's record names {worker.engineUUID}"
            raise FencedError(
                f"engine {incarnation.engineUUID} is over ({reason}): it may not go on"
            )

    def _end_both(self) -> None:
        """End the incarnation that this engine shares with its twin: neither commits any more."""
        for _ in range(CONFLICT_TRIES):
            self._transactions.begin()
            try:
                if not self._records.incarnation.is_over:
                    self._records.incarnation.end(REASON)
                self._transactions.commit()
            except ConflictError:
                self._transactions.abort()
            else:
                return

    def _note_commit(self) -> None:
        """Believe what this pass has written: before its commit it may have to be written again."""
        self._affinity.note_commit()
        self._recovery.committed()
        self._retiring.committed()
        self._aside.committed()
        self._keys.committed()
        self._pings.committed()
        if self._told.tell():
            self._transactions.abort()

    def _pause(self, longest: float) -> None:
        """Let the engine finish whose commit has conflicted with ours."""
        self._environment.sleep(self._environment.chance.uniform(0, longest))


def _notify(jobs: HandOut, committed: Committed, tid: bytes) -> None:
    """Let the jobs of a pass begin as soon as the storage has its commit."""
    if jobs.has_jobs:
        committed(jobs, tid)
