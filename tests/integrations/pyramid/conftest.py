"""A gallery of photos in Pyramid, with a worker, which the tests of this folder share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integrations.browser import Browser
from tests.integrations.servers import CONFIG, DatabaseServer, Site
from tests.processes.servers import Server
from tests.support.instance import ROOT, Instance
from tests.support.ports import free_port

SECOND = """
<filestorage 2>
  path {folder}/sessions.fs
</filestorage>
"""
INI = """
[app:main]
paste.app_factory = tests.integrations.pyramid.gallery:main
zodbconn.uri = zeo://127.0.0.1:{database}?storage=1&blob_dir=%(here)s/blobs&shared_blob_dir=1
zodbconn.uri.sessions = zeo://127.0.0.1:{database}?storage=2
folder = %(here)s
{more}
[server:main]
use = egg:waitress#main
listen = 127.0.0.1:{port}

[loggers]
keys = root

[handlers]
keys = console

[formatters]
keys = plain

[logger_root]
level = INFO
handlers = console

[handler_console]
class = StreamHandler
args = (sys.stderr,)
formatter = plain

[formatter_plain]
format = %(levelname)s of the gallery: %(message)s
"""
WORKER = """
<zcasync>
  application zcasync.pyramid:Application {ini}
  grace-period 5
  poll-seconds 2
</zcasync>
"""


class GalleryServer(DatabaseServer):
    """A database server with a second storage."""

    def __init__(self, folder: Path) -> None:
        Server.__init__(self, folder, config=CONFIG + SECOND)


class Visitor(Browser):
    """A visitor of the gallery; ``log_in`` has it keep the cookie."""

    def log_in(self, user: str) -> Visitor:
        answer = self.post("/login", user=user)
        assert answer.text == "welcome"
        self._headers["Cookie"] = answer.headers["Set-Cookie"].partition(";")[0]
        return self


def write_ini(
    folder: Path, database: int, port: int = 0, name: str = "g.ini", more: str = ""
) -> Path:
    """Write the ini file of a gallery."""
    path = folder / name
    path.write_text(INI.format(database=database, port=port, more=more))
    return path


@pytest.fixture(scope="package")
def server(place: Path) -> Iterator[DatabaseServer]:
    """Its database server."""
    made = GalleryServer(place)
    try:
        yield made.start()
    finally:
        made.stop()


@pytest.fixture(scope="package")
def site(place: Path, server: DatabaseServer) -> Iterator[Site]:
    """Its web server."""
    port = free_port()
    ini = write_ini(place, server.port, port)
    made = Site(place, ["pserve", str(ini)], port)
    made.environment["PYTHONPATH"] = str(ROOT)
    try:
        yield made.start()
    finally:
        made.stop()


@pytest.fixture(scope="package")
def running_worker(place: Path, site: Site) -> Iterator[Instance]:
    made = Instance(place / "home", children=2, config=WORKER.format(ini="../g.ini"))
    try:
        yield made.start()
    finally:
        made.end()


@pytest.fixture
def worker(running_worker: Instance) -> Instance:
    """Its worker, with two children."""
    running_worker.client.sync()
    return running_worker


@pytest.fixture
def ann(site: Site) -> Visitor:
    """A user who has logged in."""
    return Visitor(site.url).log_in("ann")
