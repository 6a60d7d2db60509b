"""What a put remembers of its caller, by the utilities that the application has registered."""

from __future__ import annotations

from typing import Any

from zope.component import getGlobalSiteManager

from zcasync.interfaces import IContextCapture
from zcasync.job.context import plain


def remembered(remember: bool = True, run_as: str | None = None) -> dict[str, Any] | None:
    """Return the context of a put: what each IContextCapture says; None: nothing is remembered.

    The utilities are those of the process, not of the current site, whose storage may be away.
    Raises TypeError for a ``run_as`` that is no text, UnstorableError for what cannot be kept, and
    what an application's utility raises.
    """
    if run_as is not None and not isinstance(run_as, str):
        raise TypeError(f"run_as must be the id of a user, not {type(run_as).__name__}")
    found: dict[str, Any] = {}
    if remember:
        for _, capture in getGlobalSiteManager().getUtilitiesFor(IContextCapture):
            found.update(capture() or {})
    if run_as is not None:
        found["run_as"] = run_as
    return plain(found) if found else None
