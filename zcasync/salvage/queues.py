"""The queues, their lanes and pages."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from zcasync.job.field_types import is_number, is_stored, is_uuid
from zcasync.job.loadable import why_unloadable
from zcasync.job.record import PartialRecord
from zcasync.queues.lane import Inbox, Lane, Page
from zcasync.queues.page_index import PageIndex
from zcasync.queues.partial_queue import PartialQueue
from zcasync.queues.restriction import BROKEN, is_key, restriction_of
from zcasync.salvage.records import TREES, Records


def salvaged_queues(records: Records, manager: Any) -> Iterator[tuple[str, Any]]:
    """Yield all queues by name, loaded or not; begin the table of one's own anew where needed."""
    for name in ("thread", "reactor"):
        yield name, getattr(manager, name)
    if manager.own_queues is not None:
        what = "the table of queues"
        yield from list(records.tree(manager, "own_queues", what, _is_queue))


def _is_queue(name: Any, queue: Any) -> bool:
    return isinstance(name, str) and is_stored(queue)


def salvage_queue(records: Records, manager: Any, name: str, queue: PartialQueue) -> None:
    """Begin anew what of a queue cannot be loaded."""

    def replace(new: PartialQueue) -> None:
        manager.replace_queue(name, new)

    records.keep(queue, f"the {name} queue", lambda: PartialQueue(manager, name), replace)
    queue = manager.queue(name)
    if queue.keys is not None:
        _salvage_keys(records, queue, name)
    where = f"a lane of the {name} queue"
    what = f"the table of the lanes of the {name} queue"
    for key, lane in list(records.tree(queue, "_lanes", what, _is_lane)):
        salvage_lane(records, queue, key, lane, where)


def _salvage_keys(records: Records, queue: PartialQueue, name: str) -> None:
    """Begin the keys of unique calls anew where their trees cannot be loaded: all are free then."""
    what, count = f"the keys of the {name} queue", len(records.losses)
    for _, tree in list(records.tree(queue, "keys", what, lambda number, tree: is_stored(tree))):
        for _ in records.tree(_Holder(tree, queue._p_oid), "tree", what, _is_key):
            pass
    if len(records.losses) > count:
        queue.keys = None


def _is_key(key: Any, partial: Any) -> bool:
    return isinstance(key, str) and is_stored(partial)


def salvage_lane(records: Records, queue: PartialQueue, key: bytes, lane: Lane, where: str) -> None:
    """Begin anew what of a lane cannot be loaded; keep the jobs of what can."""
    if not records.keep(lane, where, Lane, lambda new: queue.replace_lane(key, new)):
        for inbox in records.referred(lane, Inbox):
            _close(inbox)
        return
    _salvage_trees(records, lane, where)
    if lane.page_index is not None and _is_index_damaged(records, lane.page_index, where):
        lane.page_index = None  # a lane without one is read page by page
    _salvage_inbox(records, lane, where)


def _salvage_trees(records: Records, lane: Lane, where: str) -> None:
    count = len(records.losses)
    if lane.filed is not None:
        filed = records.tree(lane, "filed", f"the filed jobs of {where}", _is_tree)
        for restriction, _ in list(filed):
            _salvage_filed(records, lane, restriction, where)
    for name in ("deadlines", "gone_held"):
        if getattr(lane, name) is not None:
            fits = _is_filed if name == "deadlines" else _is_counted
            for _ in records.tree(lane, name, f"the {name} of {where}", fits):
                pass
    if len(records.losses) > count:
        lane.filed_count = None


def _salvage_filed(records: Records, lane: Lane, restriction: Any, where: str) -> None:
    holder = _Holder(lane.filed[restriction], lane._p_oid)
    before = holder.tree
    for _ in records.tree(holder, "tree", f"filed jobs of {where}", _is_filed):
        pass
    if holder.tree is not before:
        lane.filed[restriction] = holder.tree
    if not holder.tree:
        del lane.filed[restriction]


class _Holder:
    """A tree that another tree has, as an attribute."""

    def __init__(self, tree: Any, oid: bytes | None) -> None:
        self.tree = tree
        self._p_oid = oid


def _is_index_damaged(records: Records, index: PageIndex, where: str) -> bool:
    what = f"the index of the pages of {where}"
    return records.lose(index, what) or _any_damaged(records, index.notes(), what)


def _any_damaged(records: Records, notes: Any, what: str) -> bool:
    left = [note[4] for note in notes]
    while left:
        one = left.pop()
        if not isinstance(one, bytes):
            if records.lose(one, what):
                return True
            left += [note[4] for note in one.notes]
    return False


def _salvage_inbox(records: Records, lane: Lane, where: str) -> None:
    """Where a page, or the way to the last one, is damaged: file what the others have, and close.

    The client begins another lane then.
    """
    count = len(records.losses)
    pages = list(_pages(records, lane.page, f"a page of {where}"))
    is_inbox_good = records.part(lane, "inbox", f"the inbox of {where}", lambda: Inbox(Page()))
    if is_inbox_good and lane.inbox.last not in pages:
        records.lose(lane.inbox.last, f"a page of {where}")
    if len(records.losses) == count:
        return
    found = list(_unread(lane, pages))
    _close(lane.inbox)
    for page in pages:
        page.closed = True
    lane.inbox.last = lane.page = Page()
    lane.page.closed, lane.index, lane.page_index = True, 0, None
    for due, partial in found:
        problem = why_unloadable(partial)
        is_good = problem is None and isinstance(partial, PartialRecord)
        lane.file(due, partial, restriction_of(partial) if is_good else BROKEN)


def _pages(records: Records, first: Page, what: str) -> Iterator[Page]:
    page: Page | None = first
    while page is not None and not records.lose(page, what):
        yield page
        page = page.next


def _unread(lane: Lane, pages: list[Page]) -> Iterator[tuple[int, Any]]:
    """Yield the unread entries of the pages that can be loaded."""
    last = lane.inbox.last
    behind = [] if last in pages or why_unloadable(last) is not None else [last]
    for page in [*pages, *behind]:
        begin = lane.index if page is lane.page else 0
        for due, partial in list(zip(page.dues, page.partials, strict=False))[begin:]:
            yield page.base + due, partial


def _close(inbox: Inbox) -> None:
    if why_unloadable(inbox.last) is None:
        inbox.last.closed = True


def _is_lane(key: Any, value: Any) -> bool:
    return is_uuid(key) and isinstance(value, Lane)


def _is_tree(key: Any, value: Any) -> bool:
    return is_key(key) and isinstance(value, TREES)


def _is_filed(key: Any, value: Any) -> bool:
    return type(key) is tuple and len(key) == 2 and all(map(is_number, key)) and is_stored(value)


def _is_counted(key: Any, value: Any) -> bool:
    return is_number(key) and is_number(value)
