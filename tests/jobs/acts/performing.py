"""The jobs that perform acts, and ordinary ones."""

from __future__ import annotations

from typing import Any

from tests.jobs.acts import (  # noqa: F401, they fill the table
    arguments,
    commits,
    ends,
    interpreter,
    output,
    processes,
    streams,
    surroundings,
    threads,
    transactions,
)
from tests.jobs.acts.scene import Scene
from tests.jobs.acts.table import ACTS
from tests.jobs.basic import Counter

#: What an act's job returns.
DONE = "done"


def perform(scene: Scene, names: str, given: Any, *result: Any) -> str:
    """Change the counter and perform these acts, one after the other."""
    scene.counter.add()
    for name in names.split():
        ACTS[name].perform(scene)
    return DONE


def ordinary(counter: Counter) -> int:
    """Print a line and change a counter."""
    print("an ordinary line")
    return counter.add()
