"""Flows: what a member costs, whether there are hundreds or thousands."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import zcasync
from bench import calls
from bench.place import Place
from bench.rows import Need, Row, Say
from bench.scale import Scale
from zcasync.interfaces import COMPLETED
from zcasync.zeo.bulk_load import load_all

#: The time, and the bytes, of a member of the largest flow, against those of the smallest.
GROWTH = 2.0


def measure(place: Place, scale: Scale, say: Say) -> list[Row]:
    """Flows of members that do nothing: the whole life of one member, and where ends have met."""
    rows, found = [], []
    for count in scale.members:
        say(f"{count} members")
        found.append(_run(place, count))
        milliseconds, size, conflicts = found[-1]
        rows += [
            Row(f"a member of {count:,}", milliseconds, "ms"),
            Row(f"bytes a member of {count:,}", size, "bytes"),
            Row(f"conflicts a member of {count:,}", conflicts, "", None, Need(0.2, at_most=True)),
        ]
    first, last = found[0], found[-1]
    rows += [
        Row("bytes a member, most to fewest", last[1] / first[1], "times", None,
            Need(GROWTH, at_most=True)),
        Row("time a member, most to fewest", last[0] / first[0], "times", None,
            Need(GROWTH, at_most=True, is_aim=True)),
    ]  # fmt: skip
    return rows


def _run(place: Place, count: int) -> tuple[float, float, float]:
    """The milliseconds, the bytes and the conflicts of one member."""
    data = place.home.data_fs
    size, began = data.stat().st_size, time.perf_counter()
    flow = zcasync.parallel(*[calls.noop] * count, postprocess=calls.count_all)
    place.manager.thread.put(flow)
    place.commit()
    place.wait_until(lambda: flow.state == COMPLETED, "the flow")
    took = time.perf_counter() - began
    assert flow.result == count, flow.result
    place.wait_until(lambda: not len(place.worker.thread), "the members to be retired")
    conflicts = sum(one.conflicts for one in _callbacks(place, flow))
    return took / count * 1000, (data.stat().st_size - size) / count, conflicts / count


def _callbacks(place: Place, flow: Any) -> Iterator[Any]:
    """The callbacks that count the ends of the members."""
    members = list(flow.members)
    load_all(place.connection, [one._p_oid for one in members])
    for one in members:
        yield from one.callbacks
