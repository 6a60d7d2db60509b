"""What has limited a load: a rule over its figures, which gives its reasons."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from zcasync.load.figures import Figures

#: A rate is kept where so much of it was reached, and no more puts than the rest began late.
KEPT = 0.95
#: A put is late that begins so long after its moment, and a start that comes so long after its put.
LATE_SECONDS = 0.1
SLOW_START_SECONDS = 0.5
#: A part of all is as good as all: children that are busy, a core that is in use.
NEARLY = 0.85


@dataclass(frozen=True)
class Limit:
    """One reason: what it is, why that is thought, and what may help."""

    what: str
    why: str
    remedy: str

    def as_dict(self) -> dict[str, str]:
        """Return it for the document."""
        return {"what": self.what, "why": self.why, "remedy": self.remedy}


def is_kept(figures: Figures) -> bool:
    """Return whether the jobs were put at the rate that was asked for, and were run as fast."""
    is_late = figures.late.at(KEPT) > LATE_SECONDS * 1e6
    lags = figures.outcomes.start.at(KEPT) > SLOW_START_SECONDS * 1e6
    return not is_late and not lags and not figures.outcomes.unended and figures.lost == 0


def limits(figures: Figures) -> list[Limit]:
    """Return what has kept jobs from being put and run at the rate; nothing where it was kept."""
    if is_kept(figures):
        return []
    found = [*_of_clients(figures), *_of_workers(figures), *_of_storage(figures)]
    return found or [
        Limit(
            "storage",
            "neither the processors nor the children were in use for most of the time, so each "
            "commit waits for the storage's disk, or for the network",
            "a faster disk for the database, or less in each transaction",
        )
    ]


def _of_clients(figures: Figures) -> Iterator[Limit]:
    if figures.late.at(KEPT) <= LATE_SECONDS * 1e6:
        return
    used = figures.seen.processors.get("clients", 0.0) / figures.processes
    if used >= NEARLY:
        yield Limit(
            "clients",
            f"each of the {figures.processes} processes of clients used {100 * used:.0f} % of a "
            "core",
            "more of them: --processes",
        )
    elif figures.at_once >= NEARLY * figures.clients and not _server_is_busy(figures):
        yield Limit(
            "clients",
            f"a put took {figures.put_seconds * 1e3:.1f} ms, and each of the {figures.clients} "
            "clients makes one at a time",
            "more of them: --clients",
        )


def _of_workers(figures: Figures) -> Iterator[Limit]:
    seen, outcomes = figures.seen, figures.outcomes
    if figures.puts and not outcomes.completed:
        yield Limit("workers", "no job has ended", "see who works: zcasync status")
        return
    if seen.busy is not None and seen.busy >= NEARLY:
        yield Limit(
            "children",
            f"{100 * seen.busy:.0f} % of the {seen.children:.0f} children had a job whenever they "
            "were looked at",
            "more of them, where there are cores: zcasync run --children, or another worker",
        )
    used = seen.processors.get("supervisor", 0.0)
    if used >= NEARLY:
        yield Limit(
            "supervisor",
            f"it used {100 * used:.0f} % of a core",
            "another worker, with a supervisor of its own",
        )


def _of_storage(figures: Figures) -> Iterator[Limit]:
    processors = figures.seen.processors
    if _server_is_busy(figures):
        yield Limit(
            "storage",
            f"the database server used {100 * processors['server']:.0f} % of a core, and it has "
            "one thread",
            "fewer commits: put_many, batch=True; or a storage that uses more cores",
        )
    if processors.get("all", 0.0) >= NEARLY * figures.seen.cores:
        yield Limit(
            "processors",
            f"{processors['all']:.1f} of the {figures.seen.cores} cores of this machine were in "
            "use",
            "clients, workers and the storage on machines of their own",
        )


def _server_is_busy(figures: Figures) -> bool:
    return figures.seen.processors.get("server", 0.0) >= NEARLY
