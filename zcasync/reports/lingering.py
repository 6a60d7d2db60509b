"""Children that are not done with a job that has ended: something around its call hangs."""

from __future__ import annotations

from typing import Any

from zcasync.interfaces import COMPLETED
from zcasync.job.ids import look_up
from zcasync.reports.fields import Fields

#: A child may take so long for what is left to do behind the commit of a job, microseconds.
PATIENCE = 5_000_000
NOTE = (
    "its job has ended, and what the application has around calls has not: no other job begins here"
)


def noted(children: list[dict[str, Any]], connection: Any, moment: int) -> list[dict[str, Any]]:
    """Return children, with a note on those that are not done with a job that has ended.

    ``moment``: when their supervisor was asked about them, microseconds, by the clock of the
    machine that it shares with them.
    """
    return [
        {**one, "note": one["note"] or (NOTE if _lingers(one, connection, moment) else None)}
        for one in children
    ]


def _lingers(child: dict[str, Any], connection: Any, moment: int) -> bool:
    if child["state"] != "busy" or not child["job"]:
        return False
    try:
        fields = Fields(look_up(connection, child["job"]))
    except LookupError:
        return False
    if fields.problem is not None or fields["_state"] != COMPLETED or fields["has_callbacks"]:
        return False  # callbacks run in the child once their job has ended
    ended = fields["_ended"]
    return ended is not None and moment - ended >= PATIENCE
