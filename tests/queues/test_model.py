"""Whatever is done to a queue, it holds what a list would hold: nothing lost, nothing twice."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    rule,
    run_state_machine_as_test,
)
from ZODB.DemoStorage import DemoStorage
from ZODB.POSException import ConflictError

from tests.jobs import samples
from tests.support.fixtures import with_manager
from tests.support.sessions import ONE, THREE, TWO, FakeClock, Session
from zcasync import Partial, clock
from zcasync.database.missing_classes import make_database
from zcasync.interfaces import PENDING
from zcasync.queues.priority import rank
from zcasync.queues.restriction import BROKEN

workers = st.sampled_from([ONE, TWO, THREE])
minutes = st.sampled_from([0, 0, 1, 5])
priorities = st.sampled_from([0, 0, 0, -3, 2])


@dataclass
class Expected:
    """What the list model knows: the oids that wait, and those that are claimed."""

    waiting: set[bytes] = field(default_factory=set)
    claimed: set[bytes] = field(default_factory=set)


class QueueMachine(RuleBasedStateMachine):
    """Two clients and two engines, one after the other."""

    partials = Bundle("partials")

    def __init__(self) -> None:
        super().__init__()
        self.clock = FakeClock()
        clock.set_source(self.clock)
        self.db = make_database(DemoStorage())
        with_manager(self.db)
        self.sessions = [Session(self.db) for _ in range(4)]
        self.reader = Session(self.db)
        self.expected = Expected()

    def session(self, number: int) -> Session:
        """One of the sessions, up to date."""
        self.sessions[number].sync()
        return self.sessions[number]

    # clients

    @rule(
        target=partials,
        who=st.integers(0, 1),
        after=minutes,
        by=st.none() | minutes,
        how=priorities,
    )
    def put(self, who: int, after: int, by: int | None, how: int) -> Any:
        session = self.session(who)
        begin_by = None if by is None else timedelta(minutes=by)
        begin_after = self.clock.later(minutes=after)
        partial = session.queue.put(samples.nothing, begin_after, begin_by, priority=how)
        session.commit()
        self.expected.waiting.add(partial._p_oid)
        return partial._p_oid

    @rule(
        who=st.integers(0, 1),
        count=st.integers(0, 45),
        worker=st.none() | workers,
        how=priorities,
    )
    def put_many(self, who: int, count: int, worker: Any, how: int) -> None:
        session = self.session(who)
        items = [Partial(samples.nothing) for _ in range(count)]
        for item in items[::2]:
            if worker is not None:
                item.selectedUUIDs.add(worker)
        session.queue.put_many(items, priority=how)
        session.commit()
        self.expected.waiting |= {item._p_oid for item in items}

    @rule(who=st.integers(0, 1), count=st.integers(1, 25), savepoint=st.booleans())
    def put_and_think_better_of_it(self, who: int, count: int, savepoint: bool) -> None:
        session = self.session(who)
        kept = []
        if savepoint:
            kept = [session.queue.put(samples.nothing)]
            point = session.savepoint()
        for _ in range(count):
            session.queue.put(samples.nothing)
        if savepoint:
            point.rollback()
            session.commit()
        session.abort()
        self.expected.waiting |= {partial._p_oid for partial in kept}

    @rule(oid=partials, who=st.integers(0, 1), worker=workers, remove=st.booleans())
    def restrict(self, oid: bytes, who: int, worker: Any, remove: bool) -> None:
        partial = self.session(who).connection.get(oid)
        if partial.state != PENDING or partial.queue is None:
            return
        if remove and worker in partial.selectedUUIDs:
            partial.selectedUUIDs.remove(worker)
        elif remove:
            partial.excludedUUIDs.update([ONE, TWO])
        else:
            partial.selectedUUIDs.add(worker)
        self.sessions[who].commit()

    @rule(oid=consumes(partials), who=st.integers(0, 1), again=st.booleans())
    def withdraw(self, oid: bytes, who: int, again: bool) -> None:
        session = self.session(who)
        partial = session.connection.get(oid)
        if oid in self.expected.waiting:
            session.queue.withdraw(partial)
            self.expected.waiting.discard(oid)
            if again:
                session.queue.put(partial)
                self.expected.waiting.add(oid)
            session.commit()

    @rule(oid=partials, who=st.integers(0, 1))
    def fail(self, oid: bytes, who: int) -> None:
        if oid in self.expected.waiting:
            self.session(who).connection.get(oid).fail()
            self.expected.waiting.discard(oid)

    # engines

    @rule(who=st.integers(2, 3), worker=workers, limit=st.integers(0, 60))
    def claim(self, who: int, worker: Any, limit: int) -> None:
        session = self.session(who)
        claimed = session.queue.claim(worker.bytes, limit)
        assert not claimed.broken
        assert len(claimed.partials) <= limit
        self.in_the_lanes_of_their_priorities(session)
        for partial in claimed.partials:
            assert partial.may_run_on(worker.bytes) or partial.is_too_late
            assert partial.due <= self.clock.microseconds
        self.take(session, claimed.partials)
        session.commit()

    @rule(worker=workers)
    def two_claims_meet(self, worker: Any) -> None:
        one, two = self.session(2), self.session(3)
        taken = one.queue.claim(worker.bytes, 10).partials
        for partial in two.queue.claim(worker.bytes, 10).partials:
            two.activate_claimed(partial)
        self.take(one, taken)
        one.commit()
        try:
            two.commit()
        except ConflictError:
            two.abort()
        else:
            assert not taken, "what both claimed can be committed once"

    @rule(who=st.integers(2, 3), count=st.integers(1, 10), delay=minutes, began=st.booleans())
    def give_back(self, who: int, count: int, delay: int, began: bool) -> None:
        session = self.session(who)
        for oid in sorted(self.expected.claimed)[:count]:
            partial = session.connection.get(oid)
            partial._interruptions += began
            session.queue.release(partial, delay * 60_000_000)
            self.expected.claimed.discard(oid)
            self.expected.waiting.add(oid)
        session.commit()

    @rule(who=st.integers(2, 3))
    def drop_idle_lanes(self, who: int) -> None:
        session = self.session(who)
        session.queue.drop_idle_lanes(list(session.queue.lanes()))
        session.commit()

    def take(self, session: Session, partials: list[Partial]) -> None:
        """Activate what was claimed."""
        oids = [partial._p_oid for partial in partials]
        assert len(set(oids)) == len(oids), "nothing is claimed twice"
        assert set(oids) <= self.expected.waiting
        self.expected.waiting -= set(oids)
        self.expected.claimed |= set(oids)
        for partial in partials:
            session.activate_claimed(partial)

    @rule(by=minutes)
    def time_passes(self, by: int) -> None:
        self.clock.advance(minutes=by, seconds=1)

    def in_the_lanes_of_their_priorities(self, session: Session) -> None:
        for lane in session.queue.lanes().values():
            trees = [one for key, one in (lane.filed or {}).items() if key != BROKEN]
            filed = [partial for tree in trees for partial in tree.values()]
            inbox = [partial for _, partial in lane.unread()]
            assert {partial.priority for partial in (*filed, *inbox)} <= {lane.priority}

    # what is always true

    @invariant()
    def the_queue_holds_what_the_model_holds(self) -> None:
        self.reader.sync()
        queue = self.reader.queue
        found = list(queue)
        oids = [partial._p_oid for partial in found]
        dues = [partial.due for partial in found]
        now = self.clock.microseconds
        order = [
            (due > now, due if due > now else rank(due, partial.priority), due)
            for due, partial in zip(dues, found, strict=True)
        ]

        assert len(oids) == len(set(oids))
        assert set(oids) == self.expected.waiting
        assert order == sorted(order)
        assert len(queue) == len(oids)
        assert queue.count_held() == sum(due > self.clock.microseconds for due in dues)

    def teardown(self) -> None:
        try:
            self.everything_can_be_claimed()
        finally:
            for session in [*self.sessions, self.reader]:
                session.close()
            self.db.close()
            clock.set_source(None)

    def everything_can_be_claimed(self) -> None:
        """In the end each partial is claimed by one of those that may run it, and once."""
        self.clock.advance(minutes=100)
        session = self.session(2)
        for partial in session.queue:
            partial.selectedUUIDs._write(set())
            partial.excludedUUIDs._write(set())
        session.commit()
        for _ in range(1000):
            claimed = session.queue.claim(THREE.bytes, 20)
            self.take(session, claimed.partials)
            session.commit()
            if not claimed.examined:
                break
        assert not self.expected.waiting
        assert (len(session.queue), list(session.queue)) == (0, [])


def test_a_queue_is_a_list_with_many_hands() -> None:
    run_state_machine_as_test(
        QueueMachine,
        settings=settings(
            max_examples=30,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
