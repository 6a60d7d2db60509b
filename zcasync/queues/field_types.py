"""Field types of lanes, inboxes and pages: see :mod:`zcasync.job.field_types`."""

from __future__ import annotations

from typing import Any

from BTrees.LLBTree import LLBTree
from BTrees.OOBTree import OOBTree

from zcasync.job.control_fields import is_priority
from zcasync.job.field_types import (
    ALL,
    Check,
    is_bits,
    is_bool,
    is_count,
    is_moment,
    is_number,
    is_stored,
    is_uuid,
    list_of,
    needs,
    one_of,
    optional,
    stored,
)


def _is_page(state: Any) -> bool:
    """Return whether there is a due time for each partial."""
    return needs("dues", "partials")(state) and len(state["dues"]) == len(state["partials"])


PAGE: dict[str, Check] = {
    **dict.fromkeys(("base", "start", "held"), is_number),
    **dict.fromkeys(("timed", "relative"), is_bits),
    "next": optional(stored("zcasync.queues.lane.Page")),
    "closed": is_bool,
    "dues": list_of(is_number),
    "partials": list_of(is_stored),
    ALL: _is_page,
}
INBOX: dict[str, Check] = {
    "last": stored("zcasync.queues.lane.Page"),
    "written": optional(is_moment),
    ALL: needs("last"),
}
LANE: dict[str, Check] = {
    "owner": optional(is_uuid),
    **dict.fromkeys(("index", "seq"), is_count),
    "gone": is_number,
    "gone_held": optional(one_of(LLBTree)),
    **dict.fromkeys(("deadlines", "filed"), optional(one_of(OOBTree))),
    "filed_count": optional(is_number),
    "priority": is_priority,
    "closed": is_bool,
    "page_index": optional(stored("zcasync.queues.page_index.PageIndex")),
    "page": stored("zcasync.queues.lane.Page"),
    "inbox": stored("zcasync.queues.lane.Inbox"),
    ALL: needs("page", "inbox"),
}
