"""The workers, what they have claimed and completed."""

from __future__ import annotations

import functools
import uuid
from typing import Any

from zcasync import clock
from zcasync.instance.process_identity import ProcessIdentity
from zcasync.job.field_types import is_count, is_uuid
from zcasync.salvage.records import Records
from zcasync.workers.claims import ClaimList, Size, SizedSequence
from zcasync.workers.completed import Bucket, Completed, Page
from zcasync.workers.incarnation import Incarnation, Ping
from zcasync.workers.undo_guard import UndoGuard
from zcasync.workers.worker import FORMER, Worker, Workers

#: The sizes of the sequences of a new worker.
SIZES = {"thread": 1, "reactor": 4}
#: The identity of a process of which nothing is known any more.
_NOBODY = ProcessIdentity("?", "?", "?", 0, 0)


def salvage_workers(records: Records, manager: Any) -> None:
    """Begin anew what of the workers cannot be loaded."""
    records.part(manager, "workers", "the workers", lambda: Workers(manager))
    workers = manager.workers
    what = "the table of workers"
    for key, worker in list(records.tree(workers, "_workers", what, _is_worker)):
        name = uuid.UUID(bytes=key)
        made = functools.partial(Worker, name)
        place = functools.partial(workers.replace, name)
        if records.keep(worker, f"the record of worker {name}", made, place):
            _salvage_worker(records, worker)
    if workers.former is not None:
        made = functools.partial(Worker, FORMER)
        if records.part(workers, "former", "the record of workers that are gone", made):
            _salvage_worker(records, workers.former)


def _salvage_worker(records: Records, worker: Worker) -> None:
    where = f"of worker {worker.UUID}"
    for kind, size in SIZES.items():
        what = f"the {kind} claims {where}"
        if records.part(worker, kind, what, functools.partial(SizedSequence, size)):
            _salvage_claims(records, getattr(worker, kind), what, size)
    records.part(worker, "ping", f"the last ping {where}", Ping)
    what = f"the completed jobs {where}"
    if records.part(worker, "completed", what, Completed):
        _salvage_completed(records, worker.completed, what)
    _salvage_incarnation(records, worker, where)


def _salvage_claims(records: Records, sequence: SizedSequence, what: str, size: int) -> None:
    records.part(sequence, "size_record", f"the size of {what}", lambda: Size(size))
    for number in range(len(sequence.lists())):
        place = functools.partial(sequence.replace_list, number)
        records.keep(sequence.lists()[number], f"a list of {what}", ClaimList, place)
        records.part(sequence.lists()[number], "guard", f"the undo guard of {what}", UndoGuard)


def _salvage_completed(records: Records, completed: Completed, what: str) -> None:
    def keep(bucket: Bucket) -> Bucket:
        found = [bucket]
        place = functools.partial(found.__setitem__, 0)
        if records.keep(bucket, f"a day of {what}", lambda: Bucket(clock.now()), place):
            _salvage_bucket(records, bucket, what)
        return found[0]

    kept = tuple(map(keep, completed.buckets))
    if kept != completed.buckets:
        completed.buckets = kept


def _salvage_bucket(records: Records, bucket: Bucket, what: str) -> None:
    count = len(records.losses)
    tree = dict(records.tree(bucket, "pages", f"the pages of {what}", _is_page))
    for number, page in list(tree.items()):
        place = functools.partial(tree.__setitem__, number)
        records.keep(page, f"a page of {what}", Page, place)
    if bucket.taken is not None and records.lose(bucket.taken, f"a count of {what}"):
        bucket.taken = None
    first = min(tree, default=0)  # the oldest ones may have been dropped
    if (
        list(tree) != list(range(first, first + len(tree)))
        or not tree
        or len(records.losses) > count
    ):
        pages = list(tree.values()) or [Page()]  # numbered one after the other
        bucket.pages.clear()
        bucket.pages.update(dict(enumerate(pages)))
        bucket.recount()


def _salvage_incarnation(records: Records, worker: Worker, where: str) -> None:
    """One that cannot be loaded is over: who claims by it may commit no more."""
    if worker.incarnation is None:
        return

    def ended() -> Incarnation:
        engine = worker.engineUUID or uuid.uuid4()
        made = Incarnation(engine, worker.UUID, _NOBODY)
        made.end("its record could not be loaded")
        return made

    records.part(worker, "incarnation", f"the incarnation {where}", ended)


def _is_worker(key: Any, value: Any) -> bool:
    return is_uuid(key) and isinstance(value, Worker)


def _is_page(key: Any, value: Any) -> bool:
    return is_count(key) and isinstance(value, Page)
