"""Over: the jobs that a child still is at although nothing is left for it to do."""

from __future__ import annotations

from collections.abc import Iterable

from ZODB.POSException import POSKeyError

from zcasync.job.broken import broken
from zcasync.job.completion import is_done
from zcasync.job.loadable import get
from zcasync.job.record import PartialRecord
from zcasync.supervisor.poll.slots import Slot
from zcasync.zeo.older import StateLoadError


def find_over(slots: Iterable[Slot]) -> dict[int, bytes]:
    """Return the jobs that have run for a while, and are over by their records: slot -> oid.

    A job whose callbacks are being run is not over.  One that waits for another job is, as far as
    its child is concerned, and one that is to be attempted again later.
    """
    return {
        slot.number: oid for slot in slots if (oid := slot.report.running) and _is_over(slot, oid)
    }


def _is_over(slot: Slot, oid: bytes) -> bool:
    if all(one._p_oid != oid for one in slot.claims.items):
        return True
    partial = get(slot.claims._p_jar, oid, PartialRecord)
    if broken(partial) is not None:
        return False
    try:
        return partial.retry_at is not None or is_done(partial)
    except (
        POSKeyError,
        StateLoadError,
    ):  # one of its callbacks is damaged: what is left is unknown
        return False
