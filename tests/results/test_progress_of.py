"""How far a call is, as the record tells it."""

from __future__ import annotations

from datetime import timedelta

from tests.jobs import progress as jobs
from tests.jobs import samples
from tests.support.sessions import Session
from zcasync import Partial, progress_of
from zcasync.job.failure import from_exception
from zcasync.perform import progress as reporting
from zcasync.perform.performer import Performer


def performed(session: Session, partial: Partial) -> Partial:
    """The partial after its call."""
    session.queue.put(partial)
    session.commit()
    session.activate(partial)
    Performer().perform(partial)
    return partial


def test_what_has_not_begun_has_none(session: Session) -> None:
    partial = session.queue.put(jobs.report_all)
    session.commit()
    assert progress_of(partial) is None


def test_the_last_report_is_kept_with_the_result(session: Session) -> None:
    found = progress_of(performed(session, Partial(jobs.report_all)))
    assert found is not None
    assert (found.done, found.total, found.is_short) == (300, 300, False)


def test_it_is_seen_by_others(session: Session, connect: object) -> None:
    partial = performed(session, Partial(jobs.report_all))
    session.commit()
    other = connect()  # type: ignore[operator]
    found = progress_of(other.same(partial))
    assert found is not None
    assert found.done == 300


def test_one_that_ends_short_says_so(session: Session) -> None:
    found = progress_of(performed(session, Partial(jobs.report_and_fail)))
    assert found is not None
    assert (found.done, found.total, found.is_short) == (150, 300, True)


def test_a_note_of_half_of_it_is_not_kept_when_it_is_done(session: Session) -> None:
    partial = session.queue.put(jobs.report_all)
    session.commit()
    session.activate(partial)
    reporting.note(partial, reporting.Progress(150, 300, "", 1))
    session.commit()
    Performer().perform(partial)
    found = progress_of(partial)
    assert found is not None
    assert found.done == 300


def test_without_a_last_report_a_result_has_none(session: Session) -> None:
    partial = session.queue.put(samples.nothing)
    session.commit()
    session.activate(partial)
    reporting.note(partial, reporting.Progress(150, 300, "", 1))
    session.commit()
    partial.finish(None)
    session.commit()
    assert progress_of(partial) is None


def test_of_one_that_was_ended_from_outside_the_note_is_known(session: Session) -> None:
    partial = session.queue.put(samples.nothing)
    session.commit()
    session.activate(partial)
    reporting.note(partial, reporting.Progress(150, 300, "", 1))
    session.commit()
    partial.interrupt()
    partial.finish(from_exception(ValueError("ended")))
    session.commit()
    found = progress_of(partial)
    assert found is not None
    assert found.is_short


def test_a_note_of_an_earlier_attempt_is_not_that_of_this_one(session: Session) -> None:
    partial = session.queue.put(samples.nothing)
    session.commit()
    session.activate(partial)
    reporting.note(partial, reporting.Progress(150, 300, "", 1))
    session.commit()
    assert progress_of(partial) is not None
    partial.interrupt()
    session.queue.release(partial)
    session.commit()
    assert progress_of(partial) is None
    session.activate(partial)
    assert progress_of(partial) is None


def test_jobs_that_report_nothing_keep_nothing(session: Session) -> None:
    partial = performed(session, Partial(samples.nothing))
    assert "_progress" not in partial.__getstate__()
    assert partial.ended - partial.started < timedelta(hours=1)
