"""Clocks that are wrong or are set while jobs wait: now is the claimer's."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import finish, start
from tests.jobs import basic as jobs
from tests.jobs.retry import HOURLY, fail_first
from tests.processes.servers import AT_SERVER, Server
from tests.support.clocks import HOUR, WRONG_CLOCK, WrongClock, wrong_by
from tests.support.gates import Gate
from tests.support.instance import ROOT, SHORT, Client, Instance
from zcasync import Partial
from zcasync.instance.home import Home
from zcasync.interfaces import PENDING
from zcasync.reports.workers import ask
from zcasync.retry.stock import RetryExceptions
from zcasync.testing.waiting import wait_until

SOON = timedelta(minutes=5)
#: Once again, a second after it has raised.
ONCE_AGAIN = RetryExceptions(limit=2, delay=1, jitter=0)
#: What jobs return that are due by no date, and those that are.
RESULTS: dict[str, Any] = {
    "at once": 1,
    "at once, soon": 2,
    "relative": 3,
    "relative, soon": 4,
    "batch": 5,
    "batch, relative": 6,
    "callback": 14,
    "interrupted": "second time",
    "raises": 2,
    "in the reactor": 8,
    "in the reactor, soon": 9,
    "in the reactor, relative": 10,
    "in the reactor, raises": 2,
}
AT_TIMES = {"past": 11, "absolute": 12, "in the reactor, absolute": 13}


def put_each_kind(client: Client, folder: Path) -> dict[str, Partial]:
    """Jobs that are due now or in a moment, each for another reason."""
    past, soon = (datetime.now(UTC) + timedelta(seconds=number) for number in (-1, 2))
    relative: dict[str, Any] = {"delay": 2, "begin_by": SOON}
    again: dict[str, Any] = {"retry": ONCE_AGAIN, "begin_by": SOON}
    thread, reactor = client.manager.thread.put, client.manager.reactor.put
    first, second, third = (str(folder / name) for name in ("first", "second", "third"))
    partials = {
        "at once": thread(Partial(abs, -1)),
        "at once, soon": thread(Partial(abs, -2), begin_by=SOON),
        "relative": thread(Partial(abs, -3), delay=2),
        "relative, soon": thread(Partial(abs, -4), **relative),
        "batch": thread(Partial(abs, -5), batch=True, begin_by=SOON),
        "batch, relative": thread(Partial(abs, -6), batch=True, **relative),
        "callback": thread(Partial(abs, -7), **relative).addCallback(jobs.double),
        "interrupted": thread(Partial(jobs.exit_in_first_process, first, 1), **relative),
        "raises": thread(Partial(fail_first, second, 1), **again),
        "in the reactor": reactor(Partial(abs, -8)),
        "in the reactor, soon": reactor(Partial(abs, -9), begin_by=SOON),
        "in the reactor, relative": reactor(Partial(abs, -10), **relative),
        "in the reactor, raises": reactor(Partial(fail_first, third, 1), **again),
        "past": thread(Partial(abs, -11), past),
        "absolute": thread(Partial(abs, -12), soon),
        "in the reactor, absolute": reactor(Partial(abs, -13), soon),
    }
    client.commit()
    return partials


def wait_for(client: Client, partials: dict[str, Partial], expected: dict[str, Any]) -> None:
    """Wait for those that are expected, and what they return."""
    found = client.wait_for(*(partials[name] for name in expected), timeout=60.0)
    assert dict(zip(expected, found, strict=True)) == expected


def warnings(home: Path) -> list[str]:
    """What the supervisor of a home says of clocks."""
    clocks = ask(Home(home), 10.0).get("clocks") or {"warnings": []}
    found: list[str] = clocks["warnings"]
    return found


@pytest.mark.parametrize(("hours", "away"), [(2, "2 h ahead of"), (-2, "2 h behind")])
def test_jobs_of_a_client_with_a_wrong_clock_are_done_in_time(
    make_instance: Callable[..., Instance], tmp_path: Path, hours: int, away: str
) -> None:
    instance = make_instance(children=2).start()
    client = instance.client
    with wrong_by(hours * HOUR):
        partials = put_each_kind(client, tmp_path)
        wait_for(client, partials, RESULTS | AT_TIMES)
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
    partials = put_each_kind(client, tmp_path)
    # Where its clock is behind, it is not yet the time of those, for this worker.
    wait_for(client, partials, RESULTS | (AT_TIMES if hours > 0 else {}))


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
        partials = put_each_kind(client, tmp_path)
        wait_for(client, partials, RESULTS | AT_TIMES)
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
    partials = put_each_kind(client, tmp_path)
    wrong.set(hours * HOUR)
    instance.worker().thread.size = instance.worker().reactor.size = 2
    client.commit()
    wait_for(client, partials, RESULTS | (AT_TIMES if hours > 0 else {}))


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


@pytest.mark.parametrize("hours", [2, -2])
def test_a_client_s_clock_may_be_set_between_two_puts(
    make_instance: Callable[..., Instance],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    hours: int,
) -> None:
    instance = make_instance(children=2).start()
    client = instance.client
    instance.worker().thread.size = instance.worker().reactor.size = 0
    client.commit()
    instance.wait_for_children(0)
    before = [client.put(abs, -1), client.manager.reactor.put(Partial(abs, -2))]
    client.commit()
    right = time.time_ns
    with monkeypatch.context() as patched:
        patched.setattr(time, "time_ns", lambda: right() + hours * HOUR * 10**9)
        partials = put_each_kind(client, tmp_path)
        instance.worker().thread.size = instance.worker().reactor.size = 2
        client.commit()
        wait_for(client, partials, RESULTS | AT_TIMES)
    assert client.wait_for(*before) == [1, 2]


def put_for_later(client: Client, gate: Gate) -> list[Partial]:
    """Jobs that a worker files for later, and one that it is to try again."""
    minute = timedelta(minutes=1)
    thread, reactor = client.manager.thread.put, client.manager.reactor.put
    partials = [
        thread(Partial(abs, -1), delay=60),
        thread(Partial(abs, -2), datetime.now(UTC) + minute),
        thread(Partial(abs, -3), delay=60, begin_by=timedelta(hours=5)),
        thread(Partial(abs, -4), delay=60, batch=True),
        reactor(Partial(abs, -5), delay=60),
        reactor(Partial(abs, -6), datetime.now(UTC) + minute),
        thread(Partial(fail_first, gate.path, 1), retry=HOURLY),
    ]
    partials.append(thread(Partial(abs, -8), delay=60).addCallback(jobs.double))
    client.commit()

    def all_are_filed() -> bool:
        queues = client.manager.thread, client.manager.reactor
        lanes = [lane for queue in queues for lane in queue.lanes().values()]
        is_tried = (partials[6].state, partials[6].attempts) == (PENDING, 1)
        return is_tried and not any(lane.next_in_inbox() for lane in lanes)

    client.wait_until(all_are_filed, "the worker to look at all that waits")
    return partials


@pytest.mark.parametrize("hours", [3, -1])
def test_what_a_worker_has_filed_comes_when_its_clock_says_and_is_not_lost(
    make_instance: Callable[..., Instance], tmp_path: Path, gate: Gate, hours: int
) -> None:
    instance = make_instance(children=2)
    wrong = WrongClock(tmp_path / "clock")
    instance.import_path.insert(0, WRONG_CLOCK)
    instance.environment.update(wrong.environment)
    client = instance.start().client
    partials = put_for_later(client, gate)
    wrong.set(hours * HOUR)
    assert client.wait_for(client.put(abs, -9), client.put(abs, -10)) == [9, 10]
    if hours < 0:
        client.sync()
        waiting = [*client.manager.thread, *client.manager.reactor]
        assert len(waiting) == len(partials)
        assert {one.state for one in waiting} == {PENDING}
        wrong.set(3 * HOUR)
        assert client.wait_for(client.put(abs, -9)) == 9
    assert client.wait_for(*partials, timeout=60.0) == [1, 2, 3, 4, 5, 6, 2, 16]
