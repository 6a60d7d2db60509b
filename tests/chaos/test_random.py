"""Two supervisors on one server, all killed and frozen at random: each effect exactly once."""

from __future__ import annotations

import random
import threading
import time
from pathlib import Path

import pytest

from tests.chaos.arena import Arena, arena
from tests.chaos.options import options
from tests.chaos.tormentor import Tormentor
from tests.chaos.verdict import judge
from tests.chaos.workload import Workload
from zcasync.testing.waiting import wait_until

CALM_SECONDS = 180.0
#: The least that a run of 25 s is worth anything with.
LEAST_JOBS = 100
ASKED = options()
#: The short version has both ZEO servers; RelStorage's is in tests/integrations.
STORAGES = [ASKED.storage] if ASKED.is_long else sorted({ASKED.storage, "zeo"})


@pytest.mark.parametrize("storage", STORAGES)
def test_nothing_is_lost_and_nothing_happens_twice_whatever_dies(
    folder: Path, monkeypatch: pytest.MonkeyPatch, storage: str
) -> None:
    print(f"\nSEED={ASKED.seed} SECONDS={ASKED.seconds:g} JOBS={ASKED.jobs or 'any'}", flush=True)
    began = time.monotonic()
    with arena(folder, monkeypatch, children=2, storage=storage) as ring:
        workload = Workload(ring.client(), random.Random(ASKED.seed))
        rng = random.Random(ASKED.seed + 1)
        tormentor = Tormentor(ring, rng, lambda: workload.done, ASKED.is_long)
        torment(tormentor, workload, ASKED.seconds, ASKED.jobs)
        see_through(ring, workload)
        interruptions = workload.interruptions()
        print(tallied(workload, tormentor, ring, interruptions, time.monotonic() - began))
        judge(ring, workload)
    assert workload.count >= min(LEAST_JOBS, ASKED.jobs or LEAST_JOBS)
    assert interruptions <= most_interruptions(tormentor)


def torment(tormentor: Tormentor, workload: Workload, seconds: float, jobs: int | None) -> None:
    """Torment the arena while an application puts jobs."""
    over = threading.Event()
    application = threading.Thread(target=workload.run, args=(over, jobs), daemon=True)
    application.start()
    try:
        tormentor.run(seconds)
    finally:
        over.set()
        application.join(CALM_SECONDS)  # it may be in the middle of a commit
    assert not application.is_alive(), "the application hangs"
    assert not workload.errors, "\n".join(workload.errors)


def see_through(ring: Arena, workload: Workload) -> None:
    """Wait until all jobs are done; a supervisor may give up when it starts without a server."""

    def done() -> bool:
        ring.restart_the_dead()
        return workload.are_done(range(workload.count))

    def seen() -> str:
        return f"{workload.unfinished()}\n{ring.evidence()}"

    wait_until(done, "all jobs to be done", CALM_SECONDS, seen)
    for instance in ring.pair:
        instance.wait_until_ready()


def most_interruptions(tormentor: Tormentor) -> int:
    """A death of a child interrupts what it is at and what waits there for a Deferred.

    A supervisor's, and its burial when it was frozen, interrupts that of its children and its
    reactor jobs.
    """
    supervisors = tormentor.deaths["supervisor"] + tormentor.tally["freeze supervisor"]
    traps = sum(n for what, n in tormentor.tally.items() if "trap freeze supervisor" in what)
    return 4 * tormentor.deaths["child"] + 24 * (supervisors + traps)


def tallied(
    workload: Workload, tormentor: Tormentor, ring: Arena, interruptions: int, seconds: float
) -> str:
    """What was done, one line each."""
    rows = {
        "jobs": workload.count,
        "interruptions": interruptions,
        "restarts": ring.restarts,
        **dict(sorted(tormentor.tally.items())),
        "seconds": round(seconds),
    }
    return "\n".join(f"{number:8d}  {what}" for what, number in rows.items())
