"""What jobs change is what the catalog knows, as after a view."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integrations.browser import Browser
from tests.integrations.plone.conftest import Put
from tests.support.instance import Client


@pytest.fixture
def page(client: Client, put: Put) -> str:
    """The path of a page that the test has alone."""
    made = client.wait_for(put("/Plone/scratch", "add", "Draft"))
    return f"/Plone/scratch/{made}"


def found(editor: Browser, **query: Any) -> list[str]:
    """Return the addresses that a search finds."""
    return [one["url"] for one in editor.get("/Plone/@@find", **query).json]


def test_an_object_that_a_job_indexes_is_found_by_what_it_is_now(
    client: Client, put: Put, editor: Browser, page: str
) -> None:
    client.wait_for(put(page, "set_title", "Umbrellas of Cherbourg"))
    assert [one.endswith(page) for one in found(editor, Title="Cherbourg")] == [True]


def test_an_event_that_a_job_notifies_has_its_subscribers_index_it(
    client: Client, put: Put, editor: Browser, page: str
) -> None:
    client.wait_for(put(page, "describe", "zeppelin"))
    assert [one.endswith(page) for one in found(editor, SearchableText="zeppelin")] == [True]
    assert f"{editor.url}{page}" in found(editor, Title="Draft")


def test_what_a_job_deletes_is_found_no_more(
    client: Client, put: Put, editor: Browser, page: str
) -> None:
    assert f"{editor.url}{page}" in found(editor, path=page)
    client.wait_for(put("/Plone/scratch", "delete", page.rpartition("/")[2]))
    assert found(editor, path=page) == []
