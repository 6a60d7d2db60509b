"""Jobs of two or three acts each, composed by chance, beside ordinary jobs: these all work.

``ZCASYNC_HOSTILE_JOBS`` says how many, ``ZCASYNC_HOSTILE_SEED`` repeats the choice of one run;
``make chaos`` has the long form.
"""

from __future__ import annotations

import os
import random
from collections import Counter as Tally
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from tests.jobs.acts.performing import DONE, ordinary
from tests.jobs.acts.scene import Scene
from tests.jobs.acts.table import ACTS, BATCH, CALLBACK, REACTOR, THREAD
from tests.jobs.basic import Counter, pass_gate
from tests.support.audits import audited
from tests.support.gates import Gate
from tests.support.instance import short_folder
from tests.support.numbers import Numbers
from tests.support.stages import Stage, end, put
from zcasync.interfaces import COMPLETED
from zcasync.partial import Partial
from zcasync.testing.waiting import wait_until

#: Jobs of acts in ``make test``; the long form has 300.
SHORT_JOBS = 40
CHILDREN = 2
#: How long everything may take: a child that a job ends, or uses up, has to boot again.
BASE_SECONDS, JOB_SECONDS = 60.0, 1.0
#: An ordinary job stands before each job of acts.
FORMS = (THREAD, THREAD, BATCH, CALLBACK, REACTOR)
#: What the supervisor may have more in the end: a connection that a client of it opens just then.
MORE = Numbers(files=3, threads=3)


@dataclass
class Hostile:
    """A job of acts, and its scene."""

    names: tuple[str, ...]
    form: str
    scene: Scene
    partial: Partial

    def __str__(self) -> str:
        partial = self.partial
        return f"{' '.join(self.names)} ({self.form}): {partial.state}, {partial.result!r}"

    @property
    def effects_are_right(self) -> bool:
        """Whether its effect is there once, with its result, or not at all."""
        if any(ACTS[name].own_transaction for name in self.names):
            return True  # the job says itself what is committed
        return bool(self.scene.counter.value == (self.partial.result == DONE))


@pytest.fixture
def stage() -> Iterator[Stage]:
    with short_folder() as folder, audited(folder):
        made = Stage(folder, CHILDREN)
        try:
            yield made
        finally:
            made.close()


@pytest.fixture
def seed() -> int:
    """The seed of this run, which is printed when the test fails."""
    asked = os.environ.get("ZCASYNC_HOSTILE_SEED")
    drawn = int(asked) if asked else random.SystemRandom().randrange(10**6)
    print(f"\nZCASYNC_HOSTILE_SEED={drawn}", flush=True)
    return drawn


def test_ordinary_jobs_work_beside_jobs_that_do_what_they_should_not(
    stage: Stage, seed: int, tmp_path: Path, gate: Gate
) -> None:
    count = int(os.environ.get("ZCASYNC_HOSTILE_JOBS") or SHORT_JOBS)
    rng = random.Random(seed)
    warm_up(stage)
    before = Numbers.of(stage.instance.pid)
    hostile, counters = put_all(stage, rng, count, tmp_path)
    try:
        see_through(stage, hostile, counters)
        assert not [str(one) for one in hostile if not one.effects_are_right]
        assert [counter.value for counter in counters] == [1] * count
        both_children_work(stage, gate)
        stage.numbers_are_as(before, MORE)
        children_have_no_more_than_a_fresh_one(stage, tmp_path)
        stage.renew_children()
        stage.nothing_is_left(noted(hostile))
    finally:
        end([psutil.Process(pid) for pid in noted(hostile) if psutil.pid_exists(pid)])
    print(tallied(hostile))


def noted(hostile: list[Hostile]) -> list[int]:
    """The processes that jobs have left on purpose."""
    return [pid for one in hostile for pid in one.scene.noted_processes()]


def warm_up(stage: Stage) -> None:
    """What the supervisor has from its first jobs on, it may have in the end."""
    for form in (THREAD, REACTOR):
        calls = [stage.client.put(ordinary, Counter(), queue=form) for _ in range(10)]
        stage.client.wait_for(*calls)
    stage.instance.wait_for_spare()


def put_all(
    stage: Stage, rng: random.Random, count: int, folder: Path
) -> tuple[list[Hostile], list[Counter]]:
    """Put the jobs, each with an ordinary one before it."""
    counters = [Counter() for _ in range(count)]
    stage.client.add("counters", counters)
    hostile = []
    for number, counter in enumerate(counters):
        place = folder / str(number)
        place.mkdir()
        scene = Scene(place)
        stage.client.add(f"scene {number}", scene)
        stage.client.manager.thread.put(Partial(ordinary, counter), batch=rng.random() < 0.5)
        names, form = compose(rng)
        hostile.append(Hostile(names, form, scene, put(stage.client, form, scene, " ".join(names))))
    return hostile, counters


def compose(rng: random.Random) -> tuple[tuple[str, ...], str]:
    """Draw a form, and two or three acts that can be done in it."""
    form = rng.choice(FORMS)
    fit = [act.name for act in ACTS.values() if form in act.forms]
    return tuple(rng.sample(fit, rng.choice((2, 3)))), form


def see_through(stage: Stage, hostile: list[Hostile], counters: list[Counter]) -> None:
    """Wait until all jobs are over."""

    def undone() -> list[Hostile]:
        stage.client.sync()
        return [one for one in hostile if one.partial.state != COMPLETED]

    def seen() -> str:
        waiting = sum(1 for counter in counters if not counter.value)
        return f"{waiting} ordinary ones wait; {[*map(str, undone())]}\n{stage.evidence()}"

    seconds = BASE_SECONDS + JOB_SECONDS * len(hostile)
    wait_until(lambda: not undone(), "all jobs of acts to be over", seconds, seen)
    wait_until(lambda: all_are_counted(stage, counters), "the ordinary ones", BASE_SECONDS, seen)


def all_are_counted(stage: Stage, counters: list[Counter]) -> bool:
    stage.client.sync()
    return all(counter.value for counter in counters)


def both_children_work(stage: Stage, gate: Gate) -> None:
    """No slot is lost: as many jobs as there are children run at one time."""
    held = [stage.client.put(pass_gate, gate.path) for _ in range(CHILDREN)]
    gate.wait_for(CHILDREN, timeout=BASE_SECONDS)
    gate.open()
    stage.client.wait_for(*held)
    stage.works()


def children_have_no_more_than_a_fresh_one(stage: Stage, folder: Path) -> None:
    """Those that have gone on, and in which no job has left a file or a thread on purpose."""
    fresh = Numbers.of(stage.instance.wait_for_spare())
    left = {int(path.name.partition("-")[2]) for path in folder.rglob("left-*")}
    for pid in stage.instance.child_pids():
        if pid not in left:
            found = Numbers.of(pid)
            assert found <= fresh + MORE, f"{found}, a fresh child has {fresh}"


def tallied(hostile: list[Hostile]) -> str:
    """What was done, for readers of the long form."""
    tally = Tally(one.form for one in hostile)
    interruptions = sum(one.partial.interruptions for one in hostile)
    right = sum(one.partial.result == DONE for one in hostile)
    return f"{len(hostile)} jobs {dict(tally)}, {right} right, {interruptions} interruptions"
