"""The decision what becomes of a call that went wrong: end, attempt again here, or in the queue.

This is the only place that asks a retry policy.  The performer (:mod:`zcasync.perform.commits`) and
group commit act on the decision, and :mod:`zcasync.liveness` for calls whose process has died.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from zcasync import clock
from zcasync.errors import (
    DeadlineMissed,
    HardTimeLimit,
    JobCancelled,
    JobCrashed,
    JobInterrupted,
    MissingPolicy,
    UnstorableError,
)
from zcasync.job.aside import Missing
from zcasync.job.failure import StoredFailure, from_exception, sanitize
from zcasync.job.record import PartialRecord
from zcasync.retry.attempts import Attempts
from zcasync.retry.fault import (
    Absent,
    Cancelled,
    Died,
    Fault,
    Overran,
    Raised,
    Refused,
    Repeat,
    Unreadable,
)
from zcasync.retry.policy import RetryDecision, ask, is_foreign, policy_of, shown_name
from zcasync.retry.stock import Counts, RetryCommonFourTimes

#: So many commits in a row the server may give up, while it is there, before the call ends.
MOST_GIVEN_UP = 5


@dataclass(frozen=True)
class End:
    """The end of the partial, with this result.  ``problem``: of the policy's answer, '': none."""

    result: StoredFailure
    problem: str = ""


@dataclass(frozen=True)
class Later:
    """A wait in the queue until this moment, microseconds; None: in its old place."""

    at: int | None
    problem: str = ""


@dataclass(frozen=True)
class Now:
    """Another attempt in this process, not before this moment, microseconds; None: at once."""

    at: int | None


@dataclass(frozen=True)
class Quarantine:
    """Keep it apart until an engine starts that can load it; nothing of it can be changed here."""

    problem: str


@dataclass(frozen=True)
class Ask:
    """Ask the policy where the call is made next; a no ends it with the Failure ``death``."""

    death: StoredFailure


@dataclass(frozen=True)
class Wait:
    """A wait for code that this process does not have; the call has not begun."""

    missing: Missing


Decision = End | Later | Now | Quarantine | Ask | Wait


def decide(partial: PartialRecord, fault: Fault, attempts: Attempts | None = None) -> Decision:
    """Return the decision about a partial's call.

    ``attempts``: those of this run, which count the failed one; None where no policy was found.
    Raises TransientError when the policy needs the storage, which is away.
    """
    match fault:
        case Refused(error, failure):
            return End(from_exception(error) if failure is None else failure)
        case Absent(error, missing):
            return Wait(missing) if _is_claimed(partial) else End(from_exception(error))
        case Cancelled(who, evidence):
            error = JobCancelled(f"cancelled by {who}", who=who, when=_now())
            return End(from_exception(error, **evidence))
        case Unreadable(problem):
            return Quarantine(problem)
        case Died():
            return _after_death(partial, fault)
        case Overran(failure):
            return _after_limit(partial, failure)
        case Raised():
            return _after_exception(partial, fault, attempts)


def _after_exception(partial: PartialRecord, fault: Raised, attempts: Attempts | None) -> Decision:
    if attempts is None:
        return End(sanitize(fault.failure))
    again = attempts.failed(fault)
    if attempts.given_up >= MOST_GIVEN_UP:
        return End(_given_up(fault, attempts.given_up))
    if again is not None and fault.repeat != Repeat.NOWHERE:
        is_later = again.at is not None or fault.repeat == Repeat.IN_THE_QUEUE
        if is_later and can_wait(partial):
            attempts.keep(fault)
            return Later(clock.now() if again.at is None else again.at)
        if fault.repeat == Repeat.HERE:
            if fault.is_the_calls:
                attempts.keep(fault)
            return Now(again.at)
    return End(sanitize(fault.failure, **attempts.evidence(fault.error)))


def _given_up(fault: Raised, times: int) -> StoredFailure:
    """Return the result of a call whose commit the server gives up again and again."""
    error = UnstorableError(
        f"the database server has given up the commit of this call {times} times in a row, though "
        "it was there all the while, and other writers have waited for it: it does so when its "
        "transaction-timeout passes between vote and finish.  Look at its log, and for a "
        "participant of the transaction that takes long to vote"
    )
    error.__cause__ = fault.error
    return from_exception(error, times=times)


