"""Histories of supervisors, children and clients in all sorts of trouble: nothing lost or twice.

``ZCASYNC_SIMULATE_SECONDS`` makes it longer and ``ZCASYNC_SIMULATE_SEED`` chooses other histories;
``make simulate`` sets both.
"""

from __future__ import annotations

import itertools
import logging
import os
import time
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test
from twisted.logger import globalLogPublisher

from tests.simulation.machine import Simulation
from tests.simulation.walks import Walk

SECONDS = float(os.environ.get("ZCASYNC_SIMULATE_SECONDS", "0"))
SEED = int(os.environ.get("ZCASYNC_SIMULATE_SEED", "1"))

#: Walks that are made at least, and the steps of each.
WALKS = 80
STEPS = 40

#: Histories of the state machine: a few, or as many as the walks take time.
PROFILE = settings(
    max_examples=40 if not SECONDS else 600,
    stateful_step_count=25,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.generate, Phase.shrink],
)


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """The storage's trouble is logged each time, with tracebacks, which is much."""
    observers, globalLogPublisher._observers = globalLogPublisher._observers, []
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)
    globalLogPublisher._observers = observers


def test_random_walks(capsys: pytest.CaptureFixture[str]) -> None:
    began = time.monotonic()
    for done in itertools.count():
        if done >= WALKS and time.monotonic() - began >= SECONDS:
            break
        try:
            Walk(SEED * 1_000_000 + done).run(STEPS)
        except AssertionError as error:
            error.add_note(f"walk {SEED * 1_000_000 + done}")
            raise
    rate = 60 * done / (time.monotonic() - began)
    with capsys.disabled():
        print(f"\nZCASYNC_SIMULATE_SEED={SEED}: {done} walks, {rate:.0f} a minute", end=" ")


def test_histories_that_hypothesis_chooses() -> None:
    run_state_machine_as_test(seed(SEED)(Simulation), settings=PROFILE)


def test_a_walk_can_be_repeated() -> None:
    """The same seed means the same history, or a failure could not be looked into."""
    told = []
    for _ in range(2):
        walk = Walk(SEED)
        walk.run(STEPS)
        told.append((walk.taken, walk.history.world.notes, walk.history.world.storage._ltid))

    assert told[0] == told[1]
