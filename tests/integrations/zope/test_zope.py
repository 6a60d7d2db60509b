"""Jobs that are put in a Zope run as its views do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.integrations.browser import Answer
from tests.integrations.servers import Site
from tests.support.instance import Instance

Job = Callable[[Answer], Any]


def test_a_form_puts_a_job_that_runs_as_its_user_in_its_site(
    worker: Instance, site: Site, job_of: Job
) -> None:
    found = job_of(site.browser("bob", "secret").post("/shop/one/@@put", text="soon")).result

    assert found["user"] == "bob"
    assert found["site"] == "/shop"
    assert found["server"] == site.url
    assert found["url"] == f"{site.url}/shop/one"
    assert found["title"] == "Books"
    assert found["pid"] in worker.child_pids()
