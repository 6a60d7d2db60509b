"""``zcasync discard``: jobs that wait, are set aside or are over go for good."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

import click

from zcasync.cli.options import examples
from zcasync.cli.orders import Order, order_options

if TYPE_CHECKING:
    from zcasync.control.jobs import Job, Verdicts

NOT_SET_ASIDE = (
    "it cannot be loaded, and no worker has set it aside yet: try again when one has come to it"
)


@click.command(
    "discard",
    short_help="Remove jobs that do not run, for good.",
    epilog=examples(
        "zcasync discard 0x1a2b",
        "zcasync discard --failed --call report.draw --dry-run",
        "zcasync discard --failed --call report.draw",
    ),
)
@order_options
def command(order: Order) -> int:
    """Remove jobs that wait, that are set aside, or that are over, from all lists.

    They never run, their callbacks do not either, and nothing can retry them.  One that cannot be
    loaded goes too, by its ID.  Running jobs have to be cancelled first.  Exit code 1 where some
    cannot be discarded; they are named.
    """
    from zcasync.interfaces import COMPLETED, PENDING

    return order.among(PENDING, COMPLETED).carry_out(discard, "discarding", "discarded")


def discard(connection: Any, manager: Any, jobs: Collection[Job]) -> Verdicts:
    """Discard jobs in the present transaction; return what has become of each."""
    from zcasync.control.jobs import by_queue
    from zcasync.job.broken import broken
    from zcasync.queues.discard import discard_unreadable, require_discardable

    def judge(partial: Any) -> str | None:
        if broken(partial) is not None:
            return "" if discard_unreadable(manager, partial._p_oid) else NOT_SET_ASIDE
        require_discardable(partial)
        return None

    found, going_on = by_queue(connection, jobs, judge)
    for queue, partials in going_on.items():
        queue.discard(partials)
    return found
