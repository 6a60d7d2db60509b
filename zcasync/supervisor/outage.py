"""What keeps the supervisor from working, above all the database: said once each way."""

from __future__ import annotations

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from zcasync.database.errors import is_storage_lost

log = Logger()

#: A pass that takes longer than this waits for a database that does not answer.
STALL_SECONDS = 5.0


class Outage:
    """Remembers one trouble: a line in the log when it begins, and one when it is over.

    ``what`` names what cannot be done.  A database server that is frozen raises nothing, whatever
    the timeouts say, so ``begins`` and ``works`` enclose what may take too long.
    """

    def __init__(self, reactor: IReactorTime, what: str) -> None:
        self.waiting_for: str | None = None  # for status
        self._reactor = reactor
        self._what = what
        self._since = 0.0
        self._timer: IDelayedCall | None = None

    def begins(self) -> None:
        """Something is tried that can take long."""
        self._cancel()
        self._timer = self._reactor.callLater(STALL_SECONDS, self._stalls)

    def works(self) -> None:
        """It was done."""
        self._cancel()
        if self.waiting_for is not None:
            seconds = self._reactor.seconds() - self._since
            log.info("{what}: works again, after {s:.1f} s", what=self._what, s=seconds)
            self.waiting_for = None

    def fails(self, failure: Failure) -> None:
        """It failed, and will be tried again.  What is no storage's error is shown in full."""
        why = f"{type(failure.value).__name__}: {failure.getErrorMessage()}"
        if is_storage_lost(failure.value):
            self.says(why)
        elif self._note(why):
            log.error("{what}: an error, trying again: {why}", what=self._what, why=why)
            log.failure("{what} failed", failure, what=self._what)

    def says(self, why: str) -> None:
        """Note why the database keeps it from being done now."""
        if self._note(why):
            log.error(
                "{what}: waiting for the database, trying again until it works: {why}",
                what=self._what,
                why=why,
            )

    def _note(self, why: str) -> bool:
        """Note the reason; return whether it is worth a line: nothing was wrong before."""
        self._cancel()
        is_new = self.waiting_for is None
        if is_new:
            self._since = self._reactor.seconds()
        self.waiting_for = why
        return is_new

    def stop(self) -> None:
        """Watch no more."""
        self._cancel()

    def _stalls(self) -> None:
        self._timer = None
        self.says(f"the database has not answered for {STALL_SECONDS:g} s")

    def _cancel(self) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None
