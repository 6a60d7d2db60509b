"""Values that make no sense are refused at once, by an exception that names the argument."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from persistent import Persistent
from ZODB import DB
from ZODB.broken import broken_cache
from ZODB.DemoStorage import DemoStorage

import tests.support
from tests.jobs import samples
from tests.support.fixtures import with_manager
from tests.support.sessions import ONE, Connect, Session
from zcasync.database.missing_classes import make_database
from zcasync.datamanager import Worker
from zcasync.errors import MisplacedError, MissingCallable, MissingClass
from zcasync.partial import Partial
from zcasync.patterns import where
from zcasync.perform.performer import Performer
from zcasync.testing import FakeReactor

# what is read-only


@pytest.mark.parametrize(
    "name",
    [
        *("state", "result", "callbacks", "unhandled_error", "annotations", "args", "kwargs"),
        *("begin_after", "begin_by", "selectedUUIDs", "excludedUUIDs", "queue"),
    ],
)
@pytest.mark.parametrize("put", [False, True])
def test_the_attributes_that_a_partial_reports_cannot_be_written(
    session: Session, name: str, put: bool
) -> None:
    partial = Partial(samples.nothing)
    if put:
        session.queue.put(partial)
    before = getattr(partial, name)

    with pytest.raises(AttributeError, match=name):
        setattr(partial, name, "something else")

    after = getattr(partial, name)
    assert type(after) is type(before)
    assert repr(after) == repr(before)


@pytest.mark.parametrize("name", ["UUID", "last_ping"])
def test_the_attributes_that_a_worker_reports_cannot_be_written(name: str) -> None:
    with pytest.raises(AttributeError, match=name):
        setattr(Worker(ONE), name, None)


# durations


@pytest.mark.parametrize("name", ["poll_seconds", "ping_interval", "ping_death_interval"])
@pytest.mark.parametrize("wrong", [0, -1, float("nan"), float("inf"), "5", None, True])
def test_the_intervals_of_a_worker_are_seconds_above_0(name: str, wrong: Any) -> None:
    worker = Worker(ONE)
    before = getattr(worker, name)

    kind = ValueError if isinstance(wrong, int | float) and wrong is not True else TypeError
    with pytest.raises(kind, match=f"{name} must be"):
        setattr(worker, name, wrong)

    assert getattr(worker, name) == before
    setattr(worker, name, 0.5)
    assert getattr(worker, name) == 0.5


@pytest.mark.parametrize(("wrong", "kind"), [(timedelta(-1), ValueError), (5, TypeError)])
def test_a_delay_that_makes_no_sense_is_refused(wrong: Any, kind: type[Exception]) -> None:
    with pytest.raises(kind, match="delay must"):
        where(samples.nothing, samples.nothing, delay=wrong)


def test_time_does_not_fly_back() -> None:
    reactor = FakeReactor()

    with pytest.raises(ValueError, match="seconds must not be negative: -1"):
        reactor.time_flies(-1)

    assert reactor.seconds() == 0


# foreign objects


def test_the_worker_to_pull_for_is_a_uuid(session: Session) -> None:
    partial = session.queue.put(samples.nothing)

    with pytest.raises(TypeError, match=r"a worker is named by its uuid\.UUID, not by 'one'"):
        session.queue.pullNext("one")

    assert session.queue.pullNext(ONE) is partial


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda demo: demo.increase, "callable"),
        (lambda demo: Partial(samples.echo, demo), r"args\[0\]"),
        (lambda demo: Partial(samples.echo, key=demo), r"kwargs\['key'\]"),
    ],
    ids=["callable", "args", "kwargs"],
)
def test_an_object_of_another_connection_is_named(
    connect: Connect, make: Callable[[Any], Any], name: str
) -> None:
    demo = connect().keep(samples.Demo())
    other = connect()

    with pytest.raises(MisplacedError, match=f"{name}, a Demo, belongs to another connection"):
        other.queue.put(make(demo))

    assert len(other.queue) == 0


# removed classes


class _Application:
    """A database, and a module whose classes a later release has lost."""

    def __init__(self) -> None:
        self.module = ModuleType("tests.support.lost")
        for name, base in (("Stored", Persistent), ("Value", object)):
            made = type(name, (base,), {"__module__": self.module.__name__, "go": lambda self: 1})
            setattr(self.module, name, made)
        self.storage = DemoStorage()
        self.db = make_database(self.storage)
        with_manager(self.db)

    def loses_its_classes(self) -> DB:
        """The database as a process of the later release sees it."""
        del self.module.Stored, self.module.Value
        return make_database(self.storage)


@pytest.fixture
def application(monkeypatch: pytest.MonkeyPatch) -> Any:
    """An application that will lose its classes."""
    made = _Application()
    monkeypatch.setitem(sys.modules, made.module.__name__, made.module)
    yield made
    made.db.close()
    for key in [key for key in broken_cache if key[0] == made.module.__name__]:
        del broken_cache[key]


CALLS = {
    "callable": lambda lost: lost.Stored().go,
    "args[1]": lambda lost: Partial(samples.echo, 0, lost.Stored()),
    "args[0]": lambda lost: Partial(samples.echo, lost.Value()),
    "kwargs['key']": lambda lost: Partial(samples.echo, key=lost.Value()),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_call_with_an_object_of_a_removed_class_fails_and_names_it(
    application: _Application, name: str
) -> None:
    session = Session(application.db)
    oid = session.queue.put(CALLS[name](application.module))._p_oid
    session.commit()
    session.close()

    later = Session(application.loses_its_classes())
    partial = later.activate(later.connection.get(oid))
    Performer().perform(partial)

    message = partial.result.getErrorMessage()
    assert partial.result.check(MissingClass, MissingCallable), message
    assert message.startswith(f"{name} of ")
    assert "of class tests.support.lost." in message
    assert "cannot be imported here" in message
    later.close()


def test_a_detached_call_with_an_object_of_a_removed_class_fails_too(
    application: _Application,
) -> None:
    session = Session(application.db)
    oid = session.queue.put(Partial(samples.echo, application.module.Value()), detached=True)._p_oid
    session.commit()
    session.close()

    later = Session(application.loses_its_classes())
    partial = later.activate(later.connection.get(oid))
    Performer().perform(partial)

    assert partial.result.check(MissingClass)
    assert partial.started is None
    later.close()


def test_an_object_whose_module_exits_at_import_keeps_no_engine_from_claiming(
    application: _Application, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = application.module.__name__
    session = Session(application.db)
    with_it = session.queue.put(CALLS["args[0]"](application.module))
    with_policy = session.queue.put(Partial(samples.nothing))
    with_policy._retry = f"{name}:policy"
    behind = session.queue.put(samples.nothing)
    oids = [one._p_oid for one in (with_it, with_policy, behind)]
    session.commit()
    session.close()
    (tmp_path / f"{name.rpartition('.')[2]}.py").write_text("import sys; sys.exit('usage')\n")
    monkeypatch.setattr(tests.support, "__path__", [str(tmp_path)])
    monkeypatch.delitem(sys.modules, name)

    later = Session(application.loses_its_classes())
    claimed = later.queue.claim(bytes(16), 3, idle=3).partials
    assert [one._p_oid for one in claimed] == oids
    for partial in claimed[:2]:
        later.commit()
        Performer().perform(later.activate_claimed(partial))
        assert "cannot be imported here" in partial.result.getErrorMessage()
    later.close()
