"""The disk gets full: the database server ends and waits for room, and no job fails for it."""

from __future__ import annotations

import resource
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from ZODB.scripts import fstest

from tests.chaos.points import FAILED, TORMENT, VARIABLE, Point, Traps
from tests.jobs import basic as jobs
from tests.processes.disks import SmallDisk, mounted
from tests.processes.test_storage_away import (
    BEGINS,
    SETTINGS,
    oids,
    said_once_each_way,
    see_through,
    waiting_for,
)
from tests.support.gates import Gate
from tests.support.instance import ROOT, Instance
from zcasync.instance.home import Home
from zcasync.testing.waiting import wait_until

MakeInstance = Callable[..., Instance]


@pytest.fixture
def small_disk(folder: Path) -> Iterator[SmallDisk]:
    """A file system where the home's database will be."""
    var = folder / "home" / "var"
    with mounted(var):
        yield SmallDisk(var)


@pytest.fixture
def whole_disk(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SmallDisk]:
    """A file system of its own for the home, its log, and everybody's temporary files."""
    home = folder / "home"
    with mounted(home):
        temporary = home / "tmp"
        temporary.mkdir()
        monkeypatch.setenv("TMPDIR", str(temporary))
        yield SmallDisk(home)


@pytest.fixture
def started(make_instance: MakeInstance) -> Iterator[Callable[[], Instance]]:
    """Starts a supervisor with two children, which ends before its file system does."""
    made: list[Instance] = []

    def start(import_path: tuple[Path, ...] = (ROOT,)) -> Instance:
        made.append(make_instance(children=2, config=SETTINGS))
        made[0].import_path = list(import_path)
        return made[0].start()

    yield start
    for instance in made:
        instance.end()


def put_some(instance: Instance, gate: Gate) -> list[bytes]:
    """Put jobs of which one is at work, at the gate; their oids."""
    client = instance.client
    counter = client.add("counter", jobs.Counter())
    at_gate = client.put(counter.add_at_gate, gate.path)
    gate.wait_for()
    return oids([at_gate, *client.put_many(counter.add, 20)])


def wait_until_it_is_said(instance: Instance, what: str = "; make room") -> None:
    """Until the engine has met the trouble, and status says what to do about it."""
    wait_until(lambda: BEGINS in instance.output, "the trouble", seen=instance.evidence)
    wait_until(
        lambda: f"No space left on device{what}" in (waiting_for(instance) or ""),
        "status to say why",
        seen=instance.evidence,
    )


def see_all(instance: Instance, wanted: list[bytes]) -> None:
    """Each job has had its effect once, the file is sound, and no fault was met on the way."""
    assert sorted(see_through(instance, wanted)) == list(range(1, 22))
    assert instance.stop() == 0
    fstest.check(str(Home(instance.home).data_fs))  # raises
    assert "Unhandled" not in instance.log


def test_a_server_whose_file_may_not_grow_makes_way_for_another_one(
    started: Callable[[], Instance], gate: Gate
) -> None:
    instance = started()
    wanted = put_some(instance, gate)
    size = Home(instance.home).data_fs.stat().st_size
    server = psutil.Process(instance.status()["server_pid"])
    server.rlimit(psutil.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
    gate.open()
    wait_until(lambda: instance.log.count("listens") == 2, "a new server", seen=instance.evidence)
    assert instance.status()["server_pid"] != server.pid
    see_all(instance, wanted)
    assert instance.log.count("cannot be written (File too large)") == 1


def test_a_full_disk_fails_no_job(
    small_disk: SmallDisk, started: Callable[[], Instance], gate: Gate
) -> None:
    instance = started()
    wanted = put_some(instance, gate)
    small_disk.fill()
    gate.open()
    wait_until_it_is_said(instance)
    small_disk.clear()
    see_through(instance, wanted)
    said_once_each_way(instance)
    assert instance.log.count("make room") == 1
    see_all(instance, wanted)


def test_a_disk_that_is_full_for_everybody_fails_no_job(
    whole_disk: SmallDisk, started: Callable[[], Instance], gate: Gate
) -> None:
    instance = started()
    wanted = put_some(instance, gate)
    whole_disk.fill()
    gate.open()
    # Whoever has no room first says so: the server, or the client's file of what it has read.
    wait_until_it_is_said(instance, "")
    whole_disk.clear()
    see_all(instance, wanted)
    assert "Temporarily disabling observer" not in instance.output


def test_a_server_that_is_killed_when_a_vote_has_failed_costs_nothing(
    small_disk: SmallDisk,
    started: Callable[..., Instance],
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    gate: Gate,
) -> None:
    traps = Traps(folder / "traps")
    monkeypatch.setenv(VARIABLE, str(traps.folder))
    instance = started((TORMENT, ROOT))
    wanted = put_some(instance, gate)
    trap = traps.arm(Point("server", "any", FAILED), "kill")
    small_disk.fill()
    gate.open()
    wait_until(lambda: traps.sprung(trap), "the server's end", seen=instance.evidence)
    wait_until_it_is_said(instance)
    small_disk.clear()
    see_all(instance, wanted)


def test_a_supervisor_does_not_start_where_there_is_no_room(
    small_disk: SmallDisk, make_instance: MakeInstance
) -> None:
    small_disk.fill()
    instance = make_instance(config=SETTINGS).launch()
    assert instance.wait() == 2
    last = instance.output.strip().splitlines()[-1]
    assert last.startswith("zcasync: the database server cannot run: ")
    assert "Data.fs cannot be written: No space left on device; make room" in last
    assert "Traceback" not in instance.log
