"""map: each key once, a bounded number of chunks at any time, and where it goes on."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import pytest
from BTrees.OOBTree import OOBTree, OOTreeSet
from twisted.python.failure import Failure

import zcasync
from tests.jobs import flows, samples
from tests.support.sessions import Session
from zcasync import Partial
from zcasync.flows import chunks
from zcasync.job.completion import end
from zcasync.job.failure import from_exception
from zcasync.testing import drain
from zcasync.testing.inline import run_inline


def put(session: Session, items: Any, **options: Any) -> Any:
    done = session.keep(OOBTree(), "done")
    flow = session.queue.put(zcasync.map(Partial(flows.count_key, done), items, **options))
    session.commit()
    return flow


def tree(count: int) -> OOBTree:
    return OOBTree({f"{number:06}": number for number in range(count)})


SOURCES = [
    tree,
    lambda count: OOTreeSet(tree(count)),
    range,
    lambda count: [f"{number}" for number in range(count)],
    lambda count: (number for number in range(count)),
    lambda count: set(range(count)),
]


@pytest.mark.parametrize("make", SOURCES)
@pytest.mark.parametrize("count", [0, 1, 99, 3200, 3201, 5000])
def test_each_key_is_performed_once(session: Session, make: Any, count: int) -> None:
    given = make(count)
    keys = set(given) if not isinstance(given, Iterable) or hasattr(given, "__len__") else None
    flow = put(session, given, chunk=100)
    drain(session.manager)
    assert flow.result == count
    done = dict(session.root["done"])
    assert set(done.values()) <= {1}
    assert set(done) == (set(range(count)) if keys is None else keys)
    number = -(-count // 100)
    assert flow.progress == (number, number, 0)


def test_a_bounded_number_of_chunks_waits(session: Session) -> None:
    flow = put(session, range(100_000), chunk=10)
    most = 0
    for _ in range(300):
        first = next(iter(session.queue))
        run_inline(first)
        session.commit()
        most = max(most, len(session.queue))
    assert most <= 2 * chunks.CHUNKS + 1
    assert flow.progress.done >= 250
    assert flow.progress.total <= flow.progress.done + 2 * chunks.CHUNKS


def test_a_key_that_fails_ends_the_flow(session: Session) -> None:
    flow = put(session, [*range(500), "wrong", *range(500, 1000)], chunk=10)
    drain(session.manager)
    assert isinstance(flow.result, Failure)
    assert "perform_chunk failed: wrong" in flow.result.getErrorMessage()
    assert "wrong" not in list(session.root["done"])


def test_the_others_go_on_where_failures_are_collected(session: Session) -> None:
    flow = put(session, [*range(505), "wrong", *range(505, 999)], chunk=10, on_failure="collect")
    drain(session.manager)
    assert flow.result == 990
    assert flow.progress == (100, 100, 1)


@pytest.mark.parametrize("chunk", [0, -1, True, 1.5, "10"])
def test_a_chunk_is_a_number_of_keys(chunk: Any) -> None:
    with pytest.raises((TypeError, ValueError), match="chunk must be"):
        zcasync.map(flows.total, range(3), chunk=chunk)


@zcasync.job(priority=-3, quota="solr", retry=4)
def declared(key: Any) -> None:
    """Do nothing."""


def kinds(flow: Any, name: str) -> set[Any]:
    """The options of its members of this name."""
    return {
        (one.priority, one.quotas, one.retry_policy, one.hard_limit, one.is_isolated)
        for one in flow.members
        if one.callable_name.endswith(name)
    }


def test_all_chunks_have_the_options_of_the_put(session: Session) -> None:
    session.manager.quotas.set("solr", limit=2)
    limit = timedelta(seconds=9)
    options = {"priority": 7, "quota": "solr", "retry": 2, "hard_limit": limit, "isolate": True}
    flow = session.queue.put(zcasync.map(samples.echo, range(40), chunk=1), **options)
    session.commit()
    drain(session.manager)
    assert flow.result == 40
    assert kinds(flow, "perform_chunk") == {(7, ("solr",), "exceptions(limit=3)", limit, True)}
    assert len(kinds(flow, "drive")) == 2, "what only makes others needs no slot"


def test_chunks_have_what_the_function_declares(session: Session) -> None:
    session.manager.quotas.set("solr", limit=2)
    session.manager.quotas.set("smtp", limit=2)
    flows_ = [
        session.queue.put(zcasync.map(declared, range(40), chunk=1), **options)
        for options in ({}, {"priority": 1}, {"quota": "smtp"})
    ]
    session.commit()
    drain(session.manager)
    assert [kinds(flow, "perform_chunk") for flow in flows_] == [
        {(-3, ("solr",), "exceptions(limit=5)", None, False)},
        {(1, ("solr",), "exceptions(limit=5)", None, False)},
        {(-3, ("smtp",), "exceptions(limit=5)", None, False)},
    ]


@pytest.mark.parametrize("on_failure", ["fail_fast", "collect"])
def test_a_walk_that_cannot_go_on_fails(session: Session, on_failure: str) -> None:
    keys = session.keep(tree(5000), "keys")
    flow = put(session, keys, on_failure=on_failure)
    run_inline(next(flow.members))
    [following] = [one for one in flow.members if one.callable_name.endswith("drive")][1:]
    end(following, from_exception(ValueError("its key cannot be loaded")))
    session.commit()
    following.resumeCallbacks()
    drain(session.manager)
    assert isinstance(flow.result, Failure)
    assert "drive failed: its key cannot be loaded" in flow.result.getErrorMessage()
