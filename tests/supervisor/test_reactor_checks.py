"""The checks of reactor jobs: which are made, and what becomes of one that is not heard of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock

from zcasync.liveness.death import Death
from zcasync.protocol.outcomes import Ending
from zcasync.supervisor.children.state import ChildState
from zcasync.supervisor.reactor_checks import (
    IDLE_SECONDS,
    STORAGE_PAUSE_SECONDS,
    VALUE_TRIES,
    ReactorChecks,
)

ONE, TWO, THREE = (bytes([number]) * 8 for number in (1, 2, 3))
TID = b"t" * 8
DEATH = Death(pid=7, exit_code=3)
KILLED = Death(pid=7, signal="SIGKILL")


class FakeChild(ChildState):
    """Notes what it is to check."""

    def __init__(self, reactor: Clock, slot: int) -> None:
        super().__init__(reactor, slot)
        self.note_ready()
        self.killed = ""

    def check(self, oids: list[bytes], tid: bytes | None) -> None:
        self.note_given(oids)

    def try_value(self, oid: bytes, data: bytes, references: list[bytes]) -> None:
        self.note_given([oid])

    def kill(self, reason: str) -> None:
        self.killed = reason


class FakePool:
    """A pool whose children are there at once."""

    def __init__(self, reactor: Clock, changed: Callable[..., None], died: Callable[..., None]):
        self.reactor, self.changed, self.died = reactor, changed, died
        self.children: dict[int, Any] = {}
        self.size = 0
        self.is_stopped = False

    def ready(self) -> list[Any]:
        return list(self.children.values())

    def set_size(self, size: int) -> None:
        self.size = size
        for slot in range(size):
            self.children.setdefault(slot, FakeChild(self.reactor, slot))

    def end(self, oid: bytes, ending: Ending = Ending.SETTLED) -> None:
        (child,) = (one for one in self.children.values() if oid in one.outstanding)
        child.note_ended(oid, ending, 0.0, "")
        self.changed(child)

    def die(self, oid: bytes, *, idle: bool = False, death: Death = DEATH) -> None:
        (slot,) = (slot for slot, one in self.children.items() if oid in one.outstanding)
        self.children[slot] = FakeChild(self.reactor, slot)
        self.died(slot, death, idle)
        self.changed(self.children[slot])

    def checked(self) -> set[bytes]:
        return {oid for child in self.children.values() for oid in child.outstanding}

    def stop(self, grace: float) -> Deferred[None]:
        self.is_stopped = True
        return succeed(None)


class Bench:
    """Checks, and what was heard of them."""

    def __init__(self, reactor: Clock) -> None:
        self.passed: list[bytes] = []
        self.dead: list[tuple[bytes, Death]] = []
        self.pools: list[FakePool] = []
        self.checks = ReactorChecks(
            reactor, self._make, self.passed.append, lambda *told: self.dead.append(told)
        )

    def _make(self, changed: Callable[..., None], died: Callable[..., None]) -> Any:
        self.pools.append(FakePool(Clock(), changed, died))
        return self.pools[0]

    @property
    def pool(self) -> FakePool:
        (pool,) = self.pools
        return pool


@pytest.fixture
def bench(reactor: Clock) -> Bench:
    return Bench(reactor)


def test_no_process_is_there_before_the_first(bench: Bench) -> None:
    assert bench.pools == []
    assert bench.checks.running == frozenset()


def test_one_that_hangs_does_not_hold_up_the_next(bench: Bench) -> None:
    for oid in (ONE, TWO, THREE):
        bench.checks.check(oid, TID)
    assert bench.pool.checked() == {ONE, TWO}
    assert bench.checks.running == {ONE, TWO, THREE}
    bench.pool.end(TWO)
    assert bench.passed == [TWO]
    assert bench.pool.checked() == {ONE, THREE}
    assert bench.checks.running == {ONE, THREE}


def test_the_death_of_its_child_is_told_of_the_job_alone(bench: Bench) -> None:
    for oid in (ONE, TWO):
        bench.checks.check(oid, TID)
    bench.pool.die(ONE)
    assert bench.dead == [(ONE, DEATH)]
    assert bench.checks.running == {TWO}


def test_a_child_that_ends_before_it_hears_of_a_job_costs_it_nothing(bench: Bench) -> None:
    bench.checks.check(ONE, TID)
    bench.pool.die(ONE, idle=True)
    assert bench.dead == []
    assert bench.pool.checked() == {ONE}


def test_a_check_is_made_again_where_the_storage_was_away(bench: Bench, reactor: Clock) -> None:
    bench.checks.check(ONE, TID)
    bench.pool.end(ONE, Ending.STORAGE)
    assert bench.passed == []
    assert bench.pool.checked() == set()
    assert bench.checks.running == {ONE}
    reactor.advance(STORAGE_PAUSE_SECONDS)
    bench.pool.end(ONE)
    assert bench.passed == [ONE]


def test_a_cancel_ends_the_child_or_the_wait_for_one(bench: Bench) -> None:
    for oid in (ONE, TWO, THREE):
        bench.checks.check(oid, TID)
    bench.checks.cancel(THREE, "me")
    assert bench.checks.running == {ONE, TWO}
    bench.checks.cancel(ONE, "me")
    assert [one.killed for one in bench.pool.children.values()] == [
        "its job 0x101010101010101 was cancelled by me",
        "",
    ]


def test_nothing_is_told_while_it_stops(bench: Bench) -> None:
    bench.checks.check(ONE, TID)
    stopped: list[Any] = []
    bench.checks.stop().addCallback(stopped.append)
    bench.pool.die(ONE)
    assert stopped == [None]
    assert bench.pool.is_stopped
    assert bench.dead == []
    bench.checks.check(TWO, TID)
    assert bench.pool.checked() == set()


def test_a_job_whose_check_ends_while_it_stops_is_not_begun(bench: Bench) -> None:
    bench.checks.check(ONE, TID)
    bench.checks.begin_to_stop()
    bench.pool.end(ONE)
    assert bench.passed == []
    assert bench.checks.running == frozenset()


def test_a_result_is_tried_while_running_jobs_may_end_and_not_later(bench: Bench) -> None:
    found: list[str] = []
    bench.checks.begin_to_stop()
    bench.checks.try_value(ONE, b"data", []).addCallback(found.append)
    bench.pool.end(ONE)
    assert found == [""]
    bench.checks.stop()
    bench.checks.try_value(TWO, b"data", [])
    assert bench.pool.checked() == set()


def test_no_process_is_started_once_it_has_stopped(bench: Bench) -> None:
    bench.checks.stop()
    bench.checks.try_value(ONE, b"data", [])
    assert bench.pools == []


def test_a_result_is_tried_again_where_its_child_was_killed_from_outside(bench: Bench) -> None:
    found: list[str] = []
    bench.checks.try_value(ONE, b"data", []).addCallback(found.append)
    for _ in range(VALUE_TRIES - 1):
        bench.pool.die(ONE, death=KILLED)
        assert found == []
    bench.pool.die(ONE, death=KILLED)
    assert found == [KILLED.summary]


def test_the_children_end_when_nothing_was_checked_for_long(bench: Bench, reactor: Clock) -> None:
    bench.checks.check(ONE, TID)
    bench.pool.end(ONE)
    reactor.advance(IDLE_SECONDS - 1)
    assert bench.pool.size == 1
    reactor.advance(1)
    assert bench.pool.size == 0
    bench.checks.check(TWO, TID)
    assert bench.pool.size == 1
