"""Host and Run: the functions that a process provides to its performer, and one call on its way."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from ZODB.POSException import ConflictError

from zcasync.database.errors import NOT_COMMITTED, give_up
from zcasync.job.arguments import ResultOf
from zcasync.job.callables import call_here
from zcasync.job.conflict_counts import Conflict
from zcasync.job.record import PartialRecord
from zcasync.job.time_limits import NO_LIMITS, TimeLimits
from zcasync.perform.noted import Noted
from zcasync.perform.notices import Tell
from zcasync.perform.result import refuse_deferred
from zcasync.perform.time_limit import Bound, CallClock, Watch, timed, unbound, unwatched
from zcasync.perform.transactions import end_transaction
from zcasync.retry.attempts import Attempts, Timing
from zcasync.retry.fault import Absent, Refused

T = TypeVar("T")


def at_once(work: Callable[..., T], /, *args: Any) -> T:
    """Return ``work(*args)``."""
    return work(*args)


def itself(partial: PartialRecord) -> PartialRecord:
    """Return the partial: the ``sound`` of a Host whose connection belongs to the caller."""
    return partial


def require_nothing(partial: PartialRecord) -> None:
    """Do nothing: the ``require_usable`` of such a Host."""


def nothing_around(partial: PartialRecord) -> AbstractContextManager[Any] | None:
    """Return None: the ``around`` of a Host without an application."""


def never() -> bool:
    """Return False: the ``is_to_stop`` of a Host that nobody ends."""
    return False


def nobody_counts(conflict: Conflict) -> None:
    """Do nothing: the ``conflicted`` of a Host whose conflicts nobody counts."""


@dataclass(frozen=True)
class Host:
    """The functions of the process that performs calls.

    ``storage_lost(error)`` is called when the storage goes away; it returns once it is back, or
    raises.  A commit that was in doubt is then looked up in the record, never guessed.
    ``invoke(call, *args, **kwargs)`` makes the call itself, in the thread where it has to be made.
    ``within(work, *args)`` returns ``work(*args)``, an attempt at a call with its commit, and puts
    back what that has changed around it.
    ``around(partial)`` returns a context manager of the application, or None, for one attempt at
    the call with its commit, in the thread of the partial's connection.
    ``hold(partial, deferred)`` is given a Deferred that a job returned, once it is committed that
    the job has begun; ``Performer.settle`` is to be called with the value that it fires with.
    ``wait(deferred)`` returns the value that the Deferred of a callback fires with, or raises it:
    callbacks are run one after the other, so this thread has nothing else to do.  Without ``hold``
    it is called for jobs, too.
    ``detach(partial)`` closes the connection, for a call that needs none while it runs, and returns
    a function that opens one and finds the partial in it.
    ``sound(partial)`` returns a partial in a connection that works: itself where its own does.
    ``require_usable(partial)`` raises BadStateError where its call has done what loses changes; it
    lets a connection take the place of one that the call has closed.
    ``timing``: the clock, the pauses and the randomness of attempts.
    ``tell(notice)`` is told of calls that fail; None: nobody is to hear of them.
    ``limits``: the time limits of calls that have none of their own.
    ``limited(clock)`` returns the context in which an attempt with limits is made and committed.
    ``bound(deferred, clock)`` returns, for a Deferred of such a call, one that keeps to them.
    ``sets_aside``: a call for which code is missing raises ``missing.SetAside`` where it was
    claimed, and does not end.
    ``may_block``: the thread of the call may wait for commits; that of a reactor may not.
    ``conflicted(conflict)`` is told of each conflict that a call is attempted again for.
    ``is_to_stop()``: whether a call is to stop at its next checkpoint, as the process is to end.
    """

    storage_lost: Callable[[BaseException], None] = give_up
    invoke: Callable[..., Any] = call_here
    within: Callable[..., Any] = at_once
    around: Callable[[PartialRecord], AbstractContextManager[Any] | None] = nothing_around
    hold: Callable[[PartialRecord, Any], None] | None = None
    detach: Callable[[PartialRecord], Callable[[], PartialRecord]] = end_transaction
    sound: Callable[[PartialRecord], PartialRecord] = itself
    require_usable: Callable[[PartialRecord], None] = require_nothing
    wait: Callable[[Any], Any] = refuse_deferred
    timing: Timing = field(default_factory=Timing)
    tell: Tell | None = None
    sets_aside: bool = False
    may_block: bool = True
    conflicted: Callable[[Conflict], None] = nobody_counts
    is_to_stop: Callable[[], bool] = never
    limits: TimeLimits = NO_LIMITS
    limited: Watch = unwatched
    bound: Bound = unbound

    def of_job(self, job: PartialRecord) -> Host:
        """Return the same for a job and its callbacks, which have the time limits of the job."""
        limits = self.limits_of(job)
        return self if limits is self.limits else replace(self, limits=limits)

    def limits_of(self, job: PartialRecord) -> TimeLimits:
        """Return the time limits of a job: its own, and the default ones where it has none."""
        own = job.time_limits
        return self.limits if own is NO_LIMITS else own.or_else(self.limits)

    def timed(self) -> AbstractContextManager[CallClock | None]:
        """Return the context of an attempt with its commit; it is None without limits."""
        return timed(self.limits, self.limited, self.timing.seconds)


@dataclass(frozen=True)
class Run:
    """One call on its way: the partial, the arguments behind its own, its attempts.

    ``attempts`` None: no retry policy was found.  ``refusal``: why the call may not begin.
    ``is_open`` False: nothing is left to be called.  ``deferred``: that the call has returned.
    ``noted``: what the commit has written that the last attempt ended with, None: it came to none.
    ``performed``: the partial, of those that the call asks to be performed in its place, for which
    that was done.
    """

    partial: PartialRecord
    host: Host
    args: tuple[Any, ...] = ()
    kwargs: dict[str, Any] = field(default_factory=dict)
    attempts: Attempts | None = None
    refusal: Absent | Refused | None = None
    is_open: bool = True
    noted: Noted | None = None
    deferred: Any = None
    performed: PartialRecord | None = None

    @property
    def is_ours(self) -> bool:
        """Whether it is to be made, and to end, here, as this transaction sees it.

        An undo can take away the claim, or the result that a callback is called with: then others
        make the call, once it is claimed, or the result is there, again.
        """
        if self.attempts is not None and not self.attempts.are_of_claim(self.partial):
            return False
        given = self._given_by
        return given is None or given.has_result

    def require_ours(self) -> None:
        """Raise ConflictError unless it is; let the commit fail where it no longer is by then."""
        if not self.is_ours:
            raise ConflictError("what this call was made for was undone meanwhile")
        given = self._given_by  # the claim is in the record of the call, which that commit writes
        if given is not None and given._p_jar is not None:
            given._p_jar.readCurrent(given)

    @property
    def _given_by(self) -> PartialRecord | None:
        """The partial with whose result a callback is called."""
        is_given = any(type(one) is ResultOf for one in self.args)
        return self.partial.parent if is_given else None

    def closed(self) -> Run:
        """Return the same, with nothing left to be called."""
        return replace(self, is_open=False)

    def sound(self) -> Run:
        """Return the same with its partial in a connection that works.

        Waits for the storage, as the host does.
        """
        while True:
            try:
                partial = self.host.sound(self.partial)
                return self if partial is self.partial else replace(self, partial=partial)
            except NOT_COMMITTED as error:
                self.host.storage_lost(error)

    def hold(self) -> None:
        """Let the process hold the Deferred, if any, whose start is committed."""
        if self.deferred is not None and self.host.hold is not None:
            self.host.hold(self.partial, self.deferred)
