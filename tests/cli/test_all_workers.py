"""zcasync status --all: the workers of a database on whatever hosts, without any supervisor."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cli.conftest import Result, frozen
from tests.support.clocks import HOUR, wrong_by
from tests.support.instance import Instance
from tests.support.json_schema import problems
from zcasync.datamanager import Worker
from zcasync.instance.process_identity import ProcessIdentity
from zcasync.workers.incarnation import Incarnation

Cli = Callable[..., Result]


@contextmanager
def elsewhere(served: Instance, seconds: int = 0, host: str = "worker-7") -> Iterator[Worker]:
    """A worker whose engine has begun and written on a host whose clock is wrong.

    The supervisor here stands still meanwhile: it would bury it, as no host can reach its database.
    """
    client = served.client
    worker, engine = Worker(uuid.uuid4()), uuid.uuid4()
    identity = ProcessIdentity(host, "another boot", "4026531836", 4711, 1)
    with frozen(served.pid):
        client.sync()
        with wrong_by(seconds):  # all in one commit, as an engine begins
            worker.incarnation = Incarnation(engine, worker.UUID, identity, {"zcasync": "0.9"})
            worker.incarnation.home = "/srv/app/instance"
            worker.engineUUID = engine
            worker.ping.write(40.0)
            client.manager.workers.add(worker)
            client.commit()
        try:
            yield worker
        finally:
            client.sync()
            client.manager.workers.remove(worker)
            client.commit()


def shown(cli: Cli, worker: Worker, *options: object) -> dict[str, object]:
    """What is said of a worker, in a document that has its form."""
    document = cli("status", "--all", "--json", *options).json
    assert problems(document, "all_workers") == []
    [found] = [one for one in document["workers"] if one["uuid"] == str(worker.UUID)]
    return dict(found)


def test_all_workers_are_shown_with_host_version_children_and_clock(
    served: Instance, cli: Cli
) -> None:
    with elsewhere(served) as worker:
        found = shown(cli, worker)
        assert (found["host"], found["pid"], found["home"]) == (
            "worker-7",
            4711,
            "/srv/app/instance",
        )
        assert (found["verdict"], found["silence_limit"]) == ("silent", 50.0)
        assert found["versions"] == {"zcasync": "0.9"}
        assert found["thread"] == {"size": 1, "len": 0}
        own = shown(cli, served.worker())
        assert (own["verdict"], own["pid"]) == ("running", served.pid)
        assert own["home"] == str(served.home)
        said = cli("status", "--all")
        assert (said.code, said.err) == (0, "")
        [line] = [line for line in said.out.splitlines() if "worker-7" in line]
        assert line.split()[1:5] == ["worker-7", "silent", "0.9", "1"]
        assert line.split()[-3:] == ["50", "s", "right"]
        assert said.out.count(" right") == 2


@pytest.mark.parametrize(("hours", "away"), [(2, "2 h ahead"), (-2, "2 h behind"), (0, "right")])
def test_a_clock_that_is_wrong_is_told(served: Instance, cli: Cli, hours: int, away: str) -> None:
    with elsewhere(served, hours * HOUR) as worker:
        seconds = shown(cli, worker)["clock_seconds"]
        assert isinstance(seconds, float)
        assert abs(seconds - hours * HOUR) < 60
        assert cli("status", "--all").out.count(f" {away}\n") == (2 if hours == 0 else 1)


def test_a_commit_that_took_long_is_no_wrong_clock(served: Instance, cli: Cli) -> None:
    with elsewhere(served) as worker:
        with wrong_by(-30):  # as of a ping whose commit had to wait for half a minute
            worker.ping.write(40.0)
        served.client.commit()
        assert abs(float(str(shown(cli, worker)["clock_seconds"]))) < 10


def test_a_clock_that_is_behind_by_less_than_a_long_commit_is_told(
    served: Instance, cli: Cli
) -> None:
    with elsewhere(served, -30) as worker:
        assert -40 < float(str(shown(cli, worker)["clock_seconds"])) < -20


def test_no_supervisor_is_asked(served: Instance, cli: Cli) -> None:
    with frozen(served.pid):
        assert shown(cli, served.worker(), "--timeout", 4)["engine"] is not None


def test_a_stopped_worker_is_shown_where_it_was(
    make_instance: Callable[..., Instance], cli: Cli
) -> None:
    instance = make_instance(children=3).start()
    instance.stop()
    document = cli("status", "--all", "--json", "--home", instance.home).json
    [worker] = document["workers"]
    assert (worker["verdict"], worker["engine"]) == ("stopped", None)
    assert worker["host"] is not None
    assert worker["clock_seconds"] is None
    assert worker["thread"]["size"] == 3


def test_a_ghost_is_explained_with_its_home(ghost: tuple[Instance, str], cli: Cli) -> None:
    instance, _ = ghost
    said = " ".join(cli("status", "--all", "--home", instance.home).out.split())
    assert "is gone and did not say so; its home is" in said


def test_no_more_are_shown_than_wanted(served: Instance, cli: Cli) -> None:
    with elsewhere(served):
        assert "1 of 2 workers; --limit shows more." in cli("status", "--all", "--limit", 1).out


def test_a_home_that_was_never_served_has_none(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "home").mkdir(mode=0o700)
    said = cli("status", "--all", "--home", tmp_path / "home")
    assert (said.code, said.out) == (0, "No supervisor has worked for this database yet.\n")


def test_all_is_no_check(served: Instance, cli: Cli) -> None:
    done = cli("status", "--all", "--check")
    assert done.code == 3, "as monitoring knows it"
    assert "--all and --check exclude each other" in done.out


@pytest.mark.parametrize("columns", [80, 100, 200])
def test_it_fits_the_terminal(
    served: Instance, cli: Cli, monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    with elsewhere(served, 3 * HOUR, "worker-7.of.a.site.with.long.names.example.org"):
        lines = cli("status", "--all").out.splitlines()
        assert max(map(len, lines)) <= columns
        assert (
            any("worker" in line and line.endswith("3 h ahead") for line in lines) or columns < 90
        )
