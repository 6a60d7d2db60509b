"""A Zope with a shop, and a worker with two children, which the tests of this folder share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integrations import zope_home
from tests.integrations.browser import Answer
from tests.integrations.servers import CONFIG, DatabaseServer, Site
from tests.support.instance import Client, Instance

ZCASYNC_CONF = """
<zcasync>
  application zcasync.zope:Application etc/zope.conf
  grace-period 5
  poll-seconds 2
</zcasync>
"""
#: What every Zope has in its ``zope.conf``, and more.
ZOPE_CONF = (
    zope_home.ZOPE_CONF
    + """
<environment>
  SHOP_TOWN Ulm
</environment>
<zodb_db archive>
  cache-size 123
  <zeoclient>
    server 127.0.0.1:{port}
    storage 2
  </zeoclient>
  mount-point /archive
</zodb_db>
"""
)
SECOND_STORAGE = """
<filestorage 2>
  path {folder}/archive.fs
</filestorage>
"""
FILL = """
import transaction
import zcasync.zope
from tests.integrations.zope.shop import fill

fill(app)
transaction.commit()
job = zcasync.zope.put(app.shop.two, "ship", "early", kwargs={"title": "of a script"})
transaction.commit()
print(job.id)
"""


@pytest.fixture(scope="package")
def server(place: Path) -> Iterator[DatabaseServer]:
    """Its database server."""
    made = DatabaseServer(place, CONFIG + SECOND_STORAGE)
    try:
        yield made.start()
    finally:
        made.stop()


@pytest.fixture(scope="package")
def home(place: Path, server: DatabaseServer) -> tuple[Path, Site]:
    """Its home, with a shop in its database, and its web server, which does not run yet."""
    folder = place / "home"
    site = zope_home.make(folder, server, ZOPE_CONF)
    zope_home.include(folder, "zcasync", "zope.zcml")
    zope_home.include(folder, "tests.integrations.zope")
    (folder / "early").write_text(zope_home.run_script(folder, FILL))
    (folder / "etc" / "zcasync.conf").write_text(ZCASYNC_CONF)
    return folder, site


@pytest.fixture(scope="package")
def site(home: tuple[Path, Site]) -> Iterator[Site]:
    """Its web server."""
    try:
        yield home[1].start()
    finally:
        home[1].stop()


@pytest.fixture(scope="package")
def worker(home: tuple[Path, Site]) -> Iterator[Instance]:
    """A supervisor with two children."""
    made = Instance(home[0], children=2)
    try:
        yield made.start()
    finally:
        made.end()


@pytest.fixture
def client(worker: Instance) -> Client:
    """A client of its database, which is no Zope."""
    worker.client.sync()
    return worker.client


@pytest.fixture
def job_of(site: Site, client: Client) -> Callable[[Answer], Any]:
    """Returns the job whose id was answered, once it has ended."""

    def find(answer: Answer) -> Any:
        assert answer.status == 200, answer.text + site.output
        client.sync()
        job = client.manager.find(answer.text)
        client.wait_for(job)
        return job

    return find
