"""The spare child: when it is started, whom it replaces, when it leaves."""

from __future__ import annotations

import pytest
from twisted.internet.task import Clock

from tests.supervisor.children.pooled import BOOT_TIMEOUT, Pooled
from tests.support.scenes import Said
from zcasync.supervisor.children.process_info import ProcessInfo
from zcasync.supervisor.status import child_list

A, B = bytes(7) + b"\x01", bytes(7) + b"\x02"


@pytest.fixture
def pooled(reactor: Clock) -> Pooled:
    return Pooled(reactor, spare=True)


def spare_pid(pooled: Pooled) -> int:
    assert pooled.pool.spare is not None
    return pooled.pool.spare.pid


def test_a_spare_is_started_when_every_slot_has_a_child_that_works(pooled: Pooled) -> None:
    pooled.pool.set_size(2)
    pooled.started[0].ready()
    assert pooled.pool.spare is None

    pooled.started[1].ready()
    assert spare_pid(pooled) == pooled.started[2].pid
    pooled.started[2].ready()
    assert len(pooled.started) == 3, "one is enough"


def test_a_spare_takes_no_jobs_and_belongs_to_no_slot(pooled: Pooled) -> None:
    pooled.boot(1)
    pooled.started[1].ready()

    assert [child.slot for child in pooled.pool.ready()] == [0]
    assert pooled.changed == [0]
    assert list(pooled.pool.children) == [0]


def test_a_spare_takes_the_place_of_a_dead_child_at_once(pooled: Pooled, said: Said) -> None:
    (process,) = pooled.boot(1)
    spare = pooled.started[1]
    spare.ready()
    pooled.perform([A])
    process.crash(3)

    assert pooled.states() == {0: "idle"}
    assert pooled.pool.children[0].pid == spare.pid
    assert pooled.changed[-1] == 0, "the engine hears that there is somebody"
    assert said.about(f"child {spare.pid}, the spare, takes slot 0")
    assert spare_pid(pooled) == pooled.started[2].pid, "there is a new one behind it"
    pooled.perform([B])
    assert spare.jobs == [B]


def test_a_spare_that_still_boots_takes_the_place_too(pooled: Pooled) -> None:
    (process,) = pooled.boot(1)
    process.crash(3)
    assert pooled.states() == {0: "booting"}
    assert len(pooled.started) == 2
    assert pooled.pool.spare is None, "not before the slot has what it needs"

    pooled.started[1].ready()
    assert pooled.states() == {0: "idle"}
    assert pooled.changed[-1] == 0


def test_the_output_of_a_spare_belongs_to_its_new_slot(pooled: Pooled, said: Said) -> None:
    (process,) = pooled.boot(1)
    spare = pooled.started[1]
    spare.say("before\n")
    process.crash(3)
    spare.say("after\n")

    assert said.about("child spare job -: before")
    assert said.about("child 0 job -: after")


def test_a_spare_fills_a_slot_that_is_added(pooled: Pooled) -> None:
    pooled.boot(1)
    spare = pooled.started[1]
    spare.ready()
    pooled.pool.set_size(2)

    assert pooled.states() == {0: "idle", 1: "idle"}
    assert pooled.pool.children[1].pid == spare.pid


@pytest.mark.parametrize("is_ready", [True, False])
def test_a_spare_leaves_when_there_is_no_child_to_replace(
    pooled: Pooled, is_ready: bool, said: Said
) -> None:
    pooled.boot(1)
    if is_ready:
        pooled.started[1].ready()
    pooled.pool.set_size(0)
    pooled.settle()

    assert pooled.pool.processes() == []
    assert pooled.pool.boot_problem is None
    assert said.about("kill") == []
    assert len(pooled.deaths) == 1, "a spare's death is nobody's business"
    assert pooled.reactor.getDelayedCalls() == []


def test_a_stop_waits_for_the_spare(pooled: Pooled) -> None:
    pooled.boot(1)
    spare = pooled.started[1]
    spare.ready()
    spare.finishing = False
    over = pooled.stop(grace=5)

    assert over == [None]
    assert (spare.is_gone, spare.finishing) == (True, True)
    assert pooled.reactor.getDelayedCalls() == []


def test_a_kill_of_all_children_kills_the_spare_too(pooled: Pooled) -> None:
    pooled.boot(1)
    pooled.started[1].ready()
    pooled.pool.kill_all("for a test")

    assert [process.signals for process in pooled.started] == [["SIGKILL"], ["SIGKILL"]]


def test_a_spare_that_dies_is_followed_by_another_without_a_spin(pooled: Pooled) -> None:
    pooled.boot(1)
    for number in range(2, 6):
        pooled.started[-1].crash()
        assert pooled.pool.spare is None
        (retry,) = pooled.timers()
        pooled.reactor.advance(retry.getTime() - pooled.reactor.seconds())
        assert len(pooled.started) == number + 1

    assert pooled.states() == {0: "idle"}, "nothing of it touches the slots"
    assert pooled.changed == [0]


def test_a_spare_that_cannot_boot_beside_children_that_work_is_no_spin(pooled: Pooled) -> None:
    (process,) = pooled.boot(1)
    for _ in range(300):
        pooled.perform([A])
        process.end_job()
        pooled.reactor.advance(1)
        if not pooled.started[-1].is_gone:
            pooled.started[-1].crash()

    assert 6 < len(pooled.started) < 15
    assert pooled.pool.boot_problem is not None


def test_children_that_die_as_soon_as_they_are_ready_do_not_spin(pooled: Pooled) -> None:
    pooled.pool.set_size(1)
    for _ in range(300):
        pooled.live(1)
        for process in pooled.started:
            if process.was_ready:
                process.crash(70)

    assert 6 < len(pooled.started) < 25
    assert pooled.pool.boot_problem is not None
    assert "before it had a job" in pooled.pool.boot_problem


def test_a_spare_that_a_signal_has_stopped_replaces_no_child(pooled: Pooled) -> None:
    (process,) = pooled.boot(1)
    spare = pooled.started[1]
    spare.ready()
    pooled.vitals[spare.pid] = ProcessInfo(0, is_stopped=True)
    pooled.reactor.advance(1)
    process.crash(3)

    assert pooled.pool.children.get(0) is None or pooled.pool.children[0].pid != spare.pid


def test_a_spare_that_never_gets_ready_is_killed(pooled: Pooled) -> None:
    pooled.boot(1)
    pooled.reactor.advance(BOOT_TIMEOUT)
    pooled.settle()

    assert pooled.pool.boot_problem is not None
    assert "not ready within 10 s" in pooled.pool.boot_problem


def test_the_status_tells_the_spare_apart(pooled: Pooled) -> None:
    pooled.boot(1)

    def shown() -> list[tuple[int | None, str, str | None]]:
        return [(one["slot"], one["state"], one["note"]) for one in child_list(pooled.pool)]

    assert shown() == [(0, "idle", None), (None, "spare", "boots")]
    pooled.started[1].ready()
    assert shown() == [(0, "idle", None), (None, "spare", None)]


def test_a_pool_without_the_setting_has_no_spare(reactor: Clock) -> None:
    pooled = Pooled(reactor, spare=False)
    pooled.boot(2)

    assert len(pooled.started) == 2
