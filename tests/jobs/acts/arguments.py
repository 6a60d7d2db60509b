"""What jobs do to their arguments before another attempt is made."""

from __future__ import annotations

from typing import Any

from ZODB.POSException import ConflictError

import zcasync
from tests.jobs.acts.scene import Scene
from tests.jobs.acts.table import CHILD, act


def _given() -> Any:
    partial = zcasync.current()
    assert partial is not None
    return partial.args[2]


def _conflict_once(scene: Scene, name: str) -> None:
    if scene.is_first(name):
        raise ConflictError("the first attempt")


@act(forms=CHILD)
def empties_its_argument_and_conflicts(scene: Scene) -> None:
    given = _given()
    assert given == {"numbers": [1, 2, 3]}, f"the argument was {given}"
    given["numbers"].clear()
    given.clear()
    _conflict_once(scene, "emptied")


@act(forms=CHILD)
def leaves_hooks_and_conflicts(scene: Scene) -> None:
    def fail() -> None:
        raise OSError("a hook of the first attempt is still there")

    is_first = scene.is_first("hooked")
    if is_first:
        scene.manager.get().addBeforeCommitHook(fail)
        raise ConflictError("the first attempt")
