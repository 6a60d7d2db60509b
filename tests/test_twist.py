"""twist.Partial: a call that touches stored objects in a connection of its own."""

import functools
import threading
import types
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import transaction
from twisted.python.failure import Failure
from ZEO.Exceptions import ClientDisconnected
from ZODB import DB
from ZODB.DemoStorage import DemoStorage
from ZODB.FileStorage import FileStorage

from tests.jobs import methods, samples
from tests.support.sessions import ONE, Connect, Session
from zcasync import twist
from zcasync.database import waiting
from zcasync.errors import FencedError, InDoubt
from zcasync.instance.process_identity import ProcessIdentity
from zcasync.testing import FakeReactor
from zcasync.workers.fence import fence
from zcasync.workers.incarnation import Incarnation


def call(partial: twist.Partial, *args: Any, **kwargs: Any) -> Any:
    """Call it with a fake reactor, which has no threads; what its Deferred fires with."""
    partial.reactor = FakeReactor()
    fired: list[Any] = []
    partial(*args, **kwargs).addBoth(fired.append)
    return fired[0]


@pytest.fixture
def demo(session: Session) -> samples.Demo:
    """A stored object."""
    kept: samples.Demo = session.keep(samples.Demo())
    return kept


def increase_another(demo: samples.Demo, other: samples.Demo) -> None:
    """Change two objects."""
    demo.increase()
    other.increase(10)


def increase_and_commit_and_raise(demo: samples.Demo) -> None:
    """Commit by itself."""
    demo.increase()
    transaction.commit()
    demo.increase()
    raise ValueError("after the commit")


def increase_against(demo: samples.Demo, other: Session, tries: list[int], times: int) -> int:
    """Somebody else commits the same object meanwhile, so many times."""
    tries.append(len(tries))
    if len(tries) <= times:
        other.same(demo).increase()
        other.commit()
    return demo.increase()


def test_a_call_commits_in_another_connection(session: Session, demo: samples.Demo) -> None:
    assert call(twist.Partial(demo.increase, 5)) == 5

    assert demo.counter == 0
    session.sync()
    assert demo.counter == 5


def test_the_changes_of_the_caller_are_not_touched(session: Session, demo: samples.Demo) -> None:
    other = session.keep(samples.Demo(), "other")
    other.increase(7)

    call(twist.Partial(samples.Demo.increase, demo))

    session.abort()
    assert (demo.counter, other.counter) == (1, 0)


def test_objects_are_found_wherever_they_are_given(session: Session, demo: samples.Demo) -> None:
    other = session.keep(samples.Demo(), "other")

    call(twist.Partial(increase_another, demo), other)
    call(twist.Partial(increase_another, demo, other=other))
    call(twist.Partial(increase_another, demo), other=other)

    session.sync()
    assert (demo.counter, other.counter) == (3, 30)


def test_an_error_comes_back_without_frames_and_changes_nothing(
    session: Session, demo: samples.Demo
) -> None:
    failure = call(twist.Partial(demo.increase_and_raise))

    assert isinstance(failure, Failure)
    assert failure.check(ValueError)
    assert failure.frames == []
    session.sync()
    assert demo.counter == 0


def test_transaction_commit_in_the_call_commits_its_changes(
    session: Session, demo: samples.Demo
) -> None:
    mine = transaction.get()

    failure = call(twist.Partial(increase_and_commit_and_raise, demo))

    assert failure.check(ValueError)
    assert transaction.get() is mine
    session.sync()
    assert demo.counter == 1


def test_conflicts_are_tried_again(connect: Connect, demo: samples.Demo) -> None:
    tries: list[int] = []

    assert call(twist.Partial(increase_against, demo, connect(), tries, 2)) == 3

    assert len(tries) == 3


def test_a_call_that_always_conflicts_is_not_tried_for_ever(
    connect: Connect, demo: samples.Demo
) -> None:
    tries: list[int] = []

    failure = call(twist.Partial(increase_against, demo, connect(), tries, 100))

    assert "ConflictError" in str(failure.type)
    assert len(tries) == twist.ATTEMPTS


