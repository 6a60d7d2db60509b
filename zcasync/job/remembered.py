"""What a put remembers of its caller, by the utilities that the application has registered."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from zope.component import getGlobalSiteManager

from zcasync.interfaces import IContextCapture
from zcasync.job.context import CALL_LIMIT_BYTES, CALL_REMEDY, plain
from zcasync.job.record import PartialRecord


class Remembered(NamedTuple):
    """What a put remembers: the same for all of its items, and what is asked of each of them."""

    context: dict[str, Any] | None = None
    of_calls: tuple[Callable[[Any], Any], ...] = ()

    def of(self, partial: Any) -> dict[str, Any] | None:
        """Return the context of one item.  Raises UnstorableError, and what a utility raises."""
        found = dict(self.context or {})
        for of_call in self.of_calls:
            found.update(of_call(partial) or {})
        return plain(found, CALL_LIMIT_BYTES, CALL_REMEDY) if found else None


def remembered(remember: bool = True, run_as: str | None = None) -> Remembered:
    """Return what a put remembers: what each IContextCapture says.

    The utilities are those of the process, not of the current site, whose storage may be away.
    Raises TypeError for a ``run_as`` that is no text, UnstorableError for what cannot be kept, and
    what an application's utility raises.
    """
    if run_as is not None and not isinstance(run_as, str):
        raise TypeError(f"run_as must be the id of a user, not {type(run_as).__name__}")
    found: dict[str, Any] = {}
    of_calls: tuple[Any, ...] = ()
    for _, capture in getGlobalSiteManager().getUtilitiesFor(IContextCapture):
        if remember:
            found.update(capture() or {})
        of_call = getattr(capture, "of_call", None)  # of the call itself, not of its caller
        if of_call is not None:
            of_calls = (*of_calls, of_call)
    if run_as is not None:
        found["run_as"] = run_as
    return Remembered(plain(found) if found else None, of_calls)


def remember_callback(callback: PartialRecord, parent: PartialRecord) -> None:
    """Let a callback of a call that was put already remember what is said of it alone.

    All callbacks of a call that is yet to be put are asked about with it.  Raises as a put.
    """
    root: PartialRecord | None = parent
    while root is not None and root.queue is None:
        root = root.parent
    found = None if root is None else remembered(remember=False).of(callback)
    if found:
        callback.remember_context(_together(parent.context, found))


def _together(context: Mapping[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    """Return a context with what more is said, the names of its mappings together."""
    found = dict(context)
    for name, value in more.items():
        before = found.get(name)
        is_both = isinstance(before, dict) and isinstance(value, dict)
        found[name] = {**before, **value} if is_both else value  # type: ignore[dict-item]
    return found
