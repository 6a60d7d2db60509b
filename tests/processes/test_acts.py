"""Each act that a job may do to its process, alone: its own end, and then the work goes on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.jobs.acts import surroundings
from tests.jobs.acts.scene import Scene
from tests.jobs.acts.table import ACTS, BATCH, THREAD, End
from tests.support.audits import audited
from tests.support.instance import short_folder
from tests.support.stages import Stage, end, ended, put

CASES = [(name, form) for name, act in ACTS.items() for form in act.forms]


@pytest.fixture(scope="module")
def common_stage() -> Iterator[Stage]:
    with short_folder() as folder, audited(folder):
        made = Stage(folder)
        try:
            yield made
        finally:
            made.close()


@pytest.fixture
def stage(common_stage: Stage, request: pytest.FixtureRequest) -> Iterator[Stage]:
    """A stage whose children have done nothing yet."""
    common_stage.is_good = False
    yield common_stage
    if not common_stage.is_good:
        common_stage.strike()


@pytest.fixture
def scene(stage: Stage, tmp_path: Path) -> Iterator[Scene]:
    made = stage.set(tmp_path)
    yield made
    end([psutil.Process(pid) for pid in made.noted_processes() if psutil.pid_exists(pid)])


@pytest.mark.parametrize(("name", "form"), CASES)
def test_an_act_ends_its_own_job_as_it_should_and_no_other(
    stage: Stage, scene: Scene, name: str, form: str
) -> None:
    act = ACTS[name]
    before = stage.client.wait_for(stage.client.put(surroundings.seen))
    partial = put(stage.client, form, scene, name)
    stage.wait_until_over(partial)
    # What ends the process in the commit that several share is counted against the first of them.
    how = ended(act, partial, *([End.RIGHT] if form == BATCH and act.once else []))
    assert scene.counter.value == act.effects[how], f"{scene.counter.value} effects, {how}"
    stage.works()
    if form == BATCH:
        assert (scene.before.value, scene.after.value) == (1, 1)
    if form == THREAD:
        after = stage.client.wait_for(stage.client.put(surroundings.seen))
        assert isinstance(after, dict), after
        assert not {
            name: (before[name], after[name]) for name in before if before[name] != after[name]
        }
    stage.no_copy_is_left()
    again = put(stage.client, form, scene, name)
    stage.wait_until_over(again)
    ended(act, again, End.RIGHT)  # what is done once is done
    stage.works()
    if act.leaves:
        stage.renew_children()
    stage.nothing_is_left(scene.noted_processes())
    stage.is_good = True
