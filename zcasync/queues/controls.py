"""Controls: the options of a put that are kept with the call, in their stored form.

A call without any stores nothing.  Each has a file of its own, which says what can be given and how
it is stored; ``PartialFields`` answers what a call has.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from zcasync.job.time_limits import HARD, SOFT
from zcasync.queues.priority import stored_priority
from zcasync.queues.quota_option import stored_quota
from zcasync.queues.time_limits import require_ladder, stored_hard, stored_soft

#: By the name of the option: what makes the stored value of what is given, None: nothing to store.
#: Raises TypeError and ValueError, naming the option.
CONTROLS: dict[str, Callable[[Any], Any]] = {
    "priority": stored_priority,
    "quota": stored_quota,
    SOFT: stored_soft,
    HARD: stored_hard,
}
#: What must be right of all that a call has, in the stored form.  Each raises ValueError.
CHECKS: tuple[Callable[[Mapping[str, Any]], None], ...] = (require_ladder,)


def stored_controls(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the stored form of these options, by name.  Raises TypeError and ValueError."""
    found = {name: CONTROLS[name](value) for name, value in given.items()}
    kept = {name: value for name, value in found.items() if value is not None}
    for check in CHECKS:
        check(kept)
    return kept
