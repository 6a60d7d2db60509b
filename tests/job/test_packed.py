"""Values of the application in a record: loaded by who needs them, and written as they were."""

from __future__ import annotations

import datetime
import decimal
import functools
import io
import socket
import threading
import types
import uuid
from typing import Any

import pytest
import transaction
from persistent import Persistent
from persistent.wref import WeakRef
from ZODB import DB
from ZODB.DemoStorage import DemoStorage
from zope.interface.registry import Components

from tests.jobs import samples
from tests.support.sessions import ONE, Session
from zcasync import Partial
from zcasync.database.no_imports import by_name
from zcasync.datamanager import find
from zcasync.errors import UnloadableArguments, UnstorableError
from zcasync.instance.process_identity import ProcessIdentity
from zcasync.job.packed import is_plain
from zcasync.liveness.death import Death
from zcasync.liveness.recovery import recover
from zcasync.perform.performer import Performer
from zcasync.perform.reach import reaches_foreign
from zcasync.reports.job import describe
from zcasync.workers.incarnation import Incarnation
from zcasync.zeo.fenced import open_fenced


class Point:
    """A value of an application."""

    loaded = 0
    refuses = False

    def __init__(self, x: int) -> None:
        self.x = x

    def __setstate__(self, state: dict[str, int]) -> None:
        Point.loaded += 1
        if Point.refuses:
            raise RecursionError("no end of it")
        self.__dict__.update(state)


class Unloadable:
    """A value that pickles and does not load."""

    def __setstate__(self, state: Any) -> None:
        raise ValueError("not this one")

    def __getstate__(self) -> dict[str, int]:
        return {"one": 1}


