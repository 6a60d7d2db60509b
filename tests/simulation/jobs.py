"""What the simulated workers perform: effects are counts in records of their own."""

from __future__ import annotations

from collections import Counter as Counts
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NoReturn

import transaction
from persistent import Persistent
from twisted.internet.defer import Deferred

import zcasync
from zcasync import Partial, Retry, Snooze, twist
from zcasync.datamanager import find
from zcasync.perform.progress import current
from zcasync.retry.stock import Counts as InVain
from zcasync.retry.stock import RetryCommonFourTimes, RetryExceptions


class Crash(KeyboardInterrupt):
    """The end of a process, as the code that runs in it sees it: not even callbacks run."""


def _nothing(place: str) -> None:
    """No hook."""


@dataclass
class Here:
    """The world that jobs run in.

    ``at("call")`` is called in the middle of calls that take long.
    """

    at: Callable[[str], None] = _nothing
    process: Callable[[], Any] = lambda: None  # whose turn it is
    deferreds: list[tuple[Any, Deferred[int]]] = field(default_factory=list)
    outside: Counts[str] = field(default_factory=Counts)  # effects outside of the database
    apart: Counts[bytes] = field(default_factory=Counts)  # how often it was to count in the reactor
    kills: Counts[bytes] = field(default_factory=Counts)  # how many processes a call has killed
    failed: Callable[[str, BaseException], None] = lambda who, error: None

    def wait(self, deferred: Deferred[Any]) -> Any:
        """What a Deferred fires with; our own ones fire now, for somebody waits for them."""
        for pair in list(self.deferreds):
            if pair[1] is deferred:
                self.deferreds.remove(pair)
                deferred.callback(1)
        found: list[Any] = []
        deferred.addBoth(found.append)
        return found[0]


here = Here()


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


def count_shared(counter: Counter, shared: Counter) -> int:
    """Many jobs change the same object."""
    shared.count()
    return counter.count()


def fail(counter: Counter, *result: Any) -> None:
    """Its change must not be kept."""
    counter.count()
    raise ZeroDivisionError("meant to fail")


def fail_at_first(counter: Counter, times: int) -> int:
    """Raises so often, which its retry policy takes for no reason to give up."""
    counter.count()
    partial = current()
    assert partial is not None
    if partial._exceptions < times:
        raise ZeroDivisionError("meant to fail")
    return counter.value


def ask_at_first(counter: Counter, times: int) -> int:
    """Asks so often to be tried again."""
    counter.count()
    partial = current()
    assert partial is not None
    if partial._exceptions < times:
        raise Retry("meant to ask", after=2)
    return counter.value


def snooze_at_first(counter: Counter, times: int) -> int:
    """Puts itself off so often."""
    counter.count()
    partial = current()
    assert partial is not None
    if partial.snoozes < times:
        raise Snooze(2, "meant to wait")
    return counter.value


def commit_itself(counter: Counter, first: Counter) -> int:
    """Makes its first change durable before it goes on."""
    first.count()
    transaction.commit()
    return counter.count()


def count_apart(counter: Counter, apart: Counter) -> int:
    """Lets the reactor count, in a transaction of its own."""
    call = twist.Partial(count, apart)
    call.reactor = None, "has no threads, so that the call is made at once"
    here.apart[apart._p_oid] += 1
    call()
    return counter.count()


def kill_the_process(counter: Counter, *result: Any) -> None:
    """No process survives this job."""
    counter.count()
    partial = current()
    assert partial is not None
    _crash(partial)


def kill_at_first(counter: Counter, times: int, *result: Any) -> int:
    """So many processes do not survive it."""
    counter.count()
    partial = current()
    assert partial is not None
    if partial._interruptions < times:
        _crash(partial)
    return counter.value


def _crash(partial: Partial) -> NoReturn:
    here.kills[partial._p_oid] += 1
    raise Crash


def put_another(counter: Counter, inner: Counter, *result: Any) -> int:
    """Puts a job."""
    _put(Partial(count, inner))
    return counter.count()


def wait_for_another(counter: Counter, inner: Counter, *result: Any) -> Partial:
    """Waits for a job that it puts."""
    counter.count()
    return _put(Partial(count, inner))


def wait_for_parallel(counter: Counter, *inner: Counter) -> Partial:
    """Waits for a flow that it puts, whose members begin at once."""
    counter.count()
    return _put(zcasync.parallel(*(Partial(count, one) for one in inner), postprocess=one_for_all))


def wait_for_serial(counter: Counter, *inner: Counter) -> Partial:
    """The same, one after the other."""
    counter.count()
    return _put(zcasync.serial(*(Partial(count, one) for one in inner), postprocess=one_for_all))


def one_for_all(*members: Partial) -> int:
    """What is made of the members of a flow: 1, as each of them has it."""
    assert len(members) == 3
    return min(member.result for member in members)


def _put(made: Partial) -> Partial:
    partial = current()
    assert partial is not None
    manager = find(partial._p_jar)
    assert manager is not None
    return manager.thread.put(made)


def defer(counter: Counter, *result: Any) -> Deferred[int]:
    """Counts that it has begun, and waits for what somebody else does."""
    counter.count()
    return _deferred()


def _deferred() -> Deferred[int]:
    made: Deferred[int] = Deferred()
    here.deferreds.append((here.process(), made))
    return made


def tell(name: str) -> int:
    """A detached call, whose effect is outside of the database."""
    here.at("call")
    here.outside[name] += 1
    here.at("call")
    return 1


def tell_and_defer(name: str) -> Deferred[int]:
    """The same, and it is not over when it returns."""
    here.outside[name] += 1
    return _deferred()


class Impatient(RetryCommonFourTimes):
    """A policy of the application's own: the third interruption ends a job."""

    def interrupted(self, counts: InVain) -> bool:
        return counts.interruptions < 3


#: Another one: four tries in all, some seconds apart.
patient = RetryExceptions(limit=4, delay=2.0, jitter=0.0)
