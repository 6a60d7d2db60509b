"""The list of jobs: a page of one kind, with the figures of queues and workers.

A page costs the same however many jobs there are: it looks at so many at most.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from zcasync.reports import running
from zcasync.reports.job import release, summary
from zcasync.reports.reasons import with_reason
from zcasync.reports.selection import Selection
from zcasync.reports.walk import walk
from zcasync.reports.workers import queues, workers

#: The kinds of jobs that can be chosen, with their titles.
KINDS: dict[str, tuple[str, Selection]] = {
    "all": ("All", Selection()),
    "active": ("Active", Selection(state="active")),
    "waiting": ("Waiting", Selection(waiting=True)),
    "failed": ("Failed", Selection(failed=True)),
    "cancelled": ("Cancelled", Selection(cancelled=True)),
    "completed": ("Completed", Selection(state="completed")),
}
#: The number of rows of a page, and of the jobs that are looked at for one.
ROWS = 20
MOST_LOOKED_AT = 1000
#: So many workers are shown.
MOST_WORKERS = 20


@dataclass(frozen=True)
class Choice:
    """What is to be listed: a kind, calls by a name (None: any), and a page, from 1 on.

    ``site``: the jobs of this site only.
    """

    kind: str = "all"
    call: str | None = None
    page: int = 1
    site: str | None = None

    @property
    def selection(self) -> Selection:
        """The jobs that are meant."""
        return replace(KINDS[self.kind][1], call=self.call, site=self.site)

    def as_query(self, **changes: Any) -> dict[str, str]:
        """Return the parameters of the address of this choice, or of a changed one."""
        one = replace(self, **changes)
        query = {"kind": one.kind, "call": one.call, "page": one.page if one.page > 1 else None}
        return {name: str(value) for name, value in query.items() if value is not None}


@dataclass(frozen=True)
class Listing:
    """A page of jobs as data.

    ``has_more``: there may be a next page; ``is_cut``: jobs that were not looked at may fit, too.
    ``queues`` and ``workers`` are as in ``zcasync status``, None without a data manager; there are
    more workers than those where ``has_more_workers``.
    """

    choice: Choice
    jobs: list[dict[str, Any]]
    has_more: bool = False
    is_cut: bool = False
    queues: dict[str, Any] | None = None
    workers: list[dict[str, Any]] | None = None
    has_more_workers: bool = False

    def count(self, kind: str) -> int | None:
        """Return how many jobs of a kind there are; None: that is not known at once."""
        if self.queues is None or self.workers is None or self.has_more_workers:
            return None
        found: int
        if kind in ("failed", "cancelled", "completed"):
            found = sum(one[kind] for one in self.workers)
        elif kind == "active":
            kinds = ("thread", "reactor")
            found = sum(one[kind]["len"] for one in self.workers for kind in kinds)
        elif kind == "waiting":
            of_queue = ("due", "held", "set_aside")
            found = sum(queue[name] for queue in self.queues.values() for name in of_queue)
        else:
            return None
        return found


class _Enough(Exception):
    """As many jobs were looked at as one page may."""


class _Budget:
    """The jobs that may be looked at."""

    def __init__(self, left: int) -> None:
        self._left = left

    def __call__(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise _Enough


def listing(manager: Any, choice: Choice, supervisor: Any) -> Listing:
    """Return a page of jobs.  ``supervisor``: see :func:`zcasync.panel.supervisor.reach`."""
    if manager is None:
        return Listing(choice, [])
    jobs, is_cut = _rows(manager, choice, supervisor)
    running.add(jobs, supervisor)
    has_more = len(jobs) > ROWS - 1 and choice.page * ROWS < MOST_LOOKED_AT
    found = workers(manager, None, supervisor, limit=MOST_WORKERS)
    return Listing(
        choice,
        jobs,
        has_more,
        is_cut or (len(jobs) == ROWS and not has_more),
        queues(manager),
        found,
        len(manager.workers) > len(found),
    )


def _rows(manager: Any, choice: Choice, supervisor: Any) -> tuple[list[dict[str, Any]], bool]:
    """Return the jobs of a page, and whether others may fit that were not looked at."""
    form, skipped = with_reason(manager, supervisor, summary), (choice.page - 1) * ROWS
    found: list[dict[str, Any]] = []
    try:
        for number, one in enumerate(walk(manager, choice.selection, _Budget(MOST_LOOKED_AT))):
            if number >= skipped:
                found.append(form(one))
            release(one)
            if len(found) == ROWS:
                break
    except _Enough:
        return found, True
    return found, False
