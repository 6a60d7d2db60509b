"""The checks of reactor jobs: a child loads what they need before this process does.

Importing a module and unpickling an argument runs code of the application, which may hang, or end
the process that does it: that has to be a child, and counts as an interruption of the job.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IDelayedCall

from zcasync.job.ids import hex_oid
from zcasync.liveness.death import Death
from zcasync.protocol.outcomes import Ending
from zcasync.supervisor.children.backoff import FROM_OUTSIDE
from zcasync.supervisor.children.interfaces import Changed, Died, IChildPool
from zcasync.supervisor.children.timers import cancel

#: So many are made at once, so that one that hangs does not hold up the others.
LIMIT = 2
#: The children end when nothing was to be checked for so long.
IDLE_SECONDS = 600.0
#: Until something is done again that a child could not do for want of its database.
STORAGE_PAUSE_SECONDS = 0.5
#: How long a child may take to end, which has nothing to do, before it is killed.
STOP_SECONDS = 1.0
#: A result is tried so often where others end the child that does it.
VALUE_TRIES = 3


@dataclass
class Check:
    """A job to be checked, which this transaction has claimed."""

    oid: bytes
    tid: bytes | None

    def give(self, child: Any) -> None:
        """Let a child make it."""
        child.check([self.oid], self.tid)


@dataclass
class ValueTrial:
    """A result of a job to be tried; ``done`` fires with the reason against it, or ''."""

    oid: bytes
    data: bytes
    references: list[bytes]
    done: Deferred[str]
    tries: int = 0

    def give(self, child: Any) -> None:
        """Let a child make it."""
        self.tries += 1
        child.try_value(self.oid, self.data, self.references)


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
        self._waiting: deque[Check | ValueTrial] = deque()
        self._current: dict[int, Check | ValueTrial] = {}  # by slot
        self._is_stopping = False
        self._is_stopped = False
        self._idle: IDelayedCall | None = None
        self._pause: IDelayedCall | None = None

    @property
    def pool(self) -> IChildPool | None:
        """The children; None: none was needed yet."""
        return self._pool

    @property
    def running(self) -> frozenset[bytes]:
        """The oids of the jobs that are checked before their call, or wait for that."""
        all_ = (*self._current.values(), *self._waiting)
        return frozenset(one.oid for one in all_ if isinstance(one, Check))

    def check(self, oid: bytes, tid: bytes | None) -> None:
        """Check a job, which this transaction has claimed."""
        if not self._is_stopping:
            self._add(Check(oid, tid))

    def try_value(self, oid: bytes, data: bytes, references: list[bytes]) -> Deferred[str]:
        """Load the pickle of a job's result; fires with the reason against that, or ''.

        ``references``: the oids of the stored objects that it refers to, zeros for a new one.
        """
        trial = ValueTrial(oid, data, references, Deferred())
        self._add(trial)
        return trial.done

    def cancel(self, oid: bytes, who: str) -> None:
        """Check a job no more; it is left to the next pass."""
        self._waiting = deque(
            one for one in self._waiting if one.oid != oid or isinstance(one, ValueTrial)
        )
        for slot, one in self._current.items():
            if one.oid == oid and self._pool is not None:
                self._pool.children[slot].kill(f"its job {hex_oid(oid)} was cancelled by {who}")

    def renew(self) -> None:
        """Let the children end after their checks; others are started for the next ones."""
        if self._pool is not None and not self._is_stopping:
            self._pool.set_size(0)
            self._next()

    def begin_to_stop(self) -> None:
        """Check and begin no more jobs; only try the results of those that run."""
        self._is_stopping = True
        self._waiting = deque(one for one in self._waiting if isinstance(one, ValueTrial))

    def stop(self) -> Deferred[Any]:
        """End the children; fires when none is left.  Safe to repeat."""
        self.begin_to_stop()
        self._is_stopped = True
        self._waiting.clear()
        self._current.clear()
        cancel(self._idle)
        cancel(self._pause)
        if self._pool is None:
            return succeed(None)
        return self._pool.stop(STOP_SECONDS)

    def _add(self, task: Check | ValueTrial) -> None:
        self._waiting.append(task)
        self._next()

    def _next(self) -> None:
        is_pausing = self._pause is not None and self._pause.active()
        if self._is_stopped or is_pausing or not self._waiting:
            return
        cancel(self._idle)
        if self._pool is None:
            self._pool = self._make_pool(self._child_changed, self._child_died)
        wanted = min(LIMIT, len(self._current) + len(self._waiting))
        self._pool.set_size(max(wanted, self._pool.size))
        for child in self._pool.ready():
            if child.slot not in self._current and self._waiting:
                self._current[child.slot] = self._waiting.popleft()
                self._current[child.slot].give(child)

    def _child_changed(self, child: Any) -> None:
        ended = child.take_ended()
        child.take_report()
        task = self._current.pop(child.slot, None) if ended else None
        if task is not None:
            self._ended(task, ended[-1].ending, ended[-1].detail)
        self._next()
        if not self._current and not self._is_stopping:
            cancel(self._idle)
            self._idle = self._reactor.callLater(IDLE_SECONDS, self._pool_of_none)

    def _ended(self, task: Check | ValueTrial, ending: Ending, detail: str) -> None:
        if ending == Ending.STORAGE:
            self._waiting.appendleft(task)
            self._pause = self._reactor.callLater(STORAGE_PAUSE_SECONDS, self._next)
        elif isinstance(task, ValueTrial):
            task.done.callback(detail if ending == Ending.UNREADABLE else "")
        elif not self._is_stopping:  # else it waits in its queue for the next engine
            self._passed(task.oid)

    def _child_died(self, slot: int, death: Death, idle: bool) -> None:
        task = self._current.pop(slot, None)
        if task is None:
            return
        if idle:  # it has not heard of it
            self._waiting.appendleft(task)
        elif isinstance(task, Check):
            self._died(task.oid, death)
        elif death.signal in FROM_OUTSIDE and task.tries < VALUE_TRIES:
            self._waiting.appendleft(task)
        else:
            task.done.callback(death.summary)

    def _pool_of_none(self) -> None:
        if self._pool is not None and not self._current:
            self._pool.set_size(0)
