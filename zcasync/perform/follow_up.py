"""Follow up: the callbacks of a partial that has its result, and the partial that waits for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ZODB.POSException import ConflictError

from zcasync.database.errors import NOT_COMMITTED
from zcasync.interfaces import ACTIVE, PENDING
from zcasync.job.completion import complete, is_done, waiter
from zcasync.job.record import PartialRecord
from zcasync.perform.run import Host
from zcasync.perform.transactions import Transactions

#: Calls a partial: ``Performer.perform``.
Perform = Callable[[PartialRecord, tuple[Any, ...]], None]


def follow_up(partial: PartialRecord, perform: Perform, host: Host) -> None:
    """Run the callbacks of a partial that has its result, and of the partial that waits for it.

    Nothing happens while there is no result.  Safe to repeat.
    """
    if partial.is_unfinished:
        return  # it waits for a Deferred, or to be released to its queue
    if not is_done(partial):
        run_callbacks(partial, perform, host)
    waiting = waiter(partial)
    if waiting is not None and not is_done(waiting):
        run_callbacks(waiting, perform, host)


def run_callbacks(partial: PartialRecord, perform: Perform, host: Host) -> None:
    """Run the callbacks that have not run, then complete the partial.  Safe to repeat."""
    transactions = Transactions(partial)
    while True:
        transactions.begin()
        undone = [callback for callback in partial.callbacks if not is_done(callback)]
        if undone:
            _run_callback(partial, undone[0], perform, host)
            continue
        try:
            if complete(partial):
                transactions.commit()
            return
        except ConflictError:  # a callback was added at the same time
            transactions.abort()
        except NOT_COMMITTED as error:
            transactions.abort()
            host.storage_lost(error)


def _run_callback(
    partial: PartialRecord, callback: PartialRecord, perform: Perform, host: Host
) -> None:
    if callback.state in (PENDING, ACTIVE):
        perform(callback, (partial.result,))
    else:
        follow_up(callback, perform, host)
