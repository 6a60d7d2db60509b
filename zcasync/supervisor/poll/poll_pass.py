"""The poll pass: retire what is finished, recover what was interrupted, claim more; one commit.

Everything here runs in the database thread.  A pass decides by the records alone: messages of
children only tell it when to look.
"""

from __future__ import annotations

import functools
from typing import Any

from transaction import TransactionManager
from ZODB.POSException import ConflictError

from zcasync import clock
from zcasync.database.sync import catch_up, commit, last_seen
from zcasync.datamanager import DataManager
from zcasync.errors import FencedError
from zcasync.job.broken import broken
from zcasync.job.record import PartialRecord
from zcasync.liveness.death import Death
from zcasync.liveness.recovery import is_unfinished, recover, rehome, set_aside, unreadable
from zcasync.liveness.watch import Watch
from zcasync.perform.progress import ANNOTATION
from zcasync.supervisor.environment import Environment
from zcasync.supervisor.poll.cancel import end_waiting
from zcasync.supervisor.poll.dispatch import Dispatcher
from zcasync.supervisor.poll.housekeeping import Housekeeping
from zcasync.supervisor.poll.lane_affinity import LaneAffinity
from zcasync.supervisor.poll.messages import PassInput, PassResult, SlotReport
from zcasync.supervisor.poll.peers import Peers
from zcasync.supervisor.poll.retire import Retiring
from zcasync.workers.claims import ClaimList
from zcasync.workers.claims_snapshot import ClaimsSnapshot
from zcasync.workers.incarnation import Incarnation
from zcasync.workers.worker import Worker
from zcasync.zeo.bulk_load import at_hand
from zcasync.zeo.connections import cache_size, set_cache_size

CONFLICT_TRIES = 8
#: An engine without claims only says every ten minutes that it lives.
IDLE_PING_SECONDS = 600.0

#: Deaths of children, each with whether it was idle.
Deaths = list[tuple[Death, bool]]


