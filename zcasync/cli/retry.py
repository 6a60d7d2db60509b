"""``zcasync retry``: jobs that are over run once more."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from zcasync.cli import bulk
from zcasync.cli.options import examples

if TYPE_CHECKING:
    from zcasync.reports.selection import Selection


@click.command(
    "retry",
    short_help="Run jobs again that are over.",
    epilog=examples(
        "zcasync retry 0x1a2b",
        "zcasync retry --failed --since 2h --call mail.send --dry-run",
        "zcasync retry --failed --since 2h --call mail.send",
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
    """Let jobs that are over wait in their queues again, with fresh attempts.

    They run as they were put, and so do their callbacks; what went wrong stays in their history.
    Filters select what failed or was cancelled; with --state completed also what succeeded.  Exit
    code 1 where some cannot be retried; they are named.
    """
    from zcasync.cli.session import reading, writing
    from zcasync.instance.home import Home
    from zcasync.interfaces import COMPLETED

    kinds = (selection.failed, selection.cancelled, selection.waiting, selection.state)
    if not (selection.is_everything or any(kinds)):
        selection = replace(selection, failed=True, cancelled=True)
    wanted = bulk.Wanted(ids, replace(selection, among=frozenset({COMPLETED})), limit)
    wanted.require()
    with (reading if dry_run else writing)(Home.find(home), timeout) as session:
        jobs = wanted.find(session)
        found = bulk.run(session, jobs, _retry, "retrying", dry_run=dry_run)
    return bulk.report(found, "retried", dry_run=dry_run, as_json=as_json)


def _retry(connection: Any, manager: Any, jobs: Collection[bulk.Job]) -> bulk.Verdicts:
    from zcasync.cli.errors import Refusal
    from zcasync.errors import BadStateError
    from zcasync.job.again import require_over
    from zcasync.job.broken import broken

    found: bulk.Verdicts = {}
    by_queue: dict[Any, list[Any]] = {}
    for job in jobs:
        try:
            partial = bulk.find_job(connection, job)
            found[job] = broken(partial) or ""
            if not found[job]:
                require_over(partial)
                by_queue.setdefault(partial.queue, []).append(partial)
        except (Refusal, BadStateError) as why:
            found[job] = str(why)
    for queue, partials in by_queue.items():
        queue.put_again(partials)
    return found
