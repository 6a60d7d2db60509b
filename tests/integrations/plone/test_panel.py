"""The control panel of a Plone site, with the tokens of plone.protect."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

from tests.integrations.plone.conftest import EDITOR
from tests.integrations.servers import Site
from tests.integrations.zope_home import ADMIN, PASSWORD
from tests.panel.browser import Browser, words
from tests.panel.http import HttpPanel
from tests.support.instance import Client, Instance

PLACE = "/Plone/@@zcasync-jobs"


def visitor(site: Site, user: str, place: str = PLACE) -> Browser:
    """The browser of a user who has logged in."""
    headers = {
        one: {"Authorization": f"Basic {base64.b64encode(f'{one}:{PASSWORD}'.encode()).decode()}"}
        for one in (ADMIN, EDITOR)
    }
    panel: Any = HttpPanel(site.url + place, headers)
    return Browser(panel, user)


def test_the_manager_reads_what_failed_and_retries_it(
    site: Site, worker: Instance, client: Client
) -> None:
    job = client.put(int, "many", retry="never")
    client.wait_for(job)
    manager = visitor(site, ADMIN)

    page = manager.get(job=job.id)
    for word in ("failed", "ValueError: invalid literal", "Retry"):
        assert word in words(page)
    assert "portal-logo" not in page.body
    form = manager.fields("retry", job.id)
    assert form.pop("_authenticator")
    refused = manager.post(**form)
    assert refused.status == 403
    assert "plone.protect refuses the form" in words(refused)
    again = manager.follow(manager.click("retry", job.id))
    assert "The job waits in its queue again." in words(again)
    client.wait_for(job)
    assert job.id in manager.get(kind="failed").body


def test_plone_leaves_the_page_its_style(site: Site, worker: Instance) -> None:
    page = visitor(site, ADMIN).get()
    style = page.body.partition("<style>")[2].partition("</style>")[0]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()

    assert f"style-src 'sha256-{digest}'" in dict(page.headers)["Content-Security-Policy"]


def test_nobody_else_gets_in(site: Site, worker: Instance, client: Client) -> None:
    job = client.put(int, "1")
    client.wait_for(job)

    for user in ("nobody", EDITOR):
        for query in ({}, {"job": job.id}):
            answer = visitor(site, user).get(**query)
            assert answer.status in (302, 401)
            assert job.id not in words(answer)
    assert visitor(site, ADMIN, "/Plone/pages/@@zcasync-jobs").get().status == 404
