"""Remarks: what is told of a job in a line or a word, from the data of a listing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from zcasync.reports import running
from zcasync.text import ago, cut

#: A time of day that is nearer than this needs no date, at midnight either.
SAME_DAY = timedelta(hours=12)
#: The type of an attempt whose process has died.
INTERRUPTED = "zcasync.errors.AbortedError"


def call_text(one: dict[str, Any]) -> str | None:
    """Return the call in the words of people, else the name of its callable."""
    return one.get("call") or one.get("callable")


def state_text(one: dict[str, Any]) -> str | None:
    """Return the state, ``reserved`` for a job that is claimed and has not begun."""
    return "reserved" if one.get("reserved") else one.get("state")


def when(one: dict[str, Any]) -> str | None:
    """Return since when a job is in its state, or until when it waits: ``due 5 min ago``."""
    state = one.get("state")
    if state == "pending":
        return f"due {ago(one['begin_after'])}"
    if state == "active":
        begun = one["started"]
        return f"begun {ago(begun)}" if begun else "at work" if one.get("process") else "claimed"
    if state is None:
        return None
    return f"ended {ago(one['ended'])}" if one["ended"] else "ended"


def remark(one: dict[str, Any]) -> str:
    """Return in a few words why a job does not start, how far it is, or how it has failed.

    Its priority is in front, where it has one and has not begun.
    """
    told, priority = _remark(one), one.get("priority")
    if not priority or not (one.get("state") == "pending" or one.get("reserved")):
        return told
    return "; ".join(filter(None, (f"priority {priority}", told)))


def _remark(one: dict[str, Any]) -> str:
    again = of_attempts(one)
    if one.get("reserved"):
        ahead = one.get("ahead")
        reserved = f"behind {ahead} more" if ahead else "begins next"
        return f"{reserved}; {again}" if again else reserved
    waits = running.wait_text(one.get("wait"))
    found = one["problem"] or one.get("ending") or (waits and f"waits for {waits}")
    found = found or running.text(one.get("progress")) or again
    found = found or running.limits_text(one.get("limits"))
    return cut(found or one.get("reason") or "")


def why(attempt: dict[str, Any]) -> str:
    """Return the exception of a failed attempt, or its interruption, in one line."""
    if attempt["type"] == INTERRUPTED:  # its message says all
        return str(attempt["message"])
    return f"{_kind(attempt)}: {attempt['message']}"


def _kind(attempt: dict[str, Any]) -> str:
    """Return what a failed attempt ended with, in a word or two: a listing has room for no more."""
    if attempt["type"] == INTERRUPTED:
        return "an interruption"
    kind: str = attempt["type"].removeprefix("builtins.").removeprefix("zcasync.errors.")
    return kind


def of_attempts(found: dict[str, Any]) -> str:
    """Return the remark of a listing on a job that was attempted before; '' for another.

    ``found``: the job as data.
    """
    history = found.get("attempts_history")
    if not history or found["state"] not in ("pending", "active"):
        return ""
    if found["state"] == "active":
        number = found["attempts"] + (found["started"] is None)
        return f"attempt {number}, after {_kind(history[-1])}"
    moment = datetime.fromisoformat(found["begin_after"]).astimezone(UTC)
    now = datetime.now(UTC)
    if moment <= now:
        return f"retries as soon as it can, after {_kind(history[-1])}"
    day = "" if moment - now < SAME_DAY else f"{moment:%Y-%m-%d} "
    return f"retries at {day}{moment:%H:%M:%S} after {_kind(history[-1])}"
