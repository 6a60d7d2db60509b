"""Another storage beside the embedded default: starts, drains, and a second supervisor."""

from __future__ import annotations

from typing import Any

from bench import calls
from bench.latency import start
from bench.place import Place, served
from bench.rows import Need, Row, Say, middle, per_second, percentile
from bench.scale import Scale
from bench.throughput import WARM_UP
from zcasync.zeo.bulk_load import load_all

#: Of each supervisor: with more of them, one alone keeps all cores of a small machine busy.
CHILDREN = 1


def measure(config: str, scale: Scale, say: Say) -> list[Row]:
    """On both in turn; ``config``: the text of the other one's configuration."""
    with served(CHILDREN) as place, served(CHILDREN, config) as other:
        rows = _starts(place, other, scale, say)
        ours, others = [], []
        for number in range(scale.rounds):
            say(f"drain {number + 1} of {scale.rounds}")
            ours.append(drain([place], scale.puts))
            others.append(drain([other], scale.puts))
        rows += [
            Row("drain, embedded, 1 child", middle(ours), "/s"),
            Row("drain, beside, 1 child", middle(others), "/s"),
            Row("drain, beside by embedded", _ratio(others, ours), "times", None, Need(0.6)),
        ]
        ours, others = [], []
        with served(CHILDREN, config) as another:
            for number in range(scale.rounds):
                say(f"two supervisors {number + 1} of {scale.rounds}")
                others.append(drain([other, another], scale.puts))
                another.resize(0)
                ours.append(drain([other], scale.puts))
                another.resize(CHILDREN)
        rows += [
            Row("drain, beside, 2 supervisors", middle(others), "/s"),
            Row("drain, 2 supervisors by one", _ratio(others, ours), "times", None, Need(1.7)),
        ]
    return rows


def _ratio(some: list[float], others: list[float]) -> float:
    return middle(one / other for one, other in zip(some, others, strict=True))


def _starts(place: Place, other: Place, scale: Scale, say: Say) -> list[Row]:
    ours, others = [], []
    wakeup = other.status()["wakeup"]
    for number in range(scale.starts):
        if number % 20 == 0:
            say(f"start {number} of {scale.starts}")
        ours.append(start(place))
        others.append(start(other))
    ratio = percentile(others, 50) / percentile(ours, 50)
    return [
        Row("commit to start, embedded, p50", percentile(ours, 50), "ms"),
        Row(f"commit to start, beside ({wakeup}), p50", percentile(others, 50), "ms"),
        Row("start, beside by embedded", ratio, "times", None, Need(1.5, True)),
        Row("commit to start, embedded, p95", percentile(ours, 95), "ms"),
        Row(f"commit to start, beside ({wakeup}), p95", percentile(others, 95), "ms"),
    ]


def drain(places: list[Place], count: int) -> float:
    """Jobs a second that the supervisors of these homes do together, of one database."""
    place = places[0]
    for one in places:
        one.sync()
    with place.held_up(*places[1:]):
        partials = place.manager.thread.put_many([calls.noop] * count)
        place.commit()
    place.wait_until(lambda: _are_done(place.manager), "all to be done and retired")
    load_all(place.connection, [one._p_oid for one in partials])
    return per_second((one._ended for one in partials), WARM_UP)


def _are_done(manager: Any) -> bool:
    return not len(manager.thread) and not any(
        len(worker.thread) for worker in manager.workers.values()
    )
