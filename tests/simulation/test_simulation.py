"""Thousands of histories of supervisors, children and clients: nothing lost, nothing twice.

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

from tests.simulation.machine import Simulation

#: Histories that are made with one seed, and the steps of each.
HISTORIES = 200
STEPS = 25

SECONDS = float(os.environ.get("ZCASYNC_SIMULATE_SECONDS", "0"))
SEED = int(os.environ.get("ZCASYNC_SIMULATE_SEED", "1"))

PROFILE = settings(
    max_examples=HISTORIES,
    stateful_step_count=STEPS,
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.generate, Phase.shrink],
)


class Counted(Simulation):
    """Counts the histories that were begun."""

    count = 0

    def __init__(self) -> None:
        super().__init__()
        Counted.count += 1


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """The storage's trouble is logged by ZODB each time, which is much."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def test_nothing_is_lost_and_nothing_is_done_twice(capsys: pytest.CaptureFixture[str]) -> None:
    began = time.monotonic()
    for number in itertools.count(SEED):
        with capsys.disabled():
            print(f"\nsimulation with ZCASYNC_SIMULATE_SEED={number}", end=": ", flush=True)
        run_state_machine_as_test(seed(number)(Counted), settings=PROFILE)
        took = time.monotonic() - began
        with capsys.disabled():
            print(f"{Counted.count} histories, {60 * Counted.count / took:.0f} a minute", end=" ")
        if took >= SECONDS:
            break
    assert Counted.count >= HISTORIES
