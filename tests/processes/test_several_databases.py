"""Databases that an application mounts in its own: jobs, arguments and results of all of them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ZODB.POSException import POSKeyError, ReadConflictError

import zcasync
from tests.jobs import basic as jobs
from tests.jobs.mounted import Site, add_to, database_of
from tests.processes.servers import AT_SERVER_MOUNTED, Server
from tests.support.gates import Gate
from tests.support.instance import ROOT, SHORT, Client, Instance
from zcasync.interfaces import IDataManager
from zcasync.testing.waiting import wait_until

MORE = """
<filestorage catalog>
  path {folder}/catalog.fs
</filestorage>
"""
MOUNTED = AT_SERVER_MOUNTED.replace("storage 2", "storage catalog")
#: Behind the mounted one and the main one, where there is one for the queues.
QUEUES = """
<zodb zc.async>
  <zeoclient>
    server 127.0.0.1:{port}
    storage 2
  </zeoclient>
</zodb>
"""
MARKED = SHORT.replace("<zcasync>", "<zcasync>\n  main-database site")


@pytest.fixture
def server(folder: Path) -> Iterator[Server]:
    """A server of three storages."""
    made = Server(folder, [ROOT], module="zcasync.zeo", more=MORE.format(folder=folder))
    try:
        yield made.start()
    finally:
        made.stop()


@pytest.fixture(params=[False, True], ids=["queues in the main one", "queues apart"])
def instance(
    request: pytest.FixtureRequest, server: Server, make_instance: Callable[..., Instance]
) -> Instance:
    """A supervisor with two children."""
    text = MOUNTED + (QUEUES if request.param else "")
    return make_instance(children=2, config=text.format(port=server.port) + MARKED).start()


@pytest.fixture
def client(instance: Instance) -> Client:
    """A client whose main database has a site in it, with a catalog of the mounted one."""
    client = instance.client
    assert client.db.database_name == "site"
    mounted = client.main.get_connection("catalog")
    mounted.root()["catalog"] = catalog = jobs.Counter()
    mounted.add(catalog)
    client.add("site", Site(catalog))
    assert (database_of(client.main.root()["site"]), database_of(catalog)) == ("site", "catalog")
    return client


def is_there(obj: Any) -> bool:
    """Whether its database has an object whose reference in another one is committed."""
    try:
        return obj._p_activate() is None
    except (POSKeyError, ReadConflictError):
        return False


def test_jobs_change_objects_of_all_databases_and_take_and_return_them(
    instance: Instance, client: Client
) -> None:
    site = client.main.root()["site"]
    catalog = site.catalog
    assert client.wait_for(client.put(catalog.add, 2)) == 2
    assert client.wait_for(client.put(site.visit)) == (1, 12)
    client.wait_until(lambda: (site.visits, catalog.value) == (1, 12), "both changes")
    assert client.wait_for(client.put(add_to, catalog, 3)) is catalog
    client.wait_until(lambda: catalog.value == 15, "the change of an argument")
    assert client.wait_for(client.put(database_of, catalog)) == "catalog"
    assert client.wait_for(client.put(jobs.echo, {"deep": [catalog]}))[0][0]["deep"][0] is catalog
    failure = client.wait_for(client.put(site.fail))
    assert failure.type is ValueError
    made = client.wait_for(client.put(site.new_catalog))
    client.wait_until(lambda: site.catalog is made and is_there(made), "the new catalog")
    assert database_of(made) == "catalog"
    assert (site.visits, catalog.value, made.value) == (1, 15, 0)


def test_reactor_jobs_do_so_too(instance: Instance, client: Client) -> None:
    site = client.main.root()["site"]
    assert client.wait_for(client.put(site.catalog.add, 2, queue="reactor")) == 2
    assert client.wait_for(client.put(site.visit, queue="reactor")) == (1, 12)
    assert client.wait_for(client.put(add_to, site.catalog, 3, queue="reactor")) is site.catalog
    client.wait_until(lambda: (site.visits, site.catalog.value) == (1, 15), "all changes")


def test_the_data_manager_of_an_object_that_is_mounted_is_that_of_the_queues(
    instance: Instance, client: Client
) -> None:
    site = client.main.root()["site"]
    zcasync.configure()
    assert IDataManager(site.catalog) is IDataManager(site) is client.manager
    partial = zcasync.put(site.catalog, site.catalog.add)
    client.commit()
    assert client.wait_for(partial) == 1
    assert list(client.main.get_connection("catalog").root()) == ["catalog"]


def test_what_both_databases_are_changed_in_at_once_conflicts_in_both(
    instance: Instance, client: Client, gate: Gate
) -> None:
    site = client.main.root()["site"]
    partial = client.put(site.visit_at_gate, gate.path)
    gate.wait_for()
    client.sync()
    site.catalog.add(100)
    client.commit()
    gate.open()
    assert client.wait_for(partial) == (1, 110)
    client.wait_until(lambda: (site.visits, site.catalog.value) == (1, 110), "both changes")


def test_commands_know_of_them(instance: Instance, client: Client) -> None:
    catalog = client.main.root()["site"].catalog
    partial = client.put(catalog.add, 2)
    client.wait_for(partial)

    def run(*words: str) -> str:
        command = [sys.executable, "-m", "zcasync.cli.main", *words, "--home", str(instance.home)]
        return subprocess.run(command, capture_output=True, check=True, text=True).stdout

    assert json.loads(run("job", partial.id, "--json"))["result"] == 2
    assert json.loads(run("check", "--json"))["problems"] == []
    assert json.loads(run("status", "--json"))["supervisor"]["running"]
    assert instance.stop() == 0


def test_an_object_of_a_database_that_the_worker_lacks_is_an_error_that_names_it(
    server: Server, folder: Path, make_instance: Callable[..., Instance]
) -> None:
    section = MOUNTED.format(port=server.port)
    of_site = section[section.index("<zodb site>") :]
    instance = make_instance(config=of_site + SHORT).start()
    elsewhere = make_instance(name="all", config=section + MARKED)
    client = elsewhere.new_client()
    try:
        mounted = client.main.get_connection("catalog")
        mounted.root()["catalog"] = catalog = jobs.Counter()
        mounted.add(catalog)
        client.add("site", Site(catalog))
        site = client.main.root()["site"]
        for queue in ("thread", "reactor"):
            failure = client.wait_for(client.put(site.visit, queue=queue))
            assert "there is no database 'catalog' in this process" in failure.getTraceback()
            assert "a section <zodb catalog>" in failure.getTraceback()
        held = [client.put(catalog.add), client.put(add_to, catalog, 1)]
        assert client.wait_for(client.put(jobs.echo, 1)) == ((1,), {})
        wait_until(lambda: instance.log.count("is set aside") == 2, "both to be set aside")
        assert instance.log.count("UnknownDatabase: there is no database 'catalog'") >= 2
        assert instance.stop() == 0
        (instance.home / "etc" / "zcasync.conf").write_text(section + MARKED)
        instance.start()
        assert client.wait_for(*held) == [1, catalog]
    finally:
        client.close()
