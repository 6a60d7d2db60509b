"""A reload: a new generation of children shows that it can boot, and the old ones go then."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.task import Clock

from tests.supervisor.children.fake_children import FakeProcess
from tests.supervisor.children.pooled import BOOT_TIMEOUT, Pooled
from tests.support.scenes import Said
from zcasync.supervisor.children.generations import PATIENCE_SECONDS, Reload, Stage
from zcasync.supervisor.status import child_list

A, B, C = (bytes(7) + bytes([number]) for number in (1, 2, 3))


@pytest.fixture(params=[True, False])
def pooled(reactor: Clock, request: pytest.FixtureRequest) -> Pooled:
    """A pool of two children that are ready, with a spare and without one."""
    made = Pooled(reactor, spare=request.param)
    made.boot(2)
    for process in made.started:
        if not process.was_ready:
            process.ready()
    return made


def reload(pooled: Pooled) -> list[Reload]:
    """Begin one; has what has become of it as soon as that is known."""
    decided: list[Reload] = []
    pooled.pool.reload().addCallback(decided.append)
    return decided


def told(pooled: Pooled) -> dict[str, Any]:
    found = pooled.pool.generations.as_dict(pooled.pool.processes())
    assert found is not None
    return found


def boot_all(pooled: Pooled) -> None:
    """Let whatever is started boot, one after the other, until nothing more happens."""
    for _ in range(10):
        pooled.live(1)


def lives(*processes: FakeProcess) -> bool:
    return not any(one.is_gone or one.finishing for one in processes)


def test_all_children_are_replaced_once_a_new_one_is_ready(pooled: Pooled, said: Said) -> None:
    old = list(pooled.started)
    decided = reload(pooled)
    trial = pooled.started[-1]
    pooled.settle()
    assert trial not in old
    assert lives(*old), "nobody ends before the new one is ready"
    assert (decided, told(pooled)["state"], told(pooled)["old"]) == ([], "booting", 0)

    trial.ready()
    assert [one.stage for one in decided] == [Stage.REPLACING]
    boot_all(pooled)
    assert all(one.is_gone for one in old)
    assert (told(pooled)["state"], told(pooled)["old"], told(pooled)["problem"]) == (
        "done",
        0,
        None,
    )
    assert pooled.states() == {0: "idle", 1: "idle"}
    assert len(pooled.pool.processes()) == 2 + (pooled.pool.spare is not None)
    assert pooled.pool.boot_problem is None
    assert all(death.exit_code == 0 for _, death, _ in pooled.deaths)
    assert said.about("all children are of generation 2")


def test_they_go_one_after_the_other_so_that_as_many_go_on_working(pooled: Pooled) -> None:
    reload(pooled)
    pooled.started[-1].ready()
    for _ in range(5):
        pooled.settle()
        assert "idle" in pooled.states().values()
        assert sum(one == "idle" for one in pooled.states().values()) >= 1
    assert told(pooled)["old"] == 1, "the next one boots first"
    boot_all(pooled)
    assert told(pooled)["state"] == "done"


def test_a_job_is_not_interrupted_and_what_was_not_begun_is_given_back(pooled: Pooled) -> None:
    child = pooled.perform([A, B])
    process = next(one for one in pooled.started if one.pid == child.pid)
    reload(pooled)
    pooled.started[-1].ready()
    boot_all(pooled)

    assert process.jobs == [A], "it goes on with that"
    assert list(child.take_report().returned) == [B]
    assert pooled.states() == {0: "stopping", 1: "idle"}
    assert (told(pooled)["state"], told(pooled)["old"]) == ("replacing", 1)
    note = next(one["note"] for one in child_list(pooled.pool) if one["pid"] == child.pid)
    assert note == "old code: ends after its job"

    process.end_job()
    boot_all(pooled)
    assert told(pooled)["state"] == "done"
    assert pooled.states() == {0: "idle", 1: "idle"}


def test_a_long_job_does_not_hold_up_the_others(pooled: Pooled) -> None:
    children = [pooled.perform([A], 0), pooled.perform([B], 1)]
    processes = [next(p for p in pooled.started if p.pid == one.pid) for one in children]
    reload(pooled)
    pooled.started[-1].ready()
    pooled.settle()
    assert sum(one.finishing for one in processes) == 1

    pooled.live(int(PATIENCE_SECONDS) + 1)
    assert all(one.finishing for one in processes), "no new job is begun with old code"
    assert not any(one.is_gone for one in processes)


def test_a_generation_that_cannot_boot_leaves_the_old_one_working(
    pooled: Pooled, said: Said
) -> None:
    old = list(pooled.started)
    decided = reload(pooled)
    trial = pooled.started[-1]
    trial.say("  File broken.py, line 3\nSyntaxError: invalid syntax\n")
    trial.crash(70)

    assert [one.stage for one in decided] == [Stage.FAILED]
    assert lives(*old)
    found = told(pooled)
    assert found["state"] == "failed"
    said_last = "before it was ready: SyntaxError: invalid syntax"
    assert found["problem"] == f"child process {trial.pid} exited with 70 {said_last}"
    assert found["output"][-1] == "SyntaxError: invalid syntax"
    assert pooled.pool.boot_problem is None, "nobody is missing"
    assert said.about("reload failed, the old children go on")
    started = len(pooled.started)
    pooled.live(120)
    assert lives(*old)
    assert len(pooled.started) == started, "and nobody tries again by himself"

    reload(pooled)
    pooled.started[-1].ready()
    boot_all(pooled)
    assert told(pooled)["state"] == "done"
    assert all(one.is_gone for one in old)


def test_one_that_hangs_is_killed_at_the_boot_timeout(pooled: Pooled) -> None:
    old = list(pooled.started)
    decided = reload(pooled)
    pooled.reactor.advance(BOOT_TIMEOUT)
    for _ in range(5):
        pooled.reactor.advance(1)
    assert [one.stage for one in decided] == [Stage.FAILED]
    assert "not ready within 10 s" in told(pooled)["problem"]
    assert lives(*old)


def test_a_process_that_cannot_be_started_is_told_of_at_once(pooled: Pooled) -> None:
    old = list(pooled.started)
    pooled.starter.problem = BlockingIOError(11, "Resource temporarily unavailable")
    (decided,) = reload(pooled)
    assert decided.stage == Stage.FAILED
    assert "a child process cannot be started" in str(decided.problem)
    assert lives(*old)
    assert pooled.pool.boot_problem is None


def test_a_second_reload_decides_for_both(pooled: Pooled) -> None:
    old = list(pooled.started)
    first = reload(pooled)
    early = pooled.started[-1]
    second = reload(pooled)
    late = pooled.started[-1]
    pooled.settle()
    assert early.is_gone, "it may have imported before the second one"
    assert (first, second) == ([], [])
    assert told(pooled)["generation"] == 3

    late.ready()
    assert [one.generation for one in first + second] == [3, 3]
    boot_all(pooled)
    assert told(pooled)["state"] == "done"
    assert all(one.is_gone for one in old)


def test_another_one_while_children_are_replaced_replaces_the_new_ones_too(
    pooled: Pooled,
) -> None:
    child = pooled.perform([A])
    busy = next(one for one in pooled.started if one.pid == child.pid)
    reload(pooled)
    pooled.started[-1].ready()
    boot_all(pooled)
    before = [one for one in pooled.started if not one.is_gone]
    reload(pooled)
    pooled.started[-1].ready()
    boot_all(pooled)
    assert [one for one in before if not one.is_gone] == [busy]
    busy.end_job()
    boot_all(pooled)
    assert (told(pooled)["state"], told(pooled)["generation"]) == ("done", 3)


def test_a_failure_while_children_are_replaced_keeps_those_that_there_are(pooled: Pooled) -> None:
    reload(pooled)
    pooled.started[-1].ready()
    reload(pooled)
    pooled.started[-1].crash(70)
    for _ in range(200):  # whatever is started now cannot boot
        pooled.reactor.advance(1)
        for process in pooled.started:
            if not process.was_ready and not process.is_gone:
                process.crash(70)
    assert told(pooled)["state"] == "failed"
    assert set(pooled.states().values()) == {"idle"}
    assert len(pooled.states()) == 2


@pytest.mark.parametrize("has_spare", [True, False])
def test_with_no_slots_one_child_shows_that_it_boots_and_leaves(
    reactor: Clock, has_spare: bool
) -> None:
    pooled = Pooled(reactor, spare=has_spare)
    decided = reload(pooled)
    (trial,) = pooled.started
    trial.ready()
    pooled.settle()
    assert [one.stage for one in decided] == [Stage.DONE]
    assert trial.is_gone
    assert pooled.pool.processes() == []
    assert reactor.getDelayedCalls() == []

    decided = reload(pooled)
    pooled.started[-1].crash(70)
    assert [one.stage for one in decided] == [Stage.FAILED]
    assert reactor.getDelayedCalls() == []


def test_children_that_wait_for_their_next_try_are_started_at_once(reactor: Clock) -> None:
    pooled = Pooled(reactor)
    pooled.pool.set_size(1)
    for _ in range(100):
        reactor.advance(1)
        if not pooled.started[-1].is_gone:
            pooled.started[-1].crash(70)
    assert pooled.states() == {}
    decided = reload(pooled)
    for process in pooled.started:
        if not process.is_gone:
            process.ready()
    boot_all(pooled)
    assert pooled.states() == {0: "idle"}
    assert [one.stage for one in decided] == [Stage.DONE]
    assert pooled.pool.boot_problem is None


def test_a_stop_ends_it_and_nobody_is_left(pooled: Pooled) -> None:
    decided = reload(pooled)
    over = pooled.stop(grace=5)
    assert [one.stage for one in decided] == [Stage.FAILED]
    assert "stopped" in str(decided[0].problem)
    assert over == [None]
    assert pooled.reactor.getDelayedCalls() == []

    again = reload(pooled)
    assert [one.stage for one in again] == [Stage.FAILED]
    assert pooled.pool.processes() == []


def test_an_old_child_that_dies_meanwhile_is_replaced_by_a_new_one(pooled: Pooled) -> None:
    child = pooled.perform([A])
    busy = next(one for one in pooled.started if one.pid == child.pid)
    reload(pooled)
    pooled.started[-1].ready()
    boot_all(pooled)
    busy.crash(3)
    boot_all(pooled)
    assert told(pooled)["state"] == "done"
    assert pooled.states() == {0: "idle", 1: "idle"}
    assert (0, False) in [(slot, idle) for slot, _, idle in pooled.deaths], (
        "that was an interruption"
    )
