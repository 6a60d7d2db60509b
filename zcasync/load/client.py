"""One client of a load: a connection that puts each call at its moment, or as soon as it can."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import transaction
from ZODB.POSException import ConflictError

from zcasync import clock
from zcasync.database.errors import is_storage_lost
from zcasync.datamanager import find
from zcasync.load.calls import CALLS
from zcasync.load.mix import Mix
from zcasync.partial import Partial

#: What was lost with the storage is not put again; after so long the next one is tried.
PAUSE_SECONDS = 0.5
#: A put that has conflicted is made again after up to twice this, four times, and so on.
AGAIN_SECONDS = 0.005


@dataclass(frozen=True)
class Task:
    """What all clients together are to do.

    ``rate``: puts a second of all; ``puts``: how many in all; ``clients``: how many they are.
    """

    home: str
    queue: str
    mix: str
    rate: float
    puts: int
    clients: int
    timeout: float


@dataclass
class Heard:
    """What the clients of one process have done since it was last told.

    ``puts``: database, oid, how late each began and how long it took from its moment on,
    microseconds, and when it was committed, microseconds since 1970.
    """

    puts: list[tuple[str, int, int, int, int]] = field(default_factory=list)
    conflicts: int = 0
    lost: int = 0


class Client:
    """Puts every so many-th call; ``number``: which of the clients it is, from 0 on."""

    def __init__(self, task: Task, number: int, connection: Any, is_over: threading.Event) -> None:
        self._task = task
        self._number = number
        self._connection = connection
        self._transactions = connection.transaction_manager
        self._queue = find(connection).queue(task.queue)  # type: ignore[union-attr]
        self._mix = Mix(task.mix)
        self._is_over = is_over
        self._chance = random.Random(number)  # noqa: S311  only for pauses

    def run(self, begin: float, told: Callable[[Heard], None]) -> None:
        """Make its puts, the first of all at ``begin`` by the monotonic clock."""
        task = self._task
        for number in range(self._number, task.puts, task.clients):
            moment = begin + number / task.rate
            if self._is_over.wait(max(0.0, moment - time.monotonic())):
                return
            told(self._put(number, moment))

    def _put(self, number: int, moment: float) -> Heard:
        call, arguments = CALLS[self._mix.kind(number)]
        began, heard = time.monotonic(), Heard()
        while True:
            self._transactions.begin()
            partial = None
            try:
                partial = self._queue.put(Partial(call, *arguments))
                self._transactions.commit()
            except ConflictError:
                self._transactions.abort()
                heard.conflicts += 1
                longest = min(PAUSE_SECONDS, AGAIN_SECONDS * 2**heard.conflicts)
                self._is_over.wait(self._chance.uniform(0, longest))
            except Exception as error:
                self._transactions.abort()
                if not is_storage_lost(error):
                    raise
                heard.lost += 1
                self._is_over.wait(PAUSE_SECONDS)
                return heard
            else:
                heard.puts.append(_noted(self._connection, partial, moment, began))
                return heard


def _noted(
    connection: Any, partial: Any, moment: float, began: float
) -> tuple[str, int, int, int, int]:
    ended, now = time.monotonic(), clock.now()
    name = "" if partial._p_jar is connection else partial._p_jar.db().database_name
    late, took = (round(1e6 * (one - moment)) for one in (began, ended))
    return name, int.from_bytes(partial._p_oid), max(0, late), took, now


def opened(db: Any) -> Any:
    """Return a connection of its own for a client, with transactions of its own."""
    return db.open(transaction_manager=transaction.TransactionManager())
