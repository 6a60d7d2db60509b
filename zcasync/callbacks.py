"""Callbacks: adding them, and the callables behind them that choose or hand a result on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from twisted.python.failure import Failure

from zcasync.interfaces import COMPLETED
from zcasync.partial import Partial, as_partial


@dataclass(frozen=True)
class Delegate:
    """Returned by a callable: run this partial here and now, and take its result as mine."""

    partial: Partial
    args: tuple[Any, ...]


def choose(success: Partial | None, failure: Partial | None, result: Any) -> Any:
    """Call ``success`` or ``failure`` with the result; without one, pass the result on."""
    chosen = failure if isinstance(result, Failure) else success
    return result if chosen is None else Delegate(chosen, (result,))


def adopt(waiting: Partial, result: Any) -> None:
    """Give a partial that waits for another one its result.

    Only the one it really waits for counts: a late call for a partial that has ended is no news.
    """
    if waiting._waits_for is not None:
        waiting._settle(result)
        require_all_callbacks(waiting)


def choice(success: Any, failure: Any, retry: Any) -> Partial:
    """A callback that calls one of the two, each under the retry policy."""
    chosen = [None if call is None else as_partial(call) for call in (success, failure)]
    callback = Partial(choose, *chosen)
    for inner in chosen:
        if inner is not None:
            set_retry(inner, retry)
            inner._adopted_by(callback)
    return callback


def add(partial: Partial, added: Partial, retry: Any) -> Partial:
    """Let ``added`` be called with the partial's result; returns it."""
    from zcasync.parts import require_placed
    from zcasync.performing import perform

    if partial._p_jar is not None:
        require_placed(added, partial._p_jar)
    set_retry(added, retry)
    added._adopted_by(partial)
    sidecar = partial._need_sidecar()
    sidecar.callbacks += (added,)
    if partial._p_jar is not None and added._p_jar is None:
        # So that its commits are those of our connection, and that objects of another database can
        # refer to it.
        partial._p_jar.add(added)
    if partial._state == COMPLETED:
        perform(added, (partial.result,))
    elif partial._p_jar is not None and partial._p_oid is not None and not partial._p_changed:
        # Rule for the instant of completion: whoever completes a partial writes its record, so one
        # of two concurrent transactions fails here and, tried again, sees the result.
        partial._p_jar.readCurrent(partial)
    return added


def require_all_callbacks(partial: Partial) -> None:
    """Let the commit fail with a ConflictError when a callback is added at the same time.

    For whoever settles a partial and will not look at it again.
    """
    sidecar = partial._sidecar
    if sidecar is not None and sidecar._p_jar is not None and not sidecar._p_changed:
        sidecar._p_jar.readCurrent(sidecar)


def set_retry(partial: Partial, retry: Any) -> None:
    """Give a partial the policy that was named for it, if one was."""
    if retry is not None:
        partial.retry = retry