class Passes:
    """Makes poll passes for one engine over one connection."""

    def __init__(
        self,
        connection: Any,
        manager: DataManager,
        worker: Worker,
        incarnation: Incarnation,
        watch: Watch,
        surroundings: Environment,
        housekeeping: Housekeeping | None = None,
    ) -> None:
        self._connection = connection
        self._transactions: TransactionManager = connection.transaction_manager
        self._manager = manager
        self._worker = worker
        self._incarnation = incarnation
        self._engine = incarnation.engineUUID.bytes
        self._surroundings = surroundings
        self._politeness = LaneAffinity(self._engine, surroundings)
        self._dealer = Dispatcher(incarnation, self._politeness)
        self._housekeeping = housekeeping or Housekeeping(surroundings.seconds)
        self._others = Peers(connection, manager, worker, incarnation, watch, surroundings)
        self._pinged = float("-inf")
        self._interval = float("inf")
        self._said: tuple[float, float] | None = None  # the same of this pass
        self._retiring = Retiring(incarnation, surroundings.seconds)
        self._deaths: dict[int, int] = {}  # slot -> deaths that we know to be committed
        self._counted: dict[int, int] = {}  # the same with this pass
        self._cache_size = cache_size(connection)

    def run(self, work: PassInput) -> PassResult:
        """One pass.  Raises FencedError when the engine was buried, and what the storage raises."""
        notes = self._others.look()
        if work.news:
            catch_up(self._connection.db())
        for attempt in range(CONFLICT_TRIES):
            self._transactions.begin()
            try:
                heard = work.heard if attempt == 0 else ()
                with at_hand(self._connection, heard, work.ahead):
                    done = self._steps(work)
                seen = last_seen(self._connection)
                told = functools.partial(_tell, work, done)
                is_written, done.own = commit(self._connection, told)
                done.last = done.own if is_written else seen
            except ConflictError:
                self._transactions.abort()
                self._politeness.met()
                if attempt == CONFLICT_TRIES - 1:
                    raise
                self._pause(0.005 * 2**attempt)
            except BaseException:
                self._transactions.abort()
                raise
            else:
                self._politeness.done()
                self._committed()
                done.notes[:0] = notes
                done.conflicts = attempt
                return done
        raise AssertionError("unreachable")

    def _committed(self) -> None:
        """Believe what this pass has written: before its commit it may have to be written again."""
        self._deaths.update(self._counted)
        self._retiring.committed()
        if self._said is not None:
            self._pinged, self._interval = self._said

    def _pause(self, longest: float) -> None:
        """Let whoever we met finish."""
        surroundings = self._surroundings
        surroundings.sleep(surroundings.chance.uniform(0, longest))

    def _require_own(self) -> None:
        """Raise FencedError unless this engine still is the worker's."""
        if self._incarnation.is_over or self._worker._engine != self._engine:
            other = self._worker.engineUUID
            reason = self._incarnation.end_reason or f"the worker's record names {other}"
            raise FencedError(
                f"engine {self._incarnation.engineUUID} is over ({reason}): it may not go on"
            )

    def _steps(self, work: PassInput) -> PassResult:
        self._require_own()
        worker = self._worker
        done = PassResult(thread_size=worker.thread.size)
        threads = worker.thread.lists(max([worker.thread.size, *(n + 1 for n in work.slots)]))
        slots = [work.slots.get(number, SlotReport()) for number in range(len(threads))]
        pairs = list(zip(threads, slots, strict=True))
        reactor = worker.reactor.lists(1)[0], work.reactor
        self._limit_room(slots, work.reactor)
        self._said = None
        self._politeness.look(self._manager)
        for one, slot in [*pairs, reactor]:
            known = slot.outstanding | slot.completed.keys()
            rest = [partial for partial in one.items if partial._p_oid not in known]
            to = worker.thread if slot is not work.reactor else worker.reactor
            told = [(p, slot.unreadable[p._p_oid]) for p in rest if p._p_oid in slot.unreadable]
            set_aside(one, [*unreadable(rest), *told], to, done)
        for number, (one, slot) in enumerate([*pairs, reactor]):
            deaths = self._new_deaths(number, one, slot) if slot.deaths else []
            self._recover(one, slot, deaths, work, done)
        if work.cancelled:  # behind that: what is claimed for this has nothing to do with a death
            self._end_waiting(work, pairs, reactor, done)
        self._retiring.retire([*pairs, reactor], worker.completed, work.is_last, done)
        rehome(pairs, worker.thread.size)
        manager, deal = self._manager, self._dealer.deal
        queues = [(manager.thread, pairs), (manager.reactor, [reactor])]
        hungry = [one for one, to in queues if deal(one, to, done, ahead=to is pairs)]
        for number, (one, slot) in enumerate(pairs):
            if slot.ready and (oids := not_in_hand(one, slot)):
                done.hand_out[number] = oids
        done.start = not_in_hand(*reactor)[: self._room_in_reactor(work.reactor)]
        if work.cancelled:
            held = self._held()
            done.cancelled = [oid for oid in work.cancelled if oid not in held]
            done.dropped = [oid for oid in work.cancelled if oid in work.reactor.deferred]
        self._note_progress(work)
        self._housekeeping.do(self._manager, worker)
        self._ping(len(worker.thread) + len(worker.reactor) > 0)
        done.held = ClaimsSnapshot.of(worker, frozenset().union(*done.unretired.values()))
        done.delay = min(self._delay(hungry), self._retiring.delay)
        self._say_what_to_watch(done)
        return done

    def _end_waiting(
        self,
        work: PassInput,
        threads: list[tuple[ClaimList, SlotReport]],
        reactor: tuple[ClaimList, SlotReport],
        done: PassResult,
    ) -> None:
        """Claim what is cancelled while it waits, as ended, where its callbacks run soonest."""
        fresh = (self._worker.thread.lists(1)[0], SlotReport())
        idlest, _ = min(
            threads or [fresh], key=lambda pair: (not pair[1].ready, len(pair[1].outstanding))
        )
        lists = {"thread": idlest, "reactor": reactor[0]}
        held = self._held()
        cancelled = {oid: who for oid, who in work.cancelled.items() if oid not in held}
        holders = [
            one
            for worker in self._manager.workers.values()
            for sequence in (worker.thread, worker.reactor)
            for one in sequence._lists
        ]
        end_waiting(self._connection, self._incarnation, cancelled, lists, done, holders)

    def _held(self) -> set[bytes]:
        """The oids of all that the worker has claimed and that waits for no other partial."""
        claimed = (*self._worker.thread, *self._worker.reactor)
        return {p._p_oid for p in claimed if broken(p) is not None or p._waits_for is None}

    def _limit_room(self, threads: list[SlotReport], reactor: SlotReport) -> None:
        """Let the sizes count as they are in this transaction: a pause holds at once."""
        for slot in threads[self._worker.thread.size :]:
            slot.room = 0
        if reactor.ready:
            reactor.room = self._room_in_reactor(reactor)

    def _room_in_reactor(self, reactor: SlotReport) -> int:
        """How many more reactor jobs may be at work; of a dead engine more can be left over."""
        return max(0, self._worker.reactor.size - len(reactor.outstanding - reactor.deferred))

    def _recover(
        self, one: ClaimList, slot: SlotReport, deaths: Deaths, work: PassInput, done: PassResult
    ) -> None:
        """Take back what a dead child, or one that was asked, did not begin or end."""
        # What a replacement has in hand already was claimed after the death.
        known = slot.outstanding | slot.completed.keys()
        left = [p for p in one.items if p._p_oid not in known and self._is_mine(p)]
        recover([p for p in left if p._retry_at is not None], None, done, work.cancelled)
        for death, idle in deaths:
            recover(left, None if idle else death, done, work.cancelled)
        if slot.returned:
            recover([p for p in left if p._p_oid in slot.returned], None, done, work.cancelled)
        if work.cancelled:
            at_rest = [p for p in one.items if p in left or p._p_oid in slot.deferred]
            recover([p for p in at_rest if p._p_oid in work.cancelled], None, done, work.cancelled)

    def _new_deaths(self, number: int, one: ClaimList, slot: SlotReport) -> Deaths:
        """The deaths in a slot that no commit has seen.

        A pass that failed is made again with the same deaths, but its commit, when it was in doubt,
        can be there: then what was claimed in it has nothing to do with them.
        """
        known = self._deaths.setdefault(number, one.deaths)
        found = slot.deaths[one.deaths - known :]
        if found:
            one.deaths += len(found)
        self._counted[number] = one.deaths
        return found

    def _is_mine(self, partial: PartialRecord) -> bool:
        return partial._claim is self._incarnation

    def _note_progress(self, work: PassInput) -> None:
        for oid, progress in work.progress.items():
            partial = self._connection.get(oid)
            if broken(partial) is None and self._is_mine(partial) and is_unfinished(partial):
                partial.annotations[ANNOTATION] = progress.as_dict()

    def _ping(self, holds: bool) -> None:
        """Say that we live when the last word gets old, or when we now promise to write sooner."""
        worker = self._worker
        interval = float(worker.ping_interval) if holds else IDLE_PING_SECONDS
        now = self._surroundings.seconds()
        if interval < self._interval or now - self._pinged >= self._interval / 2:
            worker.ping.write(interval + worker.ping_death_interval)
            self._said = now, interval

    def _delay(self, hungry: list[Any]) -> float:
        """How long the next pass can wait; ``hungry``: the queues for whose jobs there is room."""
        delay = float(self._worker.poll_seconds)
        now = clock.now()
        for queue in hungry:
            due = queue.next_due(self._worker._uuid)
            if due is not None:
                delay = min(delay, max(0.0, (due - now) / 1e6))
        return max(delay, self._politeness.pause) if self._politeness.waits else delay

    def _say_what_to_watch(self, done: PassResult) -> None:
        worker = self._worker
        sizes = {worker._p_oid, worker.thread._size._p_oid, worker.reactor._size._p_oid}
        done.for_reactor = frozenset(self._manager.reactor.watched())
        done.watched = done.for_reactor | self._manager.thread.watched() | sizes
        # Every pass looks at all of that, which must not push each other out of the cache.
        set_cache_size(self._connection, self._cache_size + 2 * len(done.watched))


def not_in_hand(one: ClaimList, slot: SlotReport) -> list[bytes]:
    """The oids of what is claimed but not in the hands of whoever performs it."""
    return [p._p_oid for p in one.items if p._p_oid not in slot.outstanding | slot.over]


def _tell(work: PassInput, done: PassResult, tid: bytes) -> None:
    """The commit of a pass is there: its jobs can begin, while we learn of it."""
    if done.hand_out or done.start:
        done.last = tid
        work.committed(done)
