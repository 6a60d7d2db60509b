"""A commit that the database server gives up each time ends its job; an outage never does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.jobs import basic as jobs
from tests.jobs import slow_votes
from tests.processes.servers import AT_SERVER, Server
from tests.support.gates import Gate
from tests.support.instance import ROOT, SHORT, Client, Instance
from zcasync.errors import UnstorableError
from zcasync.retry.decision import MOST_GIVEN_UP

#: The server gives up a commit after one second; a vote takes longer.
VOTE_SECONDS = 2.5


@pytest.fixture
def impatient(folder: Path) -> Iterator[Server]:
    """A server that waits a second for the end of a commit.

    ZEO's own forgets to release its lock then: nobody ever commits again.
    """
    made = Server(folder, [ROOT], transaction_timeout=1, module="zcasync.zeo")
    try:
        yield made.start()
    finally:
        made.stop()


@pytest.fixture
def client(impatient: Server, make_instance: Callable[..., Instance]) -> Client:
    instance = make_instance(config=AT_SERVER.format(port=impatient.port) + SHORT).start()
    return instance.client


@pytest.mark.parametrize("on_the_way", [False, True])
def test_a_commit_that_is_given_up_each_time_ends_its_job(
    client: Client, gate: Gate, on_the_way: bool
) -> None:
    counter = client.add("counter", jobs.Counter())
    arguments = (counter, gate.path, VOTE_SECONDS, 99, on_the_way)
    failure = client.wait_for(client.put(slow_votes.vote_slowly, *arguments), timeout=120.0)
    assert failure.check(UnstorableError)
    assert "transaction-timeout" in failure.getErrorMessage()
    assert failure.evidence["times"] == MOST_GIVEN_UP == len(gate.arrivals())
    assert counter.value == 0
    assert client.wait_for(client.put(counter.add)) == 1


def test_a_commit_that_is_given_up_less_often_costs_nothing(client: Client, gate: Gate) -> None:
    counter = client.add("counter", jobs.Counter())
    arguments = (counter, gate.path, VOTE_SECONDS, MOST_GIVEN_UP - 1, False)
    partial = client.put(slow_votes.vote_slowly, *arguments)
    assert client.wait_for(partial, timeout=120.0) == 1
    assert (partial.attempts, partial.exceptions, counter.value) == (1, 0, 1)
