"""``zcasync discard``: jobs that wait, are set aside or are over go for good."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from zcasync.cli import bulk
from zcasync.cli.options import examples

if TYPE_CHECKING:
    from zcasync.reports.selection import Selection

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
@bulk.bulk_options
def command(
    ids: tuple[str, ...],
    selection: Selection,
    limit: int | None,
    dry_run: bool,
    home: str | None,
    timeout: float,
    as_json: bool,
) -> int:
    """Remove jobs that wait, that are set aside, or that are over, from all lists.

    They never run, their callbacks do not either, and nothing can retry them.  One that cannot be
    loaded goes too, by its ID.  Running jobs have to be cancelled first.  Exit code 1 where some
    cannot be discarded; they are named.
    """
    from zcasync.cli.session import reading, writing
    from zcasync.instance.home import Home
    from zcasync.interfaces import COMPLETED, PENDING

    among = frozenset({PENDING, COMPLETED})
    wanted = bulk.Wanted(ids, replace(selection, among=among), limit)
    wanted.require()
    with (reading if dry_run else writing)(Home.find(home), timeout) as session:
        jobs = wanted.find(session)
        found = bulk.run(session, jobs, _discard, "discarding", dry_run=dry_run)
    return bulk.report(found, "discarded", dry_run=dry_run, as_json=as_json)


def _discard(connection: Any, manager: Any, jobs: Collection[bulk.Job]) -> bulk.Verdicts:
    from zcasync.cli.errors import Refusal
    from zcasync.errors import BadStateError
    from zcasync.job.broken import broken
    from zcasync.queues.discard import discard_unreadable, require_discardable

    found: bulk.Verdicts = {}
    by_queue: dict[Any, list[Any]] = {}
    for job in jobs:
        try:
            partial = bulk.find_job(connection, job)
            found[job] = ""
            if broken(partial) is None:
                require_discardable(partial)
                by_queue.setdefault(partial.queue, []).append(partial)
            elif not discard_unreadable(manager, partial._p_oid):
                found[job] = NOT_SET_ASIDE
        except (Refusal, BadStateError) as why:
            found[job] = str(why)
    for queue, partials in by_queue.items():
        queue.discard(partials)
    return found
