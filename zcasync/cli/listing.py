"""``zcasync jobs``: a listing of jobs, with the reason beside every one that does not start."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, TypeVar

import click

from zcasync.cli.options import common_options, examples, limit_option
from zcasync.cli.selection import selection_options
from zcasync.reports import running
from zcasync.reports.remarks import call_text, remark, state_text, when

T = TypeVar("T")

#: As ``reports.listing.ORDERS``, which is not loaded for the help.
ORDERS = ("due", "started", "ended", "attempts", "call")
#: From this width on there is room for the column of the queue.
ROOM_FOR_QUEUE = 100
#: Whoever waits is told each so many jobs that are looked at.
STEP = 1000


@click.command(
    short_help="List jobs.",
    epilog=examples(
        "zcasync jobs",
        "zcasync jobs --failed --since 2h",
        "zcasync jobs --waiting --call charge",
        "zcasync jobs --state completed --limit 5",
        "zcasync jobs --queue thread --sort attempts --json",
    ),
)
@selection_options
@click.option(
    "--sort",
    type=click.Choice(ORDERS),
    help="All that fit, in this order: due first, or started or ended last, or attempted most, or "
    "by the name of the call.",
)
@limit_option
@common_options
def jobs(
    selection: Any,
    sort: str | None,
    limit: int,
    home: str | None,
    timeout: float,
    as_json: bool,
) -> None:
    """List jobs: what is claimed, what waits (next to run first), what ended (newest first).

    STATE is reserved for a job that a worker has claimed and not begun.  REMARK says why one does
    not start, what it waits for, how it has failed.  --call, --since, --waiting and --sort may have
    to look at every job there is; on a terminal the number is shown meanwhile.
    """
    from zcasync.cli.output import print_json
    from zcasync.cli.session import reading
    from zcasync.instance.home import Home
    from zcasync.reports.job import describe, summary
    from zcasync.reports.listing import in_order, listing
    from zcasync.reports.reasons import with_reason
    from zcasync.reports.workers import SupervisorProbe

    place = Home.find(home)
    supervisor = SupervisorProbe(place, running.ASK_SECONDS)

    def look(connection: Any, manager: Any) -> list[dict[str, Any]]:
        form = with_reason(manager, supervisor, describe if as_json else summary)
        if sort is None:
            return listing(manager, selection, limit, form, seen)
        return in_order(manager, selection, limit, form, sort, seen)

    with reading(place, timeout) as session, Looking() as seen:
        found = seen.wait(session, look, timeout)
    running.add(found, supervisor)
    if as_json:
        print_json({"jobs": found})
    else:
        _print_jobs(found, limit)


class Looking:
    """The number of the jobs that were looked at, on a terminal, while that takes long."""

    def __init__(self) -> None:
        self._count = 0
        self._file = sys.stderr
        self._is_shown = self._file.isatty()

    def __call__(self) -> None:
        self._count += 1
        if self._is_shown and self._count % STEP == 0:
            self._file.write(f"\r{self._count:,} jobs looked at")
            self._file.flush()

    def wait(self, session: Any, look: Callable[..., T], timeout: float) -> T:
        """Return what ``look`` returns, however many jobs it looks at.

        Raises StorageAway when none was looked at for ``timeout`` seconds.
        """
        from concurrent.futures import wait

        from zcasync.errors import StorageAway

        before, answer = -1, session.begin(look)
        while not wait([answer], timeout).done:
            if self._count == before:
                session.leave()
                raise StorageAway(f"the database did not answer within {timeout:g} s")
            before = self._count
        return answer.result()  # type: ignore[no-any-return]

    def __enter__(self) -> Looking:
        return self

    def __exit__(self, *raised: object) -> None:
        if self._is_shown and self._count >= STEP:
            self._file.write("\r" + " " * 40 + "\r")
            self._file.flush()


def _print_jobs(found: list[dict[str, Any]], limit: int) -> None:
    from zcasync.cli.output import print_line, print_table, width

    if not found:
        print_line("no jobs")
        return
    columns = ["ID", "STATE", "QUEUE", "WHEN", "CALL", "REMARK"]
    rows = [_row(one) for one in found]
    if width() < ROOM_FOR_QUEUE and all(one.get("queue") == "thread" for one in found):
        columns.remove("QUEUE")
        rows = [(*row[:2], *row[3:]) for row in rows]
    print_table(columns, rows, fold=("CALL", "REMARK"))
    if len(found) == limit:
        print_line(f"The first {limit}; --limit shows more.")


def _row(one: dict[str, Any]) -> tuple[Any, ...]:
    return one["id"], state_text(one), one.get("queue"), when(one), call_text(one), remark(one)
