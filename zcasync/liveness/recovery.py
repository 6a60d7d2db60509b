"""Recovering: what becomes of claims that their child or their engine did not bring to an end."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from twisted.python.failure import Failure

from zcasync.errors import AbortedError, MissingPolicy
from zcasync.interfaces import ACTIVE, CALLBACKS, COMPLETED, PENDING
from zcasync.job.broken import broken
from zcasync.job.callbacks import require_all_callbacks
from zcasync.job.completion import is_done, waiter
from zcasync.job.failure import from_exception
from zcasync.job.ids import hex_oid
from zcasync.job.record import PartialRecord
from zcasync.liveness.death import Death
from zcasync.retry.attempts import begun_before, in_vain
from zcasync.retry.policy import RetryDecision, ask, policy_of, shown_name
from zcasync.retry.stock import Counts, RetryCommonFourTimes
from zcasync.supervisor.poll.messages import PassResult, SlotReport
from zcasync.workers.claims import ClaimList, SizedSequence


def is_unfinished(partial: PartialRecord) -> bool:
    """Whether it is claimed and has neither ended nor begun to wait for another partial."""
    return partial.state == ACTIVE and partial._waits_for is None


def recover(
    partials: Iterable[PartialRecord],
    death: Death | None,
    done: PassResult,
    cancelled: Mapping[bytes, str] = MappingProxyType({}),
) -> None:
    """Let the unfinished of these partials of one claim list wait again.

    A death has interrupted the one that it names, else the first of them, and those that are known
    to have begun because they wait for a Deferred; the others were only reserved.  Those in
    ``cancelled`` (oid -> who) end.  Those that ended in vain, and are to be tried again later, were
    in nobody's hands any more.
    """
    partials = list(partials)
    culprit = None if death is None else at_work_then(partials, death)
    for partial in partials:
        if not is_unfinished(partial):
            if death is not None and partial is culprit:
                interrupt_callback(partial, death, done)
            continue
        interrupted = death if partial is culprit or partial._started is not None else None
        if partial._p_oid in cancelled:
            cancel(partial, cancelled[partial._p_oid], done, interrupted)
        elif partial._retry_at is not None:
            give_back(partial)
        elif interrupted is not None:
            interrupt(partial, interrupted, done)
        elif partial._once:
            end_begun(partial, done)
        else:
            give_back(partial)


def at_work_then(partials: list[PartialRecord], death: Death) -> PartialRecord | None:
    """Which of the partials in the hands of a child it was at when it died."""
    possible = [partial for partial in partials if _can_be_at_work(partial)]
    named = [partial for partial in possible if hex_oid(partial._p_oid) == death.job]
    # One that has begun and is not named waits for a Deferred.
    not_begun = [one for one in possible if one.state != ACTIVE or one._started is None]
    return next(iter([*named, *not_begun]), None)


def _can_be_at_work(partial: PartialRecord) -> bool:
    if is_unfinished(partial):
        return partial._retry_at is None
    # PENDING: an earlier death has let it wait again.
    return partial.state != PENDING and not is_done(partial)


def cancel(partial: PartialRecord, who: str, done: PassResult, death: Death | None = None) -> None:
    """End it: somebody does not want it any more; ``death`` is that of the child it ran in."""
    evidence = {} if death is None else death.as_dict()
    end(partial, from_exception(AbortedError(f"cancelled by {who}"), **evidence))
    done.notes.append(f"{name_of(partial)} is ended: cancelled by {who}")


def end(partial: PartialRecord, result: Failure) -> None:
    """Give it this result.  It may be retired in the same commit, so no callback may be missed."""
    partial._settle(result)
    require_all_callbacks(partial)


def set_aside(
    one: ClaimList,
    unreadable: Iterable[tuple[PartialRecord, str]],
    to: SizedSequence,
    done: PassResult,
) -> None:
    """Take what cannot be loaded out of a claim list: it must not keep the rest from going on.

    A release whose classes refuse what an older one has stored is enough for that.
    """
    found = dict(unreadable)
    if not found:
        return
    one.items = tuple(partial for partial in one.items if partial not in found)
    to.unreadable += tuple(found)
    for partial, problem in found.items():
        done.notes.append(
            f"job {hex_oid(partial._p_oid)} was claimed and is set aside: {problem}; when that is "
            "mended, start the supervisor again"
        )


def unreadable(partials: Iterable[PartialRecord]) -> list[tuple[PartialRecord, str]]:
    """Those that cannot be loaded, each with the reason."""
    looked = [(partial, broken(partial)) for partial in partials]
    return [(partial, problem) for partial, problem in looked if problem is not None]


def rehome(slots: list[tuple[ClaimList, SlotReport]], size: int) -> None:
    """Let the first slot run the callbacks that are left in slots that there are no more."""
    for one, slot in slots[size:] if size else ():
        left = tuple(
            partial
            for partial in one.items
            if partial._p_oid not in slot.outstanding | slot.over
            and partial.state in (CALLBACKS, COMPLETED)
        )
        if left:
            one.items = tuple(partial for partial in one.items if partial not in left)
            slots[0][0].items += left


def name_of(partial: PartialRecord) -> str:
    """For the log."""
    return f"job {hex_oid(partial._p_oid)} ({partial.callable_name})"


def give_back(partial: PartialRecord) -> None:
    """Let it wait in its queue again, as if it had not been claimed."""
    partial._claim = None
    partial._queue.give_back(partial)  # type: ignore[union-attr]


def end_begun(partial: PartialRecord, done: PassResult) -> None:
    """End what has begun and may not begin again, although no death is known."""
    error = begun_before(partial)
    end(partial, from_exception(error))
    done.notes.append(f"{name_of(partial)} is ended: {error}")


def interrupt(partial: PartialRecord, death: Death, done: PassResult) -> None:
    """Count an interruption: let it wait again, or end it, as its retry policy says."""
    again = count_interruption(partial, death, name_of(partial), done)
    if again is not None:
        partial._once = False
        partial._retry_at = again.at
        give_back(partial)


def interrupt_callback(partial: PartialRecord, death: Death, done: PassResult) -> None:
    """Count an interruption of a callback: its partial's result is there, the rest is repeated."""
    callback = at_work(partial)
    if callback.state in (CALLBACKS, COMPLETED):
        return  # no call is left to be made, only that it is over has to be written
    name = f"{name_of(callback)}, a callback of {name_of(partial)},"
    again = count_interruption(callback, death, name, done)
    if again is not None and callback.state == ACTIVE:
        callback._given_back()
        callback._once = False


