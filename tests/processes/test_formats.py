"""Versions of zcasync beside one another: an older one refuses what a newer one has stored."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

import zcasync
from tests.cli.conftest import finish, start
from tests.jobs import basic as jobs
from tests.jobs import formats as format_jobs
from tests.processes.servers import AT_SERVER, database_server
from tests.support.gates import Gate
from tests.support.instance import ROOT, SHORT, Client, Instance
from zcasync import formats
from zcasync.formats import FIRST_FORMAT
from zcasync.interfaces import ROOT_KEY, NewerRecords
from zcasync.partial import Partial
from zcasync.testing.waiting import wait_until

MakeInstance = Callable[..., Instance]
NEWER_VERSION = ROOT / "tests" / "support" / "newer_version"
SENTENCE = (
    "the data manager of this database has records of format 2, written by zcasync 9.0; this one, "
)
WHAT_TO_DO = "update it, and whatever else uses that database"


def newer(instance: Instance) -> Instance:
    """Let the processes of an instance be of a later version."""
    instance.import_path = [NEWER_VERSION, ROOT]
    return instance


def stored_format(client: Client) -> int:
    """The number in the database, whatever this version thinks of it."""
    client.sync()
    found: int = client.connection.root()[ROOT_KEY].record_format
    return found


def store_newest(client: Client, home: Path) -> None:
    """Let the worker of a home, which is newer, store what only it knows."""
    partial = Partial(format_jobs.store_newest, client.manager)
    partial.selectedUUIDs.add(client.worker(home).UUID)
    client.manager.thread.put(partial)
    client.commit()
    client.wait_until(lambda: stored_format(client) == 2, "the new form to be stored")


def require_work(client: Client) -> None:
    for _ in range(10):
        client.wait_for(client.put(jobs.nothing))


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_an_older_version_refuses_in_one_sentence_and_writes_nothing(
    monkeypatch: pytest.MonkeyPatch, make_instance: MakeInstance
) -> None:
    instance = newer(make_instance()).start()
    home = instance.home
    require_work(instance.client)
    assert stored_format(instance.client) == FIRST_FORMAT, "nothing new is stored yet"
    store_newest(instance.client, home)
    assert instance.stop() == 0
    before = digest(home / "var" / "Data.fs")

    for words in (["run"], ["status"], ["jobs"], ["ghosts"]):
        done = finish(start(*words, "--home", home))
        assert done.code == 2, (words, done)
        assert SENTENCE in done.err, (words, done)
        assert WHAT_TO_DO in done.err, (words, done)
        assert "Traceback" not in done.err
    done = finish(start("check", "--home", home))
    assert done.code == 2
    assert SENTENCE in " ".join(done.out.split())
    assert digest(home / "var" / "Data.fs") == before

    instance.start()  # the newer one goes on
    for words in (["put", "time.time"], ["status"], ["cancel", "0x99"], ["status", "--check"]):
        done = finish(start(*words, "--home", home))
        assert done.code == (3 if "--check" in words else 2), (words, done)
        assert SENTENCE in done.out + done.err, (words, done)
    client = Client(zcasync.open(home))
    with pytest.raises(NewerRecords, match="format 2, written by zcasync 9"):
        zcasync.put(client.connection, jobs.nothing)
    with pytest.raises(NewerRecords):
        client.connection.root()[ROOT_KEY].thread.put(jobs.nothing)
    client.close()
    monkeypatch.setattr(formats, "RECORD_FORMAT", 2)  # from here on this process is newer, too
    instance.client.sync()
    require_work(instance.client)


def test_an_older_supervisor_ends_when_a_newer_one_beside_it_stores_what_it_does_not_know(
    monkeypatch: pytest.MonkeyPatch, folder: Path, make_instance: MakeInstance, gate: Gate
) -> None:
    with database_server(folder) as port:
        config = AT_SERVER.format(port=port) + SHORT
        old = make_instance("old", config=config).start()
        client = old.client
        held = client.put(jobs.pass_gate, gate.path)
        assert gate.wait_for() in old.child_pids()
        new = newer(make_instance("new", config=config)).start()
        require_work(client)  # both do
        assert stored_format(client) == FIRST_FORMAT
        assert "record_format_by" not in client.manager.__dict__

        mine = Client(zcasync.open(new.home))
        store_newest(mine, new.home)
        assert old.wait() == 2
        assert SENTENCE in old.output
        assert WHAT_TO_DO in old.output
        assert gate.wait_for(2) in new.child_pids(), "the newer one takes the work over"
        gate.open()

        def is_done() -> bool:
            mine.sync()
            return bool(mine.connection.get(held._p_oid).state == "completed")

        wait_until(is_done, "the job to be done", seen=new.evidence)
        assert mine.connection.get(held._p_oid)._interruptions == 1
        with pytest.raises(NewerRecords):
            mine.put(jobs.nothing)
        mine.close()

        done = finish(start("run", "--home", old.home))
        assert done.code == 2
        assert SENTENCE in done.error
        assert new.stop() == 0
        monkeypatch.setattr(formats, "RECORD_FORMAT", 2)  # for the audit in the end


def test_a_job_with_an_option_of_a_later_version_waits_for_a_worker_of_that(
    folder: Path, make_instance: MakeInstance
) -> None:
    with database_server(folder) as port:
        config = AT_SERVER.format(port=port) + SHORT
        old = make_instance("old", config=config).start()
        client = old.client
        partial = client.manager.thread.put(jobs.process, priority=1)
        in_reactor = client.manager.reactor.put(jobs.process, priority=1)
        for one in (partial, in_reactor):
            one._controls = {**one._controls, "colour": "red"}
        client.commit()
        client.wait_until(lambda: partial.aside is not None, "it to be set aside")
        client.wait_until(lambda: in_reactor.aside is not None, "it to be set aside")
        require_work(client)
        said = " ".join(finish(start("status", "--home", old.home)).out.split())
        assert "set aside: no worker has the option colour of a later zcasync" in said
        said = " ".join(finish(start("job", partial.id, "--home", old.home)).out.split())
        assert "its option colour is of a later version of zcasync than this worker's" in said
        assert partial._interruptions == in_reactor._interruptions == 0

        new = newer(make_instance("new", config=config)).start()
        client.wait_for(partial, in_reactor)
        assert partial.result[0] in new.child_pids()
        assert in_reactor.result[0] == new.pid
        require_work(client)
        assert (old.stop(), new.stop()) == (0, 0)
