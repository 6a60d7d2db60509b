"""The transactions of a job in words: what it has committed, and when."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any


def print_transactions(found: dict[str, Any]) -> None:
    """Print what a job has committed, the oldest first, as far as that is known."""
    from zcasync.cli.output import print_line
    from zcasync.text import cut

    if not found["transactions"]:
        return
    print_line("Committed transactions")
    for one in found["transactions"]:
        moment = datetime.fromisoformat(one["time"]).astimezone(UTC)
        print_line(
            f"  {one['tid']}  {moment:%Y-%m-%d %H:%M:%S} UTC  attempt {one['attempt']}  "
            f"in {one['database']}"
        )
        print_line(f"    {cut(_about(one))}")
    if found["transactions_unlisted"]:
        print_line(f"  and {found['transactions_unlisted']} that it made on its way before")


def _about(transaction: dict[str, Any]) -> str:
    if transaction["description"] is None:
        return "on its way"
    user = f", by {transaction['user']}" if transaction["user"] else ""
    return f"{transaction['description']}{user}"
