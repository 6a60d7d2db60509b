"""``zcasync retry``: jobs that are over run once more."""

from __future__ import annotations

import os
from dataclasses import replace
from functools import partial

import click

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
    from zcasync.control import again
    from zcasync.interfaces import COMPLETED
    from zcasync.protocol.actor import actor_name, claimed_name

    selection = order.wanted.selection
    kinds = (selection.failed, selection.cancelled, selection.waiting, selection.state)
    if not (selection.is_everything or any(kinds)):
        selection = replace(selection, failed=True, cancelled=True)
    order = replace(order, wanted=replace(order.wanted, selection=selection))
    who = actor_name(os.geteuid(), claimed_name())
    work = partial(again.retry, who=who)
    return order.among(COMPLETED).carry_out(work, "retrying", "retried")
