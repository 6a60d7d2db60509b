"""The workload: an application that puts jobs, sees them through, and looks what they did."""

from __future__ import annotations

import random
import threading
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from BTrees.IOBTree import IOBTree
from transaction.interfaces import TransientError

from tests.chaos.jobs import KINDS, LEDGERS, Beats, Cell, Ledger, Record, family
from tests.support.instance import Client
from zcasync.interfaces import COMPLETED
from zcasync.testing.waiting import wait_until

BATCH = 20
#: So many batches are under way at once.
OUTSTANDING = 6
PAUSE_SECONDS = 0.05
COMMIT_SECONDS = 180.0
#: The quotas of the jobs that have some.
LIMITS = {"one": 1, "two": 2}
#: The name of the schedule, and the microseconds from one tick of it to the next.
BEAT, SECOND = "beat", 1_000_000


class Workload:
    """Puts batches of jobs of random kinds; a commit in doubt is looked up.

    ``meanwhile()`` is called while the storage is away: for whoever has to bring it back.
    """

    def __init__(
        self, client: Client, rng: random.Random, meanwhile: Callable[[], None] = lambda: None
    ) -> None:
        self.count = 0  # jobs that are put for certain
        self.done = 0  # jobs of batches that were seen to be done
        self._client = client
        self._rng = rng
        self._meanwhile = meanwhile
        self._under_way: dict[int, range] = {}
        self.errors: list[str] = []  # tracebacks

        def install() -> None:
            root = client.main.root()
            for name, limit in LIMITS.items():
                client.manager.quotas.set(name, limit=limit)
            root["ledgers"] = [Ledger() for _ in range(LEDGERS)]
            root["records"] = IOBTree()
            root["beats"] = Beats()

        self._surely(install, lambda: "records" in client.main.root())

    @property
    def records(self) -> Any:
        """What was put: number -> Record."""
        return self._client.main.root()["records"]

    def put(self, kinds: list[str]) -> range:
        """Put jobs of these kinds; their numbers."""
        numbers = range(self.count, self.count + len(kinds))

        def add() -> None:
            ledgers = self._client.main.root()["ledgers"]
            for number, kind in zip(numbers, kinds, strict=True):
                cell = Cell(number, ledgers[number % LEDGERS])
                self._client.main.add(cell)
                partial = KINDS[kind].put(self._client.manager, cell)
                self.records[number] = Record(number, kind, cell, partial)

        self._surely(add, lambda: numbers[0] in self.records)
        self.count += len(kinds)
        return numbers

    def run(self, over: threading.Event, limit: int | None = None) -> None:
        """Put batch after batch until it is over; the target of a thread."""
        kinds = sorted(KINDS)
        try:
            while not over.is_set() and (limit is None or self.count < limit):
                numbers = self.put([self._rng.choice(kinds) for _ in range(BATCH)])
                self._under_way[numbers[0]] = numbers
                while len(self._under_way) >= OUTSTANDING and not over.wait(PAUSE_SECONDS):
                    self._look()
        except BaseException:  # for whoever waits for the thread
            self.errors.append(traceback.format_exc())

    def _look(self) -> None:
        """Forget the batches that are done."""
        for first, numbers in list(self._under_way.items()):
            if self.are_done(numbers):
                del self._under_way[first]
                self.done += len(numbers)

    # a schedule

    @property
    def beats(self) -> Beats:
        """What its ticks did."""
        return self._client.main.root()["beats"]  # type: ignore[no-any-return]

    def begin_beat(self) -> None:
        """Have a job put each second, and what is missed while nobody works put later."""
        if self.beats.expected:
            return
        schedules = self._client.manager.schedules
        how = {"overlap": "allow", "catch_up": "all", "limit": 10_000}
        self._surely(
            lambda: schedules.add(BEAT, self.beats.beat, every=1, **how),
            lambda: BEAT in schedules,
        )

    def end_beat(self) -> None:
        """Let it end, and say which ticks there have been."""
        schedules = self._client.manager.schedules

        def end() -> None:
            schedule = schedules[BEAT]
            first, last = schedule._anchor + SECOND, schedule._last or 0
            self.beats.expected = tuple(range(first, last + 1, SECOND))
            schedules.remove(BEAT)

        if BEAT in schedules:
            self._surely(end, lambda: BEAT not in schedules)

    def are_done(self, numbers: range) -> bool:
        """Whether all of these are completed; False while the storage does not tell."""
        try:
            self._client.sync()
            are_completed = (self.records[one].partial.state == COMPLETED for one in numbers)
            return all(are_completed) and self.beats.are_done()
        except TransientError:
            self._meanwhile()
            return False

    def engine_of(self, home: Path) -> str | None:
        """The engine that the record of a home's worker names; None where nobody tells, too."""
        try:
            self._client.sync()
            engine = self._client.worker(home).engineUUID
        except TransientError:
            self._client.transactions.abort()
            return None
        return None if engine is None else str(engine)

    def _surely(self, change: Callable[[], None], is_there: Callable[[], bool]) -> None:
        """Make a change and commit, whatever happens on the way."""

        def attempt() -> bool:
            try:
                self._client.sync()
                if not is_there():
                    change()
                    self._client.commit()
                return True
            except TransientError:
                self._client.transactions.abort()
                self._meanwhile()
                return False

        wait_until(attempt, "the database to take a commit", COMMIT_SECONDS)

    # in the end

    def close(self) -> None:
        """Close the client.  Safe to repeat."""
        self._client.close()

    def unfinished(self) -> list[str]:
        """What is not completed, a few of it."""
        self._client.sync()
        records = self.records.values()
        found = [one for one in records if one.partial.state != COMPLETED]
        return [f"{len(found)} of {self.count}", *(repr(one.partial) for one in found[:10])]

    def problems(self) -> list[str]:
        """Whatever is not as it should be, now that all is done."""
        self._client.sync()
        problems = [problem for record in self.records.values() for problem in record.problems()]
        problems += self.beats.problems()
        entered = Counter(
            record.number % LEDGERS
            for record in self.records.values()
            for _ in range(KINDS[record.kind].entered)
        )
        for number, ledger in enumerate(self._client.main.root()["ledgers"]):
            if ledger.total != entered[number]:
                problems.append(f"ledger {number}: {ledger.total}, not {entered[number]}")
        return problems

    def interruptions(self) -> int:
        """How many are counted, for jobs and callbacks."""
        self._client.sync()
        return sum(
            one._interruptions for record in self.records.values() for one in family(record.partial)
        )

    def claims(self) -> list[str]:
        """What workers still hold and queues still have."""
        self._client.sync()
        manager = self._client.manager
        held = [
            f"{worker} {kind}: {list(getattr(worker, kind))}"
            for worker in manager.workers.values()
            for kind in ("thread", "reactor")
            if len(getattr(worker, kind))
        ]
        waiting = [f"{len(q)} in {q.__name__}" for q in (manager.thread, manager.reactor) if len(q)]
        quotas = [
            f"quota {name} is held by {found}"
            for name in LIMITS
            if (found := manager.quotas.holders(name))
        ]
        return held + waiting + quotas
