"""Acts of jobs that share a commit, of callbacks, and of jobs in the reactor, each alone."""

from __future__ import annotations

import pytest

from tests.jobs.acts.scene import Scene
from tests.jobs.acts.table import ACTS, THREAD
from tests.support.stages import Stage, act_alone

CASES = [(name, form) for name, act in ACTS.items() for form in act.forms if form != THREAD]


@pytest.mark.parametrize(("name", "form"), CASES)
def test_an_act_ends_its_own_job_as_it_should_and_no_other(
    stage: Stage, scene: Scene, name: str, form: str
) -> None:
    act_alone(stage, scene, name, form)
