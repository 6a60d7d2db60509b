"""Commits through a real database server whose answer is lost, and the connection with it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import transaction
from twisted.internet.defer import Deferred
from ZODB import DB

from tests.jobs import samples
from tests.processes.servers import own_server
from tests.support.answers import Answers
from tests.support.job_threads import CALLS, Bench, defer
from zcasync import Partial, twist
from zcasync.database.opening import open_servers
from zcasync.interfaces import COMPLETED
from zcasync.testing import FakeReactor
from zcasync.testing.engine import inline_reactor_jobs


@pytest.fixture
def db(folder: Path) -> Iterator[DB]:
    """A client of a server of its own."""
    with own_server(folder) as path:
        made = open_servers({"main": [[path], "1"]}, 10.0)
        yield made
        made.close()


@pytest.fixture
def bench(db: DB) -> Iterator[Bench]:
    """A job thread of that client."""
    CALLS.clear()
    made = Bench(db, SimpleNamespace(commits=0))  # type: ignore[arg-type]
    yield made
    transaction.abort()
    made.client.close()


@pytest.fixture
def answers(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Iterator[Answers]:
    made = Answers(monkeypatch)
    yield made
    assert made.lost == 0, "no answer was lost"


async def coroutine() -> Any:
    """Wait for a Deferred."""
    CALLS.append(Deferred())
    return await CALLS[-1]


@pytest.mark.parametrize("batch", [False, True], ids=["alone", "in a group"])
@pytest.mark.parametrize("arrives", [True, False])
def test_a_job_that_returns_a_deferred_is_called_again_only_where_nothing_was_stored(
    bench: Bench, answers: Answers, arrives: bool, batch: bool
) -> None:
    partials = bench.claim(Partial(defer, False), bench.account.add, batch=batch)
    bench.fire("later")
    answers.lost, answers.arrives = 1, arrives

    bench.run(partials)
    assert len(CALLS) == (1 if arrives else 2)
    assert [(one.state, one.result) for one in partials] == [(COMPLETED, "later"), (COMPLETED, 1)]


@pytest.mark.parametrize("arrives", [True, False])
def test_a_coroutine_of_the_reactor_is_run_again_only_where_nothing_was_stored(
    bench: Bench, answers: Answers, db: DB, arrives: bool
) -> None:
    [partial] = bench.claim(coroutine)
    ended: list[bytes] = []
    jobs = inline_reactor_jobs(FakeReactor(), db, bench.incarnation._p_oid, ended.append)
    answers.lost, answers.arrives = 1, arrives

    jobs.start(partial._p_oid)
    jobs._reactor.time_flies(1)
    assert len(CALLS) == (1 if arrives else 2)
    CALLS[-1].callback("later")
    jobs._reactor.time_flies(1)
    bench.client.sync()
    assert (partial.state, partial.result) == (COMPLETED, "later")


@pytest.mark.parametrize("arrives", [True, False])
def test_a_call_from_the_reactor_takes_effect_once(
    bench: Bench, answers: Answers, arrives: bool
) -> None:
    demo = bench.client.keep(samples.Demo(), "demo")
    answers.lost, answers.arrives = 1, arrives
    partial, results = twist.Partial(demo.increase, 5), list[Any]()
    partial.reactor = FakeReactor()

    partial().addBoth(results.append)

    bench.client.sync()
    assert (results, demo.counter) == ([5], 5)
