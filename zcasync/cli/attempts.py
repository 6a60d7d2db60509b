"""Failed attempts in words: those before the present one, and the wait for the next."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

#: The type of an attempt whose process has died.
INTERRUPTED = "zcasync.errors.AbortedError"


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


def remark(found: dict[str, Any]) -> str:
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
    day = "" if moment.date() == now.date() else f"{moment:%Y-%m-%d} "
    return f"retries at {day}{moment:%H:%M:%S} after {_kind(history[-1])}"


def print_attempts(found: dict[str, Any]) -> None:
    """Print the failed attempts that another one has followed or will.

    While that is not over the traceback of the last one follows.
    """
    from zcasync.cli.output import print_line
    from zcasync.text import cut

    history = found["attempts_history"]
    if not history:
        return
    print_line("Earlier attempts" if found["state"] != "pending" else "Failed attempts")
    for one in history:
        moment = datetime.fromisoformat(one["time"]).astimezone(UTC)
        worker = f" by worker {one['worker']}" if one["worker"] else ""
        print_line(f"  {moment:%Y-%m-%d %H:%M:%S} UTC{worker}")
        print_line(f"    {cut(why(one))}")
