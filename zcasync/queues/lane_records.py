"""The records of very many lanes, loaded together: there is a lane for each client's connection.

One by one, the lanes of a thousand clients would be three thousand questions to the storage, each
time that somebody counts what waits, and when a supervisor comes by for the first time.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from zcasync.queues.holder import LaneHolder
from zcasync.queues.lane import Lane
from zcasync.zeo.bulk_load import load_all

#: Fewer than so many are loaded as they are needed.
FEW = 8


def loaded_lanes(queue: LaneHolder, indexes: bool = False) -> Collection[Lane]:
    """Return the lanes of a queue, for who looks at all of them; ``indexes``: at these, too."""
    lanes = queue.lanes().values()
    load_lanes(queue._p_jar, lanes)
    if indexes and queue._p_jar is not None:
        found = (one.page_index for one in lanes if one._p_changed is not None)
        _load(queue._p_jar, [one for one in found if one is not None and one._p_changed is None])
    return lanes


def load_lanes(jar: Any, lanes: Collection[Lane]) -> None:
    """Load lanes, with their inboxes and the pages at both ends, where many of them are not loaded.

    With three requests.  What cannot be loaded is left to the code that uses it.
    """
    if jar is None or len(lanes) < FEW:
        return
    _load(jar, [one for one in lanes if one._p_changed is None])
    usable = [one for one in lanes if one._p_changed is not None and isinstance(one, Lane)]
    _load(
        jar,
        [one for lane in usable for one in (lane.inbox, lane.page) if one._p_changed is None],
    )
    inboxes = [lane.inbox for lane in usable if lane.inbox._p_changed is not None]
    _load(jar, [inbox.last for inbox in inboxes if inbox.last._p_changed is None])


def with_entries(lanes: Iterable[Lane]) -> list[Lane]:
    """Return the lanes that have anything; most clients wait for nothing at most times."""
    return [
        lane
        for lane in lanes
        if lane.index < len(lane.page.partials)
        or lane.page.next is not None
        or lane.filed
        or lane.deadlines
    ]


def _load(jar: Any, missing: list[Any]) -> None:
    if len(missing) >= FEW:
        load_all(jar, [one._p_oid for one in missing])
