"""The jobs of the chaos suite: each leaves marks that tell whether it took effect exactly once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import transaction
from BTrees.OOBTree import OOBTree
from persistent import Persistent
from twisted.python.failure import Failure

from zcasync import RetryRule, Snooze, checkpoint, clock, current
from zcasync.datamanager import find
from zcasync.partial import Partial
from zcasync.retry.stock import RetryExceptions

#: So many ledgers are shared by all jobs, which therefore conflict.
LEDGERS = 6


class Ledger(Persistent):
    """Shared by many jobs: how often each of them took effect here, and how often in all."""

    total = 0

    def __init__(self) -> None:
        self.entries = OOBTree()

    def enter(self, number: int) -> None:
        self.total += 1
        self.entries[number] = self.entries.get(number, 0) + 1


class Beats(Persistent):
    """The ticks of a schedule: how often each of them took effect."""

    expected: tuple[int, ...] = ()  # once the schedule is removed

    def __init__(self) -> None:
        self.entries = OOBTree()

    def beat(self) -> None:
        partial = current()
        assert partial is not None
        assert partial.tick is not None
        tick = clock.from_datetime(partial.tick, "tick")
        self.entries[tick] = self.entries.get(tick, 0) + 1

    def are_done(self) -> bool:
        return all(tick in self.entries for tick in self.expected)

    def problems(self) -> list[str]:
        """The ticks that did not take effect, or more than once, or that there are not."""
        missing = [f"tick {one}: no run" for one in self.expected if one not in self.entries]
        odd = [
            f"tick {tick}: {count} runs"
            for tick, count in self.entries.items()
            if count != 1 or tick not in self.expected
        ]
        return missing + odd


class Cell(Persistent):
    """One job's own object."""

    value = 0  # effects of the job itself
    called = 0  # effects of its callbacks
    stage = 0  # effects of its later parts

    def __init__(self, number: int, ledger: Ledger) -> None:
        self.number = number
        self.ledger = ledger

    def count(self) -> int:
        self.value += 1
        self.ledger.enter(self.number)
        return 2 * self.number

    def count_alone(self) -> int:
        """Without the ledger, so that a group of these does not conflict."""
        self.value += 1
        return 2 * self.number

    def count_and_raise(self) -> None:
        self.count()
        raise ValueError(f"number {self.number}")

    def count_and_return_failure(self) -> Failure:
        self.count()
        return Failure(ValueError(f"number {self.number}"))

    def count_the_second_time(self) -> int:
        """Raises until it is written down that it has raised once."""
        partial = current()
        assert partial is not None
        if partial._exceptions == 0:
            raise ValueError(f"number {self.number}")
        return self.count()

    def count_after_a_snooze(self) -> int:
        """Puts itself off until it is written down that it has done so, twice."""
        partial = current()
        assert partial is not None
        if partial.snoozes < 2:
            raise Snooze(0.01)
        return self.count()

    def commit_in_stages(self) -> int:
        """Commits on the way, so it remembers in the database how far it has come."""
        if self.stage == 0:
            self.value += 1
            self.stage = 1
            transaction.commit()
        if self.stage == 1:
            self.ledger.enter(self.number)
            self.stage = 2
            transaction.commit()
        self.stage = 3
        return 2 * self.number

    def go_by_checkpoints(self) -> int:
        """Commits on the way, and goes on from where an attempt before it has come to."""
        partial = current()
        assert partial is not None
        done = partial.checkpoint or 0
        if done < 1:
            self.value += 1
            checkpoint(1)
        if done < 2:
            self.ledger.enter(self.number)
            checkpoint(2)
        self.stage += 3
        return 2 * self.number

    def delegate(self, queue: str) -> Partial:
        """Returns another partial, which any worker may run."""
        self.value += 1
        manager = find(self._p_jar)
        assert manager is not None
        return manager.queue(queue).put(self.finish)  # type: ignore[no-any-return]

    def finish(self) -> int:
        self.stage += 1
        self.ledger.enter(self.number)
        return 2 * self.number

    def note(self, result: Any) -> Any:
        """A callback for a result."""
        assert result == 2 * self.number, result
        self.called += 1
        return result

    def note_failure(self, failure: Failure) -> str:
        """A callback for a failure."""
        assert failure.check(ValueError), failure
        self.called += 1
        return failure.getErrorMessage()


def double(number: int) -> int:
    return 2 * number


def double_later(number: int) -> Any:
    """A Deferred."""
    from twisted.internet import reactor
    from twisted.internet.task import deferLater

    return deferLater(reactor, 0.02, lambda: 2 * number)


