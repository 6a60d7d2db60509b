"""The panel of a home: what its supervisor is asked for, and what is told where it is silent."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.jobs import basic as jobs
from tests.panel.browser import Browser, words
from tests.support.instance import Client, Instance
from zcasync.interfaces import ACTIVE, COMPLETED, PENDING
from zcasync.panel.panel import Panel
from zcasync.partial import Partial
from zcasync.testing.process import is_gone


@pytest.fixture
def instance(make_instance: Callable[..., Instance]) -> Instance:
    """A supervisor with a child."""
    return make_instance().start()


@pytest.fixture
def client(instance: Instance) -> Client:
    """A client of its database, as an application is one."""
    return instance.client


@pytest.fixture
def browser(instance: Instance, client: Client) -> Browser:
    """The browser of a manager, whose application knows the home."""
    return Browser(Panel(client.db, str(instance.home)))


def later() -> datetime:
    """In an hour."""
    return datetime.now(UTC) + timedelta(hours=1)


def test_a_job_that_runs_is_ended_with_its_process_and_one_behind_it_with_its_callbacks_run(
    instance: Instance, client: Client, browser: Browser
) -> None:
    runs = client.put(time.sleep, 300)
    pid = client.wait_until(lambda: instance.status()["children"][0], "a child")["pid"]
    client.wait_until(lambda: runs.state == ACTIVE, "the job to begin")
    waits = client.manager.thread.put(Partial(jobs.echo, 1))
    told = waits.addCallbacks(failure=jobs.echo)
    client.commit()

    # It is reserved for its child until that has begun it.
    client.wait_until(lambda: "active" in words(browser.get(job=runs.id)), "the job to run")
    assert "does not answer here" not in words(browser.get())
    for job in (waits, runs):
        page = words(browser.follow(browser.click("cancel", job.id)))
        assert "said to be anna" in page
    client.wait_for(runs, waits)
    assert is_gone(pid)
    assert told.state == COMPLETED
    assert "said to be anna" in runs.result.getErrorMessage()


def test_a_frozen_supervisor_keeps_nobody_waiting_and_what_waits_can_be_cancelled(
    instance: Instance, client: Client, browser: Browser
) -> None:
    runs = client.put(time.sleep, 300)
    client.wait_until(lambda: runs.state == ACTIVE, "the job to begin")
    waits = client.manager.thread.put(Partial(jobs.echo, 1), begin_after=later())
    waits.addCallbacks(failure=jobs.echo)
    client.commit()
    os.kill(instance.pid, signal.SIGSTOP)
    try:
        page = words(browser.get())
        assert f"does not answer here: process {instance.pid} is stopped (fg, or" in page
        refused = browser.click("cancel", runs.id)
        assert refused.status == 503
        assert "does not answer" in words(refused)
        assert browser.click("cancel", waits.id).status == 303
    finally:
        os.kill(instance.pid, signal.SIGCONT)
    client.sync()
    assert runs.state == ACTIVE
    assert "said to be anna" in waits.result.getErrorMessage()
    assert browser.click("cancel", runs.id).status == 303
    client.wait_for(runs, waits)


def test_without_a_supervisor_the_page_says_so(
    instance: Instance, client: Client, browser: Browser, tmp_path: Path
) -> None:
    job = client.put(jobs.echo, 1, begin_after=later())
    elsewhere = Browser(Panel(client.db, str(tmp_path)))

    assert f"{tmp_path} is no home that a supervisor has served" in words(elsewhere.get())
    nowhere = Browser(Panel(client.db, "/nonexistent\0"))
    assert "its home cannot be used from here" in words(nowhere.get())
    assert nowhere.click("cancel", job.id).status == 303
    client.sync()
    assert job.state != PENDING
