"""Blobs, through a ZEO server: sent to it (ZEO's default), or in a folder that both can reach."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from ZODB.blob import Blob
from ZODB.POSException import ConflictError, Unsupported

from tests.jobs import basic
from tests.jobs.blobs import Album, content, digest, picture
from tests.processes.servers import Server
from tests.support.gates import Gate
from tests.support.instance import ROOT, SHORT, Instance
from zcasync.zeo.client import PipelinedClientStorage

STORAGE = """
<filestorage pictures>
  path {folder}/pictures.fs
  blob-dir {folder}/server-blobs
</filestorage>
"""
CLIENT = """
<zodb{name}>
  <zeoclient>
    server 127.0.0.1:{port}
    storage {storage}
{blobs}
  </zeoclient>
</zodb>
"""
SENT = "    blob-dir {folder}/cache"
SHARED = "    blob-dir {folder}/server-blobs\n    shared-blob-dir on"
#: One chunk of ZEO's has 59,000 bytes; the transport is paused long before the last one has gone.
SIZES = (0, 1, 70_000, 9_000_000)
LARGE = 300_000


@pytest.fixture
def module() -> str:
    """The module of the server."""
    return "zcasync.zeo"


@pytest.fixture
def server(module: str, folder: Path) -> Iterator[Server]:
    """Serves ``pictures``, which takes blobs; of the storages 1 and 2 neither does."""
    made = Server(folder, [ROOT], module=module, more=STORAGE.format(folder=folder))
    try:
        yield made.start()
    finally:
        made.stop()
    assert "transaction" not in made.output, made.output


def config(server: Server, blobs: str, name: str = "", storage: str = "pictures") -> str:
    """The section of a database with a client of its own."""
    place = blobs.format(folder=server.folder)
    return CLIENT.format(port=server.port, name=name, storage=storage, blobs=place)


#: Where the content of blobs goes, and whose server it is.
WAYS = [
    pytest.param(blobs, module, id=f"{how} to {whose} server")
    for blobs, how, module, whose in (
        (SENT, "sent", "zcasync.zeo", "our"),
        (SHARED, "shared", "zcasync.zeo", "our"),
        (SENT, "sent", "ZEO.runzeo", "plain"),
    )
]
each_way = pytest.mark.parametrize(("blobs", "module"), WAYS)


@pytest.fixture
def instance(blobs: str, server: Server, make_instance: Callable[..., Instance]) -> Instance:
    """A supervisor with two children."""
    return make_instance(children=2, config=config(server, blobs) + SHORT).start()


def left(folder: Path) -> list[Path]:
    """The files of commits that have not become blobs."""
    return [one for one in folder.glob("*/**/*.tmp*") if one.is_file()]


@each_way
def test_jobs_write_blobs_and_applications_read_them(instance: Instance) -> None:
    client = instance.client
    assert type(client.db.storage) is PipelinedClientStorage
    album = client.add("album", Album())
    for size in SIZES:
        assert client.wait_for(client.put(album.add, size)) == digest(content(size))
    assert client.wait_for(client.put(album.add_by_savepoint, 5)) == digest(content(5))
    assert album.digests() == [digest(content(size)) for size in (*SIZES, 5)]
    failure = client.wait_for(client.put(album.add_and_fail, LARGE))
    assert failure.type is ValueError
    assert len(album.pictures) == 5
    assert client.wait_for(client.put(album.add, 3, queue="reactor")) == digest(content(3))
    result = client.wait_for(client.put(picture, LARGE))
    assert result.open().read() == content(LARGE)
    assert instance.stop() == 0
    assert left(instance.home.parent) == []


@each_way
def test_applications_write_blobs_and_jobs_read_them(instance: Instance) -> None:
    client = instance.client
    album = client.add("album", Album())
    for size in SIZES:
        album.add(size)
        client.commit()
    album.add(LARGE)
    album.add(LARGE + 1)
    client.commit()
    sizes = (*SIZES, LARGE, LARGE + 1)
    assert client.wait_for(client.put(album.digests)) == [digest(content(one)) for one in sizes]
    album.add(7)
    client.transactions.savepoint()
    client.transactions.abort()
    assert len(album.pictures) == len(sizes)
    assert instance.stop() == 0
    assert left(instance.home.parent) == []


@each_way
def test_a_job_with_a_blob_that_conflicts_is_performed_again(
    instance: Instance, gate: Gate
) -> None:
    client = instance.client
    album = client.add("album", Album())
    partial = client.put(album.add_at_gate, gate.path, LARGE)
    gate.wait_for()
    client.sync()
    album.add(9)
    client.commit()
    gate.open()
    assert client.wait_for(partial) == digest(content(LARGE))
    assert album.digests() == [digest(content(9)), digest(content(LARGE))]
    assert instance.stop() == 0
    assert left(instance.home.parent) == []


@each_way
def test_an_application_whose_commit_conflicts_tries_it_again(instance: Instance) -> None:
    client, other = instance.client, instance.new_client()
    album = client.add("album", Album())
    other.sync()
    other.main.root()["album"].add(1)
    album.add(LARGE)
    client.commit()
    with pytest.raises(ConflictError):
        other.commit()
    other.transactions.abort()
    other.sync()
    other.main.root()["album"].add(2)
    other.commit()
    assert other.main.root()["album"].digests() == [digest(content(n)) for n in (LARGE, 2)]
    other.close()
    assert left(instance.home.parent) == []


def test_blobs_are_committed_in_two_phases_where_two_databases_take_part(
    server: Server, make_instance: Callable[..., Instance]
) -> None:
    both = config(server, SENT) + config(server, "", " zc.async", "2")
    client = make_instance(config=both + SHORT).start().client
    album = client.add("album", Album())
    assert client.wait_for(client.put(album.add, LARGE)) == digest(content(LARGE))
    found = [digest(content(LARGE))]  # it is the second storage that ends its commit
    client.wait_until(lambda: album.digests() == found, "the picture")


def test_a_blob_without_a_blob_dir_is_an_error_that_says_so(
    server: Server, make_instance: Callable[..., Instance]
) -> None:
    instance = make_instance(config=config(server, "") + SHORT).start()
    client = instance.client
    album = client.add("album", Album())
    for call in (album.add, album.add_by_savepoint):
        failure = client.wait_for(client.put(call, LARGE))
        assert failure.check(Unsupported)
        assert "can neither store blobs" in failure.getErrorMessage()
        assert "give its section a blob-dir" in failure.getErrorMessage()
    client.main.root()["blob"] = Blob(b"content")
    with pytest.raises(Unsupported, match="give its section a blob-dir"):
        client.commit()
    client.transactions.abort()
    assert client.wait_for(client.put(basic.echo, 1)) == ((1,), {})


def test_a_blob_for_a_server_that_takes_none_is_an_error_that_says_so(
    server: Server, make_instance: Callable[..., Instance]
) -> None:
    text = config(server, SENT, " site", "1")
    client = make_instance(config=text + SHORT).start().client
    album = client.add("album", Album())
    for call in (album.add, album.add_by_savepoint):
        failure = client.wait_for(client.put(call, LARGE))
        assert failure.check(Unsupported)
        assert "the storage of database 'site' takes no blobs" in failure.getErrorMessage()
        assert "give it a blob-dir where it is served" in failure.getErrorMessage()
    assert client.wait_for(client.put(basic.echo, 1)) == ((1,), {})
