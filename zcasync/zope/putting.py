"""put: a call of an object in its place, in the words of Zope."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Unpack

from Acquisition import aq_base, aq_inner, aq_parent

from zcasync import calls
from zcasync.partial import Partial
from zcasync.queues.options import AllOptions
from zcasync.zope.capture import register


def put(
    context: Any,
    call: str | Callable[..., Any],
    *args: Any,
    kwargs: Mapping[str, Any] | None = None,
    queue: str = "thread",
    **options: Unpack[AllOptions],
) -> Partial:
    """Put a call in a queue; return its partial.  It runs after the caller's commit.

    ``context``: an object in its place, wrapped or not; its database's queues are taken.  ``call``:
    the name of one of its methods, or anything that ``zcasync.put`` takes: a function is given
    ``args`` only, and a Partial has its own.  ``kwargs``: the keyword arguments of the call.
    Wrapped objects among all of these are found again by their paths, and are wrapped for the call;
    one that was moved or deleted by then is its Failure.  ``options``: see ``IPartialQueue.put``.

    Raises AttributeError where there is no such method, TypeError for a ``context`` that is stored
    in no database, a view for instance, and what ``zcasync.put`` raises.
    """
    _require_stored_kind(context)
    register()
    chosen: Any = getattr(context, call) if isinstance(call, str) else call
    if kwargs:
        chosen, args = Partial(chosen, *args, **kwargs), ()
    return calls.put(stored(context), chosen, *args, queue=queue, **options)


def stored(context: Any) -> Any:
    """Return an object without its wrapper, or the first one that it is in that is stored."""
    found = context
    while _jar(found) is None and aq_parent(aq_inner(found)) is not None:
        found = aq_parent(aq_inner(found))
    return aq_base(context if _jar(found) is None else found)


def _jar(found: Any) -> Any:
    return getattr(aq_base(found), "_p_jar", None)  # a request, above all of them, has none


def _require_stored_kind(context: Any) -> None:
    """Raise TypeError for an object that can be in no database."""
    if hasattr(aq_base(context), "_p_jar") or hasattr(aq_base(context), "root"):
        return
    raise TypeError(
        f"{type(aq_base(context)).__qualname__} is stored in no database: put with an object that "
        "is, self.context in a view, and give what else the call needs as arguments"
    )
