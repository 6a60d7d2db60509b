"""The fake reactor: its time passes when the test says so, and the model's clock follows it."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from zcasync import clock
from zcasync.testing import FakeReactor

START = datetime(2031, 5, 5, 6, 0, tzinfo=UTC)


@pytest.fixture
def reactor() -> Iterator[FakeReactor]:
    """One that tells the model the time."""
    made = FakeReactor(START)
    made.install()
    yield made
    made.uninstall()


def test_a_fake_reactor_is_the_clock_of_the_model(reactor: FakeReactor) -> None:
    assert clock.to_datetime(clock.now()) == reactor.moment == START

    reactor.time_flies(0.25)

    assert clock.to_datetime(clock.now()) == START + timedelta(seconds=0.25)


def test_a_fake_reactor_without_a_start_begins_now() -> None:
    before = datetime.now(UTC)

    assert before - timedelta(seconds=1) < FakeReactor().moment <= datetime.now(UTC)


def test_a_start_without_a_timezone_is_refused() -> None:
    with pytest.raises(ValueError, match="start must be timezone-aware"):
        FakeReactor(datetime(2031, 5, 5))


def test_time_flies_past_all_that_comes_due(reactor: FakeReactor) -> None:
    seen: list[Any] = []
    for seconds in (3, 1, 2, 9):
        reactor.callLater(seconds, lambda: seen.append(reactor.seconds()))

    assert reactor.time_flies(5) == 3

    assert seen == [1, 2, 3]
    assert reactor.seconds() == 5


def test_time_passes_makes_one_call_that_is_due(reactor: FakeReactor) -> None:
    seen: list[str] = []
    reactor.callLater(0, seen.append, "due")
    reactor.callLater(1, seen.append, "later")

    assert [reactor.time_passes(), reactor.time_passes()] == [True, False]
    assert seen == ["due"]


def test_calls_from_threads_are_made_in_the_tests_thread(reactor: FakeReactor) -> None:
    seen: list[threading.Thread] = []
    thread = threading.Thread(
        target=reactor.callFromThread, args=(lambda: seen.append(threading.current_thread()),)
    )
    thread.start()
    thread.join(30)
    assert seen == []

    assert reactor.time_passes()

    assert seen == [threading.current_thread()]


def test_shut_down_calls_what_comes_before_it(reactor: FakeReactor) -> None:
    reactor.addSystemEventTrigger("before", "shutdown", "first {}".format, 1)
    reactor.addSystemEventTrigger("after", "shutdown", "never {}".format, 2)
    forgotten = reactor.addSystemEventTrigger("before", "shutdown", "never {}".format, 3)
    reactor.removeSystemEventTrigger(forgotten)

    assert reactor.shut_down() == ["first 1"]


def test_turn_until_waits_for_a_thread(reactor: FakeReactor) -> None:
    told = threading.Event()
    threading.Thread(target=reactor.callFromThread, args=(told.set,)).start()

    reactor.turn_until(told.is_set)

    with pytest.raises(AssertionError, match=r"not within 0\.01 s"):
        reactor.turn_until(lambda: False, seconds=0.01)


def test_importing_the_kit_leaves_the_choice_of_a_reactor_to_the_test() -> None:
    code = "import sys, zcasync.testing; assert 'twisted.internet.reactor' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
