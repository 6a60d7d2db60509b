"""The keeper of an engine in an application's process: its stop ends in time, whatever hangs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.defer import TimeoutError as Timeout
from twisted.logger import Logger
from twisted.python.failure import Failure

from zcasync.supervisor.engine import Engine
from zcasync.supervisor.keeper import EngineKeeper
from zcasync.supervisor.left_behind import jobs_here, kill_children, left_behind
from zcasync.supervisor.stop_deadline import AFTER_GRACE_SECONDS, LastActs, StopDeadline
from zcasync.twisted_engine.parts import is_turned_by_tests

log = Logger()

#: The stop of the engine fires so long before the deadline, at the latest.
AHEAD_SECONDS = 1.0
#: The exit code of a process that jobs would have kept from ending.
EXIT_CODE = 1


class EmbeddedKeeper(EngineKeeper):
    """Fires ``stop`` at the latest ``AFTER_GRACE_SECONDS`` after the grace period.

    Where jobs in this process go on then, which could keep it for ever, it is ended; else it is the
    application's, and takes as long as that wants.
    """

    def __init__(
        self, reactor: Any, make: Callable[[Callable[[BaseException], None]], Engine], grace: float
    ) -> None:
        super().__init__(reactor, make)
        self._within = grace + AFTER_GRACE_SECONDS - AHEAD_SECONDS
        acts = LastActs(
            left=lambda: left_behind(self.engine),
            kill=lambda: kill_children(self.engine),
            exit_code=lambda: EXIT_CODE,
        )
        self._deadline = StopDeadline(lambda: grace, acts)
        self._all_stopped: Deferred[Any] | None = None

    def stop(self) -> Any:
        """Stop the engine gracefully, and do not wait for longer than may be.  Safe to repeat."""
        if self._all_stopped is None:
            if getattr(self._reactor, "running", False) and not is_turned_by_tests(self._reactor):
                self._deadline.watch()
            self._deadline.begin()
            stopping: Deferred[Any] = super().stop()
            stopping.addTimeout(self._within, self._reactor)
            self._all_stopped = stopping.addErrback(self._leave).addBoth(self._stopped)
        waiter: Deferred[None] = Deferred()
        self._all_stopped.addBoth(waiter.callback)
        return waiter

    def _leave(self, failure: Failure) -> None:
        failure.trap(Timeout)
        log.error(
            "the engine has not stopped in time; left behind: {left}",
            left="; ".join(left_behind(self.engine)),
        )
        kill_children(self.engine)

    def _stopped(self, result: Any) -> Any:
        if self.engine is None or not jobs_here(self.engine):
            self._deadline.drop()
        return result
