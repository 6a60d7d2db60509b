"""What is set aside for want of code: who takes it, how much of it, and how its wait ends."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.jobs import samples
from tests.support.sessions import ONE, TWO, Connect, FakeClock, Session
from zcasync import Partial
from zcasync.audit.inspection import inspect
from zcasync.interfaces import CALLBACKS, PENDING
from zcasync.job.aside import Missing
from zcasync.queues import absent
from zcasync.queues.absent import Look
from zcasync.reports.selection import Selection
from zcasync.reports.walk import walk

WEEK = 7 * 24 * 3600 * 1_000_000
MAIL, PAY = (Missing(name, f"no such function here: {name}") for name in ("mail.send", "pay.now"))


def set_aside(
    session: Session, count: int = 1, missing: Missing = MAIL, limit: int = WEEK, **options: Any
) -> list[Partial]:
    """Put so many no-ops, claim them, and set them aside; commit."""
    partials = [session.queue.put(samples.nothing, **options) for _ in range(count)]
    session.commit()
    for partial in partials:
        session.queue.claim(ONE.bytes, 1)
        session.activate_claimed(partial)
        session.queue.put_aside(partial, missing, limit)
    session.commit()
    return partials


def take(session: Session, look: Look, worker: Any = ONE) -> list[Partial]:
    """What a worker claims that takes so much of what is set aside."""
    return session.queue.claim(worker.bytes, 100, looks=lambda key: look).partials


def test_it_waits_in_its_queue_and_no_claimer_takes_it(session: Session) -> None:
    partials = set_aside(session, 3)

    assert session.claim() == []
    assert [one.state for one in partials] == [PENDING] * 3
    assert list(session.queue) == partials
    assert len(session.queue) == 3
    assert session.queue.count_held() == 0
    assert session.queue.next_due(ONE.bytes) == partials[0].aside.until + 1


def test_a_worker_looks_with_one_job_for_each_name_over_all_lanes(connect: Connect) -> None:
    first, second = connect(), connect()
    mails = [*set_aside(first, 2), *set_aside(second, 2)]
    second.sync()
    [pay] = set_aside(second, 1, PAY)
    engine = connect()

    taken = take(engine, Look.ONE)

    assert {one._p_oid for one in taken} == {mails[0]._p_oid, pay._p_oid}


def test_one_claim_looks_for_so_many_names_only(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(20):
        set_aside(session, 1, Missing(f"mail.send{number}", "gone"))

    assert len(take(session, Look.ONE)) == absent.MOST_LOOKED_FOR


def test_all_are_taken_once_what_was_missing_is_there(session: Session) -> None:
    partials = set_aside(session, 5)

    assert take(session, Look.ALL) == partials
    assert len(session.queue) == 0
    assert absent.count(session.queue) == {}


def test_one_that_was_cancelled_is_not_what_a_worker_looks_with(session: Session) -> None:
    first, second = set_aside(session, 2)
    session.queue.withdraw(first)
    session.commit()

    assert absent.count(session.queue) == {"mail.send": absent.Count(waiting=1)}
    assert take(session, Look.ONE) == [second]
    assert len(session.queue) == 0


def test_who_may_run_it_is_as_before(session: Session) -> None:
    chosen, excluding = Partial(samples.nothing), Partial(samples.nothing)
    chosen.selectedUUIDs.add(TWO)
    excluding.excludedUUIDs.add(ONE)
    session.queue.put_many([chosen, excluding])
    session.commit()
    for one in session.queue.claim(TWO.bytes, 2).partials:
        session.activate_claimed(one)
        session.queue.put_aside(one, MAIL, WEEK)
    session.commit()

    assert take(session, Look.ALL) == []
    assert set(take(session, Look.ALL, TWO)) == {chosen, excluding}


def test_its_begin_by_ends_it_whoever_looks(session: Session, fake_clock: FakeClock) -> None:
    [partial] = set_aside(session, begin_by=timedelta(hours=1))
    fake_clock.advance(hours=2)

    assert session.claim(worker=TWO) == [partial]
    assert partial.is_too_late
    assert session.claim() == []
    assert len(session.queue) == 0


def test_its_limit_brings_it_to_a_worker_that_may_run_it(
    session: Session, fake_clock: FakeClock
) -> None:
    partial = Partial(samples.nothing)
    partial.selectedUUIDs.add(TWO)
    session.queue.put(partial)
    session.commit()
    session.queue.claim(TWO.bytes, 1)
    session.activate_claimed(partial)
    session.queue.put_aside(partial, MAIL, WEEK)
    session.commit()
    fake_clock.advance(days=6)
    assert session.claim(worker=TWO) == []
    fake_clock.advance(days=2)

    assert session.claim(worker=ONE) == []
    session.commit()
    assert session.claim(worker=TWO) == []  # looked at again in an hour
    fake_clock.advance(hours=2)
    assert session.claim(worker=TWO) == [partial]
    assert partial.is_aside_too_long


def test_the_wait_has_begun_when_it_was_set_aside_first(
    session: Session, fake_clock: FakeClock
) -> None:
    [partial] = set_aside(session)
    since = partial.aside.since
    fake_clock.advance(days=1)
    take(session, Look.ONE)
    session.activate_claimed(partial)
    session.queue.put_aside(partial, PAY, WEEK)
    session.commit()

    assert (partial.aside.since, partial.aside.until) == (since, since + WEEK)
    assert partial.aside.name == "pay.now"
    assert absent.count(session.queue) == {"pay.now": absent.Count(waiting=1)}


def test_it_has_its_place_for_an_audit(session: Session) -> None:
    set_aside(session, 3, begin_by=timedelta(hours=1))
    [first, *_] = session.queue
    session.queue.discard([first])
    session.commit()

    assert inspect(session.connection, session.manager).findings == []


def test_a_job_whose_callbacks_lack_code_waits_where_it_is_not_counted(
    session: Session, fake_clock: FakeClock
) -> None:
    partial = Partial(samples.nothing)
    partial.addCallbacks(samples.give_back)
    session.queue.put(partial)
    session.commit()
    session.activate(partial)
    partial.finish(5)
    session.queue.put_aside(partial, MAIL, WEEK)
    session.commit()

    assert absent.count(session.queue) == {"mail.send": absent.Count(callbacks=1)}
    assert len(session.queue) == 0
    assert inspect(session.connection, session.manager).findings == []
    assert list(walk(session.manager, Selection(state=CALLBACKS))) == [partial]
    assert session.claim() == []
    fake_clock.advance(days=8)
    assert session.claim() == [partial]
    assert session.claim() == []
    assert len(session.queue) == 0
