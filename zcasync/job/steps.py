"""Steps: the recorded results of a job's steps outside of the database.

They are in a BTree beside the callbacks and annotations of the job that was claimed, by the oid of
the call and the step's key, so that the calls behind it, its callbacks, have each their own.  It
goes with the job.  No transaction of the job itself reads or writes it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

from BTrees.OOBTree import OOBTree

from zcasync import clock
from zcasync.errors import DamagedRecord
from zcasync.job.field_types import is_count, is_moment
from zcasync.job.record import PartialRecord

#: The states of a step: its call was begun, or has returned, or has raised.
BEGUN, RETURNED, RAISED = "begun", "returned", "raised"


class Step(NamedTuple):
    """One step: its state, since when (microseconds), in which attempt, and its stored result."""

    state: str
    moment: int
    attempt: int
    stored: Any = None

    @property
    def since(self) -> datetime:
        """The moment, an aware datetime in UTC."""
        return clock.to_datetime(self.moment)


def claimed(partial: PartialRecord) -> PartialRecord:
    """Return the partial that a call belongs to: of a callback the one that was claimed."""
    while partial.parent is not None:
        partial = partial.parent
    return partial


def find_step(partial: PartialRecord, key: str) -> Step | None:
    """Return a step of a call; None: nothing is recorded.  Raises DamagedRecord."""
    sidecar = claimed(partial).sidecar
    steps = None if sidecar is None else sidecar.steps
    found = None if steps is None else steps.get((partial._p_oid, key))
    return None if found is None else _checked(found)


def has_steps(partial: PartialRecord) -> bool:
    """Return whether any step of a call is recorded."""
    sidecar = claimed(partial).sidecar
    steps = None if sidecar is None else sidecar.steps
    first = next(iter(steps.keys((partial._p_oid,))), None) if steps else None
    return first is not None and first[0] == partial._p_oid


def keep_step(partial: PartialRecord, key: str, step: Step) -> None:
    """Record a step of a call, in place of what was recorded of it before."""
    sidecar = claimed(partial).ensure_sidecar()
    if sidecar.steps is None:
        sidecar.steps = OOBTree()
    sidecar.steps[partial._p_oid, key] = tuple(step)


def drop_step(partial: PartialRecord, key: str) -> None:
    """Record nothing of a step any more.  Safe to repeat."""
    sidecar = claimed(partial).sidecar
    if sidecar is not None and sidecar.steps is not None:
        sidecar.steps.pop((partial._p_oid, key), None)


def drop_steps(partial: PartialRecord) -> None:
    """Record none of the steps of a call any more: it is to make all of them again."""
    sidecar = claimed(partial).sidecar
    steps = {} if sidecar is None or sidecar.steps is None else sidecar.steps
    for place in [one for one in steps if one[0] == partial._p_oid]:
        del steps[place]


def _checked(found: Any) -> Step:
    is_step = type(found) is tuple and len(found) == 4 and found[0] in (BEGUN, RETURNED, RAISED)
    if not is_step or not is_moment(found[1]) or not is_count(found[2]):
        raise DamagedRecord("the record of a step is none that zcasync has written")
    return Step(*found)
