"""Progress: said inside a job, seen outside while the job is active and uncommitted."""

from __future__ import annotations

from typing import Any

import pytest

from tests.jobs import progress as progress_jobs
from tests.support.gates import Gate
from tests.support.instance import Client, Instance
from zcasync import progress_of
from zcasync.errors import NotRunning
from zcasync.interfaces import ACTIVE
from zcasync.job.ids import hex_oid
from zcasync.partial import Partial
from zcasync.perform import progress as reporting
from zcasync.results import progress as results
from zcasync.testing.waiting import wait_until


def done(partial: Partial) -> float | None:
    """What an application sees."""
    found = progress_of(partial)
    return None if found is None else found.done


def said(instance: Instance, partial: Partial) -> dict[str, object] | None:
    """What the supervisor knows of the progress of a job."""
    for child in instance.status()["children"]:
        if child["job"] == hex_oid(partial._p_oid):
            return child["progress"]
    return None


def test_progress_is_seen_while_the_job_runs(common: Instance, client: Client, gate: Gate) -> None:
    partial = client.put(progress_jobs.report_at_gate, gate.path)
    gate.wait_for()
    wait_until(lambda: said(common, partial), "a report of the job")
    found = said(common, partial)
    assert found is not None
    assert (found["done"], found["total"], found["message"]) == (1, 3, "one of three")
    client.sync()
    assert partial.state == ACTIVE
    gate.open()
    assert client.wait_for(partial) == "reported"
    wait_until(lambda: said(common, partial) is None, "the report to be gone with the job")


def test_a_report_that_came_too_soon_after_another_is_seen_soon(
    common: Instance, client: Client, gate: Gate
) -> None:
    partial = client.put(progress_jobs.report_in_bursts, gate.path)
    gate.wait_for()
    client.wait_until(lambda: done(partial) == 150, "the second report")
    gate.open()
    client.wait_for(partial)
    found = progress_of(partial)
    assert found is not None
    assert (found.done, found.total, found.message, found.is_short) == (
        *(150, 300, "half of it"),
        True,
    )


def test_without_the_supervisor_the_note_has_to_do(
    common: Instance, client: Client, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    partial = client.put(progress_jobs.report_in_bursts, gate.path)
    gate.wait_for()
    client.wait_until(lambda: done(partial) == 150, "the second report")

    def refuse(*args: object) -> None:
        raise NotRunning("not here")

    monkeypatch.setattr(results, "ControlClient", refuse)
    client.wait_until(lambda: done(partial) == 150, "the note")
    gate.open()
    client.wait_for(partial)


@pytest.mark.parametrize("options", [{}, {"detached": True}, {"queue": "reactor"}])
def test_what_was_reported_last_is_kept(
    common: Instance, client: Client, options: dict[str, Any]
) -> None:
    partial = client.put(progress_jobs.report_all, **options)
    client.wait_for(partial)
    found = progress_of(partial)
    assert found is not None
    assert (found.done, found.is_short) == (300, False)


def test_a_thread_of_the_job_reports_for_it(common: Instance, client: Client, gate: Gate) -> None:
    partial = client.put(progress_jobs.report_from_a_thread, gate.path)
    wait_until(lambda: said(common, partial), "a report of the job")
    found = said(common, partial)
    assert found is not None
    assert (found["done"], found["total"], found["message"]) == (5, None, "from a thread")
    gate.open()
    client.wait_for(partial)


def test_a_long_job_leaves_notes_for_other_machines(
    common: Instance, client: Client, gate: Gate
) -> None:
    partial = client.put(progress_jobs.report_at_gate, gate.path)
    client.wait_until(lambda: reporting.noted(partial), "a note in the annotations")
    found = reporting.noted(partial)
    assert found is not None
    assert (found.done, found.message) == (1, "one of three")
    gate.open()
    assert client.wait_for(partial) == "reported"


def test_a_coroutine_runs_in_the_reactor_and_knows_its_partial(
    common: Instance, client: Client
) -> None:
    partial = client.put(progress_jobs.report_in_the_reactor, queue="reactor")
    assert client.wait_for(partial) == "tests.jobs.progress.report_in_the_reactor"
