"""The jobs that an operator names: found by their ids, and sorted by their queues."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from ZODB.POSException import POSKeyError

from zcasync.control.refusal import LIST_JOBS, Refusal
from zcasync.errors import BadStateError
from zcasync.job.ids import hex_oid
from zcasync.job.loadable import get
from zcasync.partial import Partial
from zcasync.reports.job import looks_like_job

#: A database's name, '' for that of the data manager, and an oid.
Job = tuple[str, bytes]
#: What has become of each job: '' where it is done, else why it cannot be.
Verdicts = dict[Job, str]


def find_job(connection: Any, job: Job) -> Any:
    """Return the partial.  Raises Refusal where there is none."""
    name, oid = job
    obj = None
    if connection is not None and (not name or name in connection.db().databases):
        here = connection.get_connection(name) if name else connection
        try:
            obj = get(here, oid, Partial)
        except POSKeyError:
            obj = None
    if not looks_like_job(obj):
        raise Refusal(f"there is no job {hex_oid(oid)} in this database", remedy=LIST_JOBS)
    return obj


def by_queue(
    connection: Any, jobs: Collection[Job], judge: Callable[[Any], str | None]
) -> tuple[Verdicts, dict[Any, list[Any]]]:
    """Return what has become of each job so far, and those that go on, by their queues.

    ``judge(partial)`` returns why it is left as it is, '' where it is done already, None where it
    goes on; or raises BadStateError.
    """
    found: Verdicts = {}
    going_on: dict[Any, list[Any]] = {}
    for job in jobs:
        try:
            partial = find_job(connection, job)
            why = judge(partial)
            if why is None:
                going_on.setdefault(partial.queue, []).append(partial)
            found[job] = why or ""
        except (Refusal, BadStateError) as error:
            found[job] = str(error)
    return found, going_on


def text_of(job: Job) -> str:
    """Return the id as people write it."""
    name, oid = job
    return f"{name}:{hex_oid(oid)}" if name else hex_oid(oid)
