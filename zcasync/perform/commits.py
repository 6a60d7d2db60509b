"""The commits by which a partial begins, is put off, and ends, tried until they are there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ZODB.POSException import ConflictError

from zcasync.database.errors import NOT_COMMITTED
from zcasync.errors import BadStateError, UnstorableError
from zcasync.interfaces import ACTIVE, CALLBACKS, PENDING
from zcasync.job.completion import complete, is_done
from zcasync.job.failure import from_exception
from zcasync.job.record import PartialRecord
from zcasync.perform.result import take
from zcasync.perform.transactions import Transactions
from zcasync.retry.attempts import Attempts


class Commits:
    """Writes the records of partials that are being performed.

    ``storage_lost(error)`` is called when the storage goes away; it returns once it is back, or
    raises.  What conflicts, or was in doubt, is done again on what is there then.
    """

    def __init__(self, storage_lost: Callable[[BaseException], None]) -> None:
        self._storage_lost = storage_lost

    def begin(self, partial: PartialRecord, tries: Attempts) -> None:
        """That the call has begun, before it is made; under some policies never to begin again."""

        def change() -> None:
            tries.note(partial)
            if tries.policy.at_most_once:
                partial._once = True
            if partial.state == PENDING:
                partial._move_to(ACTIVE)

        self._commit(partial, change)

    def put_off(self, partial: PartialRecord, tries: Attempts, moment: int) -> None:
        """That the call is to wait in its queue: whoever claimed it gives it back for then."""

        def change() -> None:
            if partial.state == ACTIVE and partial._waits_for is None:
                tries.note(partial)
                partial._started, partial._once = None, False
                partial._retry_at = moment

        self._commit(partial, change)

    def end(self, partial: PartialRecord, result: Any, tries: Attempts | None = None) -> None:
        """That it ends with this (storable) result; ``tries`` are those of a call that was begun.

        Nothing happens when it has a result, or a commit that was in doubt turns out to be there.
        """

        def change() -> None:
            if tries is not None and partial._waits_for is not None:
                return
            is_claimed = partial.state == ACTIVE and partial._waits_for is None
            if partial.state == PENDING and partial._queue is not None:
                partial._queue.ended(partial)
            if tries is not None:
                tries.note(partial)
            partial._settle(result)
            if partial.state == CALLBACKS and partial._queue is not None and not is_claimed:
                if partial._claim is not None:  # it may be in the list of who claimed it, still
                    del partial._claim
                partial._queue.look_after(partial)
            if partial._parent is not None and is_done(partial):
                complete(partial._parent)

        self._commit(partial, change)

    def settle(self, partial: PartialRecord, value: Any) -> None:
        """That an active partial has this value for a result, or waits for it."""

        def change() -> None:
            if partial.state == ACTIVE:
                take(partial, value)

        try:
            self._commit(partial, change)
        except (UnstorableError, BadStateError) as error:
            Transactions(partial).abort()
            self.end(partial, from_exception(error))

    def _commit(self, partial: PartialRecord, change: Callable[[], None]) -> None:
        """Commit a change of a partial that has no result yet."""
        transactions = Transactions(partial)
        while True:
            try:
                transactions.begin()
                if partial.state not in (PENDING, ACTIVE):
                    return
                change()
                transactions.commit()
                return
            except ConflictError:
                transactions.abort()
            except NOT_COMMITTED as error:
                transactions.abort()
                self._storage_lost(error)
