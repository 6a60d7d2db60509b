"""Each act that a job may do to its process, alone: its own end, and then the work goes on.

The other forms are in ``test_acts_in_forms.py``.
"""

from __future__ import annotations

import pytest

from tests.jobs.acts.scene import Scene
from tests.jobs.acts.table import ACTS, THREAD
from tests.support.stages import Stage, act_alone

CASES = [name for name, act in ACTS.items() if THREAD in act.forms]


@pytest.mark.parametrize("name", CASES)
def test_an_act_ends_its_own_job_as_it_should_and_no_other(
    stage: Stage, scene: Scene, name: str
) -> None:
    act_alone(stage, scene, name, THREAD)
