"""Field types of schedules and their agenda: see :mod:`zcasync.job.field_types`."""

from __future__ import annotations

from typing import Any

from BTrees.OOBTree import OOBTree

from zcasync.job.acts import are_acts
from zcasync.job.field_types import (
    ALL,
    Check,
    is_bool,
    is_count,
    is_duration,
    is_moment,
    is_text,
    needs,
    one_of,
    optional,
)


def _are_runs(value: Any) -> bool:
    return type(value) is tuple and all(map(_is_run, value))


def _is_run(value: Any) -> bool:
    """Return whether these are the moment of a tick and the oid of its job."""
    if type(value) is not tuple or len(value) != 2:
        return False
    return is_moment(value[0]) and type(value[1]) is bytes and len(value[1]) == 8


def _has_timing(state: dict[str, Any]) -> bool:
    is_whole = needs("__name__", "_call", "_queue", "_zone", "_catch_up", "_overlap", "_limit")
    every = state.get("_every")
    is_timed = state.get("_cron") is not None or (every is not None and every > 0)
    return is_whole(state) and is_timed


SCHEDULE: dict[str, Check] = {
    **dict.fromkeys(("__name__", "_queue", "_zone", "_catch_up", "_overlap"), is_text),
    **dict.fromkeys(("_cron", "_source"), optional(is_text)),
    **dict.fromkeys(("_every", "_by"), optional(is_duration)),
    **dict.fromkeys(("_limit", "_skipped"), is_count),
    "_jitter": is_duration,
    **dict.fromkeys(("_anchor", "_next", "_last"), optional(is_moment)),
    "_paused": is_bool,
    "_runs": _are_runs,
    "acts": are_acts,
    "_call": one_of(dict),
    ALL: _has_timing,
}
AGENDA: dict[str, Check] = {
    **dict.fromkeys(("_by_name", "_moments"), one_of(OOBTree)),
    "_changes": is_count,
    ALL: needs("_by_name", "_moments"),
}
