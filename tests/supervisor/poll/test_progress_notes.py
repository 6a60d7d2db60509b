"""Which reports of progress are worth a note in the database: ever fewer of one job."""

from __future__ import annotations

import pytest

from tests.supervisor.poll.scene import Scene, ready
from tests.support import scenes
from tests.support.scenes import Seconds
from zcasync.perform.progress import Progress, noted
from zcasync.supervisor.poll.messages import PassInput
from zcasync.supervisor.poll.progress_notes import FIRST_SECONDS, LONGEST_SECONDS, ProgressNotes

JOB, OTHER = b"job", b"other"


def at(done: float) -> Progress:
    return Progress(done, 100, "", 0)


@pytest.fixture
def noting(seconds: Seconds) -> ProgressNotes:
    return ProgressNotes(seconds)


def test_a_short_job_is_never_noted(noting: ProgressNotes, seconds: Seconds) -> None:
    noting.report(JOB, at(1))
    assert noting.due() == {}

    noting.forget(JOB)
    seconds.advance(1000)
    assert noting.due() == {}
    assert noting.latest(JOB) is None


def test_the_newest_report_is_noted_once(noting: ProgressNotes, seconds: Seconds) -> None:
    noting.report(JOB, at(1))
    noting.report(JOB, at(2))
    seconds.advance(FIRST_SECONDS)

    assert noting.latest(JOB) == at(2)
    assert noting.due() == {JOB: at(2)}
    assert noting.due() == {}


def test_notes_of_a_long_job_get_rare_but_never_cease(
    noting: ProgressNotes, seconds: Seconds
) -> None:
    began, moments = seconds.now, []
    while seconds.now - began < 400:
        noting.report(JOB, at(seconds.now))
        if noting.due():
            moments.append(seconds.now - began)
        seconds.advance(1)

    pauses = [later - sooner for sooner, later in zip([0, *moments], moments, strict=False)]
    assert pauses == [5, 10, 20, 40, 80, 80, 80, 80]
    assert pauses[-1] == LONGEST_SECONDS


def test_each_job_has_its_own_pauses(noting: ProgressNotes, seconds: Seconds) -> None:
    noting.report(JOB, at(1))
    seconds.advance(FIRST_SECONDS)
    noting.report(OTHER, at(2))
    assert noting.due() == {JOB: at(1)}

    seconds.advance(FIRST_SECONDS)
    assert noting.due() == {OTHER: at(2)}


def test_a_job_that_runs_again_begins_with_short_pauses(
    noting: ProgressNotes, seconds: Seconds
) -> None:
    noting.report(JOB, at(1))
    seconds.advance(FIRST_SECONDS)
    assert noting.due()
    noting.forget(JOB)

    noting.report(JOB, at(3))
    seconds.advance(FIRST_SECONDS)
    assert noting.due() == {JOB: at(3)}


def test_progress_is_noted_for_jobs_that_run(scene: Scene) -> None:
    running, over = scene.put(2)
    scene.run(s0=ready(room=2))
    scenes.end(over, 1)
    scene.session.commit()
    report = Progress(1, 2, "half", 0)
    scene.run(PassInput(progress={running._p_oid: report, over._p_oid: report}), s0=ready())

    assert noted(running) == report
    assert noted(over) is None