def at_work(partial: PartialRecord) -> PartialRecord:
    """The callback that is to be run next for a partial that has its result."""
    while partial.state in (CALLBACKS, COMPLETED):
        undone = [callback for callback in partial.callbacks if not is_done(callback)]
        following = undone[0] if undone else waiter(partial)
        if following is None:
            break
        partial = following
    for chosen in partial._args:  # of a callback that calls one of two partials
        if (
            isinstance(chosen, PartialRecord)
            and chosen._parent is partial
            and is_unfinished(chosen)
        ):
            return chosen
    return partial


def count_interruption(
    partial: PartialRecord, death: Death, name: str, done: PassResult
) -> RetryDecision | None:
    """Count it, and ask the retry policy; when that says no, the partial is ended."""
    partial._interruptions += 1
    partial._attempts = in_vain(partial)
    again, problem = ask_policy(partial)
    if problem:
        done.notes.append(f"{name}: {problem}")
    if again is None:
        error = interrupted(partial, death)
        end(partial, from_exception(error, **death.as_dict()))
        done.notes.append(f"{name} is ended: {error}")
    else:
        done.notes.append(
            f"{name} was interrupted (number {partial._interruptions}) and will run again: "
            f"{death.summary}"
        )
    return again


def ask_policy(partial: PartialRecord) -> tuple[RetryDecision | None, str]:
    """Whether it is to run again; with it, what was wrong with the policy.

    What has begun and may not begin again is known by its record.  One that may begin only once and
    has not is as good as new, but it must not kill children for ever.
    """
    if partial._once:
        return None, ""
    problem = ""
    try:
        policy = policy_of(partial)
    except MissingPolicy as error:  # where the call is made it will be found, or end the call
        policy, problem = RetryCommonFourTimes(partial), f"the default policy decides: {error}"
    else:
        if policy.at_most_once:
            policy = RetryCommonFourTimes(partial)
    counts = Counts(partial._conflicts, partial._interruptions, partial._exceptions)
    again, wrong = ask(policy, "interrupted", counts)
    return again, problem or wrong


def interrupted(partial: PartialRecord, death: Death) -> AbortedError:
    """The reason to give after the last interruption."""
    if partial._once:
        return AbortedError(
            f"interrupted, and its retry policy {shown_name(partial)!r} lets it begin only once: "
            f"{death.summary}"
        )
    return AbortedError(
        f"interrupted {partial._interruptions} times; the last time: {death.summary}"
    )
