"""Where the database is: embedded, external over TCP, two of them; and what it may do to us."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

import zcasync
from tests.jobs import basic as jobs
from tests.processes.servers import AT_SERVER, AT_SERVER_TWICE, database_server
from tests.support.gates import Gate
from tests.support.instance import ROOT, SHORT, Client, Instance
from zcasync.instance.home import Home
from zcasync.interfaces import NotRunning
from zcasync.testing.process import is_gone
from zcasync.testing.waiting import wait_until


def test_jobs_run_through_an_external_server(
    folder: Path, make_instance: Callable[..., Instance]
) -> None:
    with database_server(folder) as port:
        instance = make_instance(config=AT_SERVER.format(port=port) + SHORT).start()
        counter = instance.client.add("counter", jobs.Counter())
        assert instance.client.wait_for(instance.client.put(counter.add, 2)) == 2
        assert instance.status()["server_pid"] is None
        assert instance.stop() == 0


def test_the_queues_can_have_a_database_of_their_own(
    folder: Path, make_instance: Callable[..., Instance]
) -> None:
    with database_server(folder) as port:
        instance = make_instance(config=AT_SERVER_TWICE.format(port=port) + SHORT).start()
        client = instance.client
        counter = client.add("counter", jobs.Counter())
        partial = client.put(counter.add, 3)
        assert (counter._p_jar.db().database_name, partial._p_jar.db().database_name) == (
            client.main.db().database_name,
            "zc.async",
        )
        assert client.wait_for(partial) == 3
        assert counter.value == 3
        reactor = client.put(counter.add, 4, queue="reactor")
        assert client.wait_for(reactor) == 7
        manager = client.main.root()["zc.async.datamanager"]
        assert manager._p_jar.db().database_name == "zc.async"
        assert instance.stop() == 0


def test_a_killed_database_server_is_started_again_and_nothing_is_lost(
    make_instance: Callable[..., Instance], gate: Gate
) -> None:
    instance = make_instance(children=2).start()
    client = instance.client
    counter = client.add("counter", jobs.Counter())
    partials = [client.put(counter.add) for _ in range(20)]
    partials.append(client.put(counter.add_at_gate, gate.path))
    gate.wait_for()
    os.kill(instance.status()["server_pid"], signal.SIGKILL)
    gate.open()
    instance.close_client()
    wait_until(
        lambda: "starting it again" in instance.log and instance.log.count("listens") == 2,
        "the server to be started again",
        seen=instance.evidence,
    )
    client = instance.client
    again = [client.connection.get(partial._p_oid) for partial in partials]
    assert all(isinstance(result, int) for result in client.wait_for(*again, timeout=60))
    assert client.main.root()["counter"].value == 21
    client.wait_until(lambda: len(instance.worker().thread) == 0, "no claim to be left")


def test_a_frozen_database_server_holds_neither_the_status_nor_the_stop(
    make_instance: Callable[..., Instance],
) -> None:
    instance = make_instance().start()
    instance.client.wait_for(instance.client.put(jobs.nothing))
    instance.close_client()
    server = psutil.Process(instance.status()["server_pid"])
    server.suspend()
    try:
        assert instance.status(timeout=10)["pid"] == instance.pid
        instance.send(signal.SIGTERM)
        instance.wait()
    finally:
        with contextlib.suppress(psutil.NoSuchProcess):
            server.resume()
    assert "ghost" in instance.log, instance.evidence()
    wait_until(lambda: is_gone(server), "the server to end")
    partial = instance.start().client.put(jobs.echo, 1)
    assert instance.client.wait_for(partial) == ((1,), {})


def test_jobs_that_were_put_while_no_supervisor_ran_are_run_at_a_start(
    folder: Path, make_instance: Callable[..., Instance]
) -> None:
    with database_server(folder) as port:
        instance = make_instance(config=AT_SERVER.format(port=port) + SHORT).start()
        assert instance.stop() == 0
        client = instance.new_client()
        partials = [client.put(jobs.echo, number) for number in range(5)]
        instance.start()
        assert client.wait_for(*partials) == [((number,), {}) for number in range(5)]
        client.close()


def test_sockets_are_for_their_owner_only(common: Instance) -> None:
    home = Home(common.home)
    for path in (home.zeo_socket, home.control_socket):
        found = path.stat()
        assert stat.S_ISSOCK(found.st_mode)
        assert stat.S_IMODE(found.st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_home_with_a_long_path_has_its_sockets_elsewhere(
    folder: Path, make_instance: Callable[..., Instance]
) -> None:
    instance = make_instance(name="long" * 30)
    elsewhere = Home(instance.home).control_socket.parent
    try:
        instance.start()
        assert instance.home not in elsewhere.parents
        assert stat.S_IMODE(elsewhere.stat().st_mode) == 0o700
        assert instance.client.wait_for(instance.client.put(jobs.echo, 1)) == ((1,), {})
        assert instance.stop() == 0
    finally:
        instance.end()
        shutil.rmtree(elsewhere, ignore_errors=True)


def test_a_client_without_a_supervisor_is_told_how_to_start_one(
    make_instance: Callable[..., Instance],
) -> None:
    instance = make_instance().start()
    assert instance.stop() == 0
    with pytest.raises(NotRunning, match="zcasync run --home"):
        zcasync.open(instance.home)


def test_a_file_storage_in_use_is_reported_and_no_process_is_left_running(
    make_instance: Callable[..., Instance],
) -> None:
    from ZODB.FileStorage import FileStorage

    instance = make_instance()
    (instance.home / "var").mkdir(parents=True, mode=0o700)
    storage = FileStorage(str(instance.home / "var" / "Data.fs"))
    try:
        instance.launch()
        assert instance.wait() != 0
        assert "is in use by another process" in instance.log
    finally:
        storage.close()


def test_twistd_runs_a_supervisor(make_instance: Callable[..., Instance]) -> None:
    instance = make_instance()
    twistd = [sys.executable, "-m", "twisted", "--help"]
    assert b"zcasync" in subprocess.run(twistd, cwd=ROOT, capture_output=True, check=True).stdout
    script = "import sys; from twisted.scripts.twistd import run; sys.argv[0] = 'twistd'; run()"
    home = str(instance.home)
    options = ["--nodaemon", "--pidfile=", "zcasync", "--home", home, "--children", "1"]
    instance.launch([sys.executable, "-c", script, *options])
    wait_until(Home(instance.home).zeo_socket.exists, "the database", seen=instance.evidence)
    instance.wait_for_children(1, "idle")
    client: Client = instance.client
    assert client.wait_for(client.put(jobs.echo, 1)) == ((1,), {})
    assert instance.stop() in (0, -signal.SIGTERM)  # twistd ends by the signal that stopped it
    assert "deregistered" in instance.output


def test_each_process_of_a_home_has_a_file_of_its_own_for_its_cache(
    folder: Path, make_instance: Callable[..., Instance]
) -> None:
    with database_server(folder) as port:
        text = AT_SERVER.format(port=port).replace("</zeoclient>", "  client front\n  </zeoclient>")
        instance = make_instance(children=2, config=text + SHORT).start()
        instance.wait_for_children(2, "idle")
        partials = [instance.client.put(jobs.echo, number) for number in range(3)]
        assert instance.client.wait_for(*partials) == [((number,), {}) for number in range(3)]
        names = {path.name for path in (instance.home / "var").glob("*.zec")}
        assert names >= {"front-1.zec", "front-1.2.zec", "front-1.3.zec"}
        assert instance.stop() == 0
