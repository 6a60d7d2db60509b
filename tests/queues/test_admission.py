"""Claims of calls with quotas: how many at once, how many in a time, what waits, what frees."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest
from ZODB.POSException import ConflictError

from tests.jobs import samples
from tests.support import scenes
from tests.support.sessions import ONE, TWO, Connect, FakeClock, Session
from zcasync import Partial, clock
from zcasync.interfaces import PENDING
from zcasync.job.completion import end
from zcasync.job.failure import from_exception
from zcasync.queues.admission import Admission
from zcasync.queues.restriction import quotas_in

MINUTE = timedelta(minutes=1)


def put(session: Session, count: int = 1, quota: Any = "solr", **options: Any) -> list[Partial]:
    """Put so many calls, and commit."""
    partials = [session.queue.put(samples.nothing, quota=quota, **options) for _ in range(count)]
    session.commit()
    return partials


def limited(session: Session, limit: int | None = 2, **more: Any) -> None:
    """Set the quota, and commit."""
    session.manager.quotas.set("solr", limit=limit, **more)
    session.commit()


def run(session: Session, worker: uuid.UUID = ONE, limit: int = 100) -> list[Partial]:
    """Claim, assign and commit, as a pass does."""
    taken = session.claim(limit, worker)
    for partial in taken:
        session.activate_claimed(partial)
    session.commit()
    return taken


def trees(session: Session) -> list[tuple[str, ...]]:
    """The quotas of the trees in which something waits."""
    lanes = session.queue.lanes().values()
    return [quotas_in(key) for lane in lanes for key in lane.filed or ()]


def test_no_more_are_claimed_than_may_run_at_once_and_the_oldest_first(session: Session) -> None:
    limited(session)
    partials = put(session, 5)
    [other] = put(session, quota=None)

    assert run(session) == [*partials[:2], other]
    assert run(session) == []
    assert [one.state for one in partials[2:]] == [PENDING] * 3
    assert session.manager.quotas.holders("solr") == partials[:2]
    assert len(session.queue) == 3
    assert list(session.queue) == partials[2:]


def test_an_end_frees_a_slot_for_the_next_one(session: Session) -> None:
    limited(session)
    partials = put(session, 5)
    run(session)

    end(partials[1], None)
    session.commit()

    assert run(session) == [partials[2]]
    assert session.manager.quotas.holders("solr") == [partials[0], partials[2]]


def test_a_failure_a_release_and_a_wait_free_it_too(session: Session) -> None:
    limited(session, 3)
    partials = put(session, 6)
    run(session)

    end(partials[0], from_exception(ValueError()))
    session.queue.release(partials[1], 60_000_000)
    awaited = session.queue.put(samples.nothing)
    partials[2].wait_for(awaited)
    session.commit()

    assert session.manager.quotas.holders("solr") == []
    assert run(session) == [*partials[3:], awaited]


def test_a_call_that_is_to_be_attempted_later_holds_none_meanwhile(session: Session) -> None:
    limited(session, 1)
    first, second = put(session, 2)
    run(session)

    first.reschedule(clock.now() + 60_000_000)
    session.commit()

    assert run(session) == [second]


def test_an_undone_claim_frees_it(session: Session) -> None:
    limited(session, 1)
    put(session, 2)
    session.claim()
    session.abort()

    assert session.manager.quotas.holders("solr") == []
    assert len(run(session)) == 1


def test_a_call_with_several_quotas_gets_all_or_none(session: Session) -> None:
    quotas = session.manager.quotas
    quotas.set("smtp", limit=1)
    limited(session, 2)
    both = put(session, 2, quota=("solr", "smtp"))
    one = put(session, 3, quota="solr")
    mail = put(session, 1, quota="smtp")

    assert run(session) == [both[0], one[0]]
    assert quotas.holders("smtp") == [both[0]]
    assert quotas.holders("solr") == [both[0], one[0]]

    end(one[0], None)
    session.commit()
    assert run(session) == [one[1]], "smtp is still in use"
    end(both[0], None)
    session.commit()
    assert run(session) == [both[1]]
    assert quotas.holders("smtp") == [both[1]]
    end(both[1], None)
    end(one[1], None)
    session.commit()
    assert run(session) == [one[2], *mail]


def test_the_limit_is_changed_while_calls_wait_and_run(session: Session) -> None:
    limited(session, 3)
    partials = put(session, 8)
    run(session)

    limited(session, 1)
    end(partials[0], None)
    session.commit()
    assert run(session) == [], "two run, and one may"

    limited(session, 4)
    assert run(session) == partials[3:5]

    limited(session, 0)
    for partial in partials[1:5]:
        end(partial, None)
    session.commit()
    assert run(session) == []


def test_calls_that_waited_for_a_quota_run_when_it_is_removed(session: Session) -> None:
    limited(session, 1)
    partials = put(session, 4)
    run(session)

    session.manager.quotas.remove("solr")
    session.commit()

    assert run(session) == partials[1:]


def test_those_that_began_without_it_count_when_it_is_set_again(session: Session) -> None:
    limited(session, 1)
    partials = put(session, 4)
    session.manager.quotas.remove("solr")
    session.commit()
    run(session, limit=2)

    limited(session, 2)

    assert run(session) == []
    assert session.manager.quotas.holders("solr") == partials[:2]


def test_no_more_begin_in_a_time_than_the_rate_says(
    session: Session, fake_clock: FakeClock
) -> None:
    limited(session, None, rate=(3, MINUTE))
    partials = put(session, 8)

    assert run(session, limit=2) == partials[:2]
    fake_clock.advance(seconds=30)
    assert run(session) == partials[2:3]
    for partial in partials[:3]:
        end(partial, None)
    session.commit()
    assert run(session) == []
    fake_clock.advance(seconds=29)
    assert run(session) == []
    fake_clock.advance(seconds=1)
    assert run(session) == partials[3:5]
    fake_clock.advance(seconds=30)
    assert run(session) == partials[5:6]


def test_the_moment_is_known_at_which_the_rate_allows_the_next(
    session: Session, fake_clock: FakeClock
) -> None:
    limited(session, None, rate=(1, MINUTE))
    put(session, 3)
    run(session)
    run(session)
    admission = Admission(session.manager.quotas)

    assert not admission.has_room(("solr",))
    due = session.queue.next_due(ONE.bytes, admission.ready_at)
    assert due == fake_clock.microseconds + 60_000_000
    assert session.queue.next_due(ONE.bytes, lambda quotas: None) is None


@pytest.mark.parametrize("seconds", [-3600, 3600])
def test_a_clock_that_is_set_delays_the_rate_by_one_period_at_most(
    session: Session, fake_clock: FakeClock, seconds: int
) -> None:
    limited(session, None, rate=(1, MINUTE))
    partials = put(session, 4)
    run(session)
    fake_clock.advance(seconds=seconds)

    claimed = []
    for _ in range(3):
        claimed += run(session)
        fake_clock.advance(seconds=61)

    assert claimed[:2] == partials[1:3]


def test_many_begins_of_a_rate_are_kept_coarsely_and_never_exceed_it(
    session: Session, fake_clock: FakeClock
) -> None:
    limited(session, None, rate=(100, MINUTE))
    put(session, 1000)
    begins: list[int] = []
    for _ in range(180):
        fake_clock.advance(seconds=1)
        taken = run(session, limit=7)
        begins += [fake_clock.microseconds] * len(taken)
        for partial in taken:
            end(partial, None)
        session.commit()

    most = max(sum(at - 60_000_000 < other <= at for other in begins) for at in begins)
    assert most == 100
    assert len(begins) >= 280
    assert len(session.manager.quotas["solr"].use.begins) <= 22


def test_two_workers_that_claim_at_the_same_time_conflict(connect: Connect) -> None:
    limited(connect(), 1)
    put(connect(), 1)
    put(connect(), 1)
    one, two = connect(), connect()
    keys = list(one.queue.lanes())
    taken = []
    for session, worker, key in ((one, ONE, keys[-1]), (two, TWO, keys[-2])):
        session.sync()
        claimed = session.queue.claim(
            worker.bytes, 1, polite=lambda found, lane, key=key: found == key
        )
        taken.append(claimed.partials)
        session.activate_claimed(claimed.partials[0])
    one.commit()

    with pytest.raises(ConflictError):
        two.commit()
    two.abort()
    two.sync()

    assert [len(some) for some in taken] == [1, 1]
    assert run(two, TWO) == []
    assert [p._p_oid for p in two.manager.quotas.holders("solr")] == [taken[0][0]._p_oid]


def test_a_slot_that_is_freed_and_taken_again_unseen_is_not_taken_twice(connect: Connect) -> None:
    """The same call ends its first run, waits again, and is claimed again meanwhile."""
    setter = connect()
    limited(setter, 1)
    put(setter, 1)
    one, two = connect(), connect()
    [first] = run(one)
    one.queue.release(first)
    one.commit()
    two.sync()
    put(setter, 1)
    two.sync()
    [second] = two.claim(1, TWO)  # it sees the slot that is free now
    two.activate_claimed(second)

    one.sync()
    one.queue.put(samples.nothing)
    again = one.queue.claim(ONE.bytes, 1).partials
    for partial in again:
        one.activate_claimed(partial)
    one.commit()

    with pytest.raises(ConflictError):
        two.commit()
    two.abort()
    assert len(two.manager.quotas.holders("solr")) == 1


def test_an_end_does_not_conflict_with_a_claim_that_has_not_seen_it(connect: Connect) -> None:
    limited(connect(), 2)
    put(connect(), 3)
    engine, child = connect(), connect()
    first, _ = run(engine)
    engine.sync()
    child.sync()
    end(child.same(first), None)
    child.commit()

    assert engine.claim() == []
    engine.commit()
    engine.sync()
    assert len(run(engine)) == 1


def test_what_waits_for_a_quota_is_not_looked_at(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    limited(session, 1)
    put(session, 50)
    run(session)
    session.connection.cacheMinimize()

    claimed = session.queue.claim(ONE.bytes, 100)

    assert claimed.examined == 0
    assert not session.connection._registered_objects
    assert trees(session) == [("solr",)]


def test_a_call_with_a_time_waits_for_that_first(session: Session, fake_clock: FakeClock) -> None:
    limited(session, 1)
    [late] = put(session, begin_after=fake_clock.later(hours=1))
    [soon] = put(session)

    assert run(session) == [soon]
    fake_clock.advance(hours=2)
    assert run(session) == []
    end(soon, None)
    session.commit()
    assert run(session) == [late]


def test_a_call_that_is_too_late_is_ended_though_its_quota_is_full(
    session: Session, fake_clock: FakeClock
) -> None:
    limited(session, 1)
    [first] = put(session)
    [late] = put(session, begin_by=MINUTE)
    assert run(session) == [first]

    fake_clock.advance(minutes=2)

    assert session.claim() == [late]
    assert [p._p_oid for p in session.manager.quotas.holders("solr")] == [first._p_oid]


def test_only_children_without_jobs_get_one_and_others_get_what_is_behind(
    session: Session,
) -> None:
    limited(session, 4)
    solr = put(session, 5)
    others = put(session, 3, quota=None)

    claimed = session.queue.claim(ONE.bytes, 10, idle=1)

    assert claimed.partials == [*solr[:2], *others], "half of the slots are for those that begin"
    assert not claimed.is_barred
    for partial in claimed.partials:
        session.activate_claimed(partial)
    session.commit()
    assert session.queue.claim(ONE.bytes, 10, idle=0).partials == []
    assert session.queue.claim(ONE.bytes, 10, idle=2).partials == solr[2:4]


def test_a_call_without_code_takes_no_slot_while_it_is_looked_for(session: Session) -> None:
    from zcasync.job.aside import Missing
    from zcasync.queues.absent import Look

    limited(session, 1)
    [lacking] = put(session)
    run(session)
    session.queue.put_aside(lacking, Missing("mail.send", "no such function"), 10**12)
    session.commit()
    [other] = put(session)

    assert run(session) == [other]
    assert session.queue.claim(ONE.bytes, 9, looks=lambda key: Look.ALL).partials == []
    end(other, None)
    session.commit()
    assert session.queue.claim(ONE.bytes, 9, looks=lambda key: Look.ALL).partials == [lacking]


def test_a_takeover_frees_what_a_dead_engine_held(session: Session) -> None:
    from zcasync.liveness.takeover import take_over

    limited(session, 2)
    worker = scenes.serve(session)
    partials = put(session, 4)
    scenes_claimed = session.claim(2)
    for partial in scenes_claimed:
        partial.assign(worker.incarnation)
    worker.thread.lists(1)[0].items += tuple(scenes_claimed)
    session.commit()
    assert session.claim() == []

    take_over(worker, "killed", None, None)
    session.commit()

    assert session.manager.quotas.holders("solr") == []
    assert run(session) == partials[:2]


def test_a_holder_that_is_gone_from_the_database_holds_nothing(session: Session) -> None:
    limited(session, 1)
    [first, second] = put(session, 2)
    run(session)
    use = session.manager.quotas["solr"].use
    use.holders = (b"\0\0\0\0\0\0\xff\xff", *use.holders)
    session.commit()

    assert session.manager.quotas.holders("solr") == [first]
    end(first, None)
    session.commit()
    assert run(session) == [second]
