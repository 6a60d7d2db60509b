"""Flows: the members of one that was cancelled, which run and have to be ended one by one.

Those that have not begun end as cancelled by themselves, when a worker comes to them.
"""

from __future__ import annotations

from itertools import islice
from typing import Any

from zcasync.control.jobs import Job
from zcasync.interfaces import ACTIVE
from zcasync.job.broken import broken
from zcasync.queues.after import members_of
from zcasync.zeo.bulk_load import load_all

#: So many members are loaded at once.
PIECE = 500


def running_members(partial: Any) -> list[Job]:
    """Return the members of a flow, to any depth, that workers have; none of another job."""
    found: list[Job] = []
    if broken(partial) is not None:
        return found
    rest = iter(members_of(partial))
    while piece := list(islice(rest, PIECE)):
        load_all(partial._p_jar, [one._p_oid for one in piece])
        for one in piece:
            if broken(one) is None and one.state == ACTIVE:
                found.append(("", one._p_oid))
            one._p_deactivate()
    return found
