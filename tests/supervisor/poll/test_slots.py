"""The slots of a pass: one shape for the children and the reactor."""

from __future__ import annotations

import pytest

from tests.support import scenes
from tests.support.sessions import Session
from zcasync import Partial
from zcasync.protocol.outcomes import Completion
from zcasync.supervisor.poll.messages import PassInput, SlotReport
from zcasync.supervisor.poll.slots import REACTOR, Slots
from zcasync.workers.worker import Worker


@pytest.fixture
def worker(session: Session) -> Worker:
    return scenes.serve(session)


@pytest.fixture
def claimed(session: Session, worker: Worker) -> list[Partial]:
    """Four that are claimed for the first slot."""
    partials = scenes.put(session, 4)
    scenes.claim(session, worker, partials)
    return partials


def oids(*partials: Partial) -> frozenset[bytes]:
    return frozenset(partial._p_oid for partial in partials)


def test_there_is_one_for_each_child_and_each_report_and_one_for_the_reactor(
    worker: Worker,
) -> None:
    worker.thread.size = 2
    slots = Slots(worker, PassInput(slots={3: SlotReport(ready=True)}))

    assert [slot.number for slot in slots] == [0, 1, 2, 3, REACTOR]
    assert [slot.sequence for slot in slots] == [worker.thread] * 4 + [worker.reactor]
    assert slots.size == 2


def test_slots_beyond_the_size_have_no_room(worker: Worker) -> None:
    reports = {number: SlotReport(ready=True, room=3) for number in range(3)}
    slots = Slots(worker, PassInput(slots=reports))

    assert [slot.room for slot in slots.threads] == [3, 0, 0]
    assert reports[1].room == 3, "the next try may find another size"


@pytest.mark.parametrize(("is_ready", "room"), [(True, 2), (False, 0)])
def test_the_reactor_has_room_for_as_many_as_do_not_run(
    worker: Worker, is_ready: bool, room: int
) -> None:
    worker.reactor.size = 3
    report = SlotReport(
        ready=is_ready, outstanding=frozenset([b"a", b"b"]), deferred=frozenset([b"b"])
    )
    slots = Slots(worker, PassInput(reactor=report))

    assert (slots.reactor.room, slots.reactor_room) == (room, 2)


def test_the_reactor_has_no_room_where_more_run_than_may(worker: Worker) -> None:
    worker.reactor.size = 1
    report = SlotReport(ready=True, outstanding=frozenset([b"a", b"b", b"c"]))

    assert Slots(worker, PassInput(reactor=report)).reactor.room == 0


def test_what_is_claimed_is_assigned_or_completed_or_neither(
    worker: Worker, claimed: list[Partial]
) -> None:
    running, waiting, over, rest = claimed
    report = SlotReport(
        outstanding=oids(running, waiting),
        deferred=oids(waiting),
        completed={over._p_oid: Completion(7)},
    )
    slots = Slots(worker, PassInput(slots={0: report}))
    slot = slots.threads[0]
    assert slot.unaccounted() == [rest]
    assert slot.unassigned() == [over, rest]
    assert (slot.count_ahead(), slots.unretired()) == (3, {})

    slot.unretired = {over._p_oid: Completion(7)}
    assert slot.unassigned() == [rest]
    assert (slot.count_ahead(), slots.unretired()) == (2, {0: {over._p_oid: Completion(7)}})


def test_the_idlest_slot_is_one_that_can_take_jobs_and_has_few(worker: Worker) -> None:
    worker.thread.size = 3
    reports = {
        0: SlotReport(),
        1: SlotReport(ready=True, outstanding=frozenset([b"a", b"b"])),
        2: SlotReport(ready=True, outstanding=frozenset([b"c"])),
    }
    slots = Slots(worker, PassInput(slots=reports))

    assert slots.idlest() is slots.threads[2].claims


def test_where_there_are_no_children_the_first_list_is_the_idlest(worker: Worker) -> None:
    worker.thread.size = 0
    slots = Slots(worker, PassInput())
    assert slots.threads == []

    assert slots.idlest() is worker.thread.lists()[0]


def test_claims_move_from_one_slot_to_another(worker: Worker, claimed: list[Partial]) -> None:
    worker.thread.size = 2
    slots = Slots(worker, PassInput())
    first, second = slots.threads
    first.move(claimed[1:3], second)
    assert (list(first.claims.items), list(second.claims.items)) == (
        [claimed[0], claimed[3]],
        claimed[1:3],
    )

    second.claims._p_changed = False
    first.move([], second)
    assert not second.claims._p_changed, "nothing is written for nothing"


def test_a_size_in_the_record_makes_no_claim_lists_beyond_the_limit(worker: Worker) -> None:
    worker.thread.size = 10_000
    slots = Slots(worker, PassInput(), 3)

    assert slots.size == len(slots.threads) == 3
    assert len(worker.thread.lists()) == 3
