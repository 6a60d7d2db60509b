"""Recovery: claims that their child or their engine did not finish."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from ZODB.POSException import POSKeyError

from zcasync.interfaces import ACTIVE, PENDING
from zcasync.job.broken import broken
from zcasync.job.completion import is_done
from zcasync.job.ids import hex_oid
from zcasync.job.record import PartialRecord
from zcasync.liveness.death import Death
from zcasync.liveness.interruption import (
    cancel,
    end_begun,
    interrupt,
    interrupt_callback,
    release,
)
from zcasync.retry.decision import Quarantine, decide
from zcasync.retry.fault import Unreadable
from zcasync.workers.claims import ClaimList, SizedSequence


def recover(
    partials: Iterable[PartialRecord],
    death: Death | None,
    log: list[str],
    cancelled: Mapping[bytes, str] = MappingProxyType({}),
) -> None:
    """Release the unfinished of these partials of one claim list, or end them.

    A death has interrupted the one that it names, else the first of them, and those that are known
    to have begun because they wait for a Deferred; the others were only prefetched, or were
    claimed when the process was dead already.  Those in
    ``cancelled`` (oid -> who) end.  Those whose attempt failed, and that are to be attempted again
    later, were assigned to no process any more.  ``log``: gets lines for the operator.
    """
    partials = list(partials)
    culprit = None if death is None else running_at_death(partials, death)
    for partial in partials:
        if not partial.is_unfinished:
            if death is not None and partial is culprit:
                interrupt_callback(partial, death, log)
            continue
        interrupted = _death_of(partial, culprit, death)
        if partial._p_oid in cancelled:
            cancel(partial, cancelled[partial._p_oid], log, interrupted)
        elif partial.retry_at is not None:
            release(partial)
        elif interrupted is not None:
            interrupt(partial, interrupted, log)
        elif partial.has_begun_once:
            end_begun(partial, log)
        else:
            release(partial)


def running_at_death(partials: list[PartialRecord], death: Death) -> PartialRecord | None:
    """Return the partial, of those assigned to a child, that it was running when it died."""
    held = [partial for partial in partials if death.may_have_interrupted(partial._p_oid)]
    possible = [partial for partial in held if _may_be_running(partial)]
    named = [partial for partial in possible if hex_oid(partial._p_oid) == death.job]
    # One that has begun and is not named waits for a Deferred.
    not_begun = [one for one in possible if one.state != ACTIVE or one.started_at is None]
    return next(iter([*named, *not_begun]), None)


def _death_of(
    partial: PartialRecord, culprit: PartialRecord | None, death: Death | None
) -> Death | None:
    """Return the death as it has interrupted this unfinished partial; None: it has not."""
    if death is None or partial is culprit:
        return death
    return death.to_others() if partial.started_at is not None else None


def _may_be_running(partial: PartialRecord) -> bool:
    if partial.is_unfinished:
        return partial.retry_at is None
    # PENDING: an earlier death has let it wait again.
    return partial.state != PENDING and not is_done(partial)


def quarantine(
    one: ClaimList,
    unreadable: Iterable[tuple[PartialRecord, Unreadable]],
    to: SizedSequence,
    log: list[str],
) -> None:
    """Take what cannot be loaded out of a claim list, so that the rest can go on.

    That happens, for instance, when a version's classes refuse what an older version has stored.
    """
    found = {partial: decide(partial, fault) for partial, fault in unreadable}
    one.keep(partial for partial in one.items if partial not in found)
    for partial, decision in found.items():
        assert isinstance(decision, Quarantine)
        to.unreadable += (partial,)
        log.append(
            f"job {hex_oid(partial._p_oid)} was claimed and is set aside: {decision.problem}; when "
            "that is mended, start the supervisor again"
        )


def _lost_queue(partial: PartialRecord) -> str | None:
    """Return that there is no queue in which it could wait again; None: there is one.

    A queue that is there and damaged is begun anew elsewhere (:mod:`zcasync.salvage`).
    """
    queue = partial.queue if partial.is_unfinished else None
    if queue is None or queue._p_changed is not None:
        return None
    try:
        queue._p_activate()
    except POSKeyError:
        return f"there is no record {hex_oid(queue._p_oid)}, which it names as its queue"
    return None


def unreadable(
    partials: Iterable[PartialRecord], known: Mapping[bytes, str] = MappingProxyType({})
) -> list[tuple[PartialRecord, Unreadable]]:
    """Return those that cannot be loaded, or belong to no queue that can, each with the fault.

    ``known``: those that a child cannot load (oid -> why), although this process can.
    """
    problems = [
        (partial, broken(partial) or known.get(partial._p_oid) or _lost_queue(partial))
        for partial in partials
    ]
    return [(partial, Unreadable(problem)) for partial, problem in problems if problem is not None]
