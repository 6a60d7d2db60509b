"""The pool: a child in each slot, replaced when it dies, with pauses when it cannot boot."""

from __future__ import annotations

from typing import Any

import pytest
from ampoule.main import TO_CHILD
from twisted.internet.error import ProcessTerminated
from twisted.internet.task import Clock

from tests.supervisor.children.fake_children import MARK
from tests.supervisor.children.pooled import BOOT_TIMEOUT, Pooled
from tests.support.scenes import Said
from zcasync.job.ids import hex_oid
from zcasync.perform.notices import Notice
from zcasync.protocol.outcomes import Ending
from zcasync.supervisor.children.backoff import STEADY_SECONDS
from zcasync.supervisor.children.boots import PATIENCE_SECONDS
from zcasync.supervisor.children.process_info import ProcessInfo
from zcasync.supervisor.children.recycling import Recycling

A, B, C, D, E = (number.to_bytes(8) for number in range(1, 6))


@pytest.fixture
def pooled(reactor: Clock) -> Pooled:
    return Pooled(reactor)


def test_the_pool_has_as_many_children_as_the_size_says(pooled: Pooled) -> None:
    pooled.pool.set_size(3)
    assert pooled.states() == {0: "booting", 1: "booting", 2: "booting"}

    pooled.pool.set_size(3)
    assert len(pooled.started) == 3


def test_no_more_children_boot_at_once_than_may(reactor: Clock) -> None:
    pooled = Pooled(reactor, boots=2, spare=True)
    pooled.pool.set_size(5)
    assert pooled.states() == {0: "booting", 1: "booting"}

    pooled.started[1].ready()
    assert pooled.states() == {0: "booting", 1: "idle", 2: "booting"}

    for process in pooled.started:  # grows meanwhile: each that is ready lets another one boot
        if not process.was_ready:
            assert list(pooled.states().values()).count("booting") <= 2
            process.ready()
    assert pooled.states() == dict.fromkeys(range(5), "idle")
    assert pooled.pool.spare is not None


def test_a_child_that_ends_at_its_boot_makes_room_for_the_next(reactor: Clock) -> None:
    pooled = Pooled(reactor, boots=1, boot_timeout=PATIENCE_SECONDS / 4)
    pooled.pool.set_size(2)
    assert len(pooled.started) == 1
    reactor.advance(PATIENCE_SECONDS / 4)  # it hangs, and is killed
    reactor.advance(PATIENCE_SECONDS / 4)
    assert pooled.started[0].is_gone
    assert len(pooled.started) == 2


def test_children_that_hang_in_their_boot_hold_up_no_others_for_long(reactor: Clock) -> None:
    pooled = Pooled(reactor, boots=2, boot_timeout=120.0)
    pooled.pool.set_size(6)
    assert len(pooled.started) == 2  # and both hang
    reactor.advance(PATIENCE_SECONDS)
    assert len(pooled.started) == 4
    for process in pooled.started[2:]:
        process.ready()
    for process in pooled.started[4:]:
        process.ready()
    assert [child.slot for child in pooled.pool.ready()] == [2, 3, 4, 5]


def test_a_boot_that_a_signal_has_stopped_is_not_counted(reactor: Clock) -> None:
    pooled = Pooled(reactor, boots=1, boot_timeout=120.0)
    pooled.pool.set_size(2)
    pooled.vitals[pooled.started[0].pid] = ProcessInfo(50 * 2**20, is_stopped=True)
    reactor.pump([1.0] * 5)
    pooled.pool.set_size(3)
    assert len(pooled.started) == 2


def test_a_spare_that_a_signal_has_stopped_lets_no_more_boot_than_may(reactor: Clock) -> None:
    pooled = Pooled(reactor, boots=2, spare=True)
    pooled.boot(1)
    pooled.started[1].ready()
    pooled.vitals[pooled.started[1].pid] = ProcessInfo(50 * 2**20, is_stopped=True)
    reactor.pump([1.0] * 5)
    pooled.pool.set_size(50)
    assert list(pooled.states().values()).count("booting") == 2


