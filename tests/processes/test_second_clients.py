"""A second client of a job's storage, which would hold up every writer, is refused as it joins."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.jobs import basic as jobs
from tests.jobs import second_clients
from tests.processes.servers import AT_SERVER_TWICE, database_server
from tests.support.instance import SHORT, Client, Instance
from zcasync.errors import BadStateError
from zcasync.instance.home import Home
from zcasync.partial import Partial


@pytest.fixture
def address(common: Instance) -> str:
    """Where the server of the embedded default listens."""
    return str(Home(common.home).zeo_socket)


def require_refused(failure: Any, address: str, storage: str = "1") -> None:
    assert failure.check(BadStateError), failure
    text = failure.getErrorMessage()
    assert text.startswith(f"a second client of storage {storage!r} at {address} cannot")
    assert "zcasync.current()" in text


@pytest.mark.parametrize("queue", ["thread", "reactor"])
def test_a_second_client_is_refused_where_it_joins(
    client: Client, address: str, queue: str
) -> None:
    counter = client.add("second", jobs.Counter())
    partial = client.put(second_clients.change_both, counter, address, queue=queue)
    failure = client.wait_for(partial)
    require_refused(failure, address)
    assert "in change_both" in failure.getTraceback()  # the line that changes something there
    assert counter.value == 0
    assert client.wait_for(client.put(counter.add, queue=queue)) == 1


def test_the_client_alone_is_refused_too(client: Client, address: str) -> None:
    require_refused(client.wait_for(client.put(second_clients.change_second, address)), address)
    require_refused(client.wait_for(client.put(second_clients.undo_in_second, address)), address)


def test_another_way_to_the_same_server_makes_no_difference(
    client: Client, address: str, tmp_path: Path
) -> None:
    link = tmp_path / "link"
    link.symlink_to(address)
    require_refused(client.wait_for(client.put(second_clients.change_second, str(link))), address)


def test_a_member_of_a_batch_is_refused_alone(client: Client, address: str) -> None:
    counter = client.add("second", jobs.Counter())
    calls = [counter.add, Partial(second_clients.change_both, counter, address), counter.add]
    partials = [client.manager.thread.put(call, batch=True) for call in calls]
    client.commit()
    first, refused, last = client.wait_for(*partials)
    require_refused(refused, address)
    assert sorted([first, last]) == [1, 2]
    assert counter.value == 2


def test_who_reads_or_commits_apart_is_no_second_client(client: Client, address: str) -> None:
    assert client.wait_for(client.put(second_clients.read_second, address)) > 0
    assert client.wait_for(client.put(second_clients.change_apart, address)) == "apart"
    client.sync()
    assert client.main.root()[second_clients.KEY] == "apart"
    del client.main.root()[second_clients.KEY]
    client.commit()


def test_each_database_of_the_job_counts_and_no_other_storage_of_the_server(
    folder: Path, make_instance: Callable[..., Instance]
) -> None:
    more = f"<filestorage 3>\n  path {folder}/third.fs\n</filestorage>\n"
    with database_server(folder, more=more) as port:
        instance = make_instance(config=AT_SERVER_TWICE.format(port=port) + SHORT).start()
        client = instance.client
        counter = client.add("second", jobs.Counter())
        for storage in ("1", "2"):
            partial = client.put(second_clients.change_both, counter, ("localhost", port), storage)
            require_refused(client.wait_for(partial), f"localhost:{port}", storage)
        partial = client.put(second_clients.change_both, counter, ("127.0.0.1", port), "3")
        assert client.wait_for(partial) == "both"
        assert counter.value == 1
        assert instance.stop() == 0
