"""Jobs that are put in a Zope run as its views do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.integrations.zope.place import Place, place


@pytest.fixture(scope="module")
def zope() -> Iterator[Place]:
    with place() as made:
        yield made


def result_of(zope: Place, answer: tuple[int, str]) -> Any:
    status, job = answer
    assert status == 200, job + zope.output
    client = zope.instance.client
    client.sync()
    return client.wait_for(client.manager.find(job))


def test_a_form_puts_a_job_that_runs_as_its_user_in_its_site(zope: Place) -> None:
    found = result_of(zope, zope.ask("/shop/one/@@put", "bob", text="soon"))

    assert found["user"] == "bob"
    assert found["site"] == "/shop"
    assert found["server"] == f"http://127.0.0.1:{zope.port}"
    assert found["url"] == f"http://127.0.0.1:{zope.port}/shop/one"
    assert found["title"] == "Books"
    assert found["pid"] in zope.instance.child_pids()
