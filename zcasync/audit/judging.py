"""Judging: the places in which a job has to be, by its state, and what is wrong with others.

A job that was never put, and one that was taken out of its queue, is its application's own, and so
is what it calls directly.  A callback goes through the partial that it is a callback of.
"""

from __future__ import annotations

from typing import Any

from zcasync.audit.finding import Finding, Kind, Remedy
from zcasync.audit.places import Claimed, Places
from zcasync.interfaces import ACTIVE, CALLBACKS, COMPLETED, PENDING
from zcasync.job.broken import broken
from zcasync.job.completion import is_done
from zcasync.job.record import PartialRecord

#: Of findings about a job.
Verdict = tuple[Kind, str, Remedy | None]


def is_ours(partial: PartialRecord, places: Places) -> bool:
    """Return whether workers have to see to a partial: it was put, and is no callback."""
    return partial.parent is None and any(partial.queue is queue for queue in places.queues)


def unusable(partial: Any) -> str | None:
    """Return why a partial or its callbacks cannot be loaded; None where they can.

    Raises what a storage raises that cannot answer now.
    """
    problem = broken(partial)
    if problem is None and partial.callbacks_problem is not None:
        why = partial.callbacks_problem.removeprefix("its record ")
        return f"the record of its callbacks {why}"
    return problem


def right_claims(partial: PartialRecord, places: Places) -> list[Claimed]:
    """Return the claims that lead on: of the engine that the partial is assigned to, first.

    What a worker without an engine holds, or has in quarantine, is recovered whoever claimed it; so
    is what an undo has brought back of an engine that is over, in the worker's next pass.
    """
    claims, claim = places.claimed.get(partial._p_oid, ()), partial.claim
    mine = [one for one in claims if claim is not None and one.worker.incarnation is claim]
    is_of_the_past = claim is not None and claim.is_over
    left = [
        one for one in claims if one.is_aside or one.worker.engineUUID is None or is_of_the_past
    ]
    return [*mine, *(one for one in left if one not in mine)]


def is_waiting(partial: PartialRecord, places: Places) -> bool:
    """Return whether the partial has a true entry in its queue."""
    return any(one.queue.waits(partial, one.due) for one in places.waiting.get(partial._p_oid, ()))


def is_resumed(partial: PartialRecord, places: Places) -> bool:
    """Return whether its queue tells workers to run what is left of its callbacks."""
    return any(
        one.queue.has_callbacks_left(partial, one.due)
        for one in places.waiting.get(partial._p_oid, ())
    )


def judge_place(partial: PartialRecord, places: Places) -> Finding | None:
    """Return what is wrong with the places of a partial that can be loaded and waits for none.

    One whose callbacks run is not judged lost here: another may see to it, see ``waiting``.
    """
    if is_ours(partial, places):
        verdict = _JUDGES[partial.state](partial, places)
    elif partial._p_oid in places.claimed and partial.state != COMPLETED:
        text = f"it is {partial.state} in no queue, but claimed by {_holders(partial, places)}"
        verdict = (Kind.MISPLACED, text, Remedy.DROP_CLAIMS)
    else:
        verdict = None
    return None if verdict is None else Finding.about(partial, *verdict)


def lost_callbacks(partial: PartialRecord) -> Finding:
    """Return the finding about callbacks that nobody runs."""
    text = f"it has its result, but nobody runs {_named(partial)}'s callbacks"
    return Finding.about(partial, Kind.LOST, text, Remedy.RESUME)


def _judge_pending(partial: PartialRecord, places: Places) -> Verdict | None:
    if partial.is_held and partial._p_oid not in places.claimed:
        return _judge_held(partial)
    waits = is_waiting(partial, places)
    where = f"in the {partial.queue.__name__} queue"
    if partial._p_oid in places.claimed:
        text = f"{_named(partial)} waits {where} and is claimed by {_holders(partial, places)}"
        if not waits:
            text = f"{_named(partial)} is pending, but claimed by {_holders(partial, places)}"
            return Kind.MISPLACED, text, Remedy.FILE
        return Kind.TWICE, text, Remedy.DROP_CLAIMS
    if not waits:
        return Kind.LOST, f"{_named(partial)} waits, but not {where}", Remedy.FILE
    return None


def _judge_held(partial: PartialRecord) -> Verdict | None:
    """Judge a partial that is to begin when others have ended, and may have lost them."""
    after, own, flow = partial.after_gate, partial.members_gate, partial.flow_gate
    if after is not None and not after.is_open:
        is_lost = _is_left_alone(after)
    elif own is not None:
        is_lost = own.is_open or _is_left_alone(own)
    else:
        is_lost = flow is None or flow.is_full
    text = f"{_named(partial)} is held, though what it has waited for has ended"
    return (Kind.LOST, text, Remedy.FILE) if is_lost else None


def _is_left_alone(gate: Any) -> bool:
    """Return whether nothing is left to be done that would open a gate.

    The end of each call is counted in the commit that completes it.
    """
    return all(
        broken(one) is None and one.state == COMPLETED and is_done(one)
        for one in gate.all_members()
    )


def _judge_active(partial: PartialRecord, places: Places) -> Verdict | None:
    return _judge_claims(partial, places, Remedy.RELEASE) or (
        None
        if partial._p_oid in places.claimed
        else (Kind.LOST, f"{_named(partial)} is active, but no worker has it", Remedy.RELEASE)
    )


def _judge_callbacks(partial: PartialRecord, places: Places) -> Verdict | None:
    return _judge_claims(partial, places, Remedy.RESUME)


def _judge_completed(partial: PartialRecord, places: Places) -> Verdict | None:
    claims, completed = (
        len(found.get(partial._p_oid, ())) for found in (places.claimed, places.completed)
    )
    if completed > 1:
        text = f"{_named(partial)} is {completed} times among the completed jobs"
        return Kind.TWICE, text, Remedy.DROP_COMPLETED
    if claims and completed + claims > 1:
        text = f"{_named(partial)} has completed, but is claimed by {_holders(partial, places)}"
        return Kind.TWICE, text, Remedy.DROP_CLAIMS
    return None


_JUDGES: dict[str, Any] = {
    PENDING: _judge_pending,
    ACTIVE: _judge_active,
    CALLBACKS: _judge_callbacks,
    COMPLETED: _judge_completed,
}


def _judge_claims(partial: PartialRecord, places: Places, remedy: Remedy) -> Verdict | None:
    """Judge the claims of a partial that is to have one at most; none at all is no finding."""
    count, right = len(places.claimed.get(partial._p_oid, ())), right_claims(partial, places)
    if count and not right:
        text = f"{_named(partial)} is claimed by {_holders(partial, places)}, which may not run it"
        return Kind.MISPLACED, text, remedy
    if count > 1:
        text = f"{_named(partial)} is claimed {count} times, by {_holders(partial, places)}"
        return Kind.TWICE, text, Remedy.DROP_CLAIMS
    return None


def _holders(partial: PartialRecord, places: Places) -> str:
    """Return the names of the workers that have claimed a partial."""
    names = {f"worker {one.worker.UUID}" for one in places.claimed[partial._p_oid]}
    return " and ".join(sorted(names))


def _named(partial: PartialRecord) -> str:
    return partial.callable_name
