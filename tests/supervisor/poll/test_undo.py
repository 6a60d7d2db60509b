"""Undoing any transaction of a job's life, at once or later: refused, or it runs again.

An operator who undoes what an application has done may meet what a worker has done, too.
"""

from __future__ import annotations

import pytest
from ZODB import DB

from tests.supervisor.poll.life import AMID, Life, Step, increase_again, increase_amid
from tests.support.scenes import Seconds
from zcasync import Partial, clock
from zcasync.interfaces import ACTIVE, COMPLETED, PENDING
from zcasync.liveness.takeover import take_over

put: Step = Life.put
pass_: Step = Life.pass_
work: Step = Life.work
work_in_reactor: Step = Life.work_in_reactor


def put_in_reactor(life: Life) -> None:
    life.put("reactor")


def put_short(life: Life) -> None:
    life.put(batch=True)


def put_for_later(life: Life) -> None:
    life.put(held=True)


LIVES: dict[str, list[Step]] = {
    "one thread job": [put, pass_, work, pass_, pass_],
    "two thread jobs": [put, put, pass_, work, work, pass_],
    "one after the other": [put, pass_, work, put, pass_, work, pass_],
    "a reactor job": [put_in_reactor, pass_, work_in_reactor, pass_, pass_],
    "a group": [put_short, put_short, pass_, work, pass_, pass_],
    "a job with a callback": [Life.put_with_callback, pass_, work, pass_, pass_],
    "a callback whose child dies": [Life.put_with_callback, pass_, Life.lose_child, pass_, work],
    "given back": [put, pass_, Life.give_back, pass_, work, pass_],
    "a child that dies": [put, pass_, Life.lose_child, pass_, work, pass_],
    "cancelled while it waits": [put_for_later, pass_, Life.cancel, pass_, pass_],
    "cancelled before a worker has seen it": [put, Life.cancel, pass_, pass_],
}
MOMENTS = [
    (name, steps, back)
    for name, plan in LIVES.items()
    for steps in range(1, len(plan) + 1)
    for back in range(min(steps, 4))
]


@pytest.fixture
def life(file_db: DB, seconds: Seconds) -> Life:
    return Life(file_db, seconds)


@pytest.mark.parametrize(("name", "steps", "back"), MOMENTS)
def test_no_undo_leaves_a_job_in_limbo(life: Life, name: str, steps: int, back: int) -> None:
    """``back``: so many transactions before the last one that these steps have made.

    An operator undoes it, or the client that has put the jobs.
    """
    plan = LIVES[name]
    for step in plan[:steps]:
        step(life)
    tids = life.tids()
    life.undo(tids[-1 - min(back, len(tids) - 1)], by=(life.operator, life.client)[back % 2])
    for step in plan[steps:]:
        step(life)
    life.come_to_rest()
    life.judge(held=name == "cancelled while it waits")


def test_a_completion_cannot_be_undone_once_its_job_is_retired(life: Life) -> None:
    for step in (put, pass_, work):
        step(life)
    completion = life.tids()[-1]
    life.pass_()  # it waits a moment for more
    life.pass_()
    assert list(life.scene.worker.completed)
    assert not life.undo(completion)


def test_a_completion_cannot_be_undone_once_its_child_has_completed_another_job(life: Life) -> None:
    for step in (put, put, pass_, work):
        step(life)
    completion = life.tids()[-1]
    life.work()
    assert not life.undo(completion)


def test_a_put_cannot_be_undone_once_a_worker_has_looked_at_it(life: Life) -> None:
    life.put(held=True)
    life.put(held=True)
    second = life.tids()[-1]
    life.pass_()
    assert not life.undo(second)


def test_a_put_of_many_is_protected_by_one_record(life: Life) -> None:
    """To write each would make it expensive to pass by what is to be run later."""
    life.client.sync()
    later = clock.to_datetime(clock.now() + 3_600_000_000)
    partials = life.client.queue.put_many([abs] * 30, later)
    life.client.commit()
    put = life.tids()[-1]
    life.pass_()
    life.client.sync()
    for partial in partials:
        partial._p_activate()
    assert sum(partial._p_serial != put for partial in partials) == 1
    assert not life.undo(put)
    assert len(life.client.queue) == len(list(life.client.queue)) == 30


