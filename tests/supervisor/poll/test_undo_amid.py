"""Undoing what a process has gone by, while it is at the job: nothing is left of what it was at."""

from __future__ import annotations

from typing import Any

import pytest
from ZODB import DB

from tests.jobs import samples
from tests.supervisor.poll.life import (
    AMID,
    Life,
    forgiving_amid,
    increase_in_another,
    note_amid,
    once_amid,
)
from tests.support.scenes import Seconds
from zcasync import Partial
from zcasync.interfaces import COMPLETED, PENDING


@pytest.fixture
def life(file_db: DB, seconds: Seconds) -> Life:
    return Life(file_db, seconds)


@pytest.fixture(autouse=True)
def noted() -> list[Any]:
    samples.NOTED.clear()
    AMID.clear()
    return samples.NOTED


def undo_amid(life: Life) -> list[bool]:
    """Let somebody undo the latest transaction at the next chance; return whether it was."""
    tid, undone = life.tids()[-1], list[bool]()
    AMID.append(lambda: undone.append(life.undo(tid)))
    return undone


def work(life: Life) -> None:
    life.work()
    life.work_in_reactor()


def require_one_waits(life: Life, name: str = "thread") -> None:
    """As it is stored at this moment, in which every process may die."""
    life.operator.sync()
    queue = life.operator.manager.queue(name)
    assert [one.state for one in queue] == [PENDING]
    assert len(queue) == 1


def come_to_rest(life: Life) -> None:
    life.come_to_rest()
    life.judge()
    life.operator.sync()
    found = [life.operator.same(one) for one in life.partials]
    assert [one.state for one in found] == [COMPLETED] * len(found)
    assert not any(isinstance(one.result, Exception) for one in found)


@pytest.mark.parametrize("is_first", [True, False])
@pytest.mark.parametrize("queue", ["thread", "reactor"])
def test_a_job_that_begins_once_has_not_begun_where_its_claim_is_undone_by_then(
    life: Life, queue: str, is_first: bool
) -> None:
    if not is_first:  # else the guard is gone with the claim
        life.put(queue)
        life.pass_()
        work(life)
        life.pass_()
    life.client.sync()
    life.put_call(Partial(life.account.increase), queue, retry=once_amid)
    life.pass_()
    undone = undo_amid(life)
    work(life)

    assert undone == [True]
    require_one_waits(life, queue)
    come_to_rest(life)
    assert life.operator.same(life.account).counter == len(life.partials)


@pytest.mark.parametrize("queue", ["thread", "reactor"])
def test_a_detached_job_is_not_called_where_its_claim_is_undone_as_it_begins(
    life: Life, queue: str, noted: list[Any]
) -> None:
    life.client.sync()
    life.put_call(Partial(samples.note, "called"), queue, retry=forgiving_amid, detached=True)
    life.pass_()
    undone = undo_amid(life)
    work(life)

    assert undone == [True]
    assert noted == []
    require_one_waits(life, queue)
    come_to_rest(life)
    assert noted == ["called"]


@pytest.mark.parametrize("batch", [True, False])
@pytest.mark.parametrize("is_first", [True, False])
def test_a_job_that_goes_on_in_another_transaction_does_not_end_where_its_claim_is_undone(
    life: Life, is_first: bool, batch: bool
) -> None:
    if not is_first:
        life.put()
        life.pass_()
        life.work()
        life.pass_()
    life.client.sync()
    life.put_call(Partial(increase_in_another, life.account), batch=batch)
    life.pass_()
    undone = undo_amid(life)
    life.work()

    assert undone == [True]
    require_one_waits(life)
    come_to_rest(life)
    assert life.operator.same(life.account).counter == len(life.partials)


def test_a_claim_that_is_undone_while_a_policy_is_asked_about_a_death_ends_nothing(
    life: Life,
) -> None:
    life.client.sync()
    life.put_call(Partial(life.account.increase), retry=forgiving_amid)
    life.pass_()
    life.lose_child()
    life.room, room = 0, life.room
    life.pass_()  # it waits again,
    life.room = room
    life.pass_()  # and is claimed in another transaction
    undone = undo_amid(life)
    life.work()

    assert undone == [True]
    require_one_waits(life)
    come_to_rest(life)
    assert life.operator.same(life.account).counter == 1


@pytest.mark.parametrize("queue", ["thread", "reactor"])
def test_a_callback_is_called_with_the_result_that_its_job_has_in_the_end(
    life: Life, queue: str, noted: list[Any]
) -> None:
    """Its first result is undone while the first of two callbacks is at work."""
    life.client.sync()
    call = Partial(life.account.increase)
    for _ in range(2):
        life.partials.append(call.addCallback(Partial(note_amid, life.account)))
    life.put_call(call, queue)
    life.pass_()
    undone: list[bool] = []
    AMID.append(lambda: undone.append(life.undo(life.tids()[-1])))
    work(life)

    assert undone == [True]
    assert noted == [1]
    life.operator.sync()
    found = [life.operator.same(one) for one in life.partials]
    assert [one.has_result for one in found] == [False] * 3
    come_to_rest(life)
    assert noted == [1, 1, 1]
    assert life.operator.same(life.account).counter == 3
