"""Follow up: the callbacks of a partial that has its result, and the partial that waits for it.

Both go on in the same way below, to any depth: a callback has callbacks, and who waits has others
that wait for it.  So the way is a loop; what it remembers of each partial that it has to come back
to is an id and a number.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

from ZODB.POSException import ConflictError

from zcasync.database.errors import NOT_COMMITTED
from zcasync.interfaces import CALLBACKS, PENDING
from zcasync.job.arguments import result_for
from zcasync.job.callbacks import Delegate
from zcasync.job.completion import close, is_open, waiter
from zcasync.job.loadable import why_unloadable
from zcasync.job.record import PartialRecord
from zcasync.perform.begin import begin
from zcasync.perform.run import Host, Run
from zcasync.perform.transactions import Transactions

#: Makes the call of a run: returns its partial, or what has to be performed before.
Make = Callable[[Run], PartialRecord | Delegate]


class Place(NamedTuple):
    """A partial whose callbacks are being run, and the number of the next one."""

    partial: PartialRecord | bytes  # its oid where it is stored
    number: int


class FollowUp:
    """One way through a call and all that follows from its result; safe to repeat."""

    def __init__(self, make: Make, host: Host) -> None:
        self._make = make
        self._host = host
        self._jar: Any = None
        self._above: list[Place | Run] = []

    def run(self, start: Run | PartialRecord) -> None:
        """Make a call and run what follows, or run what follows from a result that is there.

        Nothing follows while there is no result.
        """
        following: Run | PartialRecord | None = start
        while following is not None:
            if isinstance(following, Run):
                following = self._call(following)
            elif following.has_result and _has_more(following):
                following = self._below(following, 0) or self._back()
            else:
                following = self._back()

    def _call(self, run: Run) -> Run | PartialRecord:
        made = self._make(run)
        partial = self._host.sound(made if isinstance(made, PartialRecord) else made.partial)
        if self._jar is not None and self._jar.opened is None:  # the call has closed it
            self._jar = partial._p_jar
        if isinstance(made, PartialRecord):
            return partial
        self._above.append(replace(run, performed=partial))
        return self._begun(partial, made.args)

    def _begun(self, partial: PartialRecord, args: tuple[Any, ...]) -> Run | PartialRecord:
        """Return the run of a partial that has to be called; itself where its result is there."""
        if partial.state != PENDING and not partial.is_unfinished:
            return partial
        run = begin(partial, args, {}, self._host)
        return run if run.is_open else partial

    def _below(self, partial: PartialRecord, number: int) -> Run | PartialRecord | None:
        """Return what comes next of a partial, from the callback of this number on.

        When all callbacks have run the partial is completed, and who waits for it comes next.
        """
        transactions = Transactions(partial)
        while True:
            transactions.begin()
            if not partial.has_result:  # it was undone
                return None
            callbacks = partial.stored_callbacks
            while number < len(callbacks):
                callback = callbacks[number]
                number += 1
                if why_unloadable(callback) is None and _has_more(callback):
                    self._remember(partial, number)
                    return self._begun(callback, (result_for(callback, partial),))
            try:
                if partial.state == CALLBACKS:
                    close(partial)
                    transactions.commit()
                return _waiting(partial)
            except ConflictError:  # a callback was added at the same time
                transactions.abort()
            except NOT_COMMITTED as error:
                transactions.abort()
                self._host.storage_lost(error)

    def _back(self) -> Run | PartialRecord | None:
        """Return what comes next of the partials above; None: nothing is left to do."""
        while self._above:
            above = self._above.pop()
            if isinstance(above, Run):
                above = above.sound()
                Transactions(above.partial).begin()
                if above.is_ours:
                    return above
                continue
            partial = above.partial
            if isinstance(partial, bytes):
                partial = self._jar.get(partial)
            following = self._below(partial, above.number)
            if following is not None:
                return following
        return None

    def _remember(self, partial: PartialRecord, number: int) -> None:
        if self._jar is None:
            self._jar = partial._p_jar
        is_stored = self._jar is not None and partial._p_jar is self._jar
        self._above.append(Place(partial._p_oid if is_stored else partial, number))


def _has_more(partial: PartialRecord) -> bool:
    """Return whether something may be left to do for a partial, here or further below."""
    return is_open(partial) or (partial.has_result and partial.has_callbacks)


def _waiting(partial: PartialRecord) -> PartialRecord | None:
    """Return the partial that has waited for this one's result, when something is left there."""
    waiting = waiter(partial)
    return waiting if waiting is not None and waiting.has_result else None
