"""zcasync ghosts: stale engines with and without a look at the database, and orphans."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.cli.conftest import Result, extra_worker, frozen
from tests.jobs import orphan as orphan_jobs
from tests.support.instance import Client, Instance
from zcasync import clock
from zcasync.cli import ghosts
from zcasync.cli.opening import unindexed_bytes
from zcasync.database import client as database
from zcasync.instance.home import Home
from zcasync.instance.process_identity import ProcessIdentity
from zcasync.liveness.verdict import Verdict, judge
from zcasync.protocol.child_spec import ENGINE_VARIABLE, SUPERVISOR_VARIABLE, ChildSpec
from zcasync.reports import orphans
from zcasync.reports import workers as report
from zcasync.testing.process import is_gone
from zcasync.testing.waiting import wait_until
from zcasync.workers.incarnation import Incarnation
from zcasync.workers.worker import Worker

Cli = Callable[..., Result]

ELSEWHERE = dataclasses.replace(
    ProcessIdentity.here(), host="far", boot_id="of another machine", pid=77
)
GONE = dataclasses.replace(
    ProcessIdentity.here(), start_ticks=ProcessIdentity.here().start_ticks + 1
)
TEN_GIGABYTES = 10 * 10**9
#: What has to be told within a second is allowed this much on a busy machine.
SOON_SECONDS = 10.0
#: A user of whom nothing else is known here.
NOBODY = 12345
KEYS = {"uuid", "engine", "host", "pid", "verdict", "reason", "thread", "reactor", "jobs"}


def test_a_database_without_ghosts_is_exit_code_0(served: Instance, cli: Cli) -> None:
    shown = cli("ghosts")
    assert (shown.code, shown.out) == (0, "no ghosts\n")
    assert cli("ghosts", "--json").json == {"ghosts": [], "silent": [], "orphans": []}


def test_an_engine_of_another_worker_that_nobody_runs_is_listed(
    served: Instance, client: Client, cli: Cli
) -> None:
    # Burying it would be the supervisor's business: let it not look.
    with frozen(served.pid), extra_worker(client, engineUUID=uuid.uuid4()) as other:
        shown = cli("ghosts", "--json", "--timeout", "4")
        assert shown.code == 1
        assert [one["uuid"] for one in shown.json["ghosts"]] == [str(other.UUID)]
        assert shown.json["ghosts"][0]["verdict"] == "dead"
        assert f"zcasync release {other.UUID}" in cli("ghosts", "--timeout", "4").out


@pytest.fixture
def large_ghost(
    ghost: tuple[Instance, str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Instance, str]]:
    """A ghost whose database is large and has no index; to open it makes the test fail."""
    data_fs = Home(ghost[0].home).data_fs
    data_fs.with_name("Data.fs.index").unlink(missing_ok=True)
    size = data_fs.stat().st_size
    os.truncate(data_fs, TEN_GIGABYTES)

    def open_file(*args: Any, **options: Any) -> None:
        raise AssertionError("this takes minutes")

    monkeypatch.setattr(database, "FileStorage", open_file)
    yield ghost
    os.truncate(data_fs, size)


def test_a_large_database_without_an_index_is_not_read(
    large_ghost: tuple[Instance, str], cli: Cli
) -> None:
    instance, job_id = large_ghost
    engine = json.loads((instance.home / "var" / "supervisor.json").read_text())["engine"]
    began = time.monotonic()
    shown = cli("ghosts", "--home", instance.home, "--json")
    assert time.monotonic() - began < SOON_SECONDS
    assert shown.code == 1
    assert "10,000 MB" in shown.error
    assert "zcasync run" in shown.error
    (found,) = shown.json["ghosts"]
    assert set(found) >= KEYS
    assert (found["verdict"], found["engine"], found["pid"]) == ("ghost", engine, instance.pid)
    assert (found["jobs"], found["jobs_known"]) == ([job_id], True)
    assert found["thread"] == {"size": 1, "len": 1}
    words = cli("ghosts", "--home", instance.home)
    assert words.code == 1
    assert f"Holds      {job_id}" in words.out


def test_status_of_a_large_database_without_an_index_shows_what_is_known(
    large_ghost: tuple[Instance, str], cli: Cli
) -> None:
    instance, _ = large_ghost
    shown = cli("status", "--home", instance.home, "--json")
    assert shown.code == 3
    assert "10,000 MB" in shown.error
    assert shown.json["queues"] is None
    (worker,) = shown.json["workers"]
    assert (worker["verdict"], worker["source"]) == ("ghost", "files")
    assert "ghost" in cli("status", "--home", instance.home).out
    assert cli("jobs", "--home", instance.home).code == 3


def test_jobs_that_cannot_be_known_are_not_reported_as_none(
    large_ghost: tuple[Instance, str], cli: Cli
) -> None:
    instance, _ = large_ghost
    home = Home(instance.home)
    text = home.last_pass.read_bytes()
    home.last_pass.write_bytes(text.replace(b'"thread"', b'"threax"'))  # torn
    (found,) = cli("ghosts", "--home", instance.home, "--json").json["ghosts"]
    assert (found["jobs"], found["jobs_known"]) == ([], False)
    assert "not known" in cli("ghosts", "--home", instance.home).out


@pytest.mark.leaves("anything")
def test_a_large_database_of_a_supervisor_that_stopped_has_no_ghost(
    make_instance: Callable[..., Instance], cli: Cli
) -> None:
    instance = make_instance(children=0).start()
    assert instance.stop() == 0
    data_fs = Home(instance.home).data_fs
    data_fs.with_name("Data.fs.index").unlink(missing_ok=True)  # slow to end, it is killed
    os.truncate(data_fs, TEN_GIGABYTES)
    shown = cli("ghosts", "--home", instance.home)
    assert (shown.code, shown.out) == (0, "no ghosts\n")
    assert "this home alone is judged" in shown.error


def test_the_bytes_that_the_index_does_not_know_are_counted(tmp_path: Path) -> None:
    data, index = tmp_path / "Data.fs", tmp_path / "Data.fs.index"
    assert unindexed_bytes(data) == 0
    data.write_bytes(b"x" * 100)
    assert unindexed_bytes(data) == 100
    for text in (b"", b"damaged", b"cos\nsystem\n.", b"K\xff."):  # the last one is 255
        index.write_bytes(text)
        assert unindexed_bytes(data) == 100
    index.write_bytes(b"K\x46.")  # 70
    assert unindexed_bytes(data) == 30


def test_an_index_of_a_real_file_storage_is_understood(
    make_instance: Callable[..., Instance],
) -> None:
    instance = make_instance(children=0).start()
    instance.stop()
    assert unindexed_bytes(Home(instance.home).data_fs) == 0


@contextmanager
def engine_elsewhere(client: Client) -> Iterator[Any]:
    """A worker whose engine runs on a machine that cannot be looked at."""
    with extra_worker(client) as worker:
        worker.incarnation = Incarnation(uuid.uuid4(), worker.UUID, ELSEWHERE)
        worker.engineUUID = worker.incarnation.engineUUID
        worker.ping_interval = worker.ping_death_interval = 0.4
        worker.ping.write(0.8)
        client.commit()
        yield worker


@pytest.fixture
def shared_database(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if other homes could reach the database too."""
    monkeypatch.setattr("zcasync.reports.workers.is_alone", lambda home: False)


