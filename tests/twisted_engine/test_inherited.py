"""Children of an engine in an application's process have its databases as it has them."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from ZEO.ClientStorage import ClientStorage
from ZODB import DB
from ZODB.MappingStorage import MappingStorage

from tests.jobs import basic as jobs
from tests.jobs.blobs import Album, content, digest
from tests.jobs.mounted import Site, add_to, options_of_all
from tests.processes.servers import Server
from tests.support.instance import ROOT, SHORT, Client, Instance
from zcasync.database.opening import open_servers
from zcasync.testing.waiting import wait_until
from zcasync.twisted_engine.inherited import InheritedDatabases

STORAGES = """
<filestorage pictures>
  path {folder}/pictures.fs
  blob-dir {folder}/server-blobs
</filestorage>
<filestorage late>
  path {folder}/late.fs
</filestorage>
"""
DATABASES = """
%import ZEO
<zodb site>
  cache-size 1234
  <clientstorage>
    server 127.0.0.1:{port}
    storage pictures
    name front
    cache-size 3MB
    cache-path {folder}/front.zec
    wait-timeout 17
    server-sync on
    client-label it-is-me
    blob-dir {folder}/cache
    blob-cache-size 12345678
    blob-cache-size-check 7
  </clientstorage>
</zodb>
<zodb catalog>
  <zeoclient>
    server 127.0.0.1:{port}
    storage 1
    username me
    password hush-hush
  </zeoclient>
</zodb>
<zodb archive>
  <zeoclient>
    server 127.0.0.1:{port}
    storage 2
    read-only on
  </zeoclient>
</zodb>
"""
LATER = """
<zodb late>
  <zeoclient>
    server 127.0.0.1:{port}
    storage late
  </zeoclient>
