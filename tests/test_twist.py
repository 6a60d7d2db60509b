"""twist.Partial: a call that touches stored objects in a connection of its own."""

import threading
from types import SimpleNamespace
from typing import Any

import pytest
import transaction
from twisted.python.failure import Failure
from ZODB import DB
from ZODB.DemoStorage import DemoStorage

from tests.jobs import samples
from tests.support.sessions import ONE, Connect, Session
from zcasync import twist
from zcasync.errors import FencedError
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
