"""Counts: those of queues and of completed jobs, against what is there.

A queue counts its entries, and those of them whose job does not wait any more, which claimers drop
when they come to them.  The second count is spread over its lanes, and only the sum of them means
something.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from zcasync import clock
from zcasync.audit.finding import Finding, Kind, Remedy
from zcasync.audit.places import Places, Waiting, pages
from zcasync.job.broken import broken
from zcasync.job.record import PartialRecord
from zcasync.queues.lane import Lane
from zcasync.queues.partial_queue import PartialQueue
from zcasync.queues.restriction import BROKEN
from zcasync.workers.worker import Worker

#: Clients count what is held by their own clocks: what is due about now is not judged.
NOW_SECONDS = 60


class QueueCount:
    """The count of one queue: what its lanes should say together."""

    def __init__(self, queue: PartialQueue) -> None:
        self.queue = queue
        self._from = clock.now() + NOW_SECONDS * 1_000_000
        self.waiting = 0
        self.gone = 0  # entries that count for none
        self.unknown = 0  # entries that cannot be judged
        self.held: Counter[int] = Counter()  # gone, by due time

    def add(self, entries: list[Waiting], partial: PartialRecord | None) -> None:
        """Add the entries of one job; None: it cannot be loaded."""
        if partial is None:
            self.unknown += len(entries)
            return
        is_counted = False
        for one in entries:
            is_true = self.queue.waits(partial, one.due)
            if is_true and not is_counted:
                is_counted = True
                self.waiting += 1
                continue
            self.gone += 1
            if one.due > self._from and not one.is_at_once:
                self.held[one.due] += 1

    def wrong_by(self) -> int:
        """Return by how much the queue is counted too long."""
        lanes = self.queue.lanes().values()
        noted = sum(lane.gone for lane in lanes)
        more = self.gone - noted + sum(lane.count_filed() - filed(lane) for lane in lanes)
        return 0 if -self.unknown <= more <= 0 else more

    def wrong_held(self) -> dict[int, int]:
        """Return by how much the gone are counted too low, for each due time where they are."""
        if self.unknown:
            return {}
        noted: Counter[int] = Counter()
        for lane in self.queue.lanes().values():
            for due, count in (lane.gone_held or {}).items():
                if due > self._from:
                    noted[due] += count
        dues = {*self.held, *noted}
        return {due: more for due in sorted(dues) if (more := self.held[due] - noted[due])}

    def findings(self) -> Iterator[Finding]:
        """Yield what is wrong with the counts."""
        name, wrong = self.queue.__name__, self.wrong_by()
        if wrong:
            text = f"the {name} queue counts {len(self.queue)}, but {len(self.queue) - wrong} wait"
            yield Finding.about(self.queue, Kind.COUNT, text, Remedy.COUNT_WAITING)
        held = self.wrong_held()
        if held:
            text = f"the {name} queue counts its held jobs wrong, by {sum(map(abs, held.values()))}"
            yield Finding.about(self.queue, Kind.COUNT, text, Remedy.COUNT_HELD)


def filed(lane: Lane) -> int:
    """Return how many entries a lane's trees have."""
    return sum(len(tree) for tree in (lane.filed or {}).values())


def count_pages(queue: PartialQueue) -> Iterator[Finding]:
    """Yield the lanes whose pages are not numbered one after the other, up to the client's own."""
    for lane in queue.lanes().values():
        last = None
        is_in_order = True
        for page in pages(lane):
            is_in_order = is_in_order and (last is None or page.start == last.end)
            last = page
        where = f"a lane of the {queue.__name__} queue"
        if last is not lane.inbox.last:
            text = f"{where} does not lead to the page that its client appends to"
            yield Finding.about(lane, Kind.MISSING, text, Remedy.END_LANE)
        elif not is_in_order:
            text = f"the pages of {where} are numbered wrong"
            yield Finding.about(lane, Kind.COUNT, text, Remedy.NUMBER_PAGES)


def missing_deadlines(lane: Lane, queue: PartialQueue) -> Iterator[tuple[int, int, PartialRecord]]:
    """Yield (deadline, number, partial) of filed partials whose deadline the lane does not know."""
    noted = lane.deadlines or {}
    for restriction, tree in (lane.filed or {}).items():
        for (due, number), partial in tree.items() if restriction != BROKEN else ():
            if broken(partial) is not None or not queue.waits(partial, due):
                continue
            deadline = partial.begin_deadline
            if deadline is not None and not partial.was_begun and (deadline, number) not in noted:
                yield deadline, number, partial


def count_deadlines(queue: PartialQueue) -> Iterator[Finding]:
    """Yield the jobs that are filed for later and would not be ended at their deadline."""
    lanes = queue.lanes().values()
    missing = {one._p_oid: one for lane in lanes for _, _, one in missing_deadlines(lane, queue)}
    for lane in lanes if missing else ():  # one that has two entries needs it once
        for (deadline, _), partial in (lane.deadlines or {}).items():
            if partial._p_oid in missing and partial.begin_deadline == deadline:
                del missing[partial._p_oid]
    for _, partial in sorted(missing.items()):
        text = f"the deadline of {partial.callable_name} is not noted in its lane"
        yield Finding.about(partial, Kind.COUNT, text, Remedy.NOTE_DEADLINE)


def count_completed(places: Places, worker: Worker) -> Iterator[Finding]:
    """Yield a finding where a worker counts its completed jobs wrong."""
    count = places.completed_of.get(worker._p_oid)
    if count is not None and len(worker.completed) != count:
        text = f"worker {worker.UUID} counts {len(worker.completed)} completed jobs, not {count}"
        yield Finding.about(worker.completed, Kind.COUNT, text, Remedy.COUNT_COMPLETED)


def queue_counts(places: Places) -> dict[bytes, QueueCount]:
    """Return a count, of nothing yet, for each queue that could be read."""
    return {
        queue._p_oid: QueueCount(queue)
        for queue in places.queues
        if queue._p_oid not in places.uncounted
    }