</zodb>
"""
#: ZEO's sections set these though nobody has.
ALWAYS = {"wait_timeout": 30, "cache_size": 20 * 1024**2}


class Application(Instance):
    """The process of ``several.py`` and its home, whose configuration names no database."""

    def __init__(self, folder: Path, port: int) -> None:
        super().__init__(folder / "home", config=SHORT)
        self.port, self.folder = port, folder
        self.environment = {"INSTANCE_HOME": str(self.home)}
        self.file = folder / "zodb.conf"
        self.file.write_text(DATABASES.format(port=port, folder=folder))

    @property
    def command(self) -> list[str]:
        script = ROOT / "tests" / "twisted_engine" / "several.py"
        return [sys.executable, str(script), str(self.file)]

    def wait_until_ready(self) -> Application:
        """Wait until its engine is registered."""
        wait_until((self.home / "etc" / "uuid.txt").exists, "the home's UUID", seen=self.evidence)
        self.client.wait_until(
            lambda: any(one.engineUUID for one in self.client.manager.workers.values()),
            "an engine of this process",
        )
        return self

    def evidence(self) -> str:
        return self.output[-6000:]

    @property
    def client(self) -> Client:
        """A client of all its databases."""
        if self._client is None:
            where = [["127.0.0.1", self.port]]
            blobs = {"blob_dir": str(self.folder / "ours")}
            servers: dict[str, Any] = {
                "site": [where, "pictures", blobs, {}],
                "catalog": [where, "1"],
                "archive": [where, "2"],
                "late": [where, "late"],
            }
            self._client = Client(open_servers(servers, 10.0, "site"))
        return self._client

    def replace_child(self) -> None:
        """Kill the child in the slot, and wait until another one works there."""

        def ready() -> int:
            return self.output.count(", the spare, takes slot 0")

        before = ready()
        found = re.findall(r"child (\d+)(?: started \(|, the spare, takes )slot 0", self.output)
        psutil.Process(int(found[-1])).kill()
        wait_until(lambda: ready() > before, "the spare in its place", seen=self.evidence)

    def child(self) -> psutil.Process:
        """Its only child at work."""
        found = psutil.Process(self.pid).children()
        return next(one for one in found if "zcasync.child" in one.cmdline())


@pytest.fixture
def server(folder: Path) -> Iterator[Server]:
    """A server of four storages."""
    made = Server(folder, [ROOT], module="zcasync.zeo", more=STORAGES.format(folder=folder))
    try:
        made.start()
        DB(ClientStorage(("127.0.0.1", made.port), storage="2")).close()  # it has a root then
        yield made
    finally:
        made.stop()


@pytest.fixture
def application(server: Server, folder: Path) -> Iterator[Application]:
    """The application, ready for jobs."""
    made = Application(folder, server.port)
    try:
        yield made.start()
    finally:
        made.end()


def test_children_have_the_options_of_the_applications_clients(
    application: Application, folder: Path
) -> None:
    client = application.client
    counter = client.add("counter", jobs.Counter())
    found = client.wait_for(client.put(options_of_all, counter))
    cache = found["site"][0].pop("cache")  # the spare has one, too
    assert cache in [f"{folder}/front.{number}.zec" for number in (2, 3)]
    assert found == {
        "site": (
            {
                "name": "front",
                "cache_size": 3 * 1024**2,
                "wait_timeout": 17,
                "server_sync": True,
                "client_label": "it-is-me",
                "blob_dir": f"{folder}/cache",
                "blob_cache_size": 12345678,
                "blob_cache_size_check": 7,
            },
            1234,
        ),
        "catalog": (ALWAYS, 5000),
        "archive": (ALWAYS | {"read_only": True}, 5000),
    }
    words = " ".join(application.child().cmdline())
    assert "it-is-me" in words
    assert "hush" not in words


def test_jobs_write_blobs_and_change_objects_of_all_databases(application: Application) -> None:
    client = application.client
    album = client.add("album", Album())
    assert client.wait_for(client.put(album.add, 300_000)) == digest(content(300_000))
    assert album.digests() == [digest(content(300_000))]
    mounted = client.main.get_connection("catalog")
    mounted.root()["catalog"] = catalog = jobs.Counter()
    mounted.add(catalog)
    site = client.add("site", Site(catalog))
    assert client.wait_for(client.put(site.visit)) == (1, 10)
    assert client.wait_for(client.put(add_to, catalog, 3)) is catalog
    assert client.wait_for(client.put(catalog.add, queue="reactor")) == 14
    client.wait_until(lambda: (site.visits, catalog.value) == (1, 14), "all changes")


def test_a_database_that_is_opened_later_is_told_of_and_is_there_in_the_next_child(
    application: Application,
) -> None:
    client = application.client
    client.wait_for(client.put(jobs.nothing))
    mounted = client.main.get_connection("late")
    mounted.root()["late"] = late = jobs.Counter()
    mounted.add(late)
    site = client.add("site", Site(late))
    failure = client.wait_for(client.put(site.visit))
    assert "there is no database 'late' in this process" in failure.getTraceback()

    application.file.with_name("later").write_text(LATER.format(port=application.port))
    said = "database 'late' was opened beside 'site', whose data manager is that of its objects too"
    wait_until(lambda: said in application.output, "a warning", seen=application.evidence)
    application.replace_child()  # by the spare, which is replaced by one that knows
    wait_until(
        lambda: "database 'late' was opened after the engine" in application.output,
        "the next child to be told",
        seen=application.evidence,
    )
    application.replace_child()
    client.sync()
    assert list(mounted.root()) == ["late"]
    assert client.wait_for(client.put(site.visit)) == (1, 10)


def test_one_that_children_cannot_open_keeps_no_later_one_from_them(
    server: Server, folder: Path
) -> None:
    databases: dict[str, Any] = {}

    def client(name: str) -> ClientStorage:
        return ClientStorage(("127.0.0.1", server.port), storage=name)

    try:
        site = DB(client("1"), database_name="site", databases=databases)
        inherited = InheritedDatabases(site, folder / "zcasync.conf")
        DB(MappingStorage(), database_name="own", databases=databases)
        DB(client("2"), database_name="late", databases=databases)

        assert sorted(inherited.servers()) == ["late", "site"]
    finally:
        for one in list(databases.values()):
            one.close()
