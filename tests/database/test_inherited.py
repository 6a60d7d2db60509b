"""The databases of a process, as another one opens them by their description."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ZEO.ClientStorage import ClientStorage
from ZODB import DB
from ZODB.DemoStorage import DemoStorage

from tests.processes.servers import Server
from tests.support.instance import ROOT
from zcasync.database.inherited import servers_of
from zcasync.database.opening import open_servers
from zcasync.database.sync import main_database
from zcasync.errors import ConfigurationError
from zcasync.zeo.client import PipelinedClientStorage


@pytest.fixture
def address(folder: Path) -> Iterator[tuple[str, int]]:
    """Of a server of two storages, neither of which takes blobs."""
    server = Server(folder, [ROOT], module="zcasync.zeo")
    try:
        yield ("127.0.0.1", server.start().port)
    finally:
        server.stop()


def closed(*dbs: DB) -> None:
    """Close databases and their companions."""
    for db in dbs:
        for one in list(db.databases.values()):
            one.close()


def test_databases_are_opened_with_their_names_and_options(
    address: tuple[str, int],
) -> None:
    databases: dict[str, DB] = {}
    client = ClientStorage(address, cache_size=2_000_000)
    ours = DB(client, database_name="site", databases=databases, cache_size=77, xrefs=False)
    DB(ClientStorage(address, storage="2"), database_name="catalog", databases=databases)
    servers: dict[str, Any] = json.loads(json.dumps(servers_of(ours)))
    catalog = open_servers(servers, 10.0, "catalog")
    assert catalog.database_name == "catalog"
    assert main_database(catalog) is catalog
    theirs = catalog.databases["site"]
    assert (theirs.getCacheSize(), theirs.xrefs, catalog.getCacheSize()) == (77, False, 400)
    assert type(theirs.storage) is type(catalog.storage) is PipelinedClientStorage
    assert json.loads(json.dumps(servers_of(theirs))) == servers
    closed(ours, catalog)


def test_all_that_another_process_could_not_open_is_named() -> None:
    databases: dict[str, DB] = {}
    for name in ("site", "catalog"):
        DB(DemoStorage(f"memory of {name}"), database_name=name, databases=databases)
    with pytest.raises(ConfigurationError) as caught:
        servers_of(databases["site"])
    closed(databases["site"])

    assert [problem.split(",")[0] for problem in caught.value.problems] == [
        "child processes could not open DemoStorage 'memory of site' of database 'site'",
        "child processes could not open DemoStorage 'memory of catalog' of database 'catalog'",
    ]
