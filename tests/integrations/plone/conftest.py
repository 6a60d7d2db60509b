"""A Plone with one site, which the tests of this folder share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integrations import zope_home
from tests.integrations.servers import DatabaseServer, Site

ADD_SITE = """
import transaction
from Products.CMFPlone.factory import addPloneSite

addPloneSite(app, "Plone", extension_ids=("plone.app.contenttypes:default",))
transaction.commit()
"""


@pytest.fixture(scope="package")
def server(place: Path) -> Iterator[DatabaseServer]:
    """Its database server."""
    made = DatabaseServer(place)
    try:
        yield made.start()
    finally:
        made.stop()


@pytest.fixture(scope="package")
def site(place: Path, server: DatabaseServer) -> Iterator[Site]:
    """Its web server, with a site ``Plone``."""
    made = zope_home.make(place / "home", server)
    zope_home.run_script(place / "home", ADD_SITE)
    try:
        yield made.start()
    finally:
        made.stop()
