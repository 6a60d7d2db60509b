"""How soon: from a commit to the start of its job on an idle supervisor, and to its result."""

from __future__ import annotations

import random
import time
from typing import Any

from bench import calls
from bench.place import Levels, Place
from bench.rows import Need, Row, Say, middle, percentile
from bench.scale import Scale
from zcasync import clock
from zcasync.interfaces import COMPLETED

#: A client that waits for a result looks this often.
LOOK_SECONDS = 0.0005
#: Between two jobs, so that the supervisor has nothing left to do for the one before.
QUIET_SECONDS = (0.08, 0.16)


def result(place: Place, partial: Any) -> None:
    """Wait for one job as an eager client does."""
    while partial.state != COMPLETED:
        time.sleep(LOOK_SECONDS)
        place.sync()


def measure(place: Place, scale: Scale, say: Say) -> list[Row]:
    """Milliseconds from the end of a put's commit to the start of its job.

    It is read from the job's record, and the client looks seldom meanwhile: one that asks the
    database 2,000 times a second leaves neither the server nor the processor idle.
    """
    delays = []
    for number in range(scale.starts):
        if number % 20 == 0:
            say(f"start {number} of {scale.starts}")
        delays.append(start(place))
    return [
        Row("commit to start, idle, p50", percentile(delays, 50), "ms", None, Need(5.0, True)),
        Row("commit to start, idle, p95", percentile(delays, 95), "ms", None, Need(15.0, True)),
        Row("commit to start, idle, p99", percentile(delays, 99), "ms"),
    ]


def start(place: Place) -> float:
    """Let the supervisor rest, put a job; the milliseconds from its commit to its start."""
    time.sleep(random.uniform(*QUIET_SECONDS))
    (partial,) = place.put(calls.noop, 1)
    committed = clock.now()
    place.wait_until(lambda: partial.state == COMPLETED, "a job")
    return (partial._started - committed) / 1000  # type: ignore[no-any-return]


def measure_trips(place: Place, scale: Scale, say: Say) -> list[Row]:
    """One job after another, each put when the result of the one before has been seen."""
    levels, rates, ratios, trips = Levels(place, scale.commits), [], [], []
    for number in range(scale.rounds):
        say(f"round {number + 1} of {scale.rounds}")
        times = [_trip(place) for _ in range(max(1, scale.trips // scale.rounds))]
        trips += times
        rates.append(len(times) / sum(times))
        ratios.append(rates[-1] / levels.around())
    return [
        Row("round trips, one after another", middle(rates), "/s", middle(ratios)),
        Row("round trip p50", 1000 * percentile(trips, 50), "ms"),
        Row("round trip p95", 1000 * percentile(trips, 95), "ms"),
    ]


def _trip(place: Place) -> float:
    began = time.perf_counter()
    (partial,) = place.put(calls.noop, 1)
    result(place, partial)
    return time.perf_counter() - began