def test_objects_have_to_be_committed(session: Session) -> None:
    fresh = samples.Demo()
    with pytest.raises(ValueError, match="must be committed before"):
        twist.Partial(fresh.increase)
    session.connection.add(fresh)
    with pytest.raises(ValueError, match="must be committed before"):
        twist.Partial(samples.nothing, fresh)


@pytest.mark.parametrize(
    "name",
    [
        "an override",
        "super",
        "private",
        "undecorated",
        "a lambda",
        "bound to the object",
        "partialmethod",
        "a functools.partial of super",
        "a functools.partial of a bound function",
        "the object",
    ],
)
def test_a_method_is_called_as_it_was_given(name: str, session: Session) -> None:
    get, answer = methods.METHODS[name]
    assert call(twist.Partial(get(session.keep(methods.Document())))) == answer


def is_of(connection: Any, obj: Any) -> bool:
    """Tell the connection of an object."""
    return obj._p_jar is connection


class Called(samples.Demo):
    """A persistent object that is called itself."""

    def __call__(self) -> Any:
        return self._p_jar


def test_a_method_is_one_of_the_object_in_the_call_s_connection(session: Session) -> None:
    document, tree = session.keep(methods.Document()), session.keep(methods.Tree(), "tree")
    bound = types.MethodType(lambda own: own._p_jar is not session.connection, document)
    assert call(twist.Partial(bound)) is True
    assert call(twist.Partial(functools.partial(bound))) is True
    whole = functools.partial(is_of, session.connection, document)
    assert call(twist.Partial(whole)) is False
    assert call(twist.Partial(session.keep(Called(), "called"))) is not session.connection
    assert call(twist.Partial(tree.insert_of_base(), "a", "b")) == 1
    session.sync()
    assert tree["a"] == "b"


def test_an_object_need_not_be_loaded(session: Session, demo: samples.Demo) -> None:
    session.connection.cacheMinimize()
    session.connection._resetCache()  # so that it is one that was never loaded
    unloaded = session.connection.get(demo._p_oid)
    assert unloaded._p_changed is None

    assert call(twist.Partial(increase_another, demo, unloaded)) is None


def test_objects_hidden_in_containers_are_refused(demo: samples.Demo) -> None:
    with pytest.raises(ValueError, match="make each of them an argument of its own"):
        twist.Partial(samples.nothing, demo, {"deep": [demo]})

    assert call(twist.Partial(samples.echo, demo, [threading.Event()]))[1] is not None


def test_without_a_stored_object_there_is_no_database() -> None:
    with pytest.raises(ValueError, match="a persistent object must be among the arguments"):
        twist.Partial(samples.nothing)


def test_a_call_made_within_a_job_is_fenced_as_the_job(
    session: Session, connect: Connect, demo: samples.Demo
) -> None:
    incarnation = session.keep(Incarnation(ONE, ONE, ProcessIdentity.here()), "incarnation")
    fence(session.connection, incarnation)
    partial = twist.Partial(demo.increase)
    other = connect()
    other.same(incarnation).end("buried by a test")
    other.commit()

    failure = call(partial)

    assert failure.check(FencedError)
    fence(session.connection, None)
    session.sync()
    assert demo.counter == 0


def test_a_call_can_have_objects_of_two_databases() -> None:
    databases: dict[str, DB] = {}
    main = DB(DemoStorage(), databases=databases, database_name="main")
    second = DB(DemoStorage(), databases=databases, database_name="zc.async")
    session = Session(main)
    one = session.keep(samples.Demo())
    other = samples.Demo()
    session.connection.get_connection("zc.async").root()["other"] = other
    session.commit()

    call(twist.Partial(increase_another, one, other))

    session.sync()
    assert (one.counter, other.counter) == (1, 10)
    session.close()
    for db in (second, main):
        db.close()


