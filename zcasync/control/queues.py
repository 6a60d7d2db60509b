"""Queues, as operators have them: made, paused, resumed, and looked at until they are empty."""

from __future__ import annotations

from typing import Any

from zcasync.control.refusal import Refusal
from zcasync.reports.claimed import claimed_by_queue

ACTS = {"add": "added", "pause": "paused", "resume": "resumed"}


def act_on(manager: Any, name: str, act: str, who: str) -> int:
    """Do it to a queue, and note who has; return the moment of the last act, 0: none.

    Raises Refusal where there is no data manager, ValueError for a name that a queue cannot have,
    UnknownQueue, with the nearest name, where there is no such queue.
    """
    if manager is None:
        raise Refusal("nothing was ever installed in this database: start a supervisor first")
    if act == "add":
        is_new = name not in manager.queues
        queue = manager.add_queue(name)
        is_done = not is_new
    else:
        queue = manager.queue(name)
        is_done = queue.is_paused == (act == "pause")
        (queue.pause if act == "pause" else queue.resume)()
    if not is_done:
        queue.note_act(who, ACTS[act])
    last: int = queue.acts[-1][0] if queue.acts else 0
    return last


def is_done(manager: Any, name: str, moment: int) -> bool:
    """Return whether an act of this moment is stored."""
    queue = manager.queues.get(name)
    return queue is not None and moment in (0, *(when for when, _, _ in queue.acts))


def left(manager: Any, name: str) -> int:
    """Return how many jobs of a queue are due, or claimed and not over.  Raises UnknownQueue."""
    queue = manager.queue(name)
    due: int = max(0, len(queue) - queue.count_held())
    return due + claimed_by_queue(manager).get(name, 0)
