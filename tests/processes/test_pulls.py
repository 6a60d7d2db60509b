"""Pulls from a queue that a working supervisor claims from: they go through, and no job has two."""

from __future__ import annotations

import time
from collections import Counter

import pytest
from ZODB.POSException import ConflictError

from tests.support.instance import Client, Instance
from zcasync import Partial
from zcasync.interfaces import COMPLETED, PENDING

PULLS = 1000
#: A pull in a hundred may meet a claim of the same job; six in ten did when both wrote the lane.
CONFLICTS = PULLS // 100


def pull_one(client: Client, index: int) -> tuple[Partial, int]:
    """A pull, committed, repeated as a transaction machinery would; and its number of conflicts."""
    conflicts = 0
    while True:
        client.sync()
        try:
            partial = client.manager.thread.pull(index)
            client.commit()
            return partial, conflicts
        except ConflictError:
            conflicts += 1


@pytest.mark.parametrize("index", [0, 5, -1])
def test_a_thousand_pulls_go_through_while_a_supervisor_works(
    common: Instance, client: Client, index: int
) -> None:
    before = len(common.worker().completed)
    put = client.manager.thread.put_many([Partial(time.sleep, 0.02) for _ in range(5000)])
    client.commit()
    client.wait_until(lambda: len(common.worker().completed) > before, "the first to be done")

    pulled, conflicts = [], []
    for _ in range(PULLS):
        partial, met = pull_one(client, index)
        pulled.append(partial)
        conflicts.append(met)
    client.wait_until(lambda: len(common.worker().completed) > before + 100, "others to be done")
    common.worker().thread.size = 0
    client.commit()
    client.wait_until(lambda: len(common.worker().thread) == 0, "the claimed to end or come back")
    left = list(client.manager.thread)
    for partial in left:
        client.manager.thread.withdraw(partial)
    client.commit()

    assert len(set(pulled)) == PULLS
    print(f"index {index}: {sum(conflicts)} conflicts, {max(conflicts)} of one pull at most")
    assert sum(conflicts) < CONFLICTS
    taken = {*pulled, *left}
    assert {partial.state for partial in taken} == {PENDING}
    done = [partial for partial in put if partial not in taken]
    assert {partial.state for partial in done} == {COMPLETED}
    completed = Counter(one._p_oid for one in common.worker().completed)
    assert {completed[partial._p_oid] for partial in done} == {1}
    assert not any(completed[partial._p_oid] for partial in taken)
    assert len(client.manager.thread) == 0