def test_a_real_reactor_lends_a_thread_of_its_pool(session: Session, demo: samples.Demo) -> None:
    threads: list[threading.Thread] = []
    done = threading.Event()

    class Pool:
        """As a reactor's: makes the call in another thread."""

        def callInThreadWithCallback(self, tell: Any, call: Any, *args: Any, **kwargs: Any) -> None:
            def work() -> None:
                tell(True, call(*args, **kwargs))
                done.set()

            threads.append(threading.Thread(target=work))
            threads[0].start()

    partial = twist.Partial(demo.increase, 2)
    partial.reactor = SimpleNamespace(
        getThreadPool=Pool, callFromThread=lambda call, *args: call(*args)
    )
    results: list[Any] = []
    partial().addBoth(results.append)

    assert done.wait(30), "the call was not made within 30 s"
    threads[0].join(30)
    assert results == [2]
    session.sync()
    assert demo.counter == 2


# commits in doubt


class Doubtful(FileStorage):
    """Loses the answers of the next commits, after (True) or before (False) they are there."""

    def __init__(self, path: Path) -> None:
        super().__init__(str(path))
        self.losses: list[bool | None] = []
        self.is_away = False

    def tpc_finish(self, *args: Any) -> Any:
        loss = self.losses.pop(0) if self.losses else None
        if loss is False:
            raise ClientDisconnected("before it was stored")
        tid = super().tpc_finish(*args)
        if loss:
            raise ClientDisconnected("after it was stored")
        return tid

    def ping(self) -> None:
        if self.is_away:
            raise ClientDisconnected("away")


@pytest.fixture
def doubtful(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Doubtful]:
    monkeypatch.setattr(waiting, "LONGEST_PAUSE", 0.0)
    storage = Doubtful(tmp_path / "Data.fs")
    yield storage
    storage.close()


@pytest.mark.parametrize("losses", [[True], [False], [False, True], [False, False, True]])
def test_a_call_whose_answer_is_lost_takes_effect_once(
    doubtful: Doubtful, losses: list[bool]
) -> None:
    session = Session(DB(doubtful))
    demo = session.keep(samples.Demo(), "demo")
    doubtful.losses = list(losses)

    assert call(twist.Partial(demo.increase, 5)) == 5
    assert call(twist.Partial(demo.increase, 5)) == 10

    session.sync()
    assert (demo.counter, doubtful.losses) == (10, [])
    session.close()


def test_a_pack_does_not_take_the_answer_away(
    doubtful: Doubtful, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = Session(DB(doubtful))
    demo = session.keep(samples.Demo(), "demo")
    doubtful.losses = [True]

    def pack(self: Doubtful) -> None:
        """The database is back, and packed at once."""
        session.connection.db().pack()

    monkeypatch.setattr(Doubtful, "ping", pack)
    assert call(twist.Partial(demo.increase)) == 1
    session.sync()
    assert demo.counter == 1
    session.close()


def test_a_database_that_is_not_back_in_time_leaves_the_call_in_doubt(
    doubtful: Doubtful, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(twist, "PATIENCE", 0.05)
    monkeypatch.setattr(waiting, "LONGEST_PAUSE", 0.01)
    session = Session(DB(doubtful))
    demo = session.keep(samples.Demo(), "demo")
    doubtful.losses, doubtful.is_away = [True], True

    failure = call(twist.Partial(demo.increase))

    assert failure.check(InDoubt)
    session.sync()
    assert demo.counter == 1
    session.close()


def test_an_error_of_the_call_that_looks_like_the_storages_is_its_own(
    session: Session, demo: samples.Demo
) -> None:
    tries: list[int] = []

    failure = call(twist.Partial(increase_and_raise_os_error, demo, tries))

    assert failure.check(OSError)
    assert len(tries) == 1


def increase_and_raise_os_error(demo: samples.Demo, tries: list[int]) -> None:
    """Fail as a full disk does."""
    tries.append(demo.increase())
    raise OSError("no space left")


def test_a_call_that_changes_nothing_writes_nothing(session: Session, demo: samples.Demo) -> None:
    before = session.connection.db().storage.lastTransaction()

    assert call(twist.Partial(samples.give_back, demo)) is not None

    assert session.connection.db().storage.lastTransaction() == before
