"""Actors: threads that stop wherever another process could come in between, and go on when told.

Real code runs in them, unchanged; a scheduler (hypothesis) decides who moves, so that every order
of transactions of several processes can be tried, always the same way.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from typing import Any

import transaction
from ZODB import DB

from tests.support.sessions import Session

#: An actor that computes so long without stopping has hung.
HANG_SECONDS = 60.0


class Crash(KeyboardInterrupt):
    """The end of the process, as the code that runs in it sees it: not even callbacks run."""


class SteppedManager(transaction.TransactionManager):
    """A transaction manager that stops before each begin and before and after each commit."""

    def __init__(self, stop_at: Callable[[str], None]) -> None:
        super().__init__()
        self._stop_at = stop_at

    def begin(self) -> Any:
        self._stop_at("begin")
        return super().begin()

    def commit(self) -> None:
        self._stop_at("commit")
        super().commit()
        self._stop_at("committed")


class Actor:
    """A process with a connection of its own that does ``program(actor)`` step by step."""

    def __init__(self, db: DB, program: Callable[[Actor], None]) -> None:
        self.session = Session(db, SteppedManager(self.stop_at))
        self.at = "start"
        self.is_over = False
        self._program = program
        self._error: BaseException | None = None
        self._is_doomed = False
        self._go = threading.Semaphore(0)
        self._stopped = threading.Semaphore(0)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def step(self) -> None:
        """Let it go on to the next stop.  Raises what its program raises."""
        assert not self.is_over
        self._go.release()
        assert self._stopped.acquire(timeout=HANG_SECONDS), f"an actor hangs after {self.at!r}"
        if self._error is not None:
            raise self._error

    def go_to(self, place: str) -> None:
        """Let it go on until it stops at this place again, or to its end."""
        while not self.is_over:
            self.step()
            if self.at == place:
                return

    def crash(self) -> None:
        """End it where it is: what it has not committed is lost."""
        self._is_doomed = True
        self.step()

    def stop_at(self, place: str) -> None:
        """What the program calls where another process may come in between."""
        if self._is_doomed:
            raise Crash
        self.at = place
        self._stopped.release()
        self._go.acquire()
        if self._is_doomed:
            raise Crash

    def _run(self) -> None:
        _actors.here = self
        self._go.acquire()
        try:
            with contextlib.suppress(Crash):
                if not self._is_doomed:
                    self._program(self)
            self.session.close()
        except BaseException as error:  # whatever it is, the test has to see it
            self._error = error
        self.is_over = True
        self._stopped.release()


_actors = threading.local()


def stop_here(place: str) -> None:
    """Let others come in between; for the callables of partials, which may run anywhere."""
    actor = getattr(_actors, "here", None)
    if actor is not None:
        actor.stop_at(place)
