"""Histories of supervisors, children and clients in all sorts of trouble: nothing lost or twice.

``make simulate SECONDS=... SEED=...`` makes more of them, and
``WALK=...`` repeats one walk.
"""

from __future__ import annotations

import gc
import logging
import os
import pickle
import random
import statistics
import time
from collections.abc import Iterator
from typing import Any

import pytest
from twisted.logger import globalLogPublisher

from tests.simulation.jobs import here
from tests.simulation.machine import explore
from tests.simulation.tally import Tally
from tests.simulation.walks import Walk, shortest

GIVEN = os.environ.get("ZCASYNC_SIMULATE_SECONDS")
SECONDS = float(GIVEN or "9")
SEED = int(os.environ.get("ZCASYNC_SIMULATE_SEED") or random.SystemRandom().randrange(10**6))
WALK = os.environ.get("ZCASYNC_SIMULATE_WALK")

#: The share of the time that hypothesis gets, which is much slower.
SHARE_OF_HYPOTHESIS = 0.25
#: A walk takes so many yardsticks of our own time at most, 200 to 280 are usual: both get dearer
#: where others share the caches.  Where nothing else is at work this is ten walks a second.
MOST_YARDSTICKS = 500
#: A yardstick is so many of these, pickled and loaded.
YARDSTICK = [{"number": number, "text": str(number)} for number in range(300)]
#: So much garbage is left to the collector at once: a world is a lot of objects.
GARBAGE = 50_000


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """The storage's trouble is logged each time, with tracebacks, which is much."""
    observers, globalLogPublisher._observers = globalLogPublisher._observers, [observe]
    thresholds = gc.get_threshold()
    logging.disable(logging.CRITICAL)
    gc.freeze()
    gc.set_threshold(GARBAGE, *thresholds[1:])
    yield
    gc.set_threshold(*thresholds)
    gc.unfreeze()
    logging.disable(logging.NOTSET)
    globalLogPublisher._observers = observers


def observe(event: dict[str, Any]) -> None:
    """An error that the product only logs may be a fault all the same."""
    failure = event.get("log_failure")
    if failure is not None and event["log_namespace"].startswith("zcasync"):
        here.failed(event["log_namespace"], failure.value)


def walk(number: int) -> Walk:
    """Make a walk; a failure is made again, as short as possible, and says how to repeat it."""
    made = Walk(number)
    try:
        made.run()
    except BaseException as error:
        error.add_note(f"make simulate WALK={number}")
        shortest(made).run()
        raise
    return made


def yardstick() -> float:
    """Return the seconds of our own time that some fixed work takes."""
    began = time.process_time()
    for _ in range(3):
        pickle.loads(pickle.dumps(YARDSTICK))
    return time.process_time() - began


def make_walks(seed: int, seconds: float) -> Tally:
    """As many as the time allows."""
    tally = Tally()
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        tally.add(walk(seed * 1_000_000 + tally.histories).steps)
    return tally


@pytest.mark.skipif(WALK is not None, reason="one walk only")
@pytest.mark.parametrize("seed", [1, SEED], ids=["always the same", "by chance"])
def test_random_walks_keep_every_promise(seed: int, capsys: pytest.CaptureFixture[str]) -> None:
    if GIVEN is not None and seed != SEED:
        pytest.skip("a seed is given")
    share = (1 - SHARE_OF_HYPOTHESIS) / (1 if GIVEN is not None else 2)
    lengths = [yardstick() for _ in range(20)]
    began = time.process_time()
    tally = make_walks(seed, SECONDS * share)
    took = time.process_time() - began
    lengths += [yardstick() for _ in range(20)]
    with capsys.disabled():
        print(f"\nseed {seed}:", tally.told("random walks"))
    yardsticks = took / tally.histories / statistics.median(lengths)
    assert yardsticks < MOST_YARDSTICKS


@pytest.mark.skipif(WALK is not None, reason="one walk only")
def test_histories_that_hypothesis_chooses_keep_every_promise(
    capsys: pytest.CaptureFixture[str],
) -> None:
    tally = explore(SEED, SECONDS * SHARE_OF_HYPOTHESIS)
    with capsys.disabled():
        print(f"\nseed {SEED}:", tally.told("histories of hypothesis"))


@pytest.mark.skipif(WALK is None, reason="no walk was named")
def test_the_walk_that_the_environment_names_keeps_every_promise() -> None:
    walk(int(WALK or "0"))


def test_a_walk_can_be_repeated() -> None:
    """The same seed means the same history, or a failure could not be looked into."""
    told = []
    for _ in range(2):
        worlds = [(steps.taken, steps.history.world) for steps in (walk(n).steps for n in range(8))]
        told.append(
            [
                (taken, world.notes, world.tally, world.turns.switches, world.servers[-1].log)
                for taken, world in worlds
            ]
        )

    assert told[0] == told[1]
    assert sum(world.turns.switches for _, world in worlds) > 20
