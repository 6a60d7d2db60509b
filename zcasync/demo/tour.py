"""The tour: what can be said of a job, each shown once with real children."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.markup import escape

import zcasync
from zcasync import Partial
from zcasync.datamanager import find
from zcasync.demo import tour_jobs as jobs
from zcasync.demo.report import Report
from zcasync.errors import HardTimeLimit, NotRunning
from zcasync.testing.waiting import wait_until

#: No step takes longer, seconds.
STEP_SECONDS = 60.0
QUOTA = SCHEDULE = "tour"
FRAMES = 4
#: What meets a pass of the supervisor is done again, so often at most.
TRIES = 8


class Tour:
    """The steps, in the database of a connection; each returns whether it went as it says."""

    def __init__(self, report: Report, connection: Any, folder: Path) -> None:
        self._report, self._folder = report, folder
        self._manager = require_manager(connection)
        self._commit: Callable[[], None] = connection.transaction_manager.commit
        self._run: Callable[..., Any] = connection.transaction_manager.run

    def run(self) -> bool:
        """Make all steps; return whether all went well."""
        steps: list[tuple[str, Callable[[], bool]]] = [
            ("A retry: three attempts, half a second between them", self._retry),
            ("A hard limit: a job that never ends, and swallows what is raised in it", self._limit),
            ("A quota: no more than one at once, over all workers", self._quota),
            ("A schedule: every second, each tick once", self._schedule),
            ("A unique job: what fifty puts have in common is one call", self._unique),
            ("A workflow: ten jobs, and one with what has come of them", self._workflow),
        ]
        well = True
        for title, step in steps:
            self._report.step(title)
            well = step() and well
        return well

    def _put(self, call: Any, **options: Any) -> Any:
        partial = self._manager.thread.put(call, **options)
        self._commit()
        return partial

    def _end(self, partial: Any) -> Any:
        """Return the result of a job, a Failure too."""
        partial.wait(STEP_SECONDS)
        return partial.result

    def _retry(self) -> bool:
        rule = zcasync.RetryRule(attempts=3, backoff=[0.5])
        call = Partial(jobs.fail_twice, str(self._folder / "attempts"))
        partial = self._put(call, retry=rule)
        result = self._end(partial)
        for number, failed in enumerate(partial.failed_before, 1):
            self._say(f"attempt {number}: {failed.type.rpartition('.')[2]}: {failed.message}")
        self._say(f"attempt {partial.attempts}: {result}")
        return bool(partial.attempts == 3)

    def _limit(self) -> bool:
        partial = self._put(jobs.hang, soft_limit=0.5, hard_limit=1.5)
        failure = self._end(partial)
        self._say(f"{failure.type.__name__}: {failure.getErrorMessage()}")
        lines = [line.strip() for line in failure.getTraceback().splitlines()]
        frames = [line for line in lines if line.startswith("File") and "tour_jobs.py" in line]
        for line in frames[:FRAMES]:
            self._say(f"it hung here: {line}")
        return bool(failure.check(HardTimeLimit)) and bool(frames)

    def _quota(self) -> bool:
        self._manager.quotas.set(QUOTA, limit=1)
        folder = self._folder / "in use"
        folder.mkdir()
        calls = [Partial(jobs.use, str(folder), number) for number in range(5)]
        partials = self._manager.thread.put_many(calls, quota=QUOTA)
        self._commit()
        most = max(zcasync.gather(partials, STEP_SECONDS).results)
        self._say(f"five jobs, two children: {most} of them at once")
        self._run(lambda: self._manager.quotas.remove(QUOTA), TRIES)
        return bool(most == 1)

    def _schedule(self) -> bool:
        marks = self._folder / "ticks"
        self._manager.schedules.add(SCHEDULE, jobs.tick, str(marks), every=1)
        self._commit()

        def ticked() -> bool:
            return marks.exists() and len(marks.read_text().splitlines()) >= 3

        wait_until(ticked, "three ticks", STEP_SECONDS)
        self._run(lambda: self._manager.schedules.remove(SCHEDULE), TRIES)
        found = marks.read_text().split()
        self._say(f"put for {', '.join(found[:3])}")
        return len(set(found)) == len(found)

    def _unique(self) -> bool:
        queue, parts = self._manager.thread, [f"part {number % 5}" for number in range(50)]
        for part in parts:
            partial = queue.put(
                Partial(jobs.index, "/front-page", {part}), unique="/front-page", merge="union"
            )
        self._commit()
        result = self._end(partial)
        self._say(f"one job, {partial.id}, with {', '.join(result)}")
        return bool(result == sorted(set(parts)))

    def _workflow(self) -> bool:
        members = [Partial(jobs.square, number) for number in range(10)]
        flow = self._put(zcasync.parallel(*members, postprocess=jobs.add_up))
        result = self._end(flow)
        done = flow.progress
        self._say(f"{done.done} of {done.total} members have ended; their squares make {result}")
        return bool(result == 285)

    def _say(self, text: str) -> None:
        self._report.say(escape(text))


def require_manager(connection: Any) -> Any:
    """Return the data manager of a database.  Raises NotRunning where there is none."""
    found = find(connection)
    if found is None:
        raise NotRunning("the database has no data manager: its supervisor has never been ready")
    return found


@contextmanager
def tour_folder() -> Iterator[Path]:
    """Provide a folder in which the jobs of the tour leave their marks."""
    with tempfile.TemporaryDirectory(prefix="zcasync-tour-") as folder:
        yield Path(folder)