def test_an_engine_elsewhere_is_a_ghost_where_only_this_home_can_reach_the_database(
    served: Instance, client: Client, cli: Cli
) -> None:
    """It ran before this machine was booted, for instance; an engine would bury it at once."""
    with frozen(served.pid), engine_elsewhere(client) as worker:
        shown = cli("ghosts", "--json", "--timeout", "4")
        assert shown.code == 1
        (found,) = shown.json["ghosts"]
        assert (found["uuid"], found["verdict"]) == (str(worker.UUID), "ghost")
        assert "only home" in found["reason"]


@pytest.mark.usefixtures("shared_database")
def test_an_engine_elsewhere_is_overdue_until_it_is_watched(
    served: Instance, client: Client, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("zcasync.liveness.watch.PAUSE_SECONDS", 0.2)
    # Burying it would be the supervisor's business: let it not look.
    with frozen(served.pid), engine_elsewhere(client) as worker:
        worker.ping.at = clock.now() - timedelta(hours=3) // clock.MICROSECOND
        client.commit()
        shown = cli("ghosts", "--json", "--timeout", "4")
        assert (shown.code, shown.json["ghosts"]) == (0, [])
        assert [one["uuid"] for one in shown.json["silent"]] == [str(worker.UUID)]
        words = cli("ghosts", "--timeout", "4")
        assert words.code == 0
        assert "Overdue" in words.out
        assert "zcasync ghosts --watch 6" in words.out
        watched = cli("ghosts", "--json", "--watch", "60", "--timeout", "4")
        assert watched.code == 1
        assert [one["verdict"] for one in watched.json["ghosts"]] == ["dead"]
        assert "while we watched" in watched.json["ghosts"][0]["reason"]


@pytest.mark.usefixtures("shared_database")
def test_an_engine_elsewhere_that_writes_while_it_is_watched_is_no_ghost(
    served: Instance, client: Client, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    with frozen(served.pid), engine_elsewhere(client) as worker:
        worker.ping.write(1000.0)
        client.commit()

        def write(seconds: float) -> None:
            worker.ping.write(1000.0)
            client.commit()

        monkeypatch.setattr(ghosts.time, "sleep", write)
        watched = cli("ghosts", "--json", "--watch", "60", "--timeout", "4")
    assert (watched.code, watched.json["ghosts"], watched.json["silent"]) == (0, [], [])


# orphans


@contextmanager
def process(*words: str, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process that sleeps, with words on its command line."""
    command = [sys.executable, "-c", "import time; time.sleep(600)", *words]
    sleeping = subprocess.Popen(command, env={**os.environ, **environment})
    try:
        # Before exec it looks like us.
        one = psutil.Process(sleeping.pid)
        wait_until(lambda: "time.sleep(600)" in " ".join(one.cmdline()), "the process to begin")
        yield sleeping
    finally:
        sleeping.kill()
        sleeping.wait()


def mark(home: Path, supervisor: ProcessIdentity) -> dict[str, str]:
    """The environment of what a supervisor has started."""
    told = json.dumps({**supervisor.as_dict(), "home": str(home)})
    return {ENGINE_VARIABLE: str(uuid.uuid4()), SUPERVISOR_VARIABLE: told}


def test_a_process_whose_supervisor_is_gone_is_an_orphan(cli: Cli, tmp_path: Path) -> None:
    with process(**mark(tmp_path, GONE)) as left:
        shown = cli("ghosts", "--home", tmp_path, "--json")
        assert shown.code == 1
        assert shown.json["ghosts"] == []
        (orphan,) = shown.json["orphans"]
        assert orphan["home"] == str(tmp_path)
        assert orphan["pid"] == left.pid
        assert uuid.UUID(orphan["engine"])
        assert orphan["since"].startswith("20")
        words = cli("ghosts", "--home", tmp_path)
        assert words.code == 1
        assert f"kill -9 {left.pid}" in words.out
    assert cli("ghosts", "--home", tmp_path).code == 0


def test_an_orphan_of_another_home_is_no_matter_of_this_one(cli: Cli, tmp_path: Path) -> None:
    home = tmp_path / "one"
    home.mkdir()
    with process(**mark(tmp_path / "other", GONE)):
        assert cli("ghosts", "--home", home, "--json").json["orphans"] == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root sees how others started their processes")
@pytest.mark.parametrize("home", [None, 5], ids=["this one", "none at all"])
def test_what_another_user_says_of_a_process_of_his_is_not_believed(
    cli: Cli, tmp_path: Path, home: int | None
) -> None:
    told = json.dumps({**GONE.as_dict(), "home": home or str(tmp_path)})
    environment = {ENGINE_VARIABLE: str(uuid.uuid4()), SUPERVISOR_VARIABLE: told}
    with subprocess.Popen(
        ["/bin/sleep", "60"], env=environment, user=NOBODY, group=NOBODY, extra_groups=[]
    ) as process:
        try:
            shown = cli("ghosts", "--home", tmp_path)
        finally:
            process.kill()
    assert (shown.code, shown.err, "kill" in shown.out) == (0, "", False)


@pytest.mark.parametrize("supervisor", [ProcessIdentity.here(), ELSEWHERE])
def test_a_process_whose_supervisor_lives_or_may_live_is_no_orphan(
    cli: Cli, tmp_path: Path, supervisor: ProcessIdentity
) -> None:
    with process(**mark(tmp_path, supervisor)):
        assert cli("ghosts", "--home", tmp_path, "--json").json["orphans"] == []


@pytest.mark.parametrize("is_alive", [True, False])
def test_a_child_is_known_by_its_command_line(tmp_path: Path, is_alive: bool) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    parent = os.getpid() if is_alive else ended.pid
    spec = ChildSpec(str(tmp_path), None, "00", parent, 1.0)
    with process("-m", "zcasync.child", spec.to_text()) as child:
        found = orphans.orphans(Home(tmp_path), None, None)
    assert [one.pid for one in found] == ([] if is_alive else [child.pid])


def test_the_engine_that_a_home_wrote_down_identifies_its_orphan(tmp_path: Path) -> None:
    engine = str(uuid.uuid4())
    with process(**{ENGINE_VARIABLE: engine}) as left:
        for running, last, pids in (
            (None, engine, [left.pid]),
            (None, None, []),
            (None, str(uuid.uuid4()), []),
            (engine, engine, []),
        ):
            assert [one.pid for one in orphans.orphans(Home(tmp_path), running, last)] == pids


def test_a_process_that_a_job_has_left_behind_is_found_when_its_supervisor_is_gone(
    make_instance: Callable[..., Instance], cli: Cli
) -> None:
    instance = make_instance(children=1).start()
    client = instance.client
    left = psutil.Process(client.wait_for(client.put(orphan_jobs.leave_a_process_behind)))
    try:
        engine = instance.status()["engine"]
        assert cli("ghosts", "--home", instance.home, "--json").json["orphans"] == []
        family = [one for one in instance.descendants() if one.pid != left.pid]
        instance.kill()
        wait_until(lambda: all(map(is_gone, family)), "its children to leave")
        shown = cli("ghosts", "--home", instance.home, "--json")
        found = [(one["pid"], one["engine"]) for one in shown.json["orphans"]]
        assert found == [(left.pid, engine)]
        assert shown.code == 1
    finally:
        left.kill()
        wait_until(lambda: is_gone(left), "it to be gone")


def test_a_child_whose_supervisor_is_hidden_is_no_orphan(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = ChildSpec(str(tmp_path), None, "00", os.getpid(), 1.0)
    with process("-m", "zcasync.child", spec.to_text()):
        monkeypatch.setattr(
            "zcasync.reports.orphans.psutil.Process.__init__", _not_seen(psutil.Process.__init__)
        )
        assert orphans.orphans(Home(tmp_path), None, None) == []


def _not_seen(made: Callable[..., None]) -> Callable[..., None]:
    """What psutil does for a process that /proc does not show: this one."""

    def init(self: psutil.Process, pid: int | None = None) -> None:
        if pid == os.getpid():
            raise psutil.NoSuchProcess(pid)
        made(self, pid)

    return init


def test_a_home_whose_lock_may_not_be_read_is_not_known_to_be_free(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lock belongs to the supervisor's user, and another one asks."""
    home = Home(tmp_path)
    home.supervisor_identity.parent.mkdir(parents=True)
    home.supervisor_identity.write_text(json.dumps(ELSEWHERE.as_dict()))

    def refuse(home: Home) -> bool:
        raise PermissionError("of another user")

    monkeypatch.setattr("zcasync.reports.alive.is_held", refuse)
    found = report.SupervisorProbe(home, 1.0)
    assert found.is_alive is None
    found.worker = uuid.uuid4()
    worker = Worker(found.worker)
    worker.engineUUID = uuid.uuid4()
    worker.incarnation = Incarnation(worker.engineUUID, worker.UUID, ELSEWHERE)
    assert not found.sighting_of(worker).is_only_home
    assert judge(worker, found.sighting_of(worker)).verdict == Verdict.SILENT
