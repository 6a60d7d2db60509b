"""The application in the supervisor, which reactor jobs need: set up in a thread, tried again."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from zcasync.application.process import SUPERVISOR, Process
from zcasync.application.setup import SetUp
from zcasync.errors import StartedBeforeError
from zcasync.supervisor.children.backoff import Backoff
from zcasync.supervisor.database_thread import DatabaseThread, IDatabaseThread

log = Logger()

#: So many lines of the traceback are kept for ``status``.
TRACEBACK_LINES = 20
#: The application may take so long to close; its storage may be away.
CLOSE_SECONDS = 5.0
#: A set-up that takes longer is told of.
LONG_SECONDS = 10.0
#: What to do where another try in this process is of no use.
REMEDY = "restart the supervisor when that is mended: zcasync stop, and zcasync run"


class IApplication(Protocol):
    """The application of the process in which reactor jobs are called."""

    @property
    def is_ready(self) -> bool:
        """True where reactor jobs can be called."""

    @property
    def is_awaited(self) -> bool:
        """True where nobody has wanted it yet: it is to be told when a reactor job is due."""

    def want(self) -> None:
        """Have it set up: a reactor job is due.  Safe to repeat."""

    @property
    def wraps_jobs(self) -> bool:
        """True where calls run within a context of the application."""

    def around(self, partial: Any) -> AbstractContextManager[Any] | None:
        """Return the context of a call: see ``zcasync.perform.run.Host``."""


class SupervisorApplication:
    """The application of a supervisor; no reactor job is claimed before it ``is_ready``.

    ``ready()`` is called when that has come.  It is set up when the first one is due: a worker that
    has thread jobs only need not have the application in its supervisor.  It begins once a child
    has shown that it can be set up: what ends a process there is not to end the supervisor.
    """

    def __init__(
        self, reactor: Any, thread: IDatabaseThread, settings: Any, ready: Callable[[], None]
    ) -> None:
        self._set_up = SetUp.of(settings.application)
        self.is_ready = self._set_up.name is None
        self._settings = settings
        self.backoff = Backoff(reactor.seconds)
        self._reactor = reactor
        self._thread = thread
        self._ready = ready
        self._retry: IDelayedCall | None = None
        self._process: Process | None = None  # once a child has shown it
        self._is_wanted = self._has_begun = self._is_stopped = False
        self._began: float | None = None  # when the try that goes on just now has

    @classmethod
    def of(cls, reactor: Any, settings: Any, ready: Callable[[], None]) -> SupervisorApplication:
        """Return that of a supervisor with these settings, not set up yet.  Raises ValueError."""
        thread = DatabaseThread(reactor, "application")
        return cls(reactor, thread, settings, ready)

    @property
    def wraps_jobs(self) -> bool:
        """True where calls run within a context of the application."""
        return self._set_up.wraps_jobs

    def around(self, partial: Any) -> AbstractContextManager[Any] | None:
        """Return what the application has around the call of a partial; None: nothing."""
        return self._set_up.around(partial)

    @property
    def is_awaited(self) -> bool:
        """True where nobody has wanted it yet."""
        return not self.is_ready and not self._is_wanted

    @property
    def waiting_for(self) -> str | None:
        """What keeps reactor jobs from being called although nothing has failed, for ``status``."""
        seconds = 0.0 if self._began is None else self._reactor.seconds() - self._began
        if seconds < LONG_SECONDS:
            return None
        return (
            f"the application to be set up in this process, for reactor jobs, {seconds:.0f} s now"
        )

    def allow(self, home: Path, database: Any) -> None:
        """Let it be set up: a child has; ``database``: the main one, open.  Safe to repeat."""
        self._process = self._process or Process(SUPERVISOR, home, database, self._settings)
        self._begin()

    def want(self) -> None:
        """Have it set up.  Safe to repeat."""
        self._is_wanted = True
        self._begin()

    def _begin(self) -> None:
        if self._process is None or not self._is_wanted or self.is_ready or self._has_begun:
            return
        self._has_begun = True
        self._try(self._process)

    def _try(self, process: Process) -> None:
        self._began = self._reactor.seconds()
        done = self._thread.run(self._set_up.begin, process)
        done.addCallbacks(self._done, self._failed, errbackArgs=(process,))

    def _done(self, _: None) -> None:
        self._began = None
        if self._is_stopped:
            return
        log.info("the application is set up in this process, for reactor jobs")
        self.is_ready = True
        self.backoff.eases()
        self._ready()

    def _failed(self, failure: Failure, process: Process) -> None:
        self._began = None
        if self._is_stopped:
            return
        lines = traceback.format_exception(failure.value, limit=TRACEBACK_LINES)
        text = "".join(lines).rstrip("\n").split("\n")
        log.failure("the application cannot be set up, for reactor jobs", failure)
        problem = (
            f"the application cannot be set up in the supervisor, for reactor jobs: {text[-1]}"
        )
        if failure.check(StartedBeforeError):
            problem = f"{problem}; {REMEDY}"
        self.backoff.failed(problem, tuple(text))
        self._retry = self._reactor.callLater(self.backoff.wait, self._try, process)

    def stop(self, within: float = CLOSE_SECONDS) -> Any:
        """Close it, in its thread, also where it is set up just now.

        Fires when that is done, after ``within`` seconds at the latest.
        """
        self._is_stopped = True
        if self._retry is not None and self._retry.active():
            self._retry.cancel()
        if not self._has_begun:
            return None
        closing = self._thread.run(self._set_up.close)
        self._thread.close()
        return closing.addTimeout(within, self._reactor).addErrback(
            lambda failure: log.warn("the application did not close in time")
        )


class NoApplication:
    """The application of a process that has none, or has set itself up."""

    is_ready = True
    is_awaited = False
    wraps_jobs = False

    def want(self) -> None:
        """Do nothing: there is nothing to set up."""

    def around(self, partial: Any) -> AbstractContextManager[Any] | None:
        """Return None: nothing is around a call."""
