"""Interruptions: what becomes of one partial whose process has died, or that is cancelled."""

from __future__ import annotations

from datetime import timedelta

from zcasync import clock
from zcasync.errors import AbortedError, JobCancelled, MissingCallable, UnstorableError
from zcasync.events import is_heard, tell_after_commit
from zcasync.interfaces import (
    ACTIVE,
    IJobCancelledEvent,
    IJobFailedEvent,
    IJobRetriedEvent,
    JobFailed,
    JobRetried,
    JobStopped,
)
from zcasync.job.aside import Missing
from zcasync.job.completion import end, is_done, waiter
from zcasync.job.failure import StoredFailure, from_exception
from zcasync.job.ids import hex_oid, name_of
from zcasync.job.record import PartialRecord
from zcasync.job.waiting import line
from zcasync.liveness.death import Death
from zcasync.liveness.overrun import began_at, overrun_failure
from zcasync.retry.decision import Ask, Decision, End, Later, decide
from zcasync.retry.fault import Cancelled, Died, Overran, Refused
from zcasync.retry.refusals import begun_before
from zcasync.retry.rule import keep_first_start
from zcasync.text import span


def interrupt(partial: PartialRecord, death: Death, log: list[str]) -> None:
    """Count an interruption: release the partial, or end it, as its retry policy decides."""
    decision = _count(partial, death, name_of(partial), log)
    if isinstance(decision, Later | Ask):
        _forgive(partial, decision)
        release(partial)


def interrupt_callback(partial: PartialRecord, death: Death, log: list[str]) -> None:
    """Count an interruption of a callback: its partial's result is there, the rest is repeated."""
    callback = current_call(partial)
    if callback.has_result:
        return  # no call is left to be made, only its completion has to be stored
    name = f"{name_of(callback)}, a callback of {name_of(partial)},"
    decision = _count(callback, death, name, log)
    if isinstance(decision, Later | Ask) and callback.state == ACTIVE:
        callback.release()
        _forgive(callback, decision)


def cancel(partial: PartialRecord, who: str, log: list[str], death: Death | None = None) -> None:
    """End a partial that was cancelled by ``who``; ``death``: of the child that it ran in."""
    evidence = {} if death is None else death.as_dict()
    _end(partial, decide(partial, Cancelled(who, evidence)), name_of(partial), log)


def end_begun(partial: PartialRecord, log: list[str]) -> None:
    """End what has begun and may not begin again, although no death is known."""
    _refuse(partial, begun_before(partial), log)


def end_absent(partial: PartialRecord, missing: Missing, log: list[str]) -> None:
    """End a call, or the callback, that has waited for its code as long as it may."""
    assert partial.aside is not None
    call, aside = current_call(partial), partial.aside
    name = name_of(call)
    if call is not partial:
        name = f"{name}, a callback of {name_of(partial)},"
    waited = timedelta(microseconds=clock.now() - aside.since)
    error = MissingCallable(
        f"{missing.text}: it was set aside for {span(waited.total_seconds())}, since "
        f"{clock.to_datetime(aside.since):%Y-%m-%d %H:%M} UTC, and no worker had this code",
        missing=missing.name,
    )
    _end(call, decide(call, Refused(error)), name, log)


def release(partial: PartialRecord) -> None:
    """Let a partial wait in its queue again, as if it had not been claimed."""
    partial.queue.release(partial)


def current_call(partial: PartialRecord) -> PartialRecord:
    """Return the call that is to be made next for a partial: itself, or a callback."""
    call = partial
    for call in line(partial, _following):  # noqa: B007
        pass
    for chosen in call.stored_arguments:  # of a callback that calls one of two partials
        if isinstance(chosen, PartialRecord) and chosen.parent is call and chosen.is_unfinished:
            return chosen
    return call


def _following(partial: PartialRecord) -> PartialRecord | None:
    """Return the callback that is to be run next, or who waits for the result; None: neither."""
    if not partial.has_result:
        return None
    undone = (callback for callback in partial.callbacks if not is_done(callback))
    return next(undone, None) or waiter(partial)


def _forgive(partial: PartialRecord, decision: Later | Ask) -> None:
    if isinstance(decision, Ask):
        partial.leave_to_policy(decision.death)
        partial.forgive()
    else:
        partial.forgive(decision.at)


def _count(partial: PartialRecord, death: Death, name: str, log: list[str]) -> Decision:
    if death.is_of_result(hex_oid(partial._p_oid)):
        return _end_for_result(partial, death, name, log)
    if death.limits is not None:
        return _count_overrun(partial, death, name, log)
    partial.interrupt()
    keep_first_start(partial, partial.started_at or clock.now())
    fault = Died(death.summary, death.as_dict(), death.process, death.is_crash)
    decision = decide(partial, fault)
    if isinstance(decision, End | Later) and decision.problem:
        log.append(f"{name}: {decision.problem}")
    if isinstance(decision, End):
        _end(partial, decision, name, log)
    else:
        error = AbortedError(f"interrupted: {death.summary}")
        rule = decision.rule if isinstance(decision, Later) else ""
        partial.remember(from_exception(error, **death.as_dict()), clock.now(), rule)
        log.append(
            f"{name} was interrupted (number {partial.interruptions}) and will run again: "
            f"{death.summary}"
        )
    return decision


def _count_overrun(partial: PartialRecord, death: Death, name: str, log: list[str]) -> Decision:
    """Count an attempt that was ended by its hard limit; return what becomes of the call."""
    partial.overrun()
    keep_first_start(partial, partial.started_at or began_at(death))
    failure = overrun_failure(death)
    decision = decide(partial, Overran(failure))
    if isinstance(decision, End | Later) and decision.problem:
        log.append(f"{name}: {decision.problem}")
    if isinstance(decision, End):
        _end(partial, decision, name, log)
    else:
        rule = decision.rule if isinstance(decision, Later) else ""
        partial.remember(failure, clock.now(), rule)
        if isinstance(decision, Later) and is_heard(IJobRetriedEvent):
            again_at = clock.to_datetime(clock.now() if decision.at is None else decision.at)
            tell_after_commit(JobRetried(partial, failure, again_at))
        log.append(f"{name} will run again: {failure.getErrorMessage()}")
    return decision


def _end_for_result(partial: PartialRecord, death: Death, name: str, log: list[str]) -> Decision:
    """End a call whose result cannot be loaded again: that has ended the process that tried."""
    error = UnstorableError(f"the result can be pickled but not loaded again: {death.summary}")
    decision = decide(partial, Refused(error, from_exception(error, **death.as_dict())))
    _end(partial, decision, name, log)
    return decision


def _refuse(partial: PartialRecord, refusal: Refused, log: list[str]) -> None:
    _end(partial, decide(partial, refusal), name_of(partial), log)


def _end(partial: PartialRecord, decision: Decision, name: str, log: list[str]) -> None:
    assert isinstance(decision, End)
    end(partial, decision.result)
    _tell_end(partial, decision.result)
    log.append(f"{name} is ended: {decision.result.getErrorMessage()}")


def _tell_end(partial: PartialRecord, failure: StoredFailure) -> None:
    """Have it told that a partial was ended, once that is committed."""
    error = failure.value
    if isinstance(error, JobCancelled):
        if is_heard(IJobCancelledEvent):
            tell_after_commit(JobStopped(partial, error.who))
    elif is_heard(IJobFailedEvent):
        tell_after_commit(JobFailed(partial, failure))
