"""Conflicts, failures and deaths: nothing is lost, nothing is there twice, and all can be read."""

from __future__ import annotations

import os
import signal

import pytest

from tests.integrations.browser import Browser
from tests.integrations.plone.conftest import Put
from tests.integrations.servers import BOOT_SECONDS, Site
from tests.support.gates import Gate
from tests.support.instance import Client, Instance
from zcasync.testing.waiting import wait_until


def test_a_job_that_conflicts_with_an_edit_is_made_again_and_both_changes_are_there(
    client: Client, put: Put, editor: Browser, barrier: Gate
) -> None:
    made = client.wait_for(put("/Plone/scratch", "add", "Edited"))
    page = f"/Plone/scratch/{made}"
    job = put(page, "append_behind", "by job", barrier.path)
    barrier.wait_for(1)
    assert editor.post(f"{page}/@@append", text="by hand").text == "by hand"
    barrier.open()
    client.wait_for(job)
    assert len(barrier.arrivals()) == 2
    assert job.conflicts == 1
    (found,) = editor.get("/Plone/@@find", path=page).json
    assert found["description"] == "by hand by job"


def test_a_child_that_is_killed_in_the_middle_costs_nothing(
    worker: Instance, client: Client, put: Put, editor: Browser, barrier: Gate
) -> None:
    worker.wait_for_spare(BOOT_SECONDS)
    job = put("/Plone/scratch", "add_behind", "Survivor", barrier.path)
    killed = barrier.wait_for(1)
    assert killed in worker.child_pids()
    os.kill(killed, signal.SIGKILL)
    barrier.open()
    client.wait_for(job, timeout=BOOT_SECONDS)
    assert job.result["pid"] != killed
    assert job.interruptions == 1
    found = [one["url"] for one in editor.get("/Plone/@@find", Title="Survivor").json]
    assert found == [job.result["url"]]


def test_the_spare_has_booted_before_it_is_needed(
    worker: Instance, client: Client, put: Put, barrier: Gate
) -> None:
    spare = worker.wait_for_spare(BOOT_SECONDS)
    job = put("/Plone/scratch", "add_behind", "Spared", barrier.path)
    os.kill(barrier.wait_for(1), signal.SIGKILL)
    assert barrier.wait_for(2, BOOT_SECONDS) in {spare, *worker.child_pids()}
    barrier.open()
    client.wait_for(job)


def test_a_job_that_fails_changes_nothing_and_says_why(
    worker: Instance, client: Client, put: Put, editor: Browser
) -> None:
    job = put("/Plone/pages", "fail")
    client.wait_for(job)
    assert job.result.check(ValueError)
    assert job.result.getErrorMessage() == "pages has no picture"
    assert "tests/integrations/plone/jobs.py" in job.result.getTraceback()
    (found,) = editor.get("/Plone/@@find", portal_type="Folder", Title="Pages").json
    assert found["title"] == "Pages"


def test_what_is_gone_is_a_failure_that_names_it_and_the_next_job_runs(
    worker: Instance, client: Client, put: Put, manager: Browser, barrier: Gate
) -> None:
    page = client.wait_for(put("/Plone/scratch", "add", "Doomed"))
    holding = [put("/Plone/scratch", "wait", barrier.path) for _ in range(2)]
    barrier.wait_for(2)
    job = put(f"/Plone/scratch/{page}", "around")
    manager.post("/Plone/scratch/@@remove", name=page)
    barrier.open()
    client.wait_for(*holding, job)
    assert f"/Plone/scratch/{page}" in job.result.getErrorMessage()
    assert job.id in job.result.getErrorMessage()
    assert client.wait_for(put("/Plone/scratch", "around"))["site"] == "/Plone"


def test_a_put_without_a_token_is_aborted_and_the_log_says_so(
    site: Site, worker: Instance, client: Client, editor: Browser
) -> None:
    length = len(client.manager.thread)
    answer = editor.get("/Plone/pages/@@put", call="around", protected="yes")
    client.sync()
    with pytest.raises(LookupError, match="not committed"):
        client.manager.find(answer.text)
    assert len(client.manager.thread) == length
    log = wait_until(
        lambda: [one for one in site.output.splitlines() if "are lost" in one],
        "the web process to say that the put is lost",
    )
    assert "plone.protect" in log[-1]
    assert "tests.integrations.plone.jobs.around" in log[-1]
