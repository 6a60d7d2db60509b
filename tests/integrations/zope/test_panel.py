"""The control panel of a Zope with a worker: a manager needs no shell."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable
from typing import Any

from tests.integrations.browser import Answer
from tests.integrations.servers import Site
from tests.integrations.zope_home import ADMIN, PASSWORD
from tests.panel.browser import Browser, words
from tests.panel.http import HttpPanel
from tests.support.instance import Client, Instance
from zcasync.interfaces import COMPLETED
from zcasync.testing.process import is_gone

Job = Callable[[Answer], Any]


def manager(site: Site) -> Browser:
    """The browser of a manager of the application."""
    token = base64.b64encode(f"{ADMIN}:{PASSWORD}".encode()).decode()
    headers = {ADMIN: {"Authorization": f"Basic {token}"}}
    panel: Any = HttpPanel(f"{site.url}/@@zcasync-jobs", headers)
    return Browser(panel, ADMIN)


def pids_at(worker: Instance, job: str) -> list[int]:
    """The processes that are at a job."""
    return [one["pid"] for one in worker.status()["children"] if one["job"] == job]


def test_a_job_that_fails_is_readable_and_runs_again(
    worker: Instance, site: Site, client: Client, job_of: Job
) -> None:
    put = site.browser("bob", "secret").post("/shop/one/@@put", call="fail")
    job = job_of(put)
    browser = manager(site)

    page = browser.get(job=put.text)
    for word in ("failed", "KeyError", "out of stock", "user bob", "site /shop", "Retry"):
        assert word in words(page)
    assert "The job waits in its queue again." in words(
        browser.follow(browser.click("retry", put.text))
    )
    client.wait_for(job)
    assert "KeyError" in words(browser.get(kind="failed"))


def test_a_job_that_runs_is_ended_with_its_process(
    worker: Instance, site: Site, client: Client
) -> None:
    job = client.put(time.sleep, 300)
    browser = manager(site)
    (pid,) = client.wait_until(lambda: pids_at(worker, job.id), "the job to begin")
    assert f"process {pid}" in words(browser.get(job=job.id))

    page = browser.follow(browser.click("cancel", job.id))
    assert "The job is cancelled." in words(page)
    assert "said to be admin" in words(page)
    client.sync()
    assert job.state == COMPLETED
    assert is_gone(pid)