@dataclass(frozen=True)
class Kind:
    """One kind of job, and the marks that it leaves when all went well."""

    call: Callable[[Cell], Any]
    value: int = 0
    called: int = 0
    stage: int = 0
    entered: int = 1
    fails: bool = False
    options: dict[str, Any] = field(default_factory=dict)

    def put(self, manager: Any, cell: Cell) -> Partial:
        """Put one for this cell."""
        options = dict(self.options)
        queue = manager.queue(options.pop("queue", "thread"))
        partial: Partial = queue.put(self.call(cell), **options)
        if self.called:
            partial.addCallbacks(cell.note, cell.note_failure)
        return partial


#: Four tries in all, without a pause worth mentioning.
SOON = RetryExceptions(limit=4, delay=0.01, jitter=0)


REACTOR = {"queue": "reactor"}
DETACHED = {"detached": True}
BATCH = {"batch": True}
KINDS = {
    "count": Kind(lambda cell: cell.count, value=1),
    "group": Kind(lambda cell: cell.count, value=1, options=BATCH),
    "group own": Kind(lambda cell: cell.count_alone, value=1, entered=0, options=BATCH),
    "group raise": Kind(
        lambda cell: cell.count_and_raise, value=0, entered=0, fails=True, options=BATCH
    ),
    "again": Kind(
        lambda cell: cell.count_the_second_time,
        value=1,
        options={"retry": "tests.chaos.jobs:SOON"},
    ),
    "by rule": Kind(
        lambda cell: cell.count_the_second_time,
        value=1,
        options={"retry": RetryRule(4, backoff=0.01, jitter=0, on=ValueError)},
    ),
    "snooze": Kind(lambda cell: cell.count_after_a_snooze, value=1),
    "callback": Kind(lambda cell: cell.count, value=1, called=1),
    "quota": Kind(lambda cell: cell.count, value=1, options={"quota": "one"}),
    "quotas": Kind(lambda cell: cell.count, value=1, options={"quota": ("one", "two")}),
    "raise": Kind(lambda cell: cell.count_and_raise, called=1, entered=0, fails=True),
    "failure": Kind(lambda cell: cell.count_and_return_failure, value=1, called=1, fails=True),
    "stages": Kind(lambda cell: cell.commit_in_stages, value=1, stage=3),
    "checkpoints": Kind(lambda cell: cell.go_by_checkpoints, value=1, stage=3),
    "delegate": Kind(lambda cell: Partial(cell.delegate, "thread"), value=1, called=1, stage=1),
    "delegate to reactor": Kind(
        lambda cell: Partial(cell.delegate, "reactor"), value=1, called=1, stage=1
    ),
    "detached": Kind(
        lambda cell: Partial(double, cell.number), called=1, entered=0, options=DETACHED
    ),
    "deferred": Kind(lambda cell: Partial(double_later, cell.number), called=1, entered=0),
    "reactor": Kind(lambda cell: cell.count, value=1, called=1, options=REACTOR),
    "reactor raise": Kind(
        lambda cell: cell.count_and_raise, called=1, entered=0, fails=True, options=REACTOR
    ),
    "reactor deferred": Kind(
        lambda cell: Partial(double_later, cell.number), called=1, entered=0, options=REACTOR
    ),
    "reactor detached": Kind(
        lambda cell: Partial(double, cell.number),
        called=1,
        entered=0,
        options={**REACTOR, **DETACHED},
    ),
}


class Record(Persistent):
    """What was put, to be judged in the end."""

    def __init__(self, number: int, kind: str, cell: Cell, partial: Partial) -> None:
        self.number = number
        self.kind = kind
        self.cell = cell
        self.partial = partial

    def problems(self) -> list[str]:
        """What is not as it should be."""
        kind, cell, partial = KINDS[self.kind], self.cell, self.partial
        result = kind.fails and isinstance(partial.result, Failure)
        pairs = {
            "state": (partial.state, "completed"),
            "value": (cell.value, kind.value),
            "called": (cell.called, kind.called),
            "stage": (cell.stage, kind.stage),
            "entered": (cell.ledger.entries.get(self.number, 0), kind.entered),
            "result": (
                partial.result.getErrorMessage() if result else partial.result,
                f"number {self.number}" if kind.fails else 2 * self.number,
            ),
        }
        return [
            f"job {self.number} ({self.kind}, {partial!r}): {name} is {found!r}, not {due!r}"
            for name, (found, due) in pairs.items()
            if found != due
        ]


def family(partial: Partial) -> list[Partial]:
    """A partial, its callbacks, and what it waited for."""
    return [partial, *(one for callback in partial.callbacks for one in family(callback))]
