"""Work on many jobs: those that are named or selected, in commits of some hundreds, with a bar."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from zcasync.cli.errors import EXIT_AWAY, Refusal

if TYPE_CHECKING:
    from zcasync.cli.session import Session
    from zcasync.control.jobs import Job, Verdicts

    #: ``work(connection, data manager, jobs)`` does it in the present transaction.
    Work = Callable[[Any, Any, Collection[Job]], Verdicts]

#: So many jobs are done with one commit; fewer where it conflicts.
PIECE = 500
#: The tries of a commit before its jobs are divided, and of one for a single job.
TRIES, LAST_TRIES = 2, 8


def run(session: Session, jobs: list[Job], work: Work, verb: str, *, dry_run: bool) -> Verdicts:
    """Do the work for all jobs, in pieces; return what has become of each.

    Raises Refusal, with what was done before, where the database goes away.
    """
    from ZODB.POSException import ConflictError

    from zcasync.database.errors import is_storage_lost
    from zcasync.errors import StorageAway

    found: Verdicts = {}
    rest, size = deque(jobs), PIECE
    with bar(verb, len(jobs)) as told:
        while rest:
            piece = [rest.popleft() for _ in range(min(size, len(rest)))]
            try:
                found |= _do(session, piece, work, dry_run=dry_run)
            except ConflictError:
                if len(piece) == 1:
                    found[piece[0]] = "other processes change it all the time"
                rest.extendleft(reversed(piece) if len(piece) > 1 else ())
                size = max(1, len(piece) // 4)
            except Exception as error:
                if not (found and (isinstance(error, StorageAway) or is_storage_lost(error))):
                    raise
                done = sum(not why for why in found.values())
                raise Refusal(f"{error}; {done:,} of {len(jobs):,} are done", EXIT_AWAY) from error
            else:
                size = min(PIECE, 2 * size)
            told(len(found))
    return found


def _do(session: Session, piece: list[Job], work: Work, *, dry_run: bool) -> Verdicts:
    """Do the work for a few jobs, and commit, or abort where that is wanted."""
    from zcasync.database.receipts import are_signed, sign
    from zcasync.reports.walk import load

    def change(connection: Any, manager: Any) -> tuple[Verdicts, Any]:
        if connection is not None:
            connection.cacheGC()
            load(connection, [oid for name, oid in piece if not name])
        return work(connection, manager, piece), () if dry_run else sign(connection)

    def try_out(connection: Any, manager: Any) -> Verdicts:
        try:
            return change(connection, manager)[0]
        finally:
            if connection is not None:
                connection.transaction_manager.abort()

    if dry_run:
        return session.do(try_out)
    tries = LAST_TRIES if len(piece) == 1 else TRIES
    verdicts, _ = session.change(
        change, lambda connection, _, made: are_signed(connection, made[1]), tries
    )
    return verdicts


@contextmanager
def bar(verb: str, total: int) -> Iterator[Callable[[int], None]]:
    """Provide a function that is told how many are done; a terminal shows a bar."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    console = Console(file=sys.stderr)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as progress:
        task = progress.add_task(verb, total=total)
        yield lambda done: progress.update(task, completed=done)
