"""A soak: all that stands around a supervisor happens to it, and its jobs go on.

Twenty minutes in ``make chaos``, some seconds else.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tests.chaos.options import options
from tests.chaos.soak import FullPipe, Surroundings
from tests.jobs.basic import Counter
from tests.support.instance import Instance
from tests.support.numbers import Numbers
from zcasync.interfaces import COMPLETED
from zcasync.partial import Partial
from zcasync.testing.waiting import wait_until

ASKED = options()
SECONDS = 1200.0 if ASKED.is_long else 20.0
ROTATION_SECONDS = 10.0 if ASKED.is_long else 3.0
CHILDREN = 2
BATCH = 40
CONFIG = """
<zcasync>
  grace-period 5
  poll-seconds 1
</zcasync>
"""
#: What the supervisor may have more in the end than in the middle: its client's cache of the
#: database has to be full before, which takes some 30,000 jobs and 15 MB.
MORE = Numbers(files=4, threads=4)
MORE_BYTES = 12_000_000


@pytest.fixture
def pipe(tmp_path: Path) -> Iterator[FullPipe]:
    made = FullPipe(tmp_path / "stderr")
    yield made
    made.close()


@pytest.fixture
def instance(make_instance: Callable[..., Instance], pipe: FullPipe) -> Instance:
    """A supervisor whose stderr nobody reads."""
    made: Instance = make_instance(children=CHILDREN, config=CONFIG)
    to_pipe = ["/bin/sh", "-c", 'exec "$@" 2>"$0"', str(pipe.path)]
    return made.launch([*to_pipe, *made.command]).wait_until_ready()


def test_a_supervisor_lives_through_all_that_happens_around_it(
    instance: Instance, pipe: FullPipe
) -> None:
    print(f"\nSEED={ASKED.seed}")
    rng = random.Random(ASKED.seed)
    around = Surroundings(instance, pipe, rng)
    supervisor = psutil.Process(instance.pid)
    counters: list[Counter] = []
    partials: list[Partial] = []
    found: list[tuple[Numbers, int]] = []
    began = rotated = time.monotonic()
    while (now := time.monotonic()) - began < SECONDS:
        if now - rotated >= ROTATION_SECONDS:
            around.rotate()
            rotated = now
        put(instance, counters, partials)
        around.act()
        if now - began >= SECONDS / 5 * (1 + len(found)):
            found.append(look(instance, partials, supervisor))
    found.append(look(instance, partials, supervisor))
    print(f"{len(partials)} jobs, {dict(around.tally)}", *found, sep="\n")

    assert {counter.value for counter in counters} == {1}
    assert {partial.result for partial in partials} == {1}
    (first, bytes_first), (last, bytes_last) = found[len(found) // 2], found[-1]
    assert last <= first + MORE, f"{first}, then {last}"
    assert bytes_last <= bytes_first + MORE_BYTES, f"{bytes_first}, then {bytes_last}"
    assert instance.stop() == 0, instance.evidence()


def put(instance: Instance, counters: list[Counter], partials: list[Partial]) -> None:
    """Put some more jobs, each with a counter of its own."""
    client = instance.client
    client.sync()
    made = [Counter() for _ in range(BATCH)]
    for counter in made:
        client.main.add(counter)
    partials += client.manager.thread.put_many([Partial(one.add) for one in made])
    client.commit()
    counters += made


def look(
    instance: Instance, partials: list[Partial], supervisor: psutil.Process
) -> tuple[Numbers, int]:
    """Wait until all is done; return what the supervisor has then: numbers, and bytes."""

    def left() -> list[Partial]:
        instance.client.sync()
        return [one for one in partials if one.state != COMPLETED]

    wait_until(lambda: not left(), "all jobs to be done", 120, lambda: f"{left()[:5]}")
    instance.wait_for_children(CHILDREN, "idle")
    instance.wait_for_spare()
    return Numbers.of(instance.pid), supervisor.memory_info().rss
