"""Trouble with the database is said once when it begins and once when it is over."""

from __future__ import annotations

import re

import pytest
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from ZEO.Exceptions import ClientDisconnected

from tests.support.scenes import Said
from zcasync.supervisor.outage import STALL_SECONDS, Outage


@pytest.fixture
def trouble(reactor: Clock) -> Outage:
    return Outage(reactor, "polling")


AWAY = Failure(ClientDisconnected("away"))


def test_a_failure_that_goes_on_is_logged_once_and_so_is_its_end(
    trouble: Outage, reactor: Clock, said: Said
) -> None:
    for _ in range(5):
        trouble.begins()
        reactor.advance(1)
        trouble.fails(AWAY)
        assert re.fullmatch(
            r"the database since \S+ \S+ UTC \(.* ago\): ClientDisconnected: away",
            str(trouble.waiting_for),
        )
    trouble.begins()
    trouble.works()
    trouble.works()

    assert trouble.waiting_for is None
    assert len(said.about("waiting for the database")) == 1
    assert said.about("works again") == ["polling: works again, after 4.0 s"]
    assert reactor.getDelayedCalls() == []


def test_a_storage_that_is_silent_counts_as_an_outage(
    trouble: Outage, reactor: Clock, said: Said
) -> None:
    trouble.begins()
    reactor.advance(STALL_SECONDS - 0.1)
    assert trouble.waiting_for is None
    reactor.advance(0.2)
    assert trouble.waiting_for is not None
    assert "has not answered" in trouble.waiting_for
    trouble.works()

    assert len(said.lines) == 2


def test_a_storage_that_answers_in_time_is_not_worth_a_line(
    trouble: Outage, reactor: Clock, said: Said
) -> None:
    for _ in range(3):
        trouble.begins()
        reactor.advance(STALL_SECONDS - 1)
        trouble.works()
    trouble.begins()
    trouble.stop()

    assert said.lines == []
    assert reactor.getDelayedCalls() == []


def test_an_error_that_is_not_the_storages_is_shown_in_full(trouble: Outage, said: Said) -> None:
    for _ in range(2):
        trouble.fails(Failure(ZeroDivisionError("a bug")))

    assert len(said.lines) == 2
    assert trouble.waiting_for == "ZeroDivisionError: a bug"
