"""Clocks that are wrong or are set while jobs wait: now is the claimer's."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import finish, start
from tests.jobs import basic as jobs
from tests.processes.servers import AT_SERVER, Server
from tests.support.clocks import HOUR, WRONG_CLOCK, WrongClock, wrong_by
from tests.support.gates import Gate
from tests.support.instance import ROOT, SHORT, Client, Instance
from zcasync import Partial
from zcasync.instance.home import Home
from zcasync.reports.workers import ask
from zcasync.testing.waiting import wait_until

SOON = timedelta(minutes=5)


def put_each_kind(client: Client) -> dict[str, Partial]:
    """Jobs that are due now or in a moment, each for another reason."""
    queue = client.manager.thread
    soon: dict[str, dict[str, Any]] = {
        "at once": {},
        "at once, soon": {"begin_by": SOON},
        "past": {"begin_after": datetime.now(UTC) - timedelta(seconds=1)},
        "absolute": {"begin_after": datetime.now(UTC) + timedelta(seconds=2)},
        "relative": {"delay": 2},
        "relative, soon": {"delay": 2, "begin_by": SOON},
    }
    partials = {
        name: queue.put(Partial(abs, -number), **options)
        for number, (name, options) in enumerate(soon.items())
    }
    reactor = client.manager.reactor.put(Partial(abs, -6), begin_by=SOON)
    client.commit()
    return {**partials, "in the reactor, soon": reactor}


def warnings(home: Path) -> list[str]:
    """What the supervisor of a home says of clocks."""
    clocks = ask(Home(home), 10.0).get("clocks") or {"warnings": []}
    found: list[str] = clocks["warnings"]
    return found


@pytest.mark.parametrize(("hours", "away"), [(2, "2 h ahead of"), (-2, "2 h behind")])
def test_jobs_of_a_client_with_a_wrong_clock_are_done_in_time(
    make_instance: Callable[..., Instance], hours: int, away: str
) -> None:
    instance = make_instance(children=2).start()
    client = instance.client
    with wrong_by(hours * HOUR):
        partials = put_each_kind(client)
        assert client.wait_for(*partials.values()) == list(range(7))
        client.wait_until(lambda: warnings(instance.home), "the supervisor to notice the clock")
    [told] = warnings(instance.home)
    assert told.endswith(f"is {away} this worker's: set it right")
    assert told.startswith("the clock of the client that has put job ")

    assert instance.log.count(f"is {away} this worker's") == 1
    status = finish(start("status", "--home", instance.home))
    assert f"{away} this worker's" in " ".join(status.out.split())
    check = finish(start("check", "--home", instance.home))
    assert f"WARNING: {told[:40]}" in " ".join(check.out.split())
    assert (status.code, check.code) == (0, 0)


@pytest.mark.parametrize("hours", [1, -1])
def test_jobs_are_done_in_time_though_the_worker_s_clock_is_wrong(
    make_instance: Callable[..., Instance], tmp_path: Path, hours: int
) -> None:
    instance = make_instance(children=2)
    wrong = WrongClock(tmp_path / "clock", hours * HOUR)
    instance.import_path.insert(0, WRONG_CLOCK)
    instance.environment.update(wrong.environment)
    client = instance.start().client
    partials = put_each_kind(client)
    absolute = [partials.pop("past"), partials.pop("absolute")]
    assert client.wait_for(*partials.values()) == [0, 1, 4, 5, 6]
    if hours > 0:  # else it is not yet the time, for this worker
        assert client.wait_for(*absolute) == [2, 3]


@pytest.mark.parametrize(("hours", "away"), [(2, "2 h ahead of"), (-2, "2 h behind")])
def test_jobs_are_done_in_time_though_the_database_s_clock_is_wrong(
    make_instance: Callable[..., Instance],
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    hours: int,
    away: str,
) -> None:
    wrong = WrongClock(tmp_path / "clock", hours * HOUR)
    server = Server(folder, [WRONG_CLOCK, ROOT], module="zcasync.zeo")
    with monkeypatch.context() as patched:
        for name, value in wrong.environment.items():
            patched.setenv(name, value)
        server.start()
    try:
        config = AT_SERVER.format(port=server.port) + SHORT
        instance = make_instance(children=2, config=config).start()
        client = instance.client
        partials = put_each_kind(client)
        assert client.wait_for(*partials.values()) == list(range(7))
        client.wait_until(lambda: warnings(instance.home), "the supervisor to notice the clock")
        line = f"the clock of the database's server is {away} this worker's: set it right"
        assert warnings(instance.home) == [line]
        assert instance.log.count(line) == 1
        assert instance.stop() == 0
    finally:
        server.stop()


@pytest.mark.parametrize("hours", [1, -1])
def test_a_worker_s_clock_may_be_set_while_jobs_wait(
    make_instance: Callable[..., Instance], tmp_path: Path, hours: int
) -> None:
    instance = make_instance(children=1)
    wrong = WrongClock(tmp_path / "clock")
    instance.import_path.insert(0, WRONG_CLOCK)
    instance.environment.update(wrong.environment)
    client = instance.start().client
    instance.worker().thread.size = instance.worker().reactor.size = 0
    client.commit()
    instance.wait_for_children(0)
    partials = put_each_kind(client)
    absolute = [partials.pop("past"), partials.pop("absolute")]
    wrong.set(hours * HOUR)
    instance.worker().thread.size = instance.worker().reactor.size = 2
    client.commit()
    assert client.wait_for(*partials.values()) == [0, 1, 4, 5, 6]
    if hours > 0:
        assert client.wait_for(*absolute) == [2, 3]


@pytest.mark.parametrize("hours", [1, -1])
def test_a_supervisor_goes_on_though_its_clock_is_set(
    make_instance: Callable[..., Instance], tmp_path: Path, gate: Gate, hours: int
) -> None:
    instance = make_instance(children=1)
    wrong = WrongClock(tmp_path / "clock")
    instance.import_path.insert(0, WRONG_CLOCK)
    instance.environment.update(wrong.environment)
    client = instance.start().client
    running = client.put(jobs.pass_gate, gate.path)
    gate.wait_for()
    wrong.set(hours * HOUR)
    before = instance.status()["passes"]["passes"]
    wait_until(lambda: instance.status()["passes"]["passes"] > before + 2, "passes", 20.0)
    gate.open()
    client.wait_for(running)
    assert running.attempts == 1
    assert "is ended" not in instance.log
