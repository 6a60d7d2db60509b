"""``zcasync retry``: jobs that are over run once more."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any

import click

from zcasync.cli import bulk
from zcasync.cli.options import examples
from zcasync.cli.orders import Order, order_options


@click.command(
    "retry",
    short_help="Run jobs again that are over.",
    epilog=examples(
        "zcasync retry 0x1a2b",
        "zcasync retry --failed --since 2h --call mail.send --dry-run",
        "zcasync retry --failed --since 2h --call mail.send",
    ),
)
@order_options
def command(order: Order) -> int:
    """Let jobs that are over wait in their queues again, with fresh attempts.

    They run as they were put, and so do their callbacks; what went wrong stays in their history.
    Filters select what failed or was cancelled; with --state completed also what succeeded.  Exit
    code 1 where some cannot be retried; they are named.
    """
    from zcasync.interfaces import COMPLETED

    selection = order.wanted.selection
    kinds = (selection.failed, selection.cancelled, selection.waiting, selection.state)
    if not (selection.is_everything or any(kinds)):
        selection = replace(selection, failed=True, cancelled=True)
    order = replace(order, wanted=replace(order.wanted, selection=selection))
    return order.among(COMPLETED).carry_out(_retry, "retrying", "retried")


def _retry(connection: Any, manager: Any, jobs: Collection[bulk.Job]) -> bulk.Verdicts:
    found, going_on = bulk.by_queue(connection, jobs, _why_not)
    for queue, partials in going_on.items():
        queue.put_again(partials)
    return found


def _why_not(partial: Any) -> str | None:
    from zcasync.job.again import require_over
    from zcasync.job.broken import broken

    why = broken(partial)
    if why is None and partial.aside is not None and not partial.has_result:
        return f"set aside, and runs by itself where its code is there: {partial.aside.text}"
    if why is None:
        require_over(partial)
    return why
