"""Callbacks of a partial that has more of them than one record holds."""

from __future__ import annotations

import pytest

from tests.jobs import samples
from tests.jobs.samples import NOTED
from tests.support.sessions import Session
from zcasync import Partial
from zcasync.audit.judging import unusable
from zcasync.interfaces import COMPLETED
from zcasync.job.callback_pages import PAGE_SIZE
from zcasync.testing import run_inline

#: Two pages that are full, and some in the record itself.
COUNT = 2 * PAGE_SIZE + 5


@pytest.fixture
def partial(session: Session) -> Partial:
    """A stored partial that waits, with so many callbacks."""
    made: Partial = session.queue.put(Partial(samples.make_seven))
    for number in range(COUNT):
        made.addCallback(Partial(samples.note, number))
    session.commit()
    return made


def reload(session: Session) -> None:
    """Have all records loaded again."""
    session.commit()
    session.connection.cacheMinimize()


def test_callbacks_are_in_their_order_and_run_in_it(session: Session, partial: Partial) -> None:
    reload(session)
    assert [one.args[0] for one in partial.callbacks] == list(range(COUNT))
    assert partial.stored_callbacks is partial.stored_callbacks, "put together once"
    late = partial.addCallback(samples.nothing)
    assert partial.callbacks[-1] is late

    NOTED.clear()
    run_inline(partial)

    assert [number for number, _ in NOTED] == list(range(COUNT))
    assert partial.state == late.state == COMPLETED


def test_what_an_addition_writes_does_not_grow(session: Session, partial: Partial) -> None:
    sizes = []
    for number in range(2 * PAGE_SIZE):
        partial.addCallback(Partial(samples.note, number))
        session.commit()
        oid = partial.sidecar._p_oid
        sizes.append(len(session.connection.db().storage.load(oid)[0]))

    assert max(sizes[PAGE_SIZE:]) <= max(sizes[:PAGE_SIZE])


def test_callbacks_that_were_in_one_record_stay_and_more_can_come(session: Session) -> None:
    partial = session.queue.put(Partial(samples.nothing))
    before = tuple(Partial(samples.note, number) for number in range(COUNT))
    partial.ensure_sidecar().callbacks = before  # as before there were pages
    session.commit()
    last = partial.addCallback(samples.nothing)
    reload(session)

    assert partial.callbacks == (*before, last)
    assert len(partial.sidecar.callbacks) == 1


def test_a_page_that_is_lost_is_told_and_stops_nothing(session: Session, partial: Partial) -> None:
    assert partial.callbacks_problem is unusable(partial) is None
    oldest = partial.sidecar.earlier.before
    oldest.callbacks = 7
    reload(session)

    assert "cannot be of type int" in str(partial.callbacks_problem)
    assert str(unusable(partial)).startswith("the record of its callbacks cannot be loaded")
    NOTED.clear()
    run_inline(partial)
    assert [number for number, _ in NOTED] == list(range(PAGE_SIZE, COUNT))
    assert partial.state == COMPLETED


def test_a_partial_that_is_run_again_keeps_its_callbacks(
    session: Session, partial: Partial
) -> None:
    waiting = session.queue.put(Partial(samples.give_back, partial))
    session.commit()
    run_inline(waiting)
    run_inline(partial)
    assert waiting.result == 7
    partial.retry()
    reload(session)

    assert [one.args[0] for one in partial.callbacks] == list(range(COUNT))
    NOTED.clear()
    run_inline(partial)
    assert [number for number, _ in NOTED] == list(range(COUNT))
