"""The books on a child: its states, the jobs it has in hand, how long they take."""

from __future__ import annotations

import pytest
from twisted.internet.task import Clock

from zcasync.perform.progress import Progress
from zcasync.protocol.outcomes import Ending
from zcasync.supervisor.children.state import STATES, ChildState

A, B, C = (bytes([0, 0, 0, 0, 0, 0, 0, number]) for number in (1, 2, 3))


@pytest.fixture
def child(reactor: Clock) -> ChildState:
    return ChildState(reactor, 0)


@pytest.fixture
def ready(child: ChildState) -> ChildState:
    child.note_ready()
    return child


def test_the_states_lead_from_booting_to_gone_and_never_back(child: ChildState) -> None:
    assert child.state == "booting"
    assert STATES["gone"] == set()
    assert all("gone" in following for state, following in STATES.items() if state != "gone")
    assert "idle" in STATES["spare"]
    assert not any("booting" in following for following in STATES.values())
    assert STATES["stopping"] == {"gone"}


@pytest.mark.parametrize("before", STATES)
@pytest.mark.parametrize("after", STATES)
def test_a_child_moves_along_the_table_only(child: ChildState, before: str, after: str) -> None:
    child.state = before
    if after in STATES[before]:
        child.move_to(after)
        assert child.state == after
    else:
        with pytest.raises(AssertionError, match=f"{before} -> {after}"):
            child.move_to(after)
        assert child.state == before


def test_a_child_that_has_jobs_is_busy_until_the_last_has_ended(ready: ChildState) -> None:
    assert (ready.state, ready.job_id()) == ("idle", None)

    ready.note_given([A, B])
    assert (ready.state, ready.job_id()) == ("busy", "0x1")

    ready.note_ended(A, Ending.SETTLED, 1.0, "")
    assert (ready.state, ready.job_id()) == ("busy", "0x2")

    ready.note_ended(B, Ending.SETTLED, 1.0, "")
    assert (ready.state, ready.job_id(), ready.jobs_done) == ("idle", None, 2)
    assert ready.ended == [(A, Ending.SETTLED, ""), (B, Ending.SETTLED, "")]


def test_an_ended_job_changes_the_state(ready: ChildState) -> None:
    ready.note_given([A])
    assert not ready.has_news

    ready.note_ended(A, Ending.SETTLED, 1.0, "")
    assert ready.has_news


def test_a_deferred_job_is_neither_busy_nor_done(ready: ChildState) -> None:
    ready.note_given([A])
    ready.note_ended(A, Ending.DEFERRED, 0.1, "")
    assert (ready.state, ready.deferred, ready.jobs_done) == ("idle", {A}, 0)

    ready.note_ended(A, Ending.SETTLED, 0.1, "")
    assert (ready.state, ready.deferred, ready.jobs_done) == ("idle", set(), 1)


def test_released_jobs_are_not_assigned_any_more(ready: ChildState) -> None:
    ready.note_given([A, B, C])
    ready.note_returned([B, C])
    assert (list(ready.outstanding), ready.state) == ([A], "busy")

    ready.note_returned([A])
    assert (list(ready.outstanding), ready.state) == ([], "idle")


def test_a_stopping_child_stays_so_whatever_it_says(child: ChildState) -> None:
    child.move_to("stopping")
    child.note_ready()
    child.note_given([A])
    child.note_ended(A, Ending.SETTLED, 1.0, "")

    assert child.state == "stopping"
    assert child.was_ready


def test_the_running_job_is_timed_from_its_own_beginning(ready: ChildState, reactor: Clock) -> None:
    reactor.advance(10)
    ready.note_given([A, B])
    reactor.advance(5)
    ready.note_given([C])
    assert ready.job_since == 10, "more jobs do not make the first one younger"

    ready.note_ended(A, Ending.SETTLED, 5.0, "")
    assert ready.job_since == 15


def test_the_time_of_a_job_is_learned_gradually(ready: ChildState) -> None:
    assert ready.seconds_per_job is None
    ready.note_given([A, B])
    ready.note_ended(A, Ending.SETTLED, 1.0, "")
    assert ready.seconds_per_job == 1.0

    ready.note_ended(B, Ending.SETTLED, 2.0, "")
    assert ready.seconds_per_job == pytest.approx(1.2)


def test_progress_belongs_to_the_running_job(ready: ChildState) -> None:
    report = Progress(1, 2, "half", 0)
    ready.note_progress(report)
    assert ready.progress is None, "a late report of a job that has ended"

    ready.note_given([A, B])
    ready.note_progress(report)
    assert (ready.progress, ready.unseen_progress) == (report, True)

    ready.note_ended(A, Ending.SETTLED, 1.0, "")
    assert ready.progress is None
