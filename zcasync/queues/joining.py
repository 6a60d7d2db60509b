"""Joining: what becomes of a put whose key another call has already."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from zcasync.errors import AlreadyPut
from zcasync.job.ids import id_of
from zcasync.job.placement import keep, require_placed
from zcasync.job.record import PartialRecord
from zcasync.job.replacing import replace_arguments, replace_call
from zcasync.job.secret import Secret, hide
from zcasync.job.signature import require_signature
from zcasync.queues.merging import merged
from zcasync.queues.options import PutOptions
from zcasync.queues.unique import Unique, counts, hold, holder

#: Records in a partial that it waits, as its put says.
Record = Callable[[Any], None]


def put_unique(queue: Any, partial: Any, options: PutOptions, record: Record) -> tuple[Any, bool]:
    """Put a call with a key, or join the one that has it; return it, and whether to append it.

    Raises AlreadyPut where that is what the put wants, ValueError for what cannot be joined.
    """
    unique = options.unique
    assert unique is not None
    if partial.has_callbacks:
        raise ValueError(
            f"{partial!r} is unique and has callbacks, which are lost where it is there already: "
            "add them to the partial that put returns"
        )
    key = unique.key_of(partial)
    found = holder(queue, key)
    if found is None or not counts(queue, found, unique.stored):
        record(partial)
        hold(queue, key, partial)
        partial.name_key(key, *unique.stored)
        return partial, True
    return found, _join(queue, found, partial, options, unique, key, record)


def _join(
    queue: Any,
    found: Any,
    partial: Any,
    options: PutOptions,
    unique: Unique,
    key: str,
    record: Record,
) -> bool:
    """Let a put join the call that has its key; return whether that has to be appended again."""
    if unique.policy == "reject":
        raise AlreadyPut(
            f"a call of {found.callable_name} with this key is {found.state} already, job "
            f"{id_of(found)}: wait for it, or put with if_exists='keep'",
            id=id_of(found),
        )
    if unique.policy == "replace":
        queue.drop_entry(found)
        replace_call(found, partial)
        record(found)
        found.name_key(key, *unique.stored)
        return True
    if unique.merge is not None:
        _merge(queue, found, partial, unique, options.secret)
    if unique.policy == "debounce":
        queue.drop_entry(found)
        found.put_off(options.put, options.due)
        return True
    return False


def _merge(
    queue: Any, found: PartialRecord, partial: PartialRecord, unique: Unique, secret: Secret
) -> None:
    pairs = ((tuple(one.args), dict(one.kwargs)) for one in (found, partial))  # type: ignore[attr-defined]
    replace_arguments(found, *merged(unique.merge, *pairs))
    if secret or found.secret_arguments:
        hide(found, _secret_of_both(found.secret_arguments, secret, unique.merge))
    require_signature(found, {})
    if queue._p_jar is not None:
        keep(require_placed(found, queue._p_jar))


def _secret_of_both(one: Secret, other: Secret, merge: Any) -> Secret:
    """Return which arguments are secret of a call that has those of two.

    Nobody says where a callable has put what had a position.
    """
    keys = [key for some in (one, other) if isinstance(some, tuple) for key in some]
    is_moved = merge != "union" and any(isinstance(key, int) for key in keys)
    if one is True or other is True or is_moved:
        return True
    return tuple(dict.fromkeys(keys))
