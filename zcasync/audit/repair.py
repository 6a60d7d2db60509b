"""Repair: one finding set right, in a transaction of its own whose note says so.

The transaction looks again: what was wrong may be over.  It writes the record of each job that it
moves, and claim lists as a whole, so it conflicts with whoever moves the same: a live engine was
first, or sees what was changed, and another repair finds nothing left to do.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from BTrees.OOBTree import OOBTree

from zcasync import clock
from zcasync.audit.counts import missing_deadlines
from zcasync.audit.finding import Finding, Remedy
from zcasync.audit.inspection import Inspection, begin
from zcasync.audit.judging import is_ours, right_claims
from zcasync.audit.places import Claimed, Places, is_readable, pages
from zcasync.audit.records import Records
from zcasync.datamanager import DataManager
from zcasync.interfaces import COMPLETED, PENDING
from zcasync.job.completion import end, is_done
from zcasync.job.record import PartialRecord
from zcasync.liveness.recovery import recover
from zcasync.queues.client_lane import FIRST, append
from zcasync.queues.lane import Lane, Page

#: Of findings about no job: they are found by looking at everything again.
OF_STRUCTURES = {
    Remedy.SALVAGE,
    Remedy.COUNT_WAITING,
    Remedy.COUNT_HELD,
    Remedy.NUMBER_PAGES,
    Remedy.END_LANE,
    Remedy.NOTE_DEADLINE,
    Remedy.COUNT_COMPLETED,
}


def repair(connection: Any, manager: DataManager, finding: Finding) -> bool:
    """Set a finding right in the present transaction, which the caller commits.

    Return False, and change nothing, where it is no finding any more, or has no remedy.
    """
    if finding.remedy is None:
        return False
    inspection = begin(connection, manager)
    found = _again(inspection, finding)
    if found is None or found.remedy is None:
        return False
    note = f"zcasync check --repair: {found}; {found.remedy.value}"
    connection.transaction_manager.get().note(note)
    if found.remedy in OF_STRUCTURES:
        _OF_STRUCTURES[found.remedy](inspection, found.oid)
    else:
        _OF_JOBS[found.remedy](connection.get(found.oid), inspection.places)
    return True


def _again(inspection: Inspection, finding: Finding) -> Finding | None:
    """Return what is wrong now with the subject of a finding."""
    if finding.remedy not in OF_STRUCTURES:
        return inspection.judge_one(finding.oid)
    known = (finding.oid, finding.remedy)
    same = (one for one in inspection.judge_all(Records()) if (one.oid, one.remedy) == known)
    return next(same, None)


# jobs


def _file(partial: PartialRecord, places: Places) -> None:
    _keep_claims(partial, places, None)
    if partial.is_held:
        for gate in filter(None, (partial.after_gate, partial.members_gate)):
            gate.is_open = gate.is_started = True
        partial.let_begin()
    append(partial.queue, [partial])
    partial.rewrite()  # so that nobody else files it, too


def _release(partial: PartialRecord, places: Places) -> None:
    _keep_claims(partial, places, None)
    recover([partial], None, [])
    if partial.has_result and not is_done(partial):  # it might not be begun again
        _run_callbacks_later(partial)


def _resume(partial: PartialRecord, places: Places) -> None:
    _keep_claims(partial, places, None)
    _run_callbacks_later(partial)


def _run_callbacks_later(partial: PartialRecord) -> None:
    partial.disown()
    partial.queue.hand_over_callbacks(partial)


def _drop_claims(partial: PartialRecord, places: Places) -> None:
    kept: Claimed | None = None
    if partial.state == COMPLETED:
        is_retired = partial._p_oid in places.completed
        kept = None if is_retired else places.claimed[partial._p_oid][0]
    elif partial.state != PENDING and is_ours(partial, places):
        kept = right_claims(partial, places)[0]
    _keep_claims(partial, places, kept)
    partial.rewrite()


def _keep_claims(partial: PartialRecord, places: Places, kept: Claimed | None) -> None:
    """Drop all claims of a partial but one, or all."""
    for claim in places.claimed.get(partial._p_oid, ()):
        items = claim.sequence.unreadable if claim.claims is None else claim.claims.items
        is_kept = kept is not None and (claim.sequence, claim.claims) == (
            kept.sequence,
            kept.claims,
        )
        left = [one for one in items if one is not partial]
        if is_kept:
            left.insert(items.index(partial), partial)
        if claim.claims is None:
            claim.sequence.unreadable = tuple(left)
        else:
            claim.claims.keep(left)


def _drop_completed(partial: PartialRecord, places: Places) -> None:
    workers = places.completed[partial._p_oid]
    for worker in dict.fromkeys(workers):
        worker.completed.discard(partial)
    workers[0].completed.add(partial)


def _adopt(partial: PartialRecord, places: Places) -> None:
    assert partial.waits_for is not None
    end(partial, partial.waits_for.stored_result, follows_up=True)


def _listen(partial: PartialRecord, places: Places) -> None:
    assert partial.waits_for is not None
    partial.waits_for.hand_result_to(partial)


_OF_JOBS: dict[Remedy, Callable[[Any, Places], None]] = {
    Remedy.FILE: _file,
    Remedy.RELEASE: _release,
    Remedy.RESUME: _resume,
    Remedy.DROP_CLAIMS: _drop_claims,
    Remedy.DROP_COMPLETED: _drop_completed,
    Remedy.ADOPT: _adopt,
    Remedy.LISTEN: _listen,
}


# structures


def _count_waiting(inspection: Inspection, oid: bytes) -> None:
    # What others count meanwhile changes what is there by as much, so the difference stays right.
    count = inspection.counts[oid]
    count.queue.lane(FIRST).gone += count.wrong_by()


def _count_held(inspection: Inspection, oid: bytes) -> None:
    count, now = inspection.counts[oid], clock.now()
    lane = count.queue.lane(FIRST)
    for due, more in count.wrong_held().items():
        lane.count_gone(due, now, more)
        lane.gone -= more


def _number_pages(inspection: Inspection, oid: bytes) -> None:
    lane = inspection.get(oid)
    lane.page_index = None  # it has the numbers
    last = None
    for page in pages(lane):
        if last is not None and page.start != last.end:
            page.start = last.end
        last = page


def _end_lane(inspection: Inspection, oid: bytes) -> None:
    """End every lane whose pages do not lead to the one that its client appends to."""
    for queue in inspection.places.queues:
        for lane in queue.lanes().values():
            reached = _reached(lane)
            if not reached or reached[-1] is not lane.inbox.last:
                _end_after(lane, reached)


def _reached(lane: Lane) -> list[Page]:
    """Return the pages of a lane up to the first that cannot be read."""
    page: Page | None = lane.page
    reached = []
    while page is not None and is_readable(page):
        reached.append(page)
        page = page.next
    return reached


def _end_after(lane: Lane, reached: list[Page]) -> None:
    if not reached:
        lane.page, lane.index = Page(), 0
        reached = [lane.page]
    if is_readable(lane.inbox.last):
        # Its client may append to it just now: then one of us conflicts.
        lane.inbox.last.closed = True
    reached[-1].next = None
    lane.page_index = None  # it may name pages behind the end
    lane.inbox.last = reached[-1]


def _note_deadline(inspection: Inspection, oid: bytes) -> None:
    partial = inspection.get(oid)
    for lane in partial.queue.lanes().values():
        for deadline, number, found in list(missing_deadlines(lane, partial.queue)):
            if found is partial:
                if lane.deadlines is None:
                    lane.deadlines = OOBTree()
                lane.deadlines[(deadline, number)] = partial


def _count_completed(inspection: Inspection, oid: bytes) -> None:
    inspection.get(oid).recount()


def _salvage(inspection: Inspection, oid: bytes) -> None:
    """Leave it to ``begin``: what could not be loaded is begun anew already."""


_OF_STRUCTURES: dict[Remedy, Callable[[Inspection, bytes], None]] = {
    Remedy.SALVAGE: _salvage,
    Remedy.COUNT_WAITING: _count_waiting,
    Remedy.COUNT_HELD: _count_held,
    Remedy.NUMBER_PAGES: _number_pages,
    Remedy.END_LANE: _end_lane,
    Remedy.NOTE_DEADLINE: _note_deadline,
    Remedy.COUNT_COMPLETED: _count_completed,
}
