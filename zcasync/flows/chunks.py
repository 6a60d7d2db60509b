"""Chunks: a flow over many keys, whose members are made as it goes, so many keys at a time.

A member that only makes others, the driver, takes keys for a few chunks, adds these to the flow and
the driver that follows it, and tells that where it has come to.  A driver begins when the chunks of
the one before the last have ended, so that a bounded number of chunks waits at any time.  All that
a driver does is one commit, and so is a chunk: each key is performed once in the database, whatever
dies.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, ClassVar

from persistent import Persistent

from zcasync.flows.flow import Flow, make
from zcasync.job.declared import declared_options
from zcasync.job.field_types import (
    ALL,
    Check,
    Checked,
    is_count,
    needs,
    stored,
    tuple_of,
)
from zcasync.job.gate import counting
from zcasync.job.values import loaded, storable
from zcasync.partial import Partial, as_partial
from zcasync.perform.progress import current
from zcasync.unpublished import Unpublished

#: A driver adds so many chunks; no more than twice as many wait at any time.
CHUNKS = 16
#: Keys of what is no tree are written down, so many in a record.
PAGE_SIZE = 1000


class KeyPage(Checked, Unpublished, Persistent):  # type: ignore[misc]
    """Some keys, as ``storable`` has them."""

    _field_types: ClassVar[dict[str, Check]] = {ALL: needs("keys")}

    def __init__(self, keys: Any) -> None:
        self.keys = keys


class Keys(Checked, Unpublished, Persistent):  # type: ignore[misc]
    """Keys that were written down."""

    _field_types: ClassVar[dict[str, Check]] = {
        "pages": tuple_of(stored("zcasync.flows.chunks.KeyPage")),
        "count": is_count,
        ALL: needs("pages", "count"),
    }

    def __init__(self, keys: Iterable[Any]) -> None:
        pages, self.count, given = [], 0, iter(keys)
        while page := list(islice(given, PAGE_SIZE)):
            self.count += len(page)
            pages.append(KeyPage(storable(page, "keys")))
        self.pages = tuple(pages)

    def behind(self, position: int) -> Iterator[Any]:
        """Yield the keys from this position on; loads a page at a time."""
        first = position % PAGE_SIZE
        for page in self.pages[position // PAGE_SIZE :]:
            yield from loaded(page.keys, page._p_jar)[first:]
            page._p_deactivate()
            first = 0


def map(
    call: Any,
    items: Any,
    *,
    chunk: int = 100,
    postprocess: Any = None,
    on_failure: str = "fail_fast",
) -> Flow:
    """Return a flow that calls ``call`` with each of many keys, a chunk of them in one job.

    ``items``: a BTree or TreeSet, whose keys are walked as the flow goes, never all in memory; a
    range; or any other iterable, which is written down now.  ``call``: a callable or a Partial,
    called with its own arguments and the key.  ``chunk``: the number of keys that are one job, and
    one commit.  The result is the number of keys, or what ``postprocess`` makes of the jobs of the
    chunks.  Else as ``zcasync.parallel``.  TypeError, ValueError for a chunk that is no positive
    number.
    """
    if isinstance(chunk, bool) or not isinstance(chunk, int):
        raise TypeError(f"chunk must be a number of keys, not {type(chunk).__name__}")
    if chunk < 1:
        raise ValueError(f"chunk must be 1 or more, not {chunk}")
    source = items if _is_walked(items) else Keys(items)
    driver = Partial(drive, source, as_partial(call), chunk)
    flow: Flow = make([driver], postprocess, on_failure, finisher=finish_chunks)
    _hide(driver)
    return flow


#: Jobs are stored under the names by which applications import this.
map.__module__ = "zcasync"


def drive(
    source: Any, call: Partial, chunk: int, position: Any = None, before: tuple[Any, ...] = ()
) -> None:
    """Add a few chunks to the flow, and the driver that follows.

    ``position``: the key, or the number, behind which to go on, in a tuple; None: at the first one.
    ``before``: the chunks of the driver before.
    """
    own = current()
    assert own is not None
    flow = own.flow
    limit = CHUNKS * chunk
    keys = list(islice(_behind(source, position), limit + 1))
    is_last = len(keys) <= limit
    del keys[limit:]
    chunks = [
        Partial(perform_chunk, call, keys[first : first + chunk])
        for first in range(0, len(keys), chunk)
    ]
    flow.add(*chunks, **_declared(call, flow))
    if not is_last:
        position = (keys[-1] if _is_tree(source) else limit + (position or (0,))[0],)
        following = Partial(drive, source, call, chunk, position, tuple(chunks))
        options: dict[str, Any] = {"after": before, "on_failure": "collect"} if before else {}
        flow.add(following, quota=(), **options)
        _hide(following)


def _declared(call: Partial, flow: Flow) -> dict[str, Any]:
    """Return the options that the callable declares for its calls, however many are one job.

    But for those that the put of the flow says.
    """
    said = {"priority": flow.priority, "quota": flow.quotas, "retry": flow.retry_policy}
    declared = declared_options(call.callable)
    return {name: declared[name] for name, value in said.items() if not value and name in declared}


def perform_chunk(call: Partial, keys: list[Any]) -> int:
    """Call with each key; return the number of them."""
    function, args, kwargs = call.callable, tuple(call.args), dict(call.kwargs)
    for key in keys:
        function(*args, key, **kwargs)
    return len(keys)


def finish_chunks(flow: Flow, postprocess: Partial | None) -> Any:
    """Return the number of keys, or what the postprocess makes of the chunks."""
    chunks = (one for one in flow.members if one.callable_name == CHUNK)
    if postprocess is not None:
        return postprocess.callable(*postprocess.args, *chunks, **postprocess.kwargs)
    return sum(one.result for one in chunks if isinstance(one.result, int))


CHUNK = f"{perform_chunk.__module__}.{perform_chunk.__name__}"


def _hide(driver: Partial) -> None:
    """Let a driver be none of the members that are counted for people."""
    for callback, _ in counting(driver):
        block, bit = callback.stored_callable[0], callback.args[1]
        block.hidden |= 1 << bit


def _is_tree(items: Any) -> bool:
    return hasattr(items, "_p_jar") and hasattr(items, "minKey")


def _is_walked(items: Any) -> bool:
    return isinstance(items, range | Keys) or _is_tree(items)


def _behind(source: Any, position: Any) -> Iterator[Any]:
    """Yield the keys behind a position; all of them where it is None."""
    if _is_tree(source):
        return iter(source.keys() if position is None else source.keys(position[0], None, True))
    start = 0 if position is None else position[0]
    return iter(source[start:]) if isinstance(source, range) else source.behind(start)
