"""The patterns of the description hold in real children, in a Zope with the lines of the guide."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.integrations.servers import Site
from tests.integrations.zope.story import HALF_DONE, file_to_go_on
from tests.support.instance import Client, Instance
from zcasync.interfaces import ACTIVE, COMPLETED

Tell = Callable[[str], Any]


@pytest.fixture
def tell(worker: Instance, site: Site, client: Client) -> Tell:
    """Has a visitor put a pattern; returns its job."""

    def post(pattern: str) -> Any:
        answer = site.browser("bob", "secret").post("/shop/@@story", pattern=pattern)
        assert answer.status == 200, answer.text + site.output
        client.sync()
        return client.manager.find(answer.text)

    return post


def test_methods_of_an_object_are_called_by_both_kinds_of_workers(
    tell: Tell, client: Client
) -> None:
    last = tell("of_an_object")
    demo = client.manager.find(last.id).callable.__self__
    client.wait_until(lambda: demo.counter == 16, "all three calls")

    assert 10 <= client.wait_for(last) <= 16


def test_a_call_waits_for_its_time(tell: Tell, client: Client, worker: Instance) -> None:
    job = tell("of_later")
    found = client.wait_for(job)

    assert job.started >= job.begin_after
    assert (found["pid"], found["user"], found["site"]) == (worker.pid, "bob", "/shop")


def test_callbacks_put_jobs_for_workers_and_have_their_results(
    tell: Tell, client: Client, worker: Instance
) -> None:
    job = tell("of_a_callback")
    multiplied, looked = job.callbacks
    client.wait_for(job, multiplied, looked)

    assert (job.result, job.state) == (12, COMPLETED)
    assert multiplied.result == 24
    found = looked.result
    assert (found["pid"], found["user"], found["site"]) == (worker.pid, "bob", "/shop")


def test_a_partial_in_a_partial_waits_for_its_environment(tell: Tell, client: Client) -> None:
    job = tell("of_an_environment")
    client.wait_until(lambda: job.waits_for is not None, "the check to have failed")
    assert job.state == ACTIVE
    tell("flour")
    found = client.wait_for(job)

    assert (found["user"], found["site"], found["title"]) == ("bob", "/shop", "Books")


def test_a_job_tells_of_itself_while_it_runs(tell: Tell, client: Client, worker: Instance) -> None:
    job = tell("of_a_report")
    client.wait_until(lambda: job.annotations.get(HALF_DONE), "the report")
    assert (job.state, job.result) == (ACTIVE, None)
    file_to_go_on(worker.home).touch()

    assert client.wait_for(job) == 42
