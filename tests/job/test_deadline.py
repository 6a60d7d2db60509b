"""The deadline of a job: begin_by counts at its first start only."""

from datetime import timedelta

import pytest

from tests.jobs import samples
from tests.support.sessions import FakeClock, Session
from zcasync import Partial
from zcasync.retry.refusals import too_late


@pytest.mark.parametrize(
    ("seconds", "interruptions", "late"),
    [(59, 0, False), (60, 0, False), (61, 0, True), (61, 1, False)],
)
def test_begin_by_is_checked_at_the_first_start_only(
    session: Session, fake_clock: FakeClock, seconds: int, interruptions: int, late: bool
) -> None:
    partial = session.queue.put(samples.nothing, begin_by=timedelta(minutes=1))
    partial._interruptions = interruptions
    fake_clock.advance(seconds=seconds)

    assert partial.is_too_late == late


def test_a_job_without_begin_by_is_never_too_late(session: Session, fake_clock: FakeClock) -> None:
    partial = session.queue.put(samples.nothing)
    fake_clock.advance(days=10_000)

    assert not partial.is_too_late
    assert not Partial(samples.nothing).is_too_late


def test_the_reason_of_a_missed_deadline_names_both_times(
    session: Session, fake_clock: FakeClock
) -> None:
    partial = session.queue.put(samples.nothing, begin_by=timedelta(minutes=1))

    assert str(too_late(partial).error) == (
        "not begun within 0:01:00 of 2006-08-10 15:00:00+00:00: its begin_by has passed"
    )
