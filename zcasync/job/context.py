"""The context of a call: what a put has remembered of its caller, as plain values."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from zope.component import getGlobalSiteManager

from zcasync.errors import UnstorableError
from zcasync.interfaces import IContextCapture

#: The longest one, as JSON: it is in the record of each job.
LIMIT_BYTES = 4096
#: The longest one of a call of which more is remembered: the paths of many objects.
CALL_LIMIT_BYTES = 65536
#: What to do about one that is longer.
REMEDY = "keep what is large in an argument"
CALL_REMEDY = (
    "the path of each object that it is called with is part of that, so put several calls with "
    "fewer objects each, or let the call find them itself: give it their folder, or their UIDs"
)


def plain(
    context: Mapping[str, Any], limit: int = LIMIT_BYTES, remedy: str = REMEDY
) -> dict[str, Any]:
    """Return a context as it is stored: names and JSON values; ``limit``: bytes.

    ``remedy``: what to do about one that is longer.  Raises UnstorableError for values that are not
    plain, or too many of them.
    """
    try:
        text = json.dumps(dict(context))
    except (TypeError, ValueError) as error:
        raise UnstorableError(
            f"what a put is to remember must be names and plain JSON values: {error}"
        ) from error
    if len(text) > limit:
        raise UnstorableError(
            f"what a put is to remember has {len(text):,} bytes, of at most {limit:,}: {remedy}"
        )
    found: dict[str, Any] = json.loads(text)  # one of our own, which nobody changes
    return found


def is_context(value: Any) -> bool:
    """Return whether a stored attribute can be a context."""
    return type(value) is dict and all(type(name) is str for name in value)


def in_place(partial: Any, value: Any) -> Any:
    """Return a result, or a part of a call, as the application of this process has it.

    An object comes in its place.  Asked are the utilities of the process, where the put or the job
    has remembered something.  Raises what they raise.
    """
    if partial._context is None:
        return value
    for _, capture in getGlobalSiteManager().getUtilitiesFor(IContextCapture):
        of_result = getattr(capture, "of_result", None)
        if of_result is not None:
            value = of_result(partial, value)
    return value
