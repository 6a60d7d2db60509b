"""Work on many jobs: those that are named or selected, in commits of some hundreds, with a bar."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

import click

from zcasync.cli.ending import Ending
from zcasync.cli.errors import EXIT_AWAY, EXIT_NO, Refusal
from zcasync.cli.options import common_options
from zcasync.cli.remedies import LIST_JOBS
from zcasync.cli.selection import selection_options

if TYPE_CHECKING:
    from zcasync.cli.session import Session
    from zcasync.reports.selection import Selection

F = TypeVar("F", bound=Callable[..., Any])

#: A database's name, '' for that of the data manager, and an oid.
Job = tuple[str, bytes]
#: What has become of each job: '' where it is done, else why it cannot be.
Verdicts = dict[Job, str]
#: ``work(connection, data manager, jobs)`` does it in the present transaction.
Work = Callable[[Any, Any, Collection[Job]], Verdicts]

#: So many jobs are done with one commit; fewer where it conflicts.
PIECE = 500
#: The tries of a commit before its jobs are divided, and of one for a single job.
TRIES, LAST_TRIES = 2, 8
#: So many jobs are named one by one, where people read it.
MOST_NAMED = 20


def bulk_options(command: F) -> F:
    """Add what names jobs, one by one or by filters, and ``--dry-run``."""
    command = common_options(command)
    command = click.option("--dry-run", is_flag=True, help="Change nothing; say what would be.")(
        command
    )
    command = click.option(
        "--limit", type=click.IntRange(min=1), metavar="N", help="Only so many of those selected."
    )(command)
    command = selection_options(command)
    return click.argument("ids", nargs=-1, metavar="[ID]...")(command)


@dataclass(frozen=True)
class Wanted:
    """The jobs that are named, or else selected."""

    ids: tuple[str, ...]
    selection: Selection
    limit: int | None = None
    kept: list[Any] = field(default_factory=list)

    def require(self) -> None:
        """Raise UsageError unless jobs are either named or selected."""
        problem = None
        if self.ids and not (self.selection.is_everything and self.limit is None):
            problem = "name jobs by their ids or select them by filters, not both"
        elif not self.ids and self.selection.is_everything:
            problem = "name jobs by their ids, or select some, such as with --failed or --call"
        if problem is not None:
            raise click.UsageError(problem, click.get_current_context())

    def find(self, session: Session) -> list[Job]:
        """Return the jobs.  Raises UsageError for what is no id."""
        from zcasync.cli.patience import Progress, see_through
        from zcasync.job.ids import parse

        try:
            named = [parse(one) for one in self.ids]
        except ValueError as error:
            raise click.UsageError(str(error), click.get_current_context()) from error
        if named:
            return list(dict.fromkeys(named))
        session.do(lambda connection, manager: None)  # the timeout is for this
        progress = Progress()
        return see_through(session, session.begin(lambda _, dm: self._walk(dm, progress)), progress)

    def _walk(self, manager: Any, progress: Any) -> list[Job]:
        from zcasync.reports.job import release
        from zcasync.reports.walk import walk

        found: dict[Job, Any] = {}
        for partial in () if manager is None else walk(manager, self.selection):
            found["", partial._p_oid] = partial
            release(partial)
            progress.told("selected", len(found))
            if len(found) == self.limit:
                break
        # Without their states; an object that is not kept has to be loaded to be made once more.
        self.kept.extend(found.values())
        return list(found)


def run(session: Session, jobs: list[Job], work: Work, verb: str, *, dry_run: bool) -> Verdicts:
    """Do the work for all jobs, in pieces; return what has become of each.

    Raises Refusal, with what was done before, where the database goes away.
    """
    from ZODB.POSException import ConflictError

    from zcasync.database.errors import is_storage_lost
    from zcasync.errors import StorageAway

    found: Verdicts = {}
    rest, size = deque(jobs), PIECE
    with _bar(verb, len(jobs)) as told:
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
def _bar(verb: str, total: int) -> Iterator[Callable[[int], None]]:
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


def find_job(connection: Any, job: Job) -> Any:
    """Return the partial.  Raises Refusal where there is none."""
    from ZODB.POSException import POSKeyError

    from zcasync.job.ids import hex_oid
    from zcasync.reports.job import looks_like_job

    name, oid = job
    obj = None
    if connection is not None and (not name or name in connection.db().databases):
        here = connection.get_connection(name) if name else connection
        try:
            obj = here.get(oid)
        except POSKeyError:
            obj = None
    if not looks_like_job(obj):
        raise Refusal(f"there is no job {hex_oid(oid)} in this database", remedy=LIST_JOBS)
    return obj


def text_of(job: Job) -> str:
    """Return the id as people write it."""
    from zcasync.job.ids import hex_oid

    name, oid = job
    return f"{name}:{hex_oid(oid)}" if name else hex_oid(oid)


def report(found: Verdicts, past: str, *, dry_run: bool, as_json: bool) -> int:
    """Print what has become of the jobs; return the exit code.  ``past``: ``retried``.

    Raises Refusal where it was one job, and that is left as it is.
    """
    from zcasync.cli.output import print_json, print_line

    done = [text_of(job) for job, why in found.items() if not why]
    refused = [{"id": text_of(job), "reason": why} for job, why in found.items() if why]
    if as_json:
        document = {past: done, "refused": refused, "dry_run": dry_run}
        print_json(document | (_refusal(refused, past).as_dict() if refused else {}))
    elif refused and len(found) == 1:
        raise Refusal(f"job {refused[0]['id']} is not {past}: {refused[0]['reason']}")
    else:
        print_line(_summary(done, past, dry_run))
        for one in refused[:MOST_NAMED]:
            print_line(f"{one['id']} is not {past}: {one['reason']}")
        if len(refused) > MOST_NAMED:
            print_line(f"and {len(refused) - MOST_NAMED:,} more; --json names all")
    return EXIT_NO if refused else 0


def _refusal(refused: list[dict[str, str]], past: str) -> Ending:
    """Return the failure of a command that has left some jobs as they are."""
    first = refused[0]
    text = f"job {first['id']} is not {past}: {first['reason']}"
    more = len(refused) - 1
    return Ending(EXIT_NO, "Refusal", f"{text}; and {more:,} more" if more else text)


def _summary(done: list[str], past: str, dry_run: bool) -> str:
    would = "would be" if dry_run else ("is" if len(done) == 1 else "are")
    if len(done) == 1:
        return f"job {done[0]} {would} {past}"
    named = "" if not done or len(done) > MOST_NAMED else f": {', '.join(done)}"
    return f"{len(done):,} jobs {would} {past}{named}"
