"""Commands whose commit loses its answer: they look whether it is there, and do their work once."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from ZODB.POSException import POSKeyError

from tests.cli.conftest import Result, extra_worker
from tests.support.answers import Answers
from tests.support.instance import Client, Instance
from tests.support.scenes import gone
from zcasync import clock
from zcasync.errors import AbortedError
from zcasync.job.ids import id_of, parse
from zcasync.workers.incarnation import Incarnation
from zcasync.zeo.client import PipelinedClientStorage

Cli = Callable[..., Result]


@pytest.fixture
def answers(client: Client, monkeypatch: pytest.MonkeyPatch) -> Iterator[Answers]:
    made = Answers(monkeypatch, spared=client.connection.db().storage)
    yield made
    assert made.lost == 0, "no answer was lost"


@pytest.mark.parametrize(("lost", "arrives"), [(1, True), (1, False), (2, False)])
def test_a_put_is_made_once_and_its_id_is_printed(
    served: Instance, client: Client, cli: Cli, answers: Answers, lost: int, arrives: bool
) -> None:
    answers.lost, answers.arrives = lost, arrives

    done = cli("put", "operator.add", "--arg", "1", "--arg", "2")

    assert (done.code, done.err, answers.commits) == (0, "", 1)
    client.sync()
    assert client.wait_for(client.connection.get(parse(done.out.strip())[1])) == 3


@pytest.mark.parametrize("arrives", [True, False])
def test_a_job_is_cancelled_once(
    served: Instance, client: Client, cli: Cli, answers: Answers, arrives: bool
) -> None:
    later = clock.to_datetime(clock.now()) + timedelta(days=1)
    partial = client.manager.thread.put(abs, begin_after=later)
    partial.args.append(1)
    client.commit()
    answers.lost, answers.arrives = 1, arrives

    done = cli("cancel", id_of(partial))

    assert (done.code, done.err, answers.commits) == (0, "", 1)
    client.sync()
    assert partial.result.check(AbortedError)


@pytest.mark.parametrize("arrives", [True, False])
def test_an_engine_is_released_once(
    served: Instance, client: Client, cli: Cli, answers: Answers, arrives: bool
) -> None:
    with extra_worker(client) as worker:
        worker.incarnation = Incarnation(worker.UUID, worker.UUID, gone())
        client.connection.add(worker.incarnation)
        worker.engineUUID = worker.incarnation.engineUUID
        client.commit()
        answers.lost, answers.arrives = 1, arrives

        done = cli("release", worker.UUID)

        assert (done.code, done.err, answers.commits) == (0, "", 1)
        client.sync()
        assert worker.engineUUID is None


def test_a_put_that_cannot_be_looked_up_in_time_names_the_job(
    served: Instance, client: Client, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its server freezes with the commit in its mailbox."""
    server, commit = served.status()["server_pid"], PipelinedClientStorage._commit
    other = client.connection.db().storage

    async def freeze_and_commit(storage: Any, *args: Any) -> Any:
        if storage is not other:
            os.kill(server, signal.SIGSTOP)
        return await commit(storage, *args)

    monkeypatch.setattr(PipelinedClientStorage, "_commit", freeze_and_commit)
    try:
        done = cli("put", "operator.add", "--arg", "1", "--arg", "2", "--timeout", "2")
    finally:
        os.kill(server, signal.SIGCONT)

    assert done.code == 3
    assert "whether the job is put is not known; look with: zcasync job 0x" in done.error
    oid = parse(done.error.split()[-1])[1]
    client.wait_until(lambda: has(client, oid), "the commit to arrive")
    assert client.wait_for(client.connection.get(oid)) == 3


def has(client: Client, oid: bytes) -> bool:
    """Whether a record is there."""
    try:
        client.connection.get(oid)
    except POSKeyError:
        return False
    return True
