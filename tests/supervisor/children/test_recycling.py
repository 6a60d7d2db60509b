"""Children that have lived long enough are replaced: one at a time, the replacement first."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.task import Clock

from tests.supervisor.children.pooled import USUAL, Pooled
from tests.support.scenes import Said
from zcasync.instance.settings import Settings
from zcasync.protocol.outcomes import Ending
from zcasync.supervisor.children.process_info import ProcessInfo
from zcasync.supervisor.children.recycling import JITTER, Recycling

A, B, C = (bytes(7) + bytes([number]) for number in (1, 2, 3))
BIG = ProcessInfo(400 * 2**20, is_stopped=False)


def pool_with(reactor: Clock, **settings: Any) -> Pooled:
    return Pooled(reactor, **settings)


def do_jobs(pooled: Pooled, count: int, slot: int = 0) -> None:
    """Let the child of a slot do so many jobs."""
    for _ in range(count):
        pid = pooled.perform([A], slot).pid
        next(one for one in pooled.started if one.pid == pid).end_job()
        pooled.settle()


@pytest.mark.parametrize("has_spare", [True, False])
def test_a_child_is_replaced_after_its_jobs_by_one_that_is_ready(
    reactor: Clock, has_spare: bool, said: Said
) -> None:
    pooled = pool_with(reactor, max_jobs=100, spare=has_spare)
    (first,) = pooled.boot(1)
    if has_spare:
        pooled.started[1].ready()
    do_jobs(pooled, 89)
    assert not first.finishing

    do_jobs(pooled, 21)
    if not has_spare:
        assert not first.finishing, "it goes on working until the other one is ready"
        assert pooled.states() == {0: "idle"}
        pooled.started[1].ready()
        pooled.settle()
    assert first.is_gone
    assert pooled.pool.children[0].pid == pooled.started[1].pid
    assert pooled.states() == {0: "idle"}
    assert (pooled.pool.spare is not None) == has_spare
    assert len(said.about("is replaced: it has done")) == 1
    assert pooled.pool.boot_problem is None


def test_a_recycled_childs_running_job_is_not_interrupted_and_the_rest_is_released(
    reactor: Clock,
) -> None:
    pooled = pool_with(reactor, max_jobs=1, spare=True)
    (first,) = pooled.boot(1)
    pooled.started[1].ready()
    child = pooled.perform([A, B, C])
    first.end_job()
    pooled.settle()
    assert (pooled.states(), first.jobs, child.given_back) == ({0: "stopping"}, [B], [C])

    pooled.reactor.pump([60] * 100)
    assert not first.is_gone
    first.end_job()
    pooled.settle()
    assert pooled.states() == {0: "idle"}
    assert pooled.deaths == [(0, pooled.deaths[0][1], True)]


def test_children_are_recycled_one_at_a_time(reactor: Clock) -> None:
    pooled = pool_with(reactor, max_jobs=1, spare=True)
    first, second = pooled.boot(2)
    pooled.started[2].ready()
    pooled.perform([A, B], 0)
    pooled.perform([A, B], 1)
    first.end_job()
    second.end_job()
    pooled.settle()
    assert (first.finishing, second.finishing) == (True, False)

    first.end_job()
    pooled.settle()
    assert (first.is_gone, second.finishing) == (True, False), "the next spare has to boot"
    pooled.started[3].ready()
    pooled.settle()
    assert second.finishing


def test_a_child_is_recycled_when_it_is_old(reactor: Clock) -> None:
    pooled = pool_with(reactor, max_age=1000, spare=True)
    (first,) = pooled.boot(1)
    pooled.started[1].ready()
    spare = pooled.started[1]
    pooled.live(890)
    assert not first.is_gone
    assert not spare.is_gone

    pooled.live(220)
    assert first.is_gone
    assert pooled.states() == {0: "idle"}
    pooled.live(1100)
    assert spare.is_gone, "it grows old too, in a slot or not"
    assert len(pooled.deaths) < 6


def test_a_child_is_recycled_when_it_keeps_too_much_memory_after_a_job(reactor: Clock) -> None:
    pooled = pool_with(reactor, recycle_memory=300 * 2**20, spare=True)
    (first,) = pooled.boot(1)
    pooled.started[1].ready()
    pooled.vitals[first.pid] = BIG
    pooled.perform([A])
    pooled.reactor.pump([1] * 5)
    assert not first.finishing, "what a job takes while it runs is its own affair"

    pooled.vitals[first.pid] = USUAL
    pooled.reactor.advance(1)
    first.end_job()
    pooled.reactor.advance(1)
    assert not first.finishing, "it has given it back"

    pooled.vitals[first.pid] = BIG
    do_jobs(pooled, 1)
    pooled.reactor.advance(1)
    assert first.is_gone


def test_the_memory_of_a_child_that_is_never_idle_is_checked_after_a_job(reactor: Clock) -> None:
    pooled = pool_with(reactor, recycle_memory=300 * 2**20, spare=True)
    (first,) = pooled.boot(1)
    pooled.started[1].ready()
    pooled.vitals[first.pid] = BIG
    pooled.perform([A, B])
    first.end_job()
    pooled.settle()

    assert first.finishing


def test_memory_that_a_child_has_from_the_beginning_is_no_reason(reactor: Clock) -> None:
    pooled = pool_with(reactor, recycle_memory=2**20, spare=True)
    (first,) = pooled.boot(1)
    pooled.started[1].ready()
    pooled.reactor.pump([1] * 10)

    assert not first.finishing


def test_a_child_that_holds_a_deferred_is_left_alone(reactor: Clock) -> None:
    pooled = pool_with(reactor, max_jobs=1, spare=True)
    (first,) = pooled.boot(1)
    pooled.started[1].ready()
    pooled.perform([A, B])
    first.end_job(Ending.DEFERRED)
    first.end_job()
    pooled.settle()
    assert pooled.pool.children[0].deferred == {A}
    assert not first.finishing

    first.jobs.append(A)  # its Deferred has fired
    first.end_job()
    pooled.settle()
    assert first.is_gone


def test_a_child_that_dies_first_needs_no_replacement(reactor: Clock) -> None:
    pooled = pool_with(reactor, max_jobs=1, spare=False)
    (first,) = pooled.boot(1)
    do_jobs(pooled, 1)
    assert pooled.pool.spare is not None
    first.crash(3)
    pooled.started[1].ready()
    pooled.settle()

    assert pooled.states() == {0: "idle"}
    assert pooled.pool.processes() == [pooled.pool.children[0]]


def test_a_child_without_limits_is_not_recycled(reactor: Clock) -> None:
    pooled = pool_with(reactor, max_jobs=0, spare=False)
    pooled.boot(1)
    do_jobs(pooled, 500)

    assert len(pooled.started) == 1


@pytest.mark.parametrize(("chance", "jobs"), [(1 - JITTER, 90), (1 + JITTER, 110)])
def test_the_limits_of_children_differ_by_chance(reactor: Clock, chance: float, jobs: int) -> None:
    pooled = pool_with(reactor)
    pooled.boot(1)
    child = pooled.pool.children[0]
    recycling = Recycling(Settings(max_jobs=100), reactor.seconds, lambda low, high: chance)
    recycling.begin(child)
    child.jobs_done = jobs - 1
    assert recycling.why(child) is None

    child.jobs_done = jobs + 1
    assert recycling.why(child) == f"it has done {jobs + 1} jobs (max-jobs)"
