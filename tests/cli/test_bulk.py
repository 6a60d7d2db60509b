"""zcasync retry, cancel and discard on many jobs, and on what cannot be done with some of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from ZODB.POSException import ConflictError
from ZODB.utils import p64

from tests.cli.conftest import Result
from tests.cli.test_main import examples
from tests.jobs import basic as jobs
from tests.support.gates import Gate
from tests.support.instance import Client, Instance
from zcasync.cli import bulk
from zcasync.errors import JobCancelled
from zcasync.interfaces import COMPLETED, PENDING
from zcasync.job.ids import id_of
from zcasync.partial import Partial

Cli = Callable[..., Result]


def put_many(client: Client, call: Any, count: int, *args: Any, **options: Any) -> list[Partial]:
    partials = client.manager.thread.put_many(
        [Partial(call, *args) for _ in range(count)], **options
    )
    client.commit()
    return partials


def later() -> dict[str, Any]:
    """The option of a put for a time at which the tests are over."""
    return {"begin_after": datetime.now(UTC) + timedelta(hours=5)}


def held_with_callback(client: Client) -> Partial:
    """A job that is held, and has a callback."""
    partial = Partial(jobs.echo, 2)
    partial.addCallback(jobs.echo)
    client.manager.thread.put(partial, **later())
    client.commit()
    return partial


@pytest.fixture
def failing(client: Client) -> list[Partial]:
    """Jobs that have failed."""
    partials = put_many(client, jobs.raise_text, 5, "no card")
    client.wait_for(*partials)
    return partials


def test_a_failed_job_is_retried_by_its_id(
    failing: list[Partial], client: Client, cli: Cli
) -> None:
    one, other, *_ = failing
    done = cli("retry", id_of(one))
    assert (done.code, done.out) == (0, f"job {id_of(one)} is retried\n")
    client.wait_until(lambda: len(one.failed_before) == 1 and one.state == COMPLETED, "the retry")
    assert one.attempts == 1
    assert other.failed_before == []
    shown = cli("job", id_of(one), "--json").json
    assert [attempt["message"] for attempt in shown["attempts_history"]] == ["no card"]

    both = cli("retry", id_of(one), id_of(other), "--json").json
    assert both == {"retried": [id_of(one), id_of(other)], "refused": [], "dry_run": False}
    client.wait_for(one, other)


@pytest.mark.parametrize("name", ["retry", "discard"])
def test_the_examples_work_as_pasted(
    failing: list[Partial], client: Client, cli: Cli, name: str
) -> None:
    for line in examples(name):
        done = cli(*line.replace("0x1a2b", id_of(failing[0])).split()[1:])
        assert (done.code, bool(done.out)) == (0, True), (line, done)
    client.wait_for(*failing)


def test_filters_retry_what_failed_and_nothing_that_succeeded(
    failing: list[Partial], client: Client, cli: Cli
) -> None:
    good = client.put(jobs.echo, 1)
    client.wait_for(good)
    tried = cli("retry", "--call", "basic.raise_text", "--since", "5m", "--dry-run", "--json").json
    assert {id_of(one) for one in failing} <= set(tried["retried"])
    assert (tried["refused"], tried["dry_run"]) == ([], True)
    client.sync()
    assert not any(one.failed_before for one in failing), "nothing is changed"

    assert cli("retry", "--call", "basic.echo", "--dry-run", "--json").json["retried"] == []
    assert (
        id_of(good)
        in cli("retry", "--call", "basic.echo", "--state", "completed", "--dry-run", "--json").json[
            "retried"
        ]
    )

    assert cli("retry", "--waiting", "--dry-run", "--json").json["retried"] == []
    limited = cli("retry", "--failed", "--call", "raise_text", "--limit", "2", "--json").json
    assert len(limited["retried"]) == 2
    client.wait_until(
        lambda: (
            sum(bool(one.failed_before) for one in failing) == 2
            and all(one.state == COMPLETED for one in failing)
        ),
        "two to have run again",
    )


def test_those_that_cannot_be_retried_are_named(
    failing: list[Partial], client: Client, cli: Cli
) -> None:
    held = held_with_callback(client)
    [callback] = held.callbacks
    done = cli("retry", id_of(held), "0xfffffff", id_of(callback), id_of(failing[0]))
    assert done.code == 1
    assert done.out.splitlines() == [
        f"job {id_of(failing[0])} is retried",
        f"{id_of(held)} is not retried: {held!r} is not over: only what is completed can be run "
        "again; cancel it first",
        "0xfffffff is not retried: there is no job 0xfffffff in this database",
        f"{id_of(callback)} is not retried: {callback!r} is a callback: run {held!r} again, and "
        "its callbacks follow",
    ]
    assert cli("discard", id_of(held)).code == 0


def test_waiting_jobs_are_cancelled_in_bulk_and_can_be_retried(
    served: Instance, client: Client, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "PIECE", 7)
    partials = put_many(client, jobs.echo, 20, "many", **later())
    done = cli("cancel", "--waiting", "--call", "basic.echo")
    assert (done.code, done.out.split(":")[0]) == (0, "20 jobs are cancelled")
    client.sync()
    assert {one.result.type for one in partials} == {JobCancelled}
    assert cli("retry", *map(id_of, partials)).code == 0
    client.wait_for(*partials)
    assert partials[0].result == (("many",), {})


def test_running_jobs_are_cancelled_in_bulk(
    served: Instance, client: Client, cli: Cli, gate: Gate
) -> None:
    running = client.put(jobs.pass_gate, gate.path)
    gate.wait_for()
    follows = held_with_callback(client)
    over = client.put(jobs.echo, 1)
    client.wait_for(over)
    tried = cli("cancel", id_of(running), id_of(follows), id_of(over), "--dry-run")
    assert tried.code == 1
    assert tried.out.splitlines()[0].startswith("2 jobs would be cancelled: ")
    done = cli("cancel", id_of(running), id_of(follows), id_of(over), "--json")
    assert done.code == 1
    assert done.json["cancelled"] == [id_of(running), id_of(follows)]
    [refused] = done.json["refused"]
    assert (refused["id"], "is over already" in refused["reason"]) == (id_of(over), True)
    client.sync()
    assert running.result.type is follows.result.type is JobCancelled
    client.wait_for(follows)


def test_what_is_discarded_is_gone(
    served: Instance, failing: list[Partial], client: Client, cli: Cli, gate: Gate
) -> None:
    held = client.put(jobs.echo, "unique", **later())
    running = client.put(jobs.pass_gate, gate.path)
    gate.wait_for()
    client.sync()
    before = len(client.manager.thread)
    done = cli("discard", id_of(held), id_of(failing[0]), id_of(running), "--json")
    assert done.code == 1
    assert done.json["discarded"] == [id_of(held), id_of(failing[0])]
    assert "cancel it first" in done.json["refused"][0]["reason"]
    client.sync()
    assert len(client.manager.thread) == before - 1
    listed = {one["id"] for one in cli("jobs", "--limit", "1000", "--json").json["jobs"]}
    assert not {id_of(held), id_of(failing[0])} & listed
    assert id_of(failing[1]) in listed
    refused = cli("retry", id_of(failing[0]))
    assert (refused.code, refused.out) == (1, "")
    assert "was in no queue: put a new Partial" in refused.error
    gate.open()
    client.wait_for(running)


@pytest.mark.parametrize("name", ["retry", "cancel", "discard"])
def test_wrong_use(served: Instance, cli: Cli, name: str) -> None:
    for arguments, problem in [
        ([], "name jobs by their ids, or select some"),
        (["--limit", "3"], "name jobs by their ids, or select some"),
        (["0x1", "--failed"], "not both"),
        (["0x1", "zzz"], "'zzz' is not an id"),
        (["--since", "yesterday"], "is no time such as 30m"),
        (["--state", "odd"], "odd"),
    ]:
        result = cli(name, *arguments)
        assert result.code == 2
        assert problem in result.error


class Clashing:
    """A session in which whatever holds the job ``bad`` conflicts."""

    def __init__(self, bad: bytes) -> None:
        self.bad = bad
        self.pieces: list[int] = []

    def change(self, work: Any, is_there: Any, tries: int) -> Any:
        done: Any = work(None, None)
        self.pieces.append(len(done[0]))
        if ("", self.bad) in done[0]:
            raise ConflictError
        return done


def test_a_commit_that_conflicts_is_divided_until_it_does_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("zcasync.database.receipts.sign", lambda connection: [])
    session: Any = Clashing(p64(700))
    all_jobs = [("", p64(number)) for number in range(2000)]

    def work(connection: Any, manager: Any, some: Any) -> bulk.Verdicts:
        return dict.fromkeys(some, "")

    found = bulk.run(session, all_jobs, work, "trying", dry_run=False)
    assert list(found) == all_jobs
    assert {job: why for job, why in found.items() if why} == {
        ("", p64(700)): "other processes change it all the time"
    }
    assert len(session.pieces) < 60


@pytest.fixture(autouse=True)
def nothing_waits(served: Instance, client: Client) -> Iterator[None]:
    """No test leaves jobs that wait to the next one."""
    yield
    client.sync()
    for partial in client.manager.thread:
        assert partial.state == PENDING
        client.manager.thread.withdraw(partial)
    client.commit()


def test_of_those_with_one_key_one_is_retried_and_the_others_are_named(
    client: Client, cli: Cli
) -> None:
    over = []
    for _ in range(2):
        over.append(client.put(jobs.raise_text, "no card", unique="card"))
        client.wait_for(over[-1])
    other = put_many(client, jobs.raise_text, 1, "no card")
    client.wait_for(*other)
    done = cli("retry", *map(id_of, [*over, *other]), "--json").json
    assert done["retried"] == [id_of(over[0]), id_of(other[0])]
    [refused] = done["refused"]
    assert (refused["id"], "was put with the same key" in refused["reason"]) == (
        id_of(over[1]), True,
    )  # fmt: skip
    client.wait_for(over[0], *other)
    held = client.put(jobs.raise_text, "no card", unique="card", **later())
    done = cli("retry", id_of(over[1]), id_of(other[0]), "--json").json
    assert (done["retried"], len(done["refused"])) == ([id_of(other[0])], 1)
    client.wait_for(*other)
    client.manager.thread.withdraw(held)
    client.commit()