def test_a_stopped_pool_starts_none_of_those_that_waited_for_their_turn(reactor: Clock) -> None:
    pooled = Pooled(reactor, boots=1)
    pooled.pool.set_size(3)
    pooled.stop(1.0)
    reactor.advance(2 * PATIENCE_SECONDS)
    assert len(pooled.started) == 1


def test_a_child_takes_jobs_once_it_has_said_that_it_is_ready(pooled: Pooled) -> None:
    pooled.pool.set_size(2)
    assert pooled.pool.ready() == []

    pooled.started[1].ready()
    assert [child.slot for child in pooled.pool.ready()] == [1]
    assert pooled.changed == [1]


def test_a_child_gets_its_jobs_and_says_when_each_has_ended(pooled: Pooled) -> None:
    (process,) = pooled.boot(1)
    child = pooled.perform([A, B])
    assert process.jobs == [A, B]

    process.end_job()
    assert list(child.outstanding) == [B]
    assert [oid for oid, _, _ in child.ended] == [A]


def test_a_failure_that_a_child_tells_of_is_passed_on_and_no_reason_to_look_at_all_children(
    pooled: Pooled, monkeypatch: pytest.MonkeyPatch
) -> None:
    (process,) = pooled.boot(1)
    child = pooled.perform([A])
    looks: list[Any] = []
    monkeypatch.setattr(Recycling, "why", lambda self, one: looks.append(one))
    notice = Notice("0x1", "", "shop.charge", 1, "ValueError", "no card", "", None)
    del pooled.changed[:]
    process.tell(notice)
    assert pooled.changed == [0]
    assert child.take_notices() == [notice]
    assert looks == []


def test_jobs_that_have_not_begun_are_revoked(pooled: Pooled) -> None:
    pooled.boot(1)
    child = pooled.perform([A, B, C])
    taken: list[list[bytes]] = []
    child.take_back().addCallback(taken.append)
    assert child.taking_back
    pooled.settle()

    assert taken == [[B, C]]
    assert list(child.outstanding) == [A]


def test_what_has_not_begun_is_reordered_and_known_to_be_when_the_child_has_said_so(
    pooled: Pooled,
) -> None:
    (process,) = pooled.boot(1)
    child = pooled.perform([A, B, C])
    child.perform([D])
    child.reorder([A, D, B, C])
    process.end_job()  # before it has heard of that: it is at B
    assert list(child.outstanding) == [B, C, D]
    child.perform([E])  # nor does its answer speak of this one
    pooled.settle()

    assert process.jobs == [B, D, C, E]
    assert list(child.outstanding) == [B, D, C, E]
    process.end_job()
    assert child.job_id() == hex_oid(D)


def test_a_child_that_dies_before_it_hears_of_an_order_keeps_its_own(pooled: Pooled) -> None:
    (process,) = pooled.boot(1)
    child = pooled.perform([A, B])
    child.perform([C])
    child.reorder([A, C, B])
    process.crash()
    pooled.settle()

    assert pooled.deaths[0][1].job == hex_oid(A)
    assert pooled.deaths[0][1].at_stake == frozenset((A, B, C))
    assert list(child.outstanding) == [A, B, C]


def test_a_child_that_died_at_work_is_replaced_at_once(pooled: Pooled) -> None:
    (process,) = pooled.boot(1)
    pooled.perform([A])
    process.say("last words")
    process.signalProcess("KILL")
    pooled.settle()

    ((slot, death, idle),) = pooled.deaths
    assert (slot, idle, death.pid) == (0, False, process.pid)
    assert (death.signal, death.exit_code, death.output) == ("SIGKILL", None, ("last words",))
    assert pooled.states() == {0: "booting"}
    assert pooled.pool.boot_problem is None


def test_a_death_at_what_comes_after_a_deferred_is_not_that_of_the_next_job(pooled: Pooled) -> None:
    (process,) = pooled.boot(1)
    child = pooled.perform([A, B])
    process.end_job(Ending.DEFERRED)
    child.output_received(1, f"{MARK}{hex_oid(A)}\n".encode())
    process.crash()

    assert pooled.deaths[0][1].job == hex_oid(A)


