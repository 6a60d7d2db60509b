"""Rules for what may be put and called: all ways to put, all ways to call."""

from __future__ import annotations

import functools
import operator
import os
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint, EntryPoints
from typing import Any

import pytest
from twisted.python.failure import Failure
from ZODB import DB

import zcasync
from tests.jobs import basic, samples
from tests.support.sessions import ONE, Session
from zcasync import Partial, allowed, patterns
from zcasync.allowed import Allowed
from zcasync.datamanager import Worker
from zcasync.errors import BadCallable, MissingPolicy, NotAllowed
from zcasync.retry.stock import NeverRetry
from zcasync.testing import drain

pytestmark = pytest.mark.usefixtures("registry")


class Policy(NeverRetry):
    """A retry policy that records name by its module."""


@pytest.fixture
def ruled(db: DB, session: Session) -> Session:
    """A session with a database where only the samples may be called."""
    zcasync.allow_only(db, "tests.jobs.samples")
    return session


def test_a_rule_is_a_dotted_name_or_a_group_of_entry_points() -> None:
    for good in ("app", "app.jobs", "app.models.Order.add", "entry-points app.jobs"):
        assert allowed.rule(good) == good
    for bad in ("", "app.", ".app", "app jobs", "app:jobs", "entry-points", "app.*", "1app"):
        with pytest.raises(ValueError, match="neither a dotted name nor"):
            allowed.rule(bad)


def test_a_rule_names_all_below_it_by_whole_parts_of_the_name() -> None:
    rules = Allowed(["app.jobs", "app.models.Order"], "the test")
    for good in ("app.jobs", "app.jobs.send", "app.jobs.mail.send", "app.models.Order.add"):
        rules.require(good)
    for bad in ("app", "app.jobs2.send", "app.models", "app.models.Orders.add", "os.system"):
        with pytest.raises(NotAllowed, match=f"^{bad} may not be called: the test names app.jobs"):
            rules.require(bad)
    with pytest.raises(NotAllowed, match="nothing"):
        Allowed([], "the test").require("app")


def test_a_group_of_entry_points_names_what_packages_give(monkeypatch: pytest.MonkeyPatch) -> None:
    points = [
        EntryPoint("send", "app.jobs:send", "mine"),
        EntryPoint("all", "lib.jobs [x]", "mine"),
    ]
    asked = []

    def entry_points(group: str) -> EntryPoints:
        asked.append(group)
        return EntryPoints(points if group == "mine" else ())

    monkeypatch.setattr("importlib.metadata.entry_points", entry_points)
    rules = Allowed(["entry-points mine", "app.first"], "the test")
    rules.require("app.first")
    assert asked == [], "installed packages are looked at when that may help"
    for good in ("app.jobs.send", "lib.jobs.any", "lib.jobs"):
        rules.require(good)
    with pytest.raises(NotAllowed):
        rules.require("app.jobs.other")
    assert asked == ["mine"]


# at the put


def putting(session: Session) -> Iterator[tuple[str, Callable[[], Any]]]:
    """The ways to bring a call that no rule names into a queue."""
    queue, bad = session.queue, os.getpid
    counter = session.keep(basic.Counter(), "counter")
    waiting = queue.put(samples.nothing)
    yield "put", lambda: queue.put(bad)
    yield "a partial", lambda: queue.put(Partial(bad))
    yield "with arguments", lambda: queue.put(Partial(basic.echo, 1))
    yield "put_many", lambda: queue.put_many([samples.nothing, bad])
    yield "a method", lambda: queue.put(counter.add)
    yield "functools.partial", lambda: queue.put(functools.partial(basic.echo, 1))
    yield "nested", lambda: queue.put(functools.partial(functools.partial(basic.echo, 1), 2))
    yield "a builtin", lambda: queue.put(Partial(operator.add, 1, 2))
    yield "a callback", lambda: waiting.addCallbacks(bad)
    yield "for failures", lambda: waiting.addCallbacks(samples.note, bad)
    yield "addCallback", lambda: waiting.addCallback(bad)
    yield "a new one's callback", lambda: queue.put(with_callback(Partial(samples.nothing), bad))
    yield "its callable", lambda: setattr(waiting, "callable", bad)
    yield "a partial of it", lambda: queue.put(Partial(Partial(bad)))
    yield "where, the check", lambda: queue.put(patterns.where(bad, samples.nothing))
    yield "where, the call", lambda: queue.put(patterns.where(samples.nothing, bad))
    yield "broadcast", lambda: patterns.broadcast(queue, bad, only_running=False)
    yield "retry of a put", lambda: queue.put(samples.nothing, retry=Policy)
    yield "retry of a partial", lambda: queue.put(with_retry(Partial(samples.nothing)))
    yield "retry, changed", lambda: setattr(waiting, "retry_policy", Policy)
    yield "retry of a callback", lambda: waiting.addCallbacks(samples.note, retry=Policy)


