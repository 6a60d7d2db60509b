"""Inherited: the options of a call that hold for others which are put on behalf of it, too."""

from __future__ import annotations

from typing import Any

from zcasync.partial import Partial
from zcasync.queues.quotas import quotas_of


def inherited(partial: Partial) -> dict[str, Any]:
    """Return the options of a put that say what a call was put with, but for when it begins.

    Quotas that were removed meanwhile are left out.
    """
    quotas = quotas_of(partial.queue)
    found = {
        "priority": partial.priority,
        "quota": [name for name in partial.quotas if quotas is None or name in quotas],
        "retry": partial.retry_policy,
        "soft_limit": partial.soft_limit,
        "hard_limit": partial.hard_limit,
        "secret": partial.secret,
        "isolate": partial.is_isolated,
        # What the queue says anyway does not hold for what is isolated.
        "batch": None if partial.is_batch == partial.queue.batch else partial.is_batch,
    }
    return {name: value for name, value in found.items() if value is not None}
