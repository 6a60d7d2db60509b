"""What the other tests stand on: a Plone that answers over HTTP, with its data at a server."""

from __future__ import annotations

from tests.integrations.servers import Site
from tests.integrations.zope_home import ADMIN, PASSWORD


def test_the_site_answers_visitors_and_its_manager(site: Site) -> None:
    assert "Plone site" in site.browser().get("/Plone").text
    assert site.browser().get("/Plone/@@overview-controlpanel").status in (302, 401)
    found = site.browser(ADMIN, PASSWORD).get("/Plone/@@overview-controlpanel")
    assert found.status == 200
    assert "Plone 6.2.2" in found.text
