"""PartialQueue: partials that wait, spread over lanes (see :mod:`zcasync.queues.lane`)."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Collection, Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any, ClassVar, Unpack

from BTrees.IOBTree import IOBTree
from BTrees.OOBTree import OOBTree
from zope.interface import implementer

from zcasync import clock
from zcasync.errors import BadStateError
from zcasync.interfaces import PENDING, IPartialQueue
from zcasync.job.aside import Missing
from zcasync.job.broken import broken
from zcasync.job.completion import is_done
from zcasync.job.field_types import ALL, needs, one_of, optional
from zcasync.job.record import PartialRecord
from zcasync.job.views import uuid_bytes
from zcasync.partial import Partial
from zcasync.queues.absent import Looks, look_for_nothing, put_aside
from zcasync.queues.access import Access, Polite
from zcasync.queues.admission import Admission
from zcasync.queues.again import again
from zcasync.queues.claim import claim
from zcasync.queues.claimed import Claimed
from zcasync.queues.client_lane import FIRST, append, own_lane, tally_lane
from zcasync.queues.discard import discard
from zcasync.queues.entering import enter_many, enter_one
from zcasync.queues.heads import ReadyAt, next_due
from zcasync.queues.held import count_held
from zcasync.queues.lane import BULK_PAGE_SIZE, PAGE_SIZE, Lane
from zcasync.queues.lane_records import loaded_lanes
from zcasync.queues.operated import Operated
from zcasync.queues.options import Options
from zcasync.queues.order import Waiting
from zcasync.queues.page_index import indexed_lane
from zcasync.queues.priority import Precedence
from zcasync.queues.pull import pull, pull_next
from zcasync.queues.quotas import quotas_of
from zcasync.queues.restriction import BROKEN, UNKNOWN, restriction_of
from zcasync.queues.watched import watched

#: A process that ends a waiting partial has its callbacks for itself for this time.
RESUME_MICROSECONDS = 15_000_000


@implementer(IPartialQueue)
class PartialQueue(Operated):
    """See :class:`zcasync.interfaces.IPartialQueue`."""

    _field_types: ClassVar[dict[str, Any]] = {
        **Operated._field_types,
        "_lanes": one_of(OOBTree),
        "keys": optional(one_of(IOBTree)),
        ALL: needs("__name__", "_lanes"),
    }

    keys: Any = None  # IOBTree of trees: key -> the partial that was put with it

    def __init__(self, manager: Any = None, name: str = "") -> None:
        self.__parent__ = manager
        self.__name__ = name
        self._lanes = OOBTree()
        self._lanes[FIRST] = Lane()

    def __getnewargs__(self) -> tuple[()]:
        """Return nothing: every partial refers to its queue, and so does without its class."""
        return ()

    # for applications

    def put(  # type: ignore[override]  # checkers are told which options there are
        self,
        item: Any,
        begin_after: datetime | timedelta | None = None,
        begin_by: timedelta | None = None,
        **options: Unpack[Options],
    ) -> Partial:
        return enter_one(self, item, begin_after, begin_by, options)

    def put_many(  # type: ignore[override]
        self,
        items: Iterable[Any],
        begin_after: datetime | timedelta | None = None,
        begin_by: timedelta | None = None,
        **options: Unpack[Options],
    ) -> list[Partial]:
        return enter_many(self, items, begin_after, begin_by, options)

    def put_again(self, partials: Collection[Partial]) -> None:
        """Let partials that are over wait here again, from now on.  Raises BadStateError.

        What was put with them holds again, their ``begin_by`` too; all are for this queue.
        """
        again(self, partials)

    def discard(self, partials: Collection[Partial]) -> None:
        """Drop partials that wait here, or are over, from all places.  Raises BadStateError."""
        discard(self, partials)

    def pull(self, index: int = 0) -> Partial:
        return pull(self, index)

    def pullNext(self, uuid: uuid.UUID) -> Partial | None:
        return pull_next(self, uuid_bytes(uuid))

    def iterDue(self) -> Iterator[Partial]:
        return iter(Waiting(self, until=clock.now()))

    def __iter__(self) -> Iterator[Partial]:
        return iter(Waiting(self))

    def __len__(self) -> int:
        # Below 0 where entries are lost that are counted as gone: the audit sets that right.
        count: int = sum(lane.count() for lane in loaded_lanes(self))
        return max(0, count)

    def __bool__(self) -> bool:
        return True

    def count_held(self) -> int:
        """Return the number of partials that wait for a time that has not come."""
        now = clock.now()
        return sum(count_held(lane, now) for lane in loaded_lanes(self))

    # for workers

    def claim(
        self,
        worker: bytes,
        limit: int,
        *,
        engine: bytes | None = None,
        polite: Polite = lambda key, lane: Access.NOW,
        idle: int | None = None,
        ahead: Callable[[Lane], int] = lambda lane: 0,
        looks: Looks = look_for_nothing,
        before: Precedence | None = None,
        admission: Admission | None = None,
    ) -> Claimed:
        """Take up to ``limit`` due partials that the worker may run out of the queue, by rank.

        Their own records are not changed, unless their times were put by another clock.  ``engine``
        is written on the lanes they come from; ``polite(key, lane)`` returns the Access to a lane,
        ``ahead(lane)`` how far its client's clock is ahead of this one, microseconds.  ``idle``:
        the number of children that have no job and get one each; the rest is prefetched, and no
        partial that may begin only once is taken for that.  ``looks(key)``: what to take of those
        that lack some code.  ``before``: only those that are more urgent, and go before that.
        ``admission``: which of those with quotas; None: it is asked now.
        """
        asked = admission or Admission(quotas_of(self))
        return claim(self, worker, limit, engine, polite, idle, ahead, looks, before, asked)

    def next_due(self, worker: bytes, ready_at: ReadyAt = lambda quotas: 0) -> int | None:
        """Return when the next partial that the worker may run is due; None: none waits.

        Microseconds since 1970.  A deadline that passes counts too.  ``ready_at(quotas)``: when
        those with these quotas may be claimed; None: that will be noticed.
        """
        return next_due(self, worker, ready_at)

    def release(self, partial: PartialRecord, delay: int = 0) -> None:
        """Return a claimed partial to its old place, or to ``delay`` microseconds from now."""
        partial.release()
        if delay:
            partial.delay(delay)
        self._lane(partial).file(partial.due, partial, restriction_of(partial))

    def put_aside(self, partial: PartialRecord, missing: Missing, limit: int) -> None:
        """Let a claimed partial wait here for code; ``limit``: no longer than so, microseconds.

        It has not begun, or it has callbacks left that have not.
        """
        put_aside(self._lane(partial), partial, missing, limit)

    def begin(self, partials: Collection[PartialRecord]) -> None:
        """Give partials a place here that were held until now."""
        append(self, list(partials), BULK_PAGE_SIZE if len(partials) > 1 else PAGE_SIZE)

    def announce(self, partial: Partial) -> None:
        """Offer a waiting partial to the workers again: the set that may run it has changed."""
        if not partial.is_held:
            append(self, [partial])
            self.drop_entry(partial)

    def withdraw(self, partial: Partial) -> Partial:
        """Take a waiting partial out of the queue.  Raises BadStateError for any other."""
        if partial.queue is not self or partial.state != PENDING:
            raise BadStateError(f"{partial!r} does not wait in this queue")
        self.drop_entry(partial)
        partial.leave()
        return partial

    def drop_entry(self, partial: PartialRecord) -> None:
        """Count an entry, if any, of a waiting partial as gone: it ends without being claimed."""
        if not partial.is_held:
            tally_lane(self).count_gone(partial.not_before, clock.now())

    def hand_over_callbacks(self, partial: PartialRecord) -> None:
        """Let workers run the callbacks of a partial that no worker has ended, 15 s from now.

        The process that has ended it runs them itself, and may die before it has.
        """
        now = clock.now()
        moment = now + RESUME_MICROSECONDS
        partial.resume_later(moment)
        lane = self._lane(partial)
        lane.file(moment, partial, ())  # for any worker, whichever may run the job itself
        lane.count_gone(moment, now)  # it is not counted as waiting

    def has_callbacks_left(self, partial: Any, due: int) -> bool:
        """Return whether an entry means that callbacks are left to be run, since this time."""
        return (
            isinstance(partial, Partial)
            and partial.resume_at == due
            and partial.queue is self
            and not is_done(partial)
        )

    def set_aside(self) -> Iterator[Any]:
        """Yield what is set aside here, because no worker could load its record."""
        for lane in self._lanes.values():
            yield from (lane.filed or {}).get(BROKEN, {}).values()

    def retry_broken(self) -> int:
        """Let claimers load the broken records again; return the number of them."""
        count = 0
        for lane in self._lanes.values():
            for due, partial in lane.take_broken():
                lane.file(due, partial, BROKEN if broken(partial) else UNKNOWN)
                count += 1
        return count

    def drop_idle_lanes(self, keys: Iterable[bytes]) -> None:
        """Drop lanes, where empty, that no client has used for long; clients start new ones."""
        for key in keys:
            lane = self._lanes.get(key)
            if lane is not None and key != FIRST and lane.is_empty():
                lane.close()
                first, now = self._lanes[FIRST], clock.now()
                first.gone += lane.gone
                for due, count in (lane.gone_held or {}).items():
                    first.count_gone(due, now, count)
                    first.gone -= count
                del self._lanes[key]

    def lanes(self) -> dict[bytes, Lane]:
        """Return the lanes by key."""
        return dict(self._lanes.items())

    def lane(self, key: bytes, priority: int = 0) -> Lane:
        """Return the lane with this key, made now, for this priority, where there is none."""
        lane = self._lanes.get(key)
        if lane is None:
            lane = self._lanes[key] = indexed_lane(self._p_jar, priority)
        return lane  # type: ignore[no-any-return]

    def replace_lane(self, key: bytes, lane: Lane) -> None:
        """Let another lane be in the place of one whose record is missing."""
        self._lanes[key] = lane

    def watched(self) -> set[bytes]:
        """Return the oids of the records that a put writes: their invalidations announce puts."""
        return watched(self._lanes)

    def waits(self, partial: Any, due: int) -> bool:
        """Return whether an entry is true: its partial waits here, for this time."""
        return (
            isinstance(partial, Partial)
            and partial.state == PENDING
            and partial.queue is self
            and partial.due == due
        )

    def _lane(self, partial: PartialRecord) -> Lane:
        """Return the lane of this connection for such a partial."""
        return own_lane(self, partial.priority)
