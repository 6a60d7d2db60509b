"""Keeps an engine running for a worker: starts it, and another one when that cannot go on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, inlineCallbacks
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from zcasync.database.errors import NOT_COMMITTED
from zcasync.errors import HistoryChanged, InDoubt, NewerRecords
from zcasync.liveness.watch import PAUSE_SECONDS
from zcasync.supervisor.engine import Engine
from zcasync.supervisor.poll.messages import Wish
from zcasync.supervisor.poll.wishes import dropped
from zcasync.supervisor.registration import ServedElsewhere

log = Logger()

RETRY_SECONDS = 5.0
#: No engine of this process can work with the database any more.
FOR_GOOD = (HistoryChanged, NewerRecords)


def say_the_end(error: BaseException) -> None:
    """Log that there is no engine any more, where its process goes on."""
    log.critical("no engine runs in this process any more: {why}", why=str(error))


class EngineKeeper:
    """``make(lost)`` makes an engine that calls ``lost(error)`` when it must not go on.

    ``started(engine)`` is called with each engine that has started, ``ended(error)`` when this
    process will have no other one.
    """

    def __init__(
        self,
        reactor: Any,
        make: Callable[[Callable[[BaseException], None]], Engine],
        started: Callable[[Engine], None] = lambda engine: None,
        ended: Callable[[BaseException], None] = say_the_end,
    ) -> None:
        self.engine: Engine | None = None
        self._reactor = reactor
        self._make = make
        self._started = started
        self._ended = ended
        self._stopping = False
        self._renewing: Deferred[Any] | None = None

    @inlineCallbacks
    def start(self) -> Any:
        """Start an engine.

        Where the worker's record names an engine elsewhere, wait until that has been silent for
        longer than it promised; where the storage cannot take the commit, until it can.  Fails with
        AlreadyServed.
        """
        said = False
        while not self._stopping:
            self.engine = self._make(self._lost)
            try:
                yield self.engine.start()
            except (ServedElsewhere, InDoubt, *NOT_COMMITTED) as error:
                if not said:
                    log.warn("{why}", why=why_not_yet(error))
                    said = True
                yield deferLater(self._reactor, PAUSE_SECONDS)
            else:
                if not self._stopping:
                    self._started(self.engine)
                return

    @inlineCallbacks
    def stop(self) -> Any:
        """Stop the engine gracefully.  Safe to repeat."""
        self._stopping = True
        if self._renewing is not None:
            self._renewing.cancel()
        if self.engine is not None:
            yield self.engine.stop()

    def hurry(self, seconds: float) -> None:
        """Let running jobs end within so many seconds, where the stop gives them longer."""
        if self.engine is not None:
            self.engine.hurry(seconds)

    def give_up(self, error: BaseException) -> None:
        """End the engine at once and for good: its database is another one.  Safe to repeat."""
        if self._stopping:
            return
        self._stopping = True
        if self.engine is not None:
            self.engine.abandon("the database has changed")
        self._ended(error)

    def _lost(self, error: BaseException) -> None:
        if self._renewing is not None or self._stopping:
            return
        if isinstance(error, FOR_GOOD):
            self.give_up(error)
            return
        log.critical("{why}; its children are stopped, and a new engine is started", why=str(error))
        self._renewing = self._renew()
        self._renewing.addErrback(_not_renewed)
        self._renewing.addBoth(self._renewed)

    @inlineCallbacks
    def _renew(self) -> Any:
        assert self.engine is not None
        yield self.engine.abandon()
        wanted = self.engine.hand_over_cancelled()
        while not self._stopping:
            try:
                yield self.start()
            except FOR_GOOD as error:
                self.give_up(error)
            except Exception as error:  # whatever it is, the worker must not stay without an engine
                log.error("no new engine yet: {why}", why=f"{type(error).__name__}: {error}")
                yield deferLater(self._reactor, RETRY_SECONDS)
            else:
                self._cancel(wanted)
                return

    def _cancel(self, wanted: Mapping[bytes, str]) -> None:
        """Let the new engine cancel what the one before it has not."""
        for oid, who in wanted.items():
            problem = self.engine.cancel(oid, who) if self.engine else ""
            if problem:
                log.error("{line}", line=dropped(Wish(oid, who), problem))

    def _renewed(self, result: Any) -> None:
        self._renewing = None


def _not_renewed(failure: Failure) -> None:
    if failure.check(CancelledError) is None:  # a stop is no trouble
        log.failure("while renewing the engine", failure)


def why_not_yet(error: Exception) -> str:
    """For the log: why there is no engine yet."""
    if isinstance(error, ServedElsewhere):
        return str(error)
    return f"no engine yet, trying again until the database works: {type(error).__name__}: {error}"