def _after_death(partial: PartialRecord, fault: Died) -> Decision:
    if is_foreign(partial) and not partial.may_begin_once and partial.unasked_death is None:
        return Ask(_after_last_death(partial, fault))
    again, problem = _ask_after_death(partial)
    if again is not None:
        return Later(again.at, problem)
    return End(_after_last_death(partial, fault), problem)


def _after_limit(partial: PartialRecord, failure: StoredFailure) -> Decision:
    """Return the decision about a call that was ended by its hard limit, as if it had raised it."""
    if partial.has_begun_once:
        return End(failure)
    if is_foreign(partial):
        return Ask(failure)
    try:
        policy = policy_of(partial)
    except MissingPolicy as error:
        return End(failure, f"it ends, as its policy cannot be asked: {error}")
    again, problem = ask(policy, "jobError", failure, _counts(partial))
    return End(failure, problem) if again is None else Later(again.at, problem)


def _after_last_death(partial: PartialRecord, fault: Died) -> StoredFailure:
    """Return the result of a call that ends with a death."""
    if partial.has_begun_once:
        reason = (
            f"interrupted, and its retry policy {shown_name(partial)!r} lets it begin only once: "
            f"{fault.summary}"
        )
    else:
        reason = f"interrupted {partial.interruptions} times; the last time: {fault.summary}"
    kind = JobCrashed if fault.is_crash else JobInterrupted
    error = kind(reason, who=fault.who, when=_now(), times=partial.interruptions)
    return from_exception(error, **fault.evidence)


def _ask_after_death(partial: PartialRecord) -> tuple[RetryDecision | None, str]:
    """Return the policy's decision, None: end it; with it, what was wrong with the policy.

    A partial that has begun and may not begin again is known by its record.  One that may begin
    only once and has not is as good as new, but must not kill children for ever: the limit of the
    default policy counts.  So it does for a policy that is the application's own and was to be
    asked before the call was made: nothing of the application is imported here.
    """
    if partial.has_begun_once:
        return None, ""
    problem = ""
    if is_foreign(partial):
        return ask(RetryCommonFourTimes(partial), "interrupted", _counts(partial))
    try:
        policy = policy_of(partial)
    except MissingPolicy as error:  # the process that makes the call finds it, or ends the call
        policy, problem = RetryCommonFourTimes(partial), f"the default policy decides: {error}"
    else:
        if policy.at_most_once:
            policy = RetryCommonFourTimes(partial)
    again, wrong = ask(policy, "interrupted", _counts(partial))
    return again, problem or wrong


def ask_before_call(partial: PartialRecord, policy: Any) -> RetryDecision | None:
    """Return what the policy says to the death before this call; None: that ends it.

    A death at its hard limit counts as an exception of the call.
    """
    if partial.unasked_death is not None and partial.unasked_death.check(HardTimeLimit):
        return ask(policy, "jobError", partial.unasked_death, _counts(partial))[0]
    return ask(policy, "interrupted", _counts(partial))[0]


def _counts(partial: PartialRecord) -> Counts:
    return Counts(partial.conflicts, partial.interruptions, partial.exceptions)


def can_wait(partial: PartialRecord) -> bool:
    """Return whether the partial can return to its queue; callbacks and direct calls cannot."""
    return partial.queue is not None and partial.claim is not None and partial.parent is None


def _is_claimed(partial: PartialRecord) -> bool:
    """Return whether the partial, or the one that it is a callback of, was claimed from a queue."""
    while partial.parent is not None:
        partial = partial.parent
    return partial.queue is not None and partial.claim is not None


def begun_before(partial: PartialRecord) -> Refused:
    """Return the refusal of a call that was begun and may not be made a second time."""
    return Refused(
        JobInterrupted(
            f"it was begun before, how that ended is not known, and its retry policy "
            f"{shown_name(partial)!r} lets it begin only once",
            when=_now(),
            times=partial.interruptions + 1,
        )
    )


def too_late(partial: PartialRecord) -> Refused:
    """Return the refusal of a call whose ``begin_by`` has passed."""
    return Refused(
        DeadlineMissed(
            f"not begun within {partial.begin_by} of {partial.begin_after}: its begin_by has "
            "passed",
            when=_now(),
        )
    )


def _now() -> datetime:
    return clock.to_datetime(clock.now())
