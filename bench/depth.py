"""Whether a queue gets slower with what waits: due, of any priority, unique, held, by a quota."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from bench import calls
from bench.place import Place, served, timed
from bench.rows import Need, Row, Say, middle, per_second
from bench.scale import Scale
from zcasync import clock
from zcasync.interfaces import COMPLETED
from zcasync.zeo.bulk_load import load_all

#: So many are put in one transaction to fill the queue.
FILL = 2000
#: A window of draining may end so many jobs a second; more wait for it in any case.
FASTEST = 1500
#: A busy machine may begin none within the window: fewer than so many tell no rate.
LEAST = 10
CLAIM = 20
#: A quota of which nobody gets a slot, and the jobs that wait for it.
CLOSED, BEHIND = "closed", "behind a quota"
#: The children have just started, and it takes some jobs until they are handed many at once.
WARM_UP = 0.2
CLAIMS = 15
#: Those of a queue of mixed ones, in the order in which they run.
PRIORITIES = (-10, -1, 0, 1, 10)
#: Puts take turns more often than drains, which have to start children.
TURNS = 4


class Queue:
    """One supervisor's queue; paused, but for the moments in which it is drained."""

    def __init__(self, place: Place, scale: Scale, kind: str) -> None:
        priorities = PRIORITIES if kind == "mixed" else (0,)
        keys = itertools.count()
        #: Of each put of a due job: unique ones have a key of their own each.
        self._options = {"unique": lambda: f"{next(keys)}"} if kind == "unique" else {}
        self._place = place
        self._scale = scale
        # Due jobs by priority, each in the order in which they will run.
        self._waiting: dict[int, list[Any]] = {priority: [] for priority in priorities}
        place.resize(0)

    def fill(self, count: int, kind: str) -> None:
        """Let so many more jobs wait: due ones, or ones for tomorrow (held), or BEHIND."""
        place = self._place
        if kind == BEHIND:
            place.sync()
            place.manager.quotas.set(CLOSED, limit=0)
        for portion in _portions(count):
            if kind == "held":
                later = datetime.now(UTC) + timedelta(days=1)
                for _ in range(portion):
                    place.manager.thread.put(calls.noop, begin_after=later)
            elif kind == BEHIND:
                place.manager.thread.put_many([calls.noop] * portion, quota=CLOSED)
            else:
                for priority, waiting in self._waiting.items():
                    some = [calls.noop] * max(1, portion // len(self._waiting))
                    queue = place.manager.thread
                    waiting += queue.put_many(some, priority=priority, **self._options)
            place.commit()
            place.connection.cacheMinimize()

    def read(self) -> None:
        """Let the supervisor read what is held, as it does when it first comes by."""
        self._place.resize(2)
        lanes = self._place.manager.thread.lanes
        self._place.wait_until(
            lambda: all(lane.next_in_inbox() is None for lane in lanes().values()),
            "held jobs to be read",
        )
        self._place.resize(0)

    def puts(self) -> float:
        """Seconds for some puts with a commit each."""
        count = self._scale.puts // self._scale.windows // TURNS // len(self._waiting)

        def put() -> None:
            for priority, waiting in self._waiting.items():
                options = {"priority": priority, **self._options}
                waiting += self._place.put(calls.noop, max(1, count), **options)

        return timed(put)

    def drain(self) -> float:
        """Jobs a second for a moment; what is left waits again."""
        place, scale = self._place, self._scale
        missing = int(FASTEST * (scale.window + 1)) - sum(map(len, self._waiting.values()))
        if missing > 0:
            self.fill(missing, "pending")
        least = len(place.worker.completed) + LEAST
        place.resize(2)
        began = clock.now()
        time.sleep(scale.window)
        place.wait_until(lambda: len(place.worker.completed) >= least, "some jobs to end")
        place.resize(0)
        ended = [partial._ended for partial in self._take_completed()]
        return per_second((moment for moment in ended if moment > began), WARM_UP)

    def claim(self) -> float:
        """Seconds to find the next jobs, with nothing loaded before; changes nothing."""
        place = self._place
        place.sync()
        worker, queue = place.worker, place.manager.thread
        place.connection.cacheMinimize()
        took = timed(lambda: queue.claim(worker._uuid, CLAIM, engine=worker._engine))
        place.transactions.abort()
        return took

    def pull(self) -> float:
        """Seconds to pull the first job and the last, with nothing loaded; changes nothing."""
        place = self._place
        if not any(self._waiting.values()):
            self.fill(1, "pending")
        place.sync()
        queue = place.manager.thread
        place.connection.cacheMinimize()
        took = timed(lambda: (queue.pull(), queue.pull(-1)) if len(queue) > 1 else queue.pull())
        place.transactions.abort()
        return took

    def _take_completed(self) -> Iterator[Any]:
        """Forget the jobs that have run, which are the first ones but for a few."""
        self._place.sync()
        for priority in self._waiting:
            yield from self._take_completed_of(priority)

    def _take_completed_of(self, priority: int) -> Iterator[Any]:
        place, waiting = self._place, self._waiting[priority]
        left: list[Any] = []
        while len(left) < 2 * FILL // 10 and waiting:
            portion, waiting = waiting[:FILL], waiting[FILL:]
            load_all(place.connection, [partial._p_oid for partial in portion])
            done = [partial for partial in portion if partial.state == COMPLETED]
            left += [partial for partial in portion if partial.state != COMPLETED]
            yield from done
            if not done:
                break
        self._waiting[priority] = left + waiting


def compare(deep: Queue, empty: Queue, what: str, scale: Scale, say: Say) -> list[Row]:
    """The same with both queues in turn; what counts is the ratio within a turn."""
    puts, drains = [], []
    for number in range(scale.windows):
        say(f"{what}: window {number + 1} of {scale.windows}")
        puts += [deep.puts() / empty.puts() for _ in range(TURNS)]
        drains.append(empty.drain() / deep.drain())
    turns = [(deep.claim(), empty.claim()) for _ in range(CLAIMS)]
    pulls = [deep.pull() / empty.pull() for _ in range(CLAIMS)]
    # The promise is about 20,000; beyond that it is told, but not promised.
    need = Need(20.0, at_most=True) if _depth_of(what) <= 20_000 else None
    return [
        Row(f"put with {what}, dearer by", 100 * (middle(puts) - 1), "%", None, need),
        Row(f"drain with {what}, dearer by", 100 * (middle(drains) - 1), "%", None, need),
        Row(f"claim of {CLAIM} with {what}", 1000 * middle(one for one, _ in turns), "ms"),
        Row(
            f"claim of {CLAIM} beside {what}, without", 1000 * middle(one for _, one in turns), "ms"
        ),
        Row(f"pull with {what}, beside one without", middle(pulls), "times"),
    ]


def _depth_of(what: str) -> int:
    return int(what.split()[0].replace(",", ""))


def _portions(count: int) -> Iterator[int]:
    while count > 0:
        yield min(FILL, count)
        count -= FILL


def measure(scale: Scale, say: Say) -> list[Row]:
    """For each kind two databases of their own, one of them without what waits in the other."""
    rows = []
    for kind in scale.kinds:
        with served() as deep_place, served() as empty_place:
            deep, empty = (Queue(place, scale, kind) for place in (deep_place, empty_place))
            depth = 0
            for goal in scale.depths:
                what = f"{goal:,} {kind}"
                say(f"{what}: filling")
                deep.fill(goal - depth, kind)
                depth = goal
                if kind in ("held", BEHIND):
                    say(f"{what}: the supervisor reads them")
                    deep.read()
                rows += compare(deep, empty, what, scale, say)
    return rows