def test_a_death_tells_the_jobs_that_its_child_had(pooled: Pooled) -> None:
    (process,) = pooled.boot(1)
    pooled.perform([A, B, C])
    process.end_job(Ending.DEFERRED)
    process.end_job(Ending.COMPLETED)
    process.crash()

    assert pooled.deaths[0][1].at_stake == {A, C}


def test_an_idle_childs_death_interrupted_nothing(pooled: Pooled) -> None:
    (process,) = pooled.boot(1)
    process.crash()

    ((_, death, idle),) = pooled.deaths
    assert (idle, death.exit_code, death.signal) == (True, 70, None)


def test_children_that_die_before_they_are_ready_come_back_ever_slower(pooled: Pooled) -> None:
    pooled.pool.set_size(1)
    pauses = []
    for number in range(1, 11):
        pooled.started[-1].crash()
        assert pooled.states() == {}
        (call,) = pooled.timers()
        pauses.append(call.getTime() - pooled.reactor.seconds())
        pooled.reactor.advance(pauses[-1])
        assert len(pooled.started) == number + 1

    assert pauses == [0.5, 1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_a_child_that_a_signal_kills_is_replaced_at_once_however_young(pooled: Pooled) -> None:
    pooled.boot(1)
    for number in range(2, 8):
        pooled.started[-1].signalProcess("KILL")
        pooled.settle()
        assert len(pooled.started) == number
        pooled.started[-1].ready()

    assert pooled.states() == {0: "idle"}


def test_the_reason_why_no_child_boots_is_known(pooled: Pooled, said: Said) -> None:
    pooled.pool.set_size(1)
    pooled.started[0].say("ImportError: no module named app\n")
    pooled.started[0].crash()

    problem = pooled.pool.boot_problem
    assert problem is not None
    assert problem.endswith("before it was ready: ImportError: no module named app")
    assert said.about(f"{problem}; next try in 0.5 s")


def test_a_child_that_boots_ends_the_pauses(pooled: Pooled) -> None:
    pooled.pool.set_size(1)
    for _ in range(4):
        pooled.started[-1].crash()
        pooled.reactor.advance(60)
    pooled.started[-1].ready()
    assert pooled.pool.boot_problem is None

    pooled.reactor.pump([1] * int(STEADY_SECONDS))
    pooled.started[-1].crash()
    pooled.started[-1].crash()
    pooled.reactor.advance(0.5)
    assert pooled.states() == {0: "booting"}


def test_a_child_that_cannot_be_started_is_tried_again(pooled: Pooled) -> None:
    pooled.starter.problem = OSError("too many processes")
    pooled.pool.set_size(1)
    assert pooled.pool.boot_problem == "a child process cannot be started: too many processes"

    pooled.starter.problem = None
    pooled.reactor.advance(0.5)
    assert pooled.states() == {0: "booting"}


def test_a_child_that_never_gets_ready_is_killed(pooled: Pooled) -> None:
    pooled.pool.set_size(1)
    pooled.reactor.advance(BOOT_TIMEOUT)
    pooled.settle()

    assert pooled.deaths[0][1].reason == "not ready within 10 s"


def test_the_boot_timeout_is_not_for_jobs(pooled: Pooled) -> None:
    pooled.boot(1)
    pooled.perform([A])
    pooled.reactor.advance(100 * BOOT_TIMEOUT)

    assert pooled.states() == {0: "busy"}


# sizes


def test_surplus_children_end_after_their_job_and_release_the_others(pooled: Pooled) -> None:
    _, surplus = pooled.boot(2)
    child = pooled.perform([A, B], slot=1)
    pooled.pool.set_size(1)
    pooled.settle()

    assert [one.slot for one in pooled.pool.ready()] == [0]
    assert (child.state, child.given_back, surplus.jobs) == ("stopping", [B], [A])
    surplus.end_job()
    pooled.settle()
    assert pooled.states() == {0: "idle"}
    assert pooled.deaths[0][2] is True
    assert pooled.timers() == []


def test_a_surplus_child_that_boots_is_not_waited_for(pooled: Pooled) -> None:
    pooled.pool.set_size(1)
    pooled.pool.set_size(0)
    pooled.settle()

    assert pooled.states() == {}
    assert pooled.deaths[0][1].reason == "not needed any more"


def test_a_size_that_grows_again_meanwhile_refills_the_slot(pooled: Pooled) -> None:
    (process,) = pooled.boot(1)
    pooled.perform([A])
    pooled.pool.set_size(0)
    pooled.pool.set_size(1)
    pooled.settle()
    assert pooled.states() == {0: "stopping"}

    process.end_job()
    pooled.settle()
    assert pooled.states() == {0: "booting"}


def test_a_slot_that_waits_for_its_next_try_is_forgotten_with_the_size(pooled: Pooled) -> None:
    pooled.pool.set_size(1)
    pooled.started[0].crash()
    pooled.pool.set_size(0)
    pooled.reactor.advance(60)

    assert len(pooled.started) == 1


# the end


def test_a_stop_lets_jobs_end_within_the_grace_period(pooled: Pooled) -> None:
    (process,) = pooled.boot(1)
    pooled.perform([A, B])
    over = pooled.stop(grace=25)
    pooled.reactor.advance(24)
    assert (over, process.jobs) == ([], [A])

    process.end_job()
    pooled.settle()
    assert over == [None]
    assert pooled.pool.children == {}
    assert pooled.timers() == [], "nobody is killed later"


def test_a_child_that_does_not_end_in_time_is_killed(pooled: Pooled) -> None:
    pooled.boot(2)
    pooled.perform([A])
    over = pooled.stop(grace=25)
    assert pooled.states() == {0: "stopping"}

    pooled.reactor.advance(25)
    pooled.settle()
    assert over == [None]
    assert pooled.deaths[-1][1].reason == "grace period of 25 s is over"
    assert pooled.deaths[-1][2] is False


def test_a_stop_that_is_hurried_kills_earlier_and_never_later(pooled: Pooled) -> None:
    pooled.pool.hurry(1)
    pooled.boot(1)
    pooled.perform([A])
    over = pooled.stop(grace=25)
    pooled.pool.hurry(60)
    pooled.pool.hurry(3)
    pooled.reactor.advance(2.5)
    assert over == []

    pooled.reactor.advance(0.5)
    pooled.settle()
    assert over == [None]
    assert pooled.deaths[-1][1].reason == "the grace period was shortened to 3 s"


def test_a_stop_starts_nothing_any_more(pooled: Pooled) -> None:
    pooled.pool.set_size(2)
    pooled.started[0].crash()
    over = pooled.stop(grace=25)
    pooled.pool.set_size(5)
    pooled.reactor.advance(60)

    assert over == [None]
    assert len(pooled.started) == 2
    assert pooled.timers() == []


def test_a_stop_without_children_is_over_at_once_and_can_be_repeated(pooled: Pooled) -> None:
    assert pooled.stop(grace=25) == [None]
    assert pooled.stop(grace=25) == [None]


def test_a_stop_can_be_repeated_while_it_goes_on(pooled: Pooled) -> None:
    (process,) = pooled.boot(1)
    pooled.perform([A])
    first, second = pooled.stop(grace=25), pooled.stop(grace=25)
    process.end_job()
    pooled.settle()

    assert (first, second) == ([None], [None])


def test_a_child_whose_pipe_is_closed_is_given_nothing(pooled: Pooled) -> None:
    (process,) = pooled.boot(1)
    process.closeChildFD(TO_CHILD)  # it ends, and the news of that is still on its way
    child = pooled.perform([A])
    assert (list(child.outstanding), child.state) == ([], "idle")
    child.take_back().addErrback(lambda failure: failure.trap(ProcessTerminated))
    child.finish()
    process.crash()
    assert [idle for _, _, idle in pooled.deaths] == [True], "no job was interrupted"
