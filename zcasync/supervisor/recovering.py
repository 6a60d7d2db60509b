"""Recovering: what becomes of claims that their child or their engine did not bring to an end."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from zcasync.errors import AbortedError
from zcasync.failure import from_exception
from zcasync.ids import hex_oid
from zcasync.interfaces import ACTIVE, CALLBACKS, COMPLETED, PENDING
from zcasync.partial import Partial
from zcasync.protocol.outcomes import Death
from zcasync.settling import is_done, waiter
from zcasync.supervisor.work import Done

#: The tenth interruption ends a job (RetryCommonFourTimes of the ancestor).
INTERRUPTION_LIMIT = 10


def is_unfinished(partial: Partial) -> bool:
    """Whether it is claimed and has neither ended nor begun to wait for another partial."""
    return partial.state == ACTIVE and partial._waits_for is None


def recover(
    partials: Iterable[Partial],
    death: Death | None,
    done: Done,
    cancelled: Mapping[bytes, str] = MappingProxyType({}),
) -> None:
    """Let the unfinished of these partials of one claim list wait again.

    A death has interrupted the first of them, and those that are known to have begun because they
    wait for a Deferred; the others were only reserved.  Those in ``cancelled`` (oid -> who) end.
    """
    first = True
    for partial in list(partials):
        if not is_unfinished(partial):
            has_begun = partial.state != PENDING  # else an earlier death has let it wait again
            if first and death is not None and has_begun and not is_done(partial):
                interrupt_callback(partial, death, done)
                first = False
            continue
        begun = partial._started is not None
        if partial._p_oid in cancelled:
            cancel(partial, cancelled[partial._p_oid], done)
        elif death is not None and (first or begun):
            interrupt(partial, death, done)
        else:
            give_back(partial)
        first = first and begun


def cancel(partial: Partial, who: str, done: Done) -> None:
    """End it: somebody does not want it any more."""
    partial._settle(from_exception(AbortedError(f"cancelled by {who}")))
    done.notes.append(f"{name_of(partial)} is ended: cancelled by {who}")


def name_of(partial: Partial) -> str:
    """For the log."""
    return f"job {hex_oid(partial._p_oid)} ({partial.callable_name})"


def give_back(partial: Partial) -> None:
    """Let it wait in its queue again, as if it had not been claimed."""
    partial._claim = None
    partial._queue.give_back(partial)  # type: ignore[union-attr]


def interrupt_callback(partial: Partial, death: Death, done: Done) -> None:
    """Count an interruption of a callback: its partial's result is there, the rest is repeated."""
    callback = at_work(partial)
    callback._interruptions += 1
    name = f"{name_of(callback)}, a callback of {name_of(partial)},"
    if callback._interruptions >= INTERRUPTION_LIMIT:
        error = too_often(callback, death)
        callback._settle(from_exception(error, **death.as_dict()))
        done.notes.append(f"{name} is ended: {error}")
    else:
        done.notes.append(
            f"{name} was interrupted (number {callback._interruptions}) and will run again: "
            f"{death.summary}"
        )


def at_work(partial: Partial) -> Partial:
    """The callback that is to be run next for a partial that has its result."""
    while partial.state in (CALLBACKS, COMPLETED):
        undone = [callback for callback in partial.callbacks if not is_done(callback)]
        following = undone[0] if undone else waiter(partial)
        if following is None:
            break
        partial = following
    return partial


def too_often(partial: Partial, death: Death) -> AbortedError:
    """The reason to give after the last interruption."""
    return AbortedError(
        f"interrupted {partial._interruptions} times; the last time: {death.summary}"
    )


def interrupt(partial: Partial, death: Death, done: Done) -> None:
    """Count an interruption: let it wait again, or end it after too many."""
    partial._interruptions += 1
    partial._attempts = partial._interruptions
    name = name_of(partial)
    if partial._interruptions >= INTERRUPTION_LIMIT:
        error = too_often(partial, death)
        partial._settle(from_exception(error, **death.as_dict()))
        done.notes.append(f"{name} is ended: {error}")
    else:
        give_back(partial)
        done.notes.append(
            f"{name} was interrupted (number {partial._interruptions}) and will run again: "
            f"{death.summary}"
        )
