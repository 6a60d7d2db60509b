"""Places: where every job is, in one transaction: queues, claim lists, completed jobs.

Only the structures are read; the jobs themselves are not loaded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from transaction.interfaces import TransientError
from ZODB.POSException import POSKeyError, StorageError

from zcasync.audit.finding import Finding, Kind, Remedy
from zcasync.datamanager import DataManager
from zcasync.errors import FOREIGN_CODE
from zcasync.job.ids import hex_oid
from zcasync.queues.lane import Lane, Page
from zcasync.queues.partial_queue import PartialQueue
from zcasync.queues.restriction import BROKEN, is_at_once
from zcasync.workers.claims import ClaimList, SizedSequence
from zcasync.workers.worker import Worker


class Waiting(NamedTuple):
    """An entry of a queue; ``is_aside``: its record could not be loaded.

    ``is_at_once``: it does not wait for its time, as far as its place tells.
    """

    queue: PartialQueue
    due: int
    is_aside: bool
    is_at_once: bool


class Claimed(NamedTuple):
    """A claim; ``claims`` None: in quarantine, because its record could not be loaded."""

    worker: Worker
    sequence: SizedSequence
    claims: ClaimList | None

    @property
    def is_aside(self) -> bool:
        """True for a job in quarantine."""
        return self.claims is None


@dataclass
class Places:
    """The places by the oid of the job, and what of the structures cannot be read."""

    manager: DataManager
    #: All of them; what is kept here can be named though its record is missing.
    partials: dict[bytes, Any] = field(default_factory=dict)
    waiting: dict[bytes, list[Waiting]] = field(default_factory=dict)
    claimed: dict[bytes, list[Claimed]] = field(default_factory=dict)
    completed: dict[bytes, list[Worker]] = field(default_factory=dict)
    completed_of: dict[bytes, int] = field(default_factory=dict)  # by worker, how many
    unreadable: list[Finding] = field(default_factory=list)
    #: The queues of which not all could be read: their counts cannot be judged.
    uncounted: set[bytes] = field(default_factory=set)

    @property
    def queues(self) -> tuple[PartialQueue, ...]:
        """The queues of the data manager."""
        return tuple(self.manager.queues.values())

    def add(self, found: dict[bytes, list[Any]], partial: Any, place: Any) -> None:
        """Add a place of a partial to those of one kind."""
        self.partials[partial._p_oid] = partial
        found.setdefault(partial._p_oid, []).append(place)

    def text(self, oid: bytes) -> str:
        """Return where a job is, in words; '' where it is nowhere."""
        where = [f"in the {one.queue.__name__} queue" for one in self.waiting.get(oid, ())]
        where += [f"claimed by worker {one.worker.UUID}" for one in self.claimed.get(oid, ())]
        where += [
            f"among those that worker {one.UUID} completed" for one in self.completed.get(oid, ())
        ]
        return " and ".join(dict.fromkeys(where))


def find_places(manager: DataManager) -> Places:
    """Return the places of all jobs."""
    places = Places(manager)
    for queue in places.queues:
        if not _read(places, queue, "a queue", _add_queue, queue):
            places.uncounted.add(queue._p_oid)
    _read(places, manager.workers, "the workers", _add_workers)
    return places


def pages(lane: Lane) -> Iterator[Page]:
    """Yield the pages of a lane, from the one that is read now."""
    page: Page | None = lane.page
    while page is not None:
        yield page
        page = page.next


def is_readable(obj: Any) -> bool:
    """Return whether a stored object can be loaded.

    Raises what a storage raises that cannot answer now.
    """
    try:
        obj._p_activate()
    except (TransientError, StorageError):
        raise
    except FOREIGN_CODE:
        return False
    return True


def _add_queue(places: Places, queue: PartialQueue) -> None:
    for lane in queue.lanes().values():
        what = f"a lane of the {queue.__name__} queue"
        is_read = _read(places, lane, what, _add_filed, queue, lane)
        is_read &= _read(places, lane, what, _add_inbox, queue, lane, remedy=Remedy.END_LANE)
        if not is_read:
            places.uncounted.add(queue._p_oid)


def _add_inbox(places: Places, queue: PartialQueue, lane: Lane) -> None:
    for page, first in lane.unread_pages():
        for number in range(first, len(page.partials)):
            due, is_at_once = page.base + page.dues[number], page.is_at_once(number)
            place = Waiting(queue, due, is_aside=False, is_at_once=is_at_once)
            places.add(places.waiting, page.partials[number], place)


def _add_filed(places: Places, queue: PartialQueue, lane: Lane) -> None:
    for restriction, tree in (lane.filed or {}).items():
        for (due, _), partial in tree.items():
            place = Waiting(queue, due, restriction == BROKEN, is_at_once(restriction))
            places.add(places.waiting, partial, place)


def _add_workers(places: Places) -> None:
    for worker in places.manager.workers.keepers:
        if _read(places, worker, "the table of workers", _add_claims, worker):
            what = f"worker {worker.UUID}"
            _read(places, worker.completed, what, _add_completed, worker)


def _add_claims(places: Places, worker: Worker) -> None:
    for sequence in (worker.thread, worker.reactor):
        for partial in sequence.unreadable:
            places.add(places.claimed, partial, Claimed(worker, sequence, None))
        for one in sequence.lists():
            _read(places, one, f"worker {worker.UUID}", _add_claim_list, worker, sequence, one)


def _add_claim_list(
    places: Places, worker: Worker, sequence: SizedSequence, one: ClaimList
) -> None:
    for partial in one.items:
        places.add(places.claimed, partial, Claimed(worker, sequence, one))


def _add_completed(places: Places, worker: Worker) -> None:
    count = 0
    for partial in worker.completed:
        count += 1
        places.add(places.completed, partial, worker)
    places.completed_of[worker._p_oid] = count


def _read(
    places: Places,
    obj: Any,
    what: str,
    add: Callable[..., None],
    *args: Any,
    remedy: Remedy | None = None,
) -> bool:
    """Call ``add(places, *args)``; what it cannot read becomes a finding, and the answer False.

    ``what``: the thing that ``obj`` is a part of.
    """
    try:
        add(places, *args)
    except (TransientError, StorageError):
        raise  # the storage cannot answer now: no fault of the record
    except POSKeyError as error:
        oid = error.args[0] if error.args and isinstance(error.args[0], bytes) else obj._p_oid
        problem = f"the record is not there, and {what} refers to it"
        places.unreadable.append(Finding(Kind.MISSING, oid, hex_oid(oid), problem, remedy))
        return False
    except FOREIGN_CODE as error:
        cause = error.__cause__ or error
        problem = f"a part of {what} cannot be read: {type(cause).__name__}: {cause}"
        places.unreadable.append(Finding.about(obj, Kind.BROKEN, problem, remedy))
        return False
    return True