def with_callback(partial: Partial, call: Any) -> Partial:
    partial.addCallbacks(call)
    return partial


def with_retry(partial: Partial) -> Partial:
    partial.retry_policy = Policy
    return partial


def test_no_way_to_put_lets_in_what_no_rule_names(ruled: Session) -> None:
    ruled.manager.workers.add(Worker(ONE))
    assert issubclass(NotAllowed, BadCallable)
    let_in = []
    for name, put in putting(ruled):
        before = len(ruled.queue)
        try:
            put()
        except NotAllowed:
            pass
        else:
            let_in.append(name)
        assert len(ruled.queue) == before
    assert let_in == []


def test_what_a_rule_names_is_put_and_called(ruled: Session) -> None:
    demo = ruled.keep(samples.Demo(), "demo")
    partials = [
        ruled.queue.put(samples.nothing),
        ruled.queue.put(demo.increase),
        ruled.queue.put(functools.partial(samples.echo, 1)),
        ruled.queue.put(patterns.where(samples.make_seven, samples.make_six)),
        ruled.queue.put(Partial(Partial(samples.make_seven))),
        ruled.queue.put(samples.nothing, retry="never"),
    ]
    partials[0].addCallbacks(samples.make_seven)
    waited = ruled.queue.put(Partial.bind(samples.put_and_return, samples.make_seven))
    ruled.commit()
    drain(ruled.manager)
    results = [partial.result for partial in (*partials, waited)]
    assert not any(isinstance(one, Failure) for one in results), results
    assert partials[0].callbacks[0].result == 7
    assert waited.result == 7


def test_another_database_has_no_rules(ruled: Session, file_db: DB) -> None:
    other = Session(file_db)
    partial = other.queue.put(os.getpid)
    other.commit()
    drain(other.manager)
    assert partial.result == os.getpid()
    other.close()


# at the call


def refused(result: Any) -> bool:
    return isinstance(result, Failure) and result.type is NotAllowed


def put_before_the_rules(session: Session, item: Any, **options: Any) -> Partial:
    """Put something that is in the database before there are rules."""
    partial = session.queue.put(item, **options)
    session.commit()
    zcasync.allow_only(session.connection.db(), "tests.jobs.samples")
    return partial


@pytest.mark.parametrize("options", [{}, {"detached": True}, {"batch": True}])
def test_no_worker_imports_or_calls_it(session: Session, options: dict[str, Any]) -> None:
    partial = Partial(samples.nothing)
    partial._call = "no_such_module:call"
    put_before_the_rules(session, partial, **options)
    drain(session.manager)
    assert refused(partial.result), partial.result
    assert partial.state == "completed", "as a missing callable: what waits for it goes on"


def test_no_callback_and_no_pattern_calls_it(session: Session) -> None:
    before = session.queue.put(samples.nothing)
    callback = before.addCallbacks(basic.double)
    where = session.queue.put(patterns.where(samples.make_seven, basic.nothing))
    check = session.queue.put(patterns.where(basic.process, samples.nothing))
    counter = session.keep(basic.Counter(), "counter")
    method = put_before_the_rules(session, counter.add)
    drain(session.manager)
    assert before.result is None
    assert refused(callback.result)
    assert refused(where.result)
    assert refused(check.result)
    assert refused(method.result)


def test_a_direct_call_of_a_stored_partial_is_refused(session: Session) -> None:
    partial = session.keep(Partial(os.getpid), "partial")
    zcasync.allow_only(session.connection.db(), "tests.jobs.samples")
    assert refused(partial())


def test_no_worker_imports_a_retry_policy_that_no_rule_names(session: Session) -> None:
    partial = Partial(samples.nothing)
    partial.name_policy("no_such_module:Policy")
    put_before_the_rules(session, partial)
    drain(session.manager)
    assert partial.result.type is MissingPolicy
    assert "may not be called" in partial.result.getErrorMessage()
    assert "no_such_module" not in sys.modules
