"""The checks of reactor jobs: a child loads what they need before this process does.

Importing a module and unpickling an argument runs code of the application, which may hang, or end
the process that does it: that has to be a child, and counts as an interruption of the job.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IDelayedCall

from zcasync.job.ids import hex_oid
from zcasync.liveness.death import Death
from zcasync.protocol.outcomes import Ending
from zcasync.supervisor.children.interfaces import Changed, Died, IChildPool

#: So many are made at once, so that one that hangs does not hold up the others.
LIMIT = 2
#: The children end when nothing was to be checked for so long.
IDLE_SECONDS = 600.0
#: Until a check is made again that a child could not make for want of its database.
STORAGE_PAUSE_SECONDS = 0.5


class ReactorChecks:
    """Makes checks in the children of a pool, which is made for the first one: one in each.

    ``passed(oid)`` when a job may be begun, ``died(oid, death)`` when its check has ended the
    child; both in the reactor's thread.
    """

    def __init__(
        self,
        reactor: Any,
        make_pool: Callable[[Changed, Died], IChildPool],
        passed: Callable[[bytes], None],
        died: Callable[[bytes, Death], None],
    ) -> None:
        self._reactor = reactor
        self._make_pool = make_pool
        self._passed = passed
        self._died = died
        self._pool: IChildPool | None = None
        self._waiting: deque[tuple[bytes, bytes | None]] = deque()
        self._current: dict[int, tuple[bytes, bytes | None]] = {}  # by slot
        self._is_stopping = False
        self._idle: IDelayedCall | None = None
        self._pause: IDelayedCall | None = None

    @property
    def running(self) -> frozenset[bytes]:
        """The oids of the jobs that are checked, or wait for that."""
        return frozenset(oid for oid, _ in (*self._current.values(), *self._waiting))

    def check(self, oid: bytes, tid: bytes | None) -> None:
        """Check a job, which this transaction has claimed."""
        self._waiting.append((oid, tid))
        self._next()

    def cancel(self, oid: bytes, who: str) -> None:
        """Check a job no more; it is left to the next pass."""
        self._waiting = deque(one for one in self._waiting if one[0] != oid)
        for slot, (current, _) in self._current.items():
            if current == oid and self._pool is not None:
                self._pool.children[slot].kill(f"its job {hex_oid(oid)} was cancelled by {who}")

    def stop(self) -> Deferred[Any]:
        """Check nothing more; fires when no process is left.  Safe to repeat."""
        self._is_stopping = True
        self._waiting.clear()
        _cancel(self._idle)
        _cancel(self._pause)
        if self._pool is None:
            return succeed(None)
        self._pool.kill_all("the supervisor stops")
        return self._pool.stop(0.0)

    def _next(self) -> None:
        is_pausing = self._pause is not None and self._pause.active()
        if not self._waiting or self._is_stopping or is_pausing:
            return
        _cancel(self._idle)
        if self._pool is None:
            self._pool = self._make_pool(self._child_changed, self._child_died)
        wanted = min(LIMIT, len(self._current) + len(self._waiting))
        self._pool.set_size(max(wanted, self._pool.size))
        for child in self._pool.ready():
            if child.slot not in self._current and self._waiting:
                oid, tid = self._current[child.slot] = self._waiting.popleft()
                child.check([oid], tid)  # type: ignore[attr-defined]

    def _child_changed(self, child: Any) -> None:
        ended = child.take_ended()
        child.take_report()
        if ended and child.slot in self._current:
            oid, tid = self._current.pop(child.slot)
            if ended[-1].ending == Ending.STORAGE:
                self._waiting.appendleft((oid, tid))
                self._pause = self._reactor.callLater(STORAGE_PAUSE_SECONDS, self._next)
            else:
                self._passed(oid)
        self._next()
        if not self._current and not self._is_stopping:
            _cancel(self._idle)
            self._idle = self._reactor.callLater(IDLE_SECONDS, self._pool_of_none)

    def _child_died(self, slot: int, death: Death, idle: bool) -> None:
        current = self._current.pop(slot, None)
        if current is None or self._is_stopping:
            return
        if idle:  # it has not heard of it
            self._waiting.appendleft(current)
        else:
            self._died(current[0], death)

    def _pool_of_none(self) -> None:
        if self._pool is not None and not self._current:
            self._pool.set_size(0)


def _cancel(timer: IDelayedCall | None) -> None:
    if timer is not None and timer.active():
        timer.cancel()