@pytest.mark.parametrize(
    "value",
    [
        *(None, 1, "text", b"bytes", 1.5, True, decimal.Decimal("1.1"), uuid.uuid4()),
        *(datetime.date(2026, 1, 1), datetime.datetime.now(datetime.UTC), datetime.timedelta(1)),
        *([1, [2, {"three": (4,)}]], {1, 2}, frozenset("ab"), samples.Demo(), Partial(abs, 1)),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_is_plain(value: Any) -> None:
    assert is_plain(value)


@pytest.mark.parametrize(
    "value",
    [Point(1), [Point(1)], {"one": [Point(1)]}, {Point(1): 1}, {samples.Demo()}, Point, len],
    ids=["itself", "in a list", "deep", "key", "stored object in a set", "class", "builtin"],
)
def test_what_is_not(value: Any) -> None:
    assert not is_plain(value)


def test_a_depth_without_end_is_not_plain() -> None:
    value: list[Any] = []
    value.append(value)
    assert not is_plain(value)


def test_plain_arguments_are_part_of_the_record(session: Session) -> None:
    partial = session.queue.put(Partial(samples.echo, 1, key=["two"]))
    assert partial.__getstate__()["_args"] == (1,)
    assert "_packed" not in partial.__getstate__()


@pytest.fixture
def other_side(session: Session) -> Any:
    """A connection that loads no code of the application."""
    manager = session.transactions.__class__()
    connection = open_fenced(session.connection.db(), manager, class_factory=by_name)
    yield connection
    manager.abort()
    connection.close()


def test_who_loads_no_code_writes_the_arguments_as_they_were(
    session: Session, other_side: Any
) -> None:
    demo = session.keep(samples.Demo())
    call = Partial(functools.partial(samples.echo, Point(1)), Point(2), demo, key=[Point(3)])
    partial = session.queue.put(call)
    session.commit()
    before = Point.loaded

    other_side.transaction_manager.begin()
    there = other_side.get(partial._p_oid)
    assert there.callable_name == "functools.partial(echo)"
    there.name_policy("never")
    other_side.transaction_manager.commit()
    assert Point.loaded == before

    session.sync()
    assert partial.retry_policy == "never"
    first, same, key = partial.args[0], partial.args[1], partial.kwargs["key"]
    assert (first.x, same is demo, key[0].x, partial.callable.args[0].x) == (2, True, 3, 1)


def test_who_loads_no_code_sees_what_classes_the_arguments_have(
    session: Session, other_side: Any
) -> None:
    demo = session.keep(samples.Demo())
    partial = session.queue.put(Partial(demo.increase, Point(1)))
    session.commit()
    other_side.transaction_manager.begin()
    there = other_side.get(partial._p_oid)
    assert there.callable_name == "tests.jobs.samples.Demo.increase"
    (point,) = there.args
    assert type(point).__name__ == "Point"
    assert (
        repr(there.stored_callable[0])
        == f"<tests.jobs.samples.Demo {int.from_bytes(demo._p_oid):#x}>"
    )


def test_a_result_of_the_application_is_loaded_by_who_asks(
    session: Session, other_side: Any
) -> None:
    partial = session.queue.put(Partial(Point, 5))
    session.commit()
    session.activate(partial)
    Performer().perform(partial)
    session.sync()
    before = Point.loaded
    other_side.transaction_manager.begin()
    there = other_side.get(partial._p_oid)
    assert there.has_result
    assert Point.loaded == before
    assert partial.result.x == 5
    assert Point.loaded == before + 1


def test_what_cannot_be_loaded_any_more_ends_its_call_only(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    partial = session.queue.put(Partial(samples.echo, Point(1)))
    session.commit()
    session.activate(partial)
    session.connection.cacheMinimize()
    monkeypatch.setattr(Point, "refuses", True)
    Performer().perform(partial)
    assert partial.result.check(UnloadableArguments)
    assert "tests.jobs.samples.echo cannot be loaded: RecursionError: no end of it" in str(
        partial.result.value
    )


@pytest.mark.parametrize("place", ["args[0]", "kwargs['key']"])
def test_a_put_refuses_what_no_worker_could_load(session: Session, place: str) -> None:
    call = Partial(samples.echo, Unloadable()) if place == "args[0]" else None
    with pytest.raises(UnstorableError) as caught:
        session.queue.put(call or Partial(samples.echo, key=Unloadable()))
    said = str(caught.value)
    assert f"the {place} of tests.jobs.samples.echo, a Unloadable, can be pickled but not" in said
    assert "ValueError: not this one" in said
    assert len(session.queue) == 0


def _request() -> Any:
    """An object that looks like a request of Zope."""
    kind = type("HTTPRequest", (), {"__module__": "ZPublisher.HTTPRequest"})
    return kind()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (_request, "a request, which ends with its response: give the values"),
        (Components, "a component registry: look components up in the job"),
        (threading.Lock, "a lock of this process"),
        (lambda: io.StringIO("x"), "an open file: give its path"),
        (socket.socket, "a socket, open in this process only"),
        (lambda: types.ModuleType("mine"), "the module mine: give its name"),
        (lambda: (one for one in ()), "a generator, which lives in this process only"),
        (lambda: DB(DemoStorage()), "a database: a job has a connection of its own"),
    ],
    ids=lambda one: one if isinstance(one, str) else "",
)
def test_a_put_says_what_to_give_instead(session: Session, make: Any, words: str) -> None:
    value = make()
    with pytest.raises(UnstorableError, match=words) as caught:
        session.queue.put(Partial(samples.echo, value))
    assert str(caught.value).startswith("args[0] of tests.jobs.samples.echo is ")
    if hasattr(value, "close"):
        value.close()


def test_weak_references_are_plain(session: Session) -> None:
    demo = session.keep(samples.Demo())
    assert is_plain(WeakRef(demo))


class Doorbell(Persistent):
    """A persistent object that can be called, as only its own class knows."""

    def __call__(self, *args: Any) -> None:
        """Do nothing."""


def test_nothing_is_loaded_to_recover_what_a_dead_process_had(session: Session) -> None:
    """A ``functools.partial`` of an object of the application cannot even be made by names."""
    odd = session.keep(Doorbell())
    partials = [Partial(functools.partial(odd, 1)), Partial(samples.echo, functools.partial(odd))]
    for partial in partials:
        partial.addCallbacks(functools.partial(odd), samples.echo)
    session.queue.put_many(partials)
    session.commit()
    manager = transaction.TransactionManager()
    connection = open_fenced(session.connection.db(), manager, class_factory=by_name)
    data_manager = find(connection)
    assert data_manager is not None
    claimed = data_manager.thread.claim(ONE.bytes, 9).partials
    incarnation = Incarnation(uuid.uuid4(), ONE, ProcessIdentity.here())
    for one in claimed:
        one.assign(incarnation)
    log: list[str] = []
    recover(claimed, Death(pid=7, signal="SIGKILL"), log)
    manager.commit()
    assert len(claimed) == 2
    assert [one.state for one in claimed] == ["pending"] * 2
    assert len(log) == 1
    for one in claimed:
        assert describe(one)["callable"]
        assert not one.is_adoption
        assert reaches_foreign(one)
