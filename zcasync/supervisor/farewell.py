"""The farewell: what an engine that stops does last with its database."""

from __future__ import annotations

import uuid
from typing import Any

from twisted.internet.defer import Deferred, inlineCallbacks
from twisted.logger import Logger

from zcasync.supervisor.database_session import DatabaseSession
from zcasync.supervisor.poll.messages import PassInput

log = Logger()

#: How long the last transaction may take before the supervisor leaves without it, as a ghost.
FAREWELL_SECONDS = 4.0


class Farewell:
    """Of one engine, in its database thread; never waits for the storage for long."""

    def __init__(
        self, reactor: Any, thread: Any, registration: DatabaseSession, engine: uuid.UUID
    ) -> None:
        self._reactor = reactor
        self._thread = thread
        self._registration = registration
        self._engine = engine

    @inlineCallbacks
    def lay_down(self, work: PassInput) -> Any:
        """The last transaction; fires with whether there was one, False where nobody answers."""
        done: Deferred[Any] = self._thread.run(self._registration.end, work)
        done.addTimeout(FAREWELL_SECONDS, self._reactor)
        try:
            count = yield done
        except Exception as error:  # whatever it is, the process has to end: as a ghost, then
            log.error(
                "the worker could not be laid down, so engine {engine} stays behind as a ghost; "
                "the next start takes its work over: {why}",
                engine=self._engine,
                why=f"{type(error).__name__}: {error}",
            )
            return False
        log.info("laid down; {count} claims given back", count=count)
        return True

    def stay_behind(self, jobs: list[str]) -> Deferred[None]:
        """Leave the worker's record as it is while jobs of its engine go on in this process."""
        log.error(
            "jobs of engine {engine} go on in threads of this process, which cannot be killed, so "
            "it stays behind as a ghost; the next start after the end of this process takes its "
            "work over: {jobs}",
            engine=self._engine,
            jobs=", ".join(jobs),
        )
        return self.forget()

    def forget(self) -> Deferred[None]:
        """Close the connection of an engine that may not commit; fires when that is done."""
        done: Deferred[Any] = self._thread.run(self._registration.close)
        return done.addTimeout(FAREWELL_SECONDS, self._reactor).addErrback(
            lambda failure: log.warn("a connection did not close in time")
        )
