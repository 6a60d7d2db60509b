"""Orders: which jobs a command is to work on, and what it answers has become of them."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import click

from zcasync.cli import bulk
from zcasync.cli.ending import Ending
from zcasync.cli.errors import EXIT_NO, Refusal
from zcasync.cli.options import common_options
from zcasync.cli.selection import selection_options

if TYPE_CHECKING:
    from zcasync.cli.session import Session
    from zcasync.control.jobs import Job, Verdicts
    from zcasync.reports.selection import Selection

#: So many jobs are named one by one, where people read it.
MOST_NAMED = 20


def order_options(work: Callable[[Order], int]) -> Callable[..., int]:
    """Make a command of what carries out an order: with ids, filters and ``--dry-run``."""

    @functools.wraps(work)
    def carried_out(
        ids: tuple[str, ...],
        selection: Selection,
        limit: int | None,
        dry_run: bool,
        home: str | None,
        timeout: float,
        as_json: bool,
    ) -> int:
        return work(Order(Wanted(ids, selection, limit), home, timeout, dry_run, as_json))

    command: Callable[..., int] = common_options(carried_out)
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


@dataclass(frozen=True)
class Order:
    """What a command is to do many times: with which jobs, where, and how it is to answer."""

    wanted: Wanted
    home: str | None
    timeout: float
    dry_run: bool
    as_json: bool

    def among(self, *states: str) -> Order:
        """Return the same for jobs in these states.  Raises UsageError where none are wanted."""
        selection = replace(self.wanted.selection, among=frozenset(states))
        self.wanted.require()
        return replace(self, wanted=replace(self.wanted, selection=selection))

    def carry_out(self, work: bulk.Work, verb: str, past: str) -> int:
        """Do the work for each job, say what has become of them, and return the exit code."""
        from zcasync.cli.session import reading, writing
        from zcasync.instance.home import Home

        with (reading if self.dry_run else writing)(Home.find(self.home), self.timeout) as session:
            found = bulk.run(session, self.wanted.find(session), work, verb, dry_run=self.dry_run)
        return self.report(found, past)

    def report(self, found: Verdicts, past: str) -> int:
        """Print what has become of the jobs; return the exit code.  ``past``: ``retried``."""
        return report(found, past, dry_run=self.dry_run, as_json=self.as_json)


def report(found: Verdicts, past: str, *, dry_run: bool, as_json: bool) -> int:
    """Print what has become of the jobs; return the exit code.  ``past``: ``retried``.

    Raises Refusal where it was one job, and that is left as it is.
    """
    from zcasync.cli.output import print_json, print_line
    from zcasync.control.jobs import text_of

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
