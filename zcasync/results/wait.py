"""Waiting for partials to end, woken by the commits that end them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from zcasync.database.errors import is_storage_lost
from zcasync.database.sync import catch_up
from zcasync.interfaces import COMPLETED, PENDING
from zcasync.job.ids import id_of
from zcasync.job.record import PartialRecord
from zcasync.job.values import LargeValue
from zcasync.perform.transactions import Transactions
from zcasync.results.waitable import require_committed, require_end, require_new_transaction
from zcasync.results.watch import Watch
from zcasync.zeo.bulk_load import load_all

#: So many records are requested at once.
REQUEST_RECORDS = 1000

IsOver = Callable[[PartialRecord], bool]


def has_result(partial: PartialRecord) -> bool:
    """Return whether the result is there; callbacks may be left to run."""
    return partial.has_result


def is_completed(partial: PartialRecord) -> bool:
    """Return whether the partial and its callbacks are done."""
    return partial.state == COMPLETED


def wait(partial: PartialRecord, is_over: IsOver, timeout: float | None) -> None:
    """Return when the partial is over.  Raises TimeoutError, with its state, after ``timeout``."""
    for _ in as_over([partial], is_over, timeout):
        return
    name = f"job {id_of(partial)} ({partial.callable_name})"
    aside = "" if partial.aside is None else f" (set aside: {partial.aside.text})"
    raise TimeoutError(
        f"{name} is {partial.state}{aside} after {timeout:g} s: "
        f"`zcasync job {id_of(partial)}` says more"
    )


def as_over(
    partials: Iterable[PartialRecord], is_over: IsOver, timeout: float | None
) -> Iterator[PartialRecord]:
    """Yield each partial once, when it is over, until all are or ``timeout`` seconds have passed.

    The partials are of one connection.  A new transaction is begun unless all are over already.
    Raises BadStateError as ``waitable`` says, TimeoutError where the database did not answer.
    """
    left = {id(partial): partial for partial in partials}
    try:
        load_together(left.values())
    except Exception as error:
        if not is_storage_lost(error, committing=False):
            raise
    else:
        yield from _taken(left, list(left), is_over)
    if not left:
        return
    for partial in left.values():
        require_committed(partial)
    yield from _Wait(list(left.values()), is_over, timeout).as_over()


def load_together(partials: Iterable[PartialRecord]) -> None:
    """Load the partials, and large results, with few requests to the storage."""
    stored = [one for one in partials if one._p_jar is not None and one._p_oid is not None]
    for begin in range(0, len(stored), REQUEST_RECORDS):
        some = stored[begin : begin + REQUEST_RECORDS]
        jar = some[0]._p_jar
        load_all(jar, [one._p_oid for one in some])
        large = [one.stored_result for one in some if isinstance(one.stored_result, LargeValue)]
        load_all(jar, [one._p_oid for one in large if one._p_oid is not None])


def _taken(left: dict[Any, PartialRecord], keys: Iterable[Any], is_over: IsOver) -> Iterator[Any]:
    """Yield those of the partials with these keys that are over; take them out of ``left``."""
    for key in keys:
        if is_over(left[key]):
            yield left.pop(key)


class _Wait:
    """One wait for partials that are stored in one connection's database."""

    def __init__(
        self, partials: list[PartialRecord], is_over: IsOver, timeout: float | None
    ) -> None:
        self._left = {partial._p_oid: partial for partial in partials}
        self._is_over = is_over
        self._timeout = timeout
        self._until = float("inf") if timeout is None else time.monotonic() + timeout
        self._connection = partials[0]._p_jar
        self._transactions = Transactions(partials[0])
        self._is_synced = False
        require_new_transaction(self._connection.transaction_manager)

    def as_over(self) -> Iterator[PartialRecord]:
        """Yield the partials that are over, as they come."""
        with Watch(self._connection.db(), self._left) as watch:
            heard: set[bytes] | None = None
            while True:
                lost = self._look(heard)
                if lost is None:
                    oids = self._left if heard is None else self._left.keys() & heard
                    yield from _taken(self._left, list(oids), self._is_over)
                seconds = self._until - time.monotonic()
                if not self._left:
                    return
                if seconds <= 0:
                    self._require_answer(lost)
                    return
                heard = watch.next(seconds)
                if lost is not None:
                    heard = None

    def _look(self, heard: set[bytes] | None) -> BaseException | None:
        """Begin a transaction, load what may be over; return how the storage is away, or None."""
        try:
            if not self._is_synced:
                catch_up(self._connection.db())
            self._transactions.begin()
            oids = self._left if heard is None else self._left.keys() & heard
            load_together([self._left[oid] for oid in oids])
            for oid in oids:
                self._left[oid]._p_activate()
                if not self._is_synced or self._left[oid].state == PENDING:  # it may be discarded
                    self._require_end(self._left[oid])
        except Exception as error:
            if not is_storage_lost(error, committing=False):
                raise
            return error
        self._is_synced = True
        return None

    def _require_end(self, partial: PartialRecord) -> None:
        if not self._is_over(partial):
            require_end(partial)

    def _require_answer(self, lost: BaseException | None) -> None:
        if lost is not None:
            raise TimeoutError(
                f"the database did not answer within {self._timeout:g} s: {lost}"
            ) from lost
