"""What the simulated children perform: effects are counts in records of their own."""

from __future__ import annotations

from typing import Any

import transaction
from persistent import Persistent

from zcasync import Partial
from zcasync.reporting import current


class Crash(KeyboardInterrupt):
    """The end of a process, as the code that runs in it sees it: not even callbacks run."""


class Counter(Persistent):  # type: ignore[misc]
    """How often something took effect."""

    value = 0

    def count(self) -> int:
        """Once more."""
        self.value += 1
        return self.value


def count(counter: Counter, *result: Any) -> int:
    """The plain job, and the plain callback (which is given the result)."""
    return counter.count()


def fail(counter: Counter) -> None:
    """Its change must not be kept."""
    counter.count()
    raise ZeroDivisionError("meant to fail")


def commit_itself(counter: Counter, first: Counter) -> int:
    """Makes its first change durable before it goes on."""
    first.count()
    transaction.commit()
    return counter.count()


def kill_the_child(counter: Counter) -> None:
    """No child survives this job."""
    counter.count()
    raise Crash


def wait_for_another(counter: Counter, inner: Counter) -> Partial:
    """Waits for a job that it puts in the same queue."""
    counter.count()
    partial = current()
    assert partial is not None
    assert partial.queue is not None
    return partial.queue.put(Partial(count, inner))
