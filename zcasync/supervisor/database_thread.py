"""One thread for the engine's database work, so that the reactor never waits for the storage."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import Any, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorFromThreads
from twisted.python.failure import Failure


class IDatabaseThread(Protocol):
    """A thread, or what stands for one, that does the database work of an engine."""

    def run(self, function: Callable[..., Any], *args: Any) -> Deferred[Any]:
        """Call ``function(*args)`` after what was asked before; fires with the result."""

    def close(self) -> None:
        """Do no more than what was asked already."""


class DatabaseThread:
    """Runs functions in turn in a daemon thread: a frozen storage cannot hold up the exit."""

    def __init__(self, reactor: IReactorFromThreads, name: str = "database") -> None:
        self._reactor = reactor
        self._work: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._loop, name=name, daemon=True)
        self._started = False

    def run(self, function: Callable[..., Any], *args: Any) -> Deferred[Any]:
        """Call ``function(*args)`` in the thread; fires with the result in the reactor's thread."""
        if not self._started:
            self._started = True
            self._thread.start()
        done: Deferred[Any] = Deferred()
        self._work.put((done, function, args))
        return done

    def close(self) -> None:
        """Let the thread end after what it was given."""
        if self._started:
            self._work.put(None)

    def _loop(self) -> None:
        while (item := self._work.get()) is not None:
            done, function, args = item
            try:
                result = function(*args)
            except BaseException:  # handed on, whatever it is
                result = Failure()
            self._reactor.callFromThread(done.callback, result)
            del item, done, function, args, result