def test_a_put_that_was_the_last_to_be_read_stays_whatever_is_undone_behind_it(life: Life) -> None:
    engine = life.scene.session
    life.put(held=True)  # makes the lane, too
    engine.sync()
    engine.claim()
    engine.commit()
    life.put(held=True)
    first = life.tids()[-1]
    life.put(held=True)
    second = life.tids()[-1]
    life.operator.sync()
    life.operator.queue.put(Partial(abs, -1))
    life.operator.commit()
    engine.sync()
    engine.claim(1)  # reads the first of these two, and takes the operator's
    engine.commit()
    assert life.undo(second)
    assert not life.undo(first)
    life.put()  # in the place of the second
    engine.sync()
    assert engine.claim() == [engine.same(life.partials[-1])]


def test_a_put_that_is_undone_before_leaves_nothing_behind(life: Life) -> None:
    life.put(held=True)
    life.put(held=True)
    assert life.undo(life.tids()[-1])
    life.pass_()
    life.put()
    life.come_to_rest()
    life.operator.sync()
    assert len(life.operator.queue) == len(list(life.operator.queue)) == 1
    assert life.operator.same(life.account).counter == 1


def test_the_first_put_of_a_client_can_be_undone(life: Life) -> None:
    life.put()
    assert life.undo(life.tids()[-1])
    life.put()
    life.come_to_rest()
    life.judge()
    assert life.operator.same(life.account).counter == 1


def test_an_end_by_an_application_cannot_be_undone_once_a_worker_has_passed_it_by(
    life: Life,
) -> None:
    life.put()
    life.client.sync()
    life.partials[0].fail()
    ended = life.tids()[-1]
    life.pass_()
    life.undo(ended)
    life.come_to_rest()
    life.judge()


@pytest.mark.parametrize("after", range(1, 6))
def test_a_job_that_waits_for_another_one_survives_every_undo(life: Life, after: int) -> None:
    inner = Partial(life.account.increase)
    life.client.sync()
    life.partials += [life.client.queue.put(Partial(give, inner)), life.client.queue.put(inner)]
    life.client.commit()
    for number, step in enumerate((pass_, work, pass_, work, pass_), 1):
        step(life)
        if number >= after:
            life.undo(life.tids()[-1])
    life.come_to_rest()
    life.judge()


def test_the_wait_of_a_job_cannot_be_undone_once_its_engine_was_taken_over(life: Life) -> None:
    inner = Partial(life.account.increase)
    life.client.sync()
    life.partials += [life.client.queue.put(Partial(give, inner)), life.client.queue.put(inner)]
    life.client.commit()
    life.pass_()
    life.work()
    wait, engine = life.tids()[-1], life.scene.session
    engine.sync()
    take_over(life.scene.worker, "it is gone", None, None)
    engine.commit()

    assert not life.undo(wait)
    life.operator.sync()
    assert [life.operator.same(one).state for one in life.partials] == [ACTIVE, PENDING]


def give(inner: Partial) -> Partial:
    return inner


@pytest.mark.parametrize("raises", [False, True])
@pytest.mark.parametrize("is_first", [True, False])
def test_a_claim_that_is_undone_while_a_child_is_at_the_job_is_made_again_and_it_counts_once(
    life: Life, is_first: bool, raises: bool
) -> None:
    if not is_first:  # else the child's guard is gone with the claim
        life.put()
        life.pass_()
        life.work()
        life.pass_()
    life.client.sync()
    life.put_call(Partial(increase_amid, life.account, raises))
    life.pass_()
    claim, undone = life.tids()[-1], []
    AMID.append(lambda: undone.append(life.undo(claim)))
    life.work()

    assert undone == [True]
    life.operator.sync()
    queue = life.operator.manager.thread
    assert [one.state for one in queue] == [PENDING]
    assert len(queue) == 1
    life.come_to_rest()
    life.judge()
    assert life.operator.same(life.account).counter == len(life.partials)


def test_a_callback_of_the_last_moment_whose_end_is_undone_runs_again(life: Life) -> None:
    life.client.sync()
    life.put_call(Partial(increase_amid, life.account, False))
    life.pass_()
    operator = life.operator

    def add_callback() -> None:
        operator.sync()
        callback = Partial(increase_again, operator.same(life.account))
        life.partials.append(operator.same(life.partials[0]).addCallback(callback))
        operator.commit()

    AMID.append(add_callback)
    life.work()
    operator.sync()
    assert [operator.same(one).state for one in life.partials] == [COMPLETED, COMPLETED]
    assert life.undo(life.tids()[-1])
    operator.sync()
    assert [operator.same(one).state for one in life.partials] == [COMPLETED, PENDING]

    life.come_to_rest()
    life.judge()
    assert operator.same(life.partials[1]).state == COMPLETED
