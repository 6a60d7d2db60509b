"""``zcasync check --deep``: the walk through a home's database, the findings, their repair."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from zcasync.cli.patience import Progress, see_through

if TYPE_CHECKING:
    from zcasync.audit.finding import Finding
    from zcasync.audit.inspection import Report
    from zcasync.cli.session import Session
    from zcasync.instance.home import Home

#: The number of tries of a repair where other commits were first.
REPAIR_TRIES = 20


@dataclass
class Walk:
    """One walk through the database; ``report`` None: nothing was ever stored there."""

    report: Report | None
    seconds: float = 0.0
    #: The findings that were set right.
    repaired: set[Finding] = field(default_factory=set)

    @property
    def findings(self) -> list[Finding]:
        """The findings; those that were set right too."""
        return [] if self.report is None else self.report.findings

    def as_dict(self) -> dict[str, Any]:
        """Return the walk as ``check --deep --json`` has it."""
        report = self.report
        found = [{**one.as_dict(), "repaired": one in self.repaired} for one in self.findings]
        return {
            "findings": found,
            "jobs": 0 if report is None else report.jobs,
            "records": 0 if report is None else report.records,
            "seconds": self.seconds,
        }


def walk(home: Home, timeout: float, repairs: bool) -> Walk:
    """Walk through the database of a home; set right what can be, with ``repairs``.

    ``timeout`` is for reaching the database.  Raises what opening it raises.
    """
    from zcasync.audit.inspection import inspect

    began = time.monotonic()
    with _session(home, timeout, repairs) as session:
        session.do(lambda connection, manager: None)
        progress = Progress()

        def look(connection: Any, manager: Any) -> Report | None:
            return None if manager is None else inspect(connection, manager, progress.told)

        done = Walk(see_through(session, session.begin(look), progress))
        for finding in done.findings if repairs else ():
            if _repair(session, finding, progress):
                done.repaired.add(finding)
    done.seconds = time.monotonic() - began
    return done


@contextmanager
def _session(home: Home, timeout: float, writes: bool) -> Iterator[Session]:
    """Provide a session; with ``writes`` with the database's server or, without one, its file."""
    from zcasync.cli.opening import open_file_to_write
    from zcasync.cli.session import Session, reading, writing
    from zcasync.database.client import is_served
    from zcasync.instance.own_files import closed_umask
    from zcasync.instance.settings import load

    has_server = not load(home).is_embedded or is_served(home)
    if writes and not has_server and home.data_fs.exists():
        with closed_umask():  # its lock and its index may be new files
            session = Session(home, timeout, lambda home, _: open_file_to_write(home))
            try:
                yield session
            finally:
                session.close()
    else:
        with (writing if writes and has_server else reading)(home, timeout) as session:
            yield session


def _repair(session: Session, finding: Finding, progress: Progress) -> bool:
    """Set one finding right, in its own transaction; False where that is not possible any more."""
    from ZODB.POSException import ConflictError

    from zcasync.audit.repair import repair

    def attempt(connection: Any, manager: Any) -> bool:
        is_done = repair(connection, manager, finding)
        connection.transaction_manager.commit()
        return is_done

    for _ in range(REPAIR_TRIES):
        try:
            return see_through(session, session.begin(attempt), progress)
        except ConflictError:
            continue  # it is looked at again
    return False


def print_walk(done: Walk | None) -> None:
    """Print the findings as a table, and what was looked at; None: nothing was."""
    from zcasync.cli.output import print_line, print_table

    if done is None:
        print_line("The database was not looked at: solve these first.")
        return
    if done.findings:
        columns = ("KIND", "ID", "PROBLEM", "REPAIR")
        rows = [(one.kind, one.id, one.problem, _remedy(one, done)) for one in done.findings]
        print_table(columns, rows, fold=("PROBLEM", "REPAIR"))
        print_line()
    print_line(_summary(done))


def _remedy(finding: Finding, done: Walk) -> str | None:
    if finding in done.repaired:
        assert finding.remedy is not None
        return f"done: {finding.remedy.value}"
    return finding.advice if finding.remedy is None else finding.remedy.value


def _summary(done: Walk) -> str:
    report = done.report
    if report is None:
        return "The database has no data manager yet: nothing to walk through."
    among = "" if report.records is None else f" among {report.records:,} records"
    jobs = "1 job" if report.jobs == 1 else f"{report.jobs:,} jobs"
    seen = f"{jobs}{among} in {done.seconds:.1f} s"
    if report.records is None:
        seen += " (this storage cannot list its records: what nothing leads to was not seen)"
    if not done.findings:
        return f"{seen}: each is in its place, and the counts are right."
    count, repaired = len(done.findings), len(done.repaired)
    left = count - repaired
    how = f", {repaired} set right, {left} left" if repaired else ""
    can = any(one.remedy is not None and one not in done.repaired for one in done.findings)
    hint = "; --repair does what is under REPAIR" if can and not repaired else ""
    return f"{seen}: {count} {'finding' if count == 1 else 'findings'}{how}{hint}."
