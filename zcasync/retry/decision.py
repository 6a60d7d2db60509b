"""The decision what becomes of a call that went wrong: end, attempt again here, or in the queue.

This is the only place that asks a retry policy.  The performer (:mod:`zcasync.perform.commits`) and
group commit act on the decision, and :mod:`zcasync.liveness` for calls whose process has died.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from zcasync import clock
from zcasync.errors import (
    HardTimeLimit,
    JobCancelled,
    JobCrashed,
    JobInterrupted,
    MissingPolicy,
    Retry,
    Snooze,
    UnstorableError,
)
from zcasync.job.aside import Missing
from zcasync.job.failure import StoredFailure, from_exception, sanitize
from zcasync.job.record import PartialRecord
from zcasync.retry.attempts import Attempts, again_text
from zcasync.retry.fault import (
    Absent,
    Cancelled,
    Died,
    Fault,
    Overran,
    Raised,
    Refused,
    Repeat,
    Stopped,
    Unreadable,
)
from zcasync.retry.policy import (
    RetryDecision,
    ask,
    is_foreign,
    label_of,
    policy_of,
    reason_of,
    shown_name,
)
from zcasync.retry.refusals import moment_of_now
from zcasync.retry.stock import Counts, RetryCommonFourTimes
from zcasync.retry.wishes import NO_QUEUE, ONCE, moment_of

#: So many commits in a row the server may give up, while it is there, before the call ends.
MOST_GIVEN_UP = 5


@dataclass(frozen=True)
class End:
    """The end of the partial, with this result.  ``problem``: of the policy's answer, '': none."""

    result: StoredFailure
    problem: str = ""


@dataclass(frozen=True)
class Later:
    """A wait in the queue until this moment, microseconds; None: in its old place.

    ``rule``: what has decided that after a death or hard limit, for people; '': nothing to tell.
    """

    at: int | None
    problem: str = ""
    rule: str = ""


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
        case Stopped():
            return Later(None)
        case Cancelled(who, evidence):
            error = JobCancelled(f"cancelled by {who}", who=who, when=moment_of_now())
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
    if isinstance(fault.error, Snooze):
        return _after_snooze(partial, fault, fault.error, attempts)
    again = attempts.failed(fault)
    if attempts.given_up >= MOST_GIVEN_UP:
        return End(_given_up(fault, attempts.given_up))
    # A job that asks for it knows what it has committed.
    if again is not None and (fault.repeat != Repeat.NOWHERE or isinstance(fault.error, Retry)):
        is_later = again.at is not None or fault.repeat != Repeat.HERE
        if is_later and can_wait(partial):
            attempts.keep(fault, again.at)
            return Later(clock.now() if again.at is None else again.at)
        if fault.repeat == Repeat.HERE:
            if fault.is_the_calls:
                attempts.keep(fault, again.at)
            return Now(again.at)
    return End(sanitize(fault.failure, **attempts.evidence(fault.error)))


def _after_snooze(
    partial: PartialRecord, fault: Raised, wish: Snooze, attempts: Attempts
) -> Decision:
    if attempts.policy.at_most_once:
        return End(sanitize(fault.failure, retry=ONCE))
    if not can_wait(partial):
        return End(sanitize(fault.failure, retry=NO_QUEUE))
    attempts.snooze()
    return Later(moment_of(wish))


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
    again, problem, rule = _ask_after_death(partial, fault)
    if again is not None:
        return Later(again.at, problem, rule and f"{rule}, {again_text(again.at)}")
    told = {"retry": f"{rule}, over"} if rule else {}
    return End(_after_last_death(partial, fault, told), problem)


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
    reason = reason_of(policy)
    rule = f"{label_of(shown_name(partial), policy)}: {reason}" if reason else ""
    if again is not None:
        return Later(again.at, problem, rule and f"{rule}, {again_text(again.at)}")
    return End(sanitize(failure, retry=f"{rule}, over") if rule else failure, problem)


def _after_last_death(
    partial: PartialRecord, fault: Died, told: Mapping[str, Any] = MappingProxyType({})
) -> StoredFailure:
    """Return the result of a call that ends with a death; ``told``: further evidence."""
    if partial.has_begun_once:
        reason = (
            f"interrupted, and its retry policy {shown_name(partial)!r} lets it begin only once: "
            f"{fault.summary}"
        )
    else:
        reason = f"interrupted {partial.interruptions} times; the last time: {fault.summary}"
    kind = JobCrashed if fault.is_crash else JobInterrupted
    error = kind(reason, who=fault.who, when=moment_of_now(), times=partial.interruptions)
    return from_exception(error, **fault.evidence, **told)


def _ask_after_death(partial: PartialRecord, fault: Died) -> tuple[RetryDecision | None, str, str]:
    """Return the policy's decision, None: end it; what was wrong with the policy; and why so.

    A partial that has begun and may not begin again is known by its record.  One that may begin
    only once and has not is as good as new, but must not kill children for ever: the limit of the
    default policy counts.  So it does for a policy that is the application's own and was to be
    asked before the call was made: nothing of the application is imported here.
    """
    if partial.has_begun_once:
        return None, "", ""
    problem, counts = "", _counts(partial, fault.is_crash)
    if is_foreign(partial):
        return *ask(RetryCommonFourTimes(partial), "interrupted", counts), ""
    try:
        policy = policy_of(partial)
    except MissingPolicy as error:  # the process that makes the call finds it, or ends the call
        policy, problem = RetryCommonFourTimes(partial), f"the default policy decides: {error}"
    else:
        if policy.at_most_once:
            policy = RetryCommonFourTimes(partial)
    again, wrong = ask(policy, "interrupted", counts)
    reason = reason_of(policy)
    return (
        again,
        problem or wrong,
        f"{label_of(shown_name(partial), policy)}: {reason}" if reason else "",
    )


def ask_before_call(partial: PartialRecord, policy: Any) -> RetryDecision | None:
    """Return what the policy says to the death before this call; None: that ends it.

    A death at its hard limit counts as an exception of the call.
    """
    if partial.unasked_death is not None and partial.unasked_death.check(HardTimeLimit):
        return ask(policy, "jobError", partial.unasked_death, _counts(partial))[0]
    return ask(policy, "interrupted", _counts(partial))[0]


def _counts(partial: PartialRecord, is_crash: bool = True) -> Counts:
    return Counts(
        partial.conflicts - partial.conflicts_by_checkpoint,
        partial.interruptions,
        partial.exceptions,
        began=partial.first_started_at,
        is_crash=is_crash,
    )


def can_wait(partial: PartialRecord) -> bool:
    """Return whether the partial can return to its queue; callbacks and direct calls cannot."""
    return partial.queue is not None and partial.claim is not None and partial.parent is None


def _is_claimed(partial: PartialRecord) -> bool:
    """Return whether the partial, or the one that it is a callback of, was claimed from a queue."""
    while partial.parent is not None:
        partial = partial.parent
    return partial.queue is not None and partial.claim is not None
