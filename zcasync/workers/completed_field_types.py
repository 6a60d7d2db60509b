"""Field types of what keeps completed jobs: see :mod:`zcasync.job.field_types`."""

from __future__ import annotations

from BTrees.IOBTree import IOBTree

from zcasync.job.field_types import (
    ALL,
    Check,
    is_bool,
    is_count,
    is_moment,
    is_stored,
    needs,
    one_of,
    optional,
    stored,
    tuple_of,
)

PAGE: dict[str, Check] = {
    "partials": tuple_of(is_stored),
    "outcomes": one_of(bytes),
    "began": optional(is_moment),
}
TAKEN: dict[str, Check] = dict.fromkeys(("value", "failed", "cancelled"), is_count)
BUCKET: dict[str, Check] = {
    **dict.fromkeys(("full", "full_failed", "full_cancelled", "searched"), is_count),
    "is_failed_only": is_bool,
    "taken": optional(stored("zcasync.workers.completed.Taken")),
    "began": is_moment,
    "pages": one_of(IOBTree),
    ALL: needs("began", "pages", "full"),
}
COMPLETED: dict[str, Check] = {
    "_buckets": tuple_of(stored("zcasync.workers.completed.Bucket")),
    "dated": optional(is_moment),
}
