"""The state of a child: its jobs, how long they take, how it is; one module writes it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from twisted.internet.task import Clock

from zcasync.perform.progress import Progress
from zcasync.protocol.outcomes import Completion, Ending
from zcasync.supervisor.children.state import TRANSITIONS, ChildState

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
    assert TRANSITIONS["gone"] == set()
    assert all("gone" in following for state, following in TRANSITIONS.items() if state != "gone")
    assert "idle" in TRANSITIONS["spare"]
    assert not any("booting" in following for following in TRANSITIONS.values())
    assert TRANSITIONS["stopping"] == {"gone"}


@pytest.mark.parametrize("before", TRANSITIONS)
@pytest.mark.parametrize("after", TRANSITIONS)
def test_a_child_moves_along_the_table_only(child: ChildState, before: str, after: str) -> None:
    child.state = before
    if after in TRANSITIONS[before]:
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
    assert not ready.has_changes

    ready.note_ended(A, Ending.SETTLED, 1.0, "")
    assert ready.has_changes


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


def test_a_report_tells_everything_once(ready: ChildState) -> None:
    ready.note_given([A, B, C])
    ready.note_progress(Progress(1, 2, "half", 0))
    ready.note_completed([C], [Completion(7)])
    ready.note_given_back([B])
    report = ready.take_report()
    assert (report.outstanding, report.deferred) == ({A, C}, set())
    assert (report.completed, report.returned) == ({C: Completion(7)}, [B])
    assert report.progress == (A, Progress(1, 2, "half", 0))
    assert not report.has_changes

    again = ready.take_report()
    assert (again.outstanding, again.completed, again.returned) == ({A, C}, {}, [])
    assert again.progress is None
    assert ready.progress is not None, "the status shows it still"


def test_what_waits_for_its_deferred_is_reported_as_assigned(ready: ChildState) -> None:
    ready.note_given([A])
    ready.note_ended(A, Ending.DEFERRED, 0.1, "")
    report = ready.take_report()

    assert (report.outstanding, report.deferred, report.has_changes) == ({A}, {A}, True)
    assert not ready.take_report().has_changes


def test_progress_of_a_job_that_has_ended_is_not_reported(ready: ChildState) -> None:
    ready.note_given([A, B])
    ready.note_progress(Progress(1, 2, "half", 0))
    ready.note_ended(A, Ending.SETTLED, 1.0, "")

    assert ready.take_report().progress is None


def test_the_jobs_that_have_ended_are_taken_once(ready: ChildState) -> None:
    ready.note_given([A])
    ready.note_ended(A, Ending.STORAGE, 1.0, "away")

    assert ready.take_ended() == [(A, Ending.STORAGE, "away")]
    assert ready.take_ended() == []


def test_jobs_are_asked_back_until_the_answer_comes(ready: ChildState) -> None:
    ready.note_given([A, B])
    ready.note_taking_back()
    assert ready.taking_back

    ready.note_taken_back([B])
    assert (ready.taking_back, list(ready.outstanding)) == (False, [A])
    assert ready.take_report().returned == [], "its answer is the report"


def test_a_frozen_child_is_so_from_the_first_sample_on_until_it_continues(
    ready: ChildState,
) -> None:
    assert [ready.note_frozen(1.0) for _ in range(3)] == [0.0, 1.0, 2.0]
    ready.note_continued()
    assert ready.frozen_seconds is None


def test_memory_at_rest_is_that_of_the_last_sample_without_a_job(ready: ChildState) -> None:
    ready.note_memory(5, 1.0, at_rest=True)
    ready.note_memory(9, 2.0, at_rest=False)

    assert (ready.rss, ready.rss_at_rest, ready.sampled_at) == (9, 5, 2.0)


# who writes it

PACKAGE = Path(__file__).parents[3] / "zcasync"
MUTATORS = {"add", "append", "clear", "discard", "extend", "pop", "popleft", "remove", "update"}


def attributes() -> set[str]:
    return {name for name in vars(ChildState(Clock(), 0)) if not name.startswith("_")}


def writes(tree: ast.AST, owners: set[str]) -> Iterator[str]:
    """What is assigned to, or changed in, an attribute of what has one of these names."""
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(value=ast.Name(id=owner), attr=name, ctx=ast.Store()):
                written = owner, name
            case ast.Call(
                func=ast.Attribute(
                    value=ast.Attribute(value=ast.Name(id=owner), attr=name), attr=change
                )
            ) if change in MUTATORS:
                written = owner, name
            case _:
                continue
        if written[0] in owners and written[1] in attributes():
            yield f"{node.lineno}: {'.'.join(written)}"


def test_no_other_module_writes_the_state_of_a_child() -> None:
    found = {}
    for path in PACKAGE.rglob("*.py"):
        tree = ast.parse(path.read_text())
        written = list(writes(tree, {"child", "spare"}))
        for one in ast.walk(tree):
            if isinstance(one, ast.ClassDef) and "ChildState" in map(ast.unparse, one.bases):
                written += writes(one, {"self"})
        if written:
            found[path.name] = written
    assert found == {}


def test_a_write_from_elsewhere_would_be_found() -> None:
    source = """
child.rss = 1
child.ended.clear()
child.jobs_done += 1
other.rss = 1
child.name = 1
"""
    found = set(writes(ast.parse(source), {"child"}))
    assert found == {"2: child.rss", "3: child.ended", "4: child.jobs_done"}
