"""Waiting: whether a partial may wait for another one, or would wait for ever.

A partial waits for the one that it has returned, and a callback for the one that it was added to.
So each needs one other at most, and what it needs is a line that has to end at a call that somebody
makes: a ring has no end, and an orphan, which was put in no queue, is called by nobody.

Two transactions that close a ring together meet: who begins to wait writes its own record, and
demands that the last partial of the line has not begun to wait meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from zcasync.errors import BadStateError
from zcasync.interfaces import PENDING
from zcasync.job.completion import check_callbacks_current, waiter
from zcasync.job.gate import counting, following_of
from zcasync.job.record import PartialRecord

#: A walk gives back the memory of what it has loaded each time that it has seen so many partials.
LOADED_LIMIT = 200


def require_end(partial: PartialRecord, awaited: PartialRecord) -> None:
    """Raise BadStateError when ``partial``, which has returned ``awaited``, would wait for ever."""
    if awaited.waits_for is not None and not partial.has_callbacks:
        # Nobody waits for it, so it closes no ring, and the other one's wait was allowed.
        check_callbacks_current(partial)
        return
    last = awaited
    for last in line(awaited, _needed):
        if last is partial:
            raise BadStateError(
                "a partial cannot wait for itself"
                if awaited is partial
                else f"it returned {awaited!r}, which waits for it: neither would ever end"
            )
    if last.is_held and any(one is last for one in followers(partial)):
        raise BadStateError(
            f"it returned {awaited!r}, which begins after it, by way of {last!r}: neither would "
            "ever end"
        )
    if last.state == PENDING and not _will_be_called(last):
        raise BadStateError(
            f"it returned {awaited!r}, and {last!r} is in no queue, so nobody would ever call it: "
            "put it in a queue before it is returned"
        )
    _require_current(last)


def require_later(callback: PartialRecord, partial: PartialRecord) -> None:
    """Raise BadStateError when ``callback`` has to be called before ``partial``, to be after it."""
    family = [callback, *alternatives(callback)]
    if all(one is not partial and not one.has_callbacks for one in family):
        return  # nothing is to be called after it
    if any(above is callback for above in line(partial, lambda one: one.parent)):
        raise BadStateError(
            f"{callback!r} cannot be a callback of {partial!r}, which is called after it"
        )


def line_of_need(partial: PartialRecord) -> Iterator[PartialRecord]:
    """Yield a partial, and those that have to have their results before it, one after the other."""
    return line(partial, _needed)


def needs(partial: PartialRecord, other: PartialRecord) -> bool:
    """Return whether a partial cannot have its result before ``other`` has: it may be that one."""
    return any(one is other for one in line(partial, _needed))


def followers(partial: PartialRecord) -> Iterator[PartialRecord]:
    """Yield what cannot begin, or end, before a partial has: its flow, what waits for that ..."""
    seen, left = {id(partial)}, [partial]
    while left:
        one = left.pop()
        behind = [gate.partial for _, gate in counting(one)]
        behind += [found for callback, _ in counting(one) if (found := following_of(callback))]
        behind += filter(None, (one.parent, *map(waiter, one.callbacks)))
        for found in behind:
            if id(found) not in seen:
                seen.add(id(found))
                left.append(found)
                yield found


def is_orphan(partial: PartialRecord) -> bool:
    """Return whether a partial, or the last one that it waits for, will be called by nobody."""
    last = partial
    for last in line(partial, _needed):  # noqa: B007
        pass
    return last.state == PENDING and not _will_be_called(last)


def line(
    partial: PartialRecord, following: Callable[[PartialRecord], PartialRecord | None]
) -> Iterator[PartialRecord]:
    """Yield a partial, the one that follows it, and so on, however long that goes on."""
    one: PartialRecord | None = partial
    number = 0
    while one is not None:
        yield one
        number += 1
        if number % LOADED_LIMIT == 0 and one._p_jar is not None:
            one._p_jar.cacheGC()
        one = following(one)


def _needed(partial: PartialRecord) -> PartialRecord | None:
    """Return the partial that has to have its result before this one can have its own, or None."""
    parent = partial.parent
    if partial.waits_for is not None or partial.state != PENDING or parent is None:
        return partial.waits_for
    if _has_callback(parent, partial):
        return None if parent.has_result else parent
    # One of two that a callback calls: that is called first.
    return parent if parent.state == PENDING and not _has_chosen(parent) else None


def _will_be_called(partial: PartialRecord) -> bool:
    """Return whether somebody will call a pending partial that needs no other one."""
    if partial.begin_after is not None:
        return True  # it was put in a queue; who has pulled it from there calls it
    parent = partial.parent
    if parent is None:
        return False
    return _has_callback(parent, partial) or not (parent.has_result or _has_chosen(parent))


def _has_callback(parent: PartialRecord, partial: PartialRecord) -> bool:
    """Return whether a partial is its parent's callback, not one of two that it chooses from."""
    return any(callback is partial for callback in parent.stored_callbacks)


def _has_chosen(callback: PartialRecord) -> bool:
    """Return whether one of the two that a callback chooses from was called."""
    return any(one.state != PENDING for one in alternatives(callback))


def alternatives(callback: PartialRecord) -> list[PartialRecord]:
    """Return the partials one of which a callback calls; none of most callbacks."""
    arguments = callback.stored_arguments
    return [one for one in arguments if isinstance(one, PartialRecord) and one.parent is callback]


def _require_current(last: PartialRecord) -> None:
    """Make the commit fail with a ConflictError when the last one begins to wait meanwhile."""
    if last._p_jar is not None and not last._p_changed:
        last._p_jar.readCurrent(last)
