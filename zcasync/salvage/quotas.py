"""The quotas, and who holds them."""

from __future__ import annotations

import functools
from typing import Any

from zcasync.job.loadable import why_unloadable
from zcasync.job.record import PartialRecord
from zcasync.queues.quota import Quota, QuotaUse
from zcasync.salvage.records import Records

#: The limit of a quota of which nothing is known any more: what waits for it goes on, with the
#: least that it can do together, until an operator says how much that may be.
LIMIT = 1


def salvage_quotas(records: Records, manager: Any) -> None:
    """Begin anew what of the quotas cannot be loaded; what the workers have claimed holds them."""
    if manager.quota_table is None:
        return
    for name, quota in list(records.tree(manager, "quota_table", "the table of quotas", _is_quota)):
        what = f"the limits of quota {name} (now {LIMIT} at once)"
        place = functools.partial(manager.quota_table.__setitem__, name)
        is_good = records.keep(quota, what, functools.partial(_begun_anew, name), place)
        used = manager.quota_table[name]
        is_good &= records.part(used, "use", f"what holds quota {name}", QuotaUse)
        if not is_good:
            used.use.keep(_claimed(manager, name), ())


def _begun_anew(name: str) -> Quota:
    quota = Quota(name)
    quota.define(LIMIT, None)
    return quota


def _claimed(manager: Any, name: str) -> list[bytes]:
    """Return the oids of all calls with a quota that are claimed."""
    workers = manager.workers.values()
    every = (one for worker in workers for kind in worker.sequences for one in kind)
    return [
        one._p_oid
        for one in every
        if isinstance(one, PartialRecord) and why_unloadable(one) is None and name in one.quotas
    ]


def _is_quota(key: Any, value: Any) -> bool:
    return type(key) is str and isinstance(value, Quota)
