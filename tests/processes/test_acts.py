"""Each act that a job may do to its process, alone: its own end, and then the work goes on.

The other forms are in ``test_acts_in_forms.py``.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.jobs.acts.scene import Scene
from tests.jobs.acts.table import ACTS, THREAD
from tests.support.stages import Stage, act_alone

#: Acts whose mending is not there yet.  Strict, so that they show when it is.
PENDING = {
    "ends_its_thread_in_c": "PROC: nobody notices that C code has ended the thread of the jobs",
    "leaves_its_manager_replaced": "LEAD: batch jobs behind it are lost",
    "breaks_the_log": "LEAD: a look-up takes any OSError for a loss of the storage",
}


def _cases() -> list[Any]:
    names = [name for name, act in ACTS.items() if THREAD in act.forms]
    return [
        pytest.param(name, marks=pytest.mark.xfail(strict=True, reason=PENDING[name]))
        if name in PENDING
        else name
        for name in names
    ]


@pytest.mark.parametrize("name", _cases())
def test_an_act_ends_its_own_job_as_it_should_and_no_other(
    stage: Stage, scene: Scene, name: str
) -> None:
    act_alone(stage, scene, name, THREAD)
