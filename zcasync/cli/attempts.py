"""Failed attempts, as ``zcasync job`` prints them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from zcasync.reports.remarks import why


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
        if one.get("rule"):
            print_line(f"    {cut(one['rule'])}")
