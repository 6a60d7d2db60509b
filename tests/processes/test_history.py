"""Another history behind the same address: supervisors, children and applications notice it."""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.jobs import basic as jobs
from tests.processes.servers import AT_SERVER, AT_SERVER_TWICE, Server
from tests.support.gates import Gate
from tests.support.instance import ROOT, SHORT, Instance
from zcasync.errors import HistoryChanged
from zcasync.instance.home import Home
from zcasync.testing.waiting import wait_until

MakeInstance = Callable[..., Instance]


def ended(instance: Instance) -> str:
    """Wait until the supervisor has ended for another history; return the line that says so."""
    client, instance._client = instance._client, None  # it is asked what it says afterwards
    assert instance.wait() == HistoryChanged.exit_code, instance.evidence()
    instance._client = client
    lines = [one for one in instance.log.splitlines() if "HistoryChanged:" in one]
    assert len(lines) == 1, instance.log
    (line,) = lines
    assert "Unhandled" not in instance.log
    return line


def works_again(instance: Instance) -> None:
    """Start it again, as its service manager would: it serves what is there now."""
    instance.close_client()
    instance.start()
    assert instance.client.wait_for(instance.client.put(jobs.echo, 7)) == ((7,), {})
    assert instance.stop() == 0


# the embedded default


def backup(home: Path) -> Path:
    return Path(shutil.copy(Home(home).data_fs, home / "backup.fs"))


def copy_over(home: Path) -> None:
    shutil.copyfile(home / "backup.fs", Home(home).data_fs)


def move_over(home: Path) -> None:
    (home / "backup.fs").replace(Home(home).data_fs)


def remove(home: Path) -> None:
    Home(home).data_fs.unlink()


@pytest.mark.parametrize("change", [copy_over, move_over, remove])
def test_a_file_that_is_replaced_under_the_embedded_server_ends_the_supervisor(
    make_instance: MakeInstance, change: Callable[[Path], None]
) -> None:
    instance = make_instance().start()
    client = instance.client
    assert client.wait_for(client.put(jobs.echo, 1)) == ((1,), {})
    backup(instance.home)
    assert client.wait_for(client.put(jobs.echo, 2)) == ((2,), {})
    change(instance.home)
    assert "under the running database server" in ended(instance)
    assert instance.log.count("takes no more commits") == 1
    if change is not move_over:
        works_again(instance)


def test_a_file_that_is_replaced_while_the_embedded_server_is_away_ends_the_supervisor(
    make_instance: MakeInstance,
) -> None:
    instance = make_instance().start()
    client = instance.client
    backup(instance.home)
    assert client.wait_for(client.put(jobs.echo, 2)) == ((2,), {})
    server = instance.status()["server_pid"]
    os.kill(server, signal.SIGSTOP)
    Home(instance.home).data_fs.with_name("Data.fs.index").unlink(missing_ok=True)
    move_over(instance.home)
    os.kill(server, signal.SIGKILL)
    assert "an older backup was restored" in ended(instance)


def test_a_job_at_work_is_interrupted_and_commits_nothing(
    make_instance: MakeInstance, gate: Gate
) -> None:
    instance = make_instance().start()
    client = instance.client
    counter = client.add("counter", jobs.Counter())
    backup(instance.home)
    client.put(counter.add_at_gate, gate.path)
    gate.wait_for()
    move_over(instance.home)
    ended(instance)
    gate.open()
    instance.close_client()
    instance.start()
    assert instance.client.main.root()["counter"].value == 0
    assert instance.stop() == 0


# a server of its own


def put_back(server: Server, copy: Path | None, name: str = "Data.fs") -> None:
    """Put a copy in the place of the server's file while it is stopped; None: begin anew."""
    server.stop()
    for one in (name, f"{name}.index"):
        (server.folder / one).unlink(missing_ok=True)
    if copy is not None:
        shutil.copy(copy, server.folder / name)
    server.start()


def test_an_older_backup_ends_the_supervisor(server: Server, make_instance: MakeInstance) -> None:
    instance = make_instance(config=AT_SERVER.format(port=server.port) + SHORT).start()
    client = instance.client
    assert client.wait_for(client.put(jobs.echo, 1)) == ((1,), {})
    copy = Path(shutil.copy(server.folder / "Data.fs", server.folder / "backup.fs"))
    assert client.wait_for(client.put(jobs.echo, 2)) == ((2,), {})
    put_back(server, copy)
    ended(instance)
    with pytest.raises(HistoryChanged):
        client.put(jobs.echo, 3)


def test_another_database_ends_the_supervisor(server: Server, make_instance: MakeInstance) -> None:
    instance = make_instance(config=AT_SERVER.format(port=server.port) + SHORT).start()
    client = instance.client
    assert client.wait_for(client.put(jobs.echo, 1)) == ((1,), {})
    put_back(server, None)
    ended(instance)
    with pytest.raises(HistoryChanged):
        client.put(jobs.echo, 3)
    works_again(instance)


def test_another_history_of_the_second_database_ends_the_supervisor(
    folder: Path, make_instance: MakeInstance
) -> None:
    server = Server(folder, [ROOT], module="zcasync.zeo").start()
    try:
        instance = make_instance(config=AT_SERVER_TWICE.format(port=server.port) + SHORT).start()
        client = instance.client
        counter = client.add("counter", jobs.Counter())
        copy = Path(shutil.copy(folder / "Data.fs", folder / "backup.fs"))
        assert client.wait_for(client.put(counter.add, 2)) == 2
        put_back(server, copy)
        ended(instance)
        instance.end()
    finally:
        server.stop()


def test_twistd_ends_with_the_same_exit_code(make_instance: MakeInstance) -> None:
    instance = make_instance()
    script = "import sys; from twisted.scripts.twistd import run; sys.argv[0] = 'twistd'; run()"
    options = ["--nodaemon", "--pidfile=", "zcasync", "--home", str(instance.home)]
    instance.launch([sys.executable, "-c", script, *options])
    wait_until(Home(instance.home).zeo_socket.exists, "the database", seen=instance.evidence)
    instance.wait_for_children(1, "idle")
    remove(instance.home)
    assert instance.wait() == HistoryChanged.exit_code
    assert instance.output.count("HistoryChanged:") == 1


# no alarm


def test_a_server_that_is_killed_again_and_again_is_the_same(
    server: Server, make_instance: MakeInstance
) -> None:
    instance = make_instance(children=2, config=AT_SERVER.format(port=server.port) + SHORT).start()
    client = instance.client
    counter = client.add("counter", jobs.Counter())
    for number in (1, 2):
        client.wait_for(*[client.put(counter.add) for _ in range(10)])
        client.put_many(jobs.nothing, 20)
        server.kill()
        server.start()
        client.wait_until(lambda: counter.value == 10 * number, "the jobs")  # noqa: B023
    assert instance.is_alive
    assert "HistoryChanged" not in instance.log
    assert instance.stop() == 0
