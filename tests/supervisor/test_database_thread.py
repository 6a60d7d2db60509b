"""The thread for database work: in turn, and answers in the reactor's thread."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from zcasync.supervisor.database_thread import DatabaseThread
from zcasync.testing.reactor import FakeReactor
from zcasync.testing.waiting import wait_until


class Worked:
    """A database thread with a reactor that the test moves."""

    def __init__(self) -> None:
        self.reactor = FakeReactor()
        self.thread = DatabaseThread(self.reactor, name="database under test")

    def result(self, deferred: Deferred[Any]) -> Any:
        """What the deferred fires with, and in which thread it did."""
        found: list[Any] = []
        deferred.addBoth(lambda value: found.append((value, threading.current_thread())))

        def fired() -> list[Any]:
            self.reactor.time_flies(0)
            return found

        return wait_until(fired, "the database thread to answer")[0]

    def alive(self) -> bool:
        return any(one.name == "database under test" for one in threading.enumerate())


@pytest.fixture
def worked() -> Iterator[Worked]:
    made = Worked()
    yield made
    made.thread.close()
    wait_until(lambda: not made.alive(), "the database thread to end")


def test_work_is_done_in_the_thread_and_answered_in_the_reactors(worked: Worked) -> None:
    name, answered_in = worked.result(
        worked.thread.run(lambda *args: (threading.current_thread().name, args), 1, 2)
    )

    assert name == ("database under test", (1, 2))
    assert answered_in is threading.current_thread()


def test_work_is_done_in_turn_by_one_thread(worked: Worked) -> None:
    done: list[tuple[int, int]] = []
    for number in range(50):
        last = worked.thread.run(lambda n: done.append((n, threading.get_ident())), number)
    worked.result(last)

    assert [number for number, _ in done] == list(range(50))
    assert len({thread for _, thread in done}) == 1


@pytest.mark.parametrize("error", [ValueError("wrong"), SystemExit("out")])
def test_an_error_is_handed_on_and_the_thread_goes_on(worked: Worked, error: BaseException) -> None:
    def fail() -> None:
        raise error

    failure, _ = worked.result(worked.thread.run(fail))
    assert isinstance(failure, Failure)
    assert failure.value is error
    assert worked.result(worked.thread.run(lambda: 3))[0] == 3


def test_the_thread_ends_after_what_it_was_given(worked: Worked) -> None:
    begin = threading.Event()
    first, second = worked.thread.run(begin.wait, 10), worked.thread.run(lambda: "second")
    worked.thread.close()
    begin.set()

    assert worked.result(first)[0] is True
    assert worked.result(second)[0] == "second"
    wait_until(lambda: not worked.alive(), "the thread to end")


def test_a_thread_that_had_no_work_is_never_started(worked: Worked) -> None:
    worked.thread.close()

    assert not worked.alive()
