"""What keeps the supervisor from working, above all the database: said once each way."""

from __future__ import annotations

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from zcasync import clock
from zcasync.database.errors import is_storage_lost
from zcasync.text import at

log = Logger()

#: A pass that takes longer than this waits for a database that does not answer.
STALL_SECONDS = 5.0


class Outage:
    """Remembers one trouble: a line in the log when it begins, and one when it is over.

    ``what`` names what cannot be done.  A database server that is frozen raises nothing, whatever
    the timeouts say, so ``begins`` and ``works`` enclose what may take too long.
    """

    def __init__(self, reactor: IReactorTime, what: str) -> None:
        self._why: str | None = None  # None: nothing keeps it
        self._is_storage = False
        self._reactor = reactor
        self._what = what
        self._since = 0.0
        self._began = ""  # by the clock
        self._timer: IDelayedCall | None = None

    @property
    def waiting_for(self) -> str | None:
        """What keeps it from being done, for status: the database since when, or an error."""
        if self._why is None or not self._is_storage:
            return self._why
        return f"the database since {at(self._began)}: {self._why}"

    def begins(self) -> None:
        """Something is tried that can take long."""
        self._cancel()
        self._timer = self._reactor.callLater(STALL_SECONDS, self._stalls)

    def works(self) -> None:
        """It was done."""
        self._cancel()
        if self._why is not None:
            seconds = self._reactor.seconds() - self._since
            log.info("{what}: works again, after {s:.1f} s", what=self._what, s=seconds)
            self._why = None

    def passed(self, away: str | None) -> None:
        """It was done; ``away``: though a database that others need has no server, and which."""
        if away is None:
            self.works()
        else:
            self.says(away)

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
        if self._note(why, is_storage=True):
            log.error(
                "{what}: waiting for the database, trying again until it works: {why}",
                what=self._what,
                why=why,
            )

    def _note(self, why: str, is_storage: bool = False) -> bool:
        """Note the reason; return whether it is worth a line: nothing was wrong before."""
        self._cancel()
        is_new = self._why is None
        if is_new:
            self._since = self._reactor.seconds()
            self._began = clock.to_datetime(clock.now()).isoformat()
        self._why, self._is_storage = why, is_storage
        return is_new

    def stop(self) -> None:
        """Watch no more."""
        self._cancel()

    def _stalls(self) -> None:
        self._timer = None
        self.says(f"it has not answered for {STALL_SECONDS:g} s")

    def _cancel(self) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None
