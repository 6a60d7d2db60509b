"""Packs the embedded default's database from time to time, through its server; notes its size."""

from __future__ import annotations

import time
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from zcasync.database import space
from zcasync.database.pack_note import noted
from zcasync.database.packing import drop_old, last_packed, note_packed
from zcasync.instance.home import Home

log = Logger()

DAY_SECONDS = 86400.0
#: Revisions of the last day stay: they are what ``undo`` can still reach.
HISTORY_DAYS = 1.0
#: After a pack that failed.
RETRY_SECONDS = 3600.0
#: The longest timer: the machine may sleep, and another process may pack meanwhile.
LONGEST_WAIT_SECONDS = 3600.0


class PackSchedule:
    """Packs ``db`` whenever ``days`` have passed since the last time, and notes how it grows.

    A home that was never packed has its first pack ``days`` after the first start.  ``thread`` does
    the work; ``now`` tells the time, seconds since 1970.
    """

    def __init__(
        self,
        reactor: Any,
        home: Home,
        db: Any,
        days: float,
        thread: Any,
        now: Any = time.time,
    ) -> None:
        self._reactor = reactor
        self._home = home
        self._db = db
        self._seconds = days * DAY_SECONDS
        self._thread = thread
        self._now = now
        self._timer: Any = None
        self._note_timer: Any = None
        self._stopped = False

    def start(self) -> None:
        """Begin; packs nothing when it is to be packed by hand only."""
        self._note()
        if not self._seconds:
            return
        if last_packed(self._home) is None:
            note_packed(self._home)
        self._wait()

    def stop(self) -> None:
        """Begin no more packs; one that runs ends with the database server.  Safe to repeat."""
        self._stopped = True
        for timer in (self._timer, self._note_timer):
            if timer is not None and timer.active():
                timer.cancel()
        self._thread.close()

    def _note(self) -> None:
        """Note the size of the database, now and from time to time."""
        self._note_timer = self._reactor.callLater(space.NOTE_SECONDS, self._note)
        noting: Deferred[Any] = self._thread.run(space.note, self._home)
        noting.addErrback(self._not_noted)

    def _not_noted(self, failure: Any) -> None:
        if not self._stopped:
            log.failure("the size of the database could not be noted", failure)

    def _wait(self, least: float = 0.0) -> None:
        since = self._now() - (last_packed(self._home) or 0)
        # A clock that was set back must not delay the pack for ever.
        left = self._seconds if since < 0 else self._seconds - since
        delay = max(least, min(left, LONGEST_WAIT_SECONDS))
        self._timer = self._reactor.callLater(max(0.0, delay), self._pack_when_due)

    def _pack_when_due(self) -> None:
        if 0 <= self._now() - (last_packed(self._home) or 0) < self._seconds:
            self._wait()
            return
        log.info("packing the database")
        began, before = self._now(), self._size()
        packing: Deferred[Any] = self._thread.run(self._pack)
        packing.addCallbacks(self._packed, self._failed, (began, before))

    def _pack(self) -> None:
        with noted(self._home):
            self._db.pack(days=HISTORY_DAYS)
            drop_old(self._home)
            note_packed(self._home)
        space.note(self._home)

    def _packed(self, _: Any, began: float, before: int) -> None:
        log.info(
            "packed in {seconds:.0f} s: {before:.0f} MB, now {after:.0f} MB",
            seconds=self._now() - began,
            before=before / 1e6,
            after=self._size() / 1e6,
        )
        if not self._stopped:
            self._wait()

    def _failed(self, failure: Any) -> None:
        if self._stopped:
            return
        log.failure("the database could not be packed; trying again in an hour", failure)
        self._wait(RETRY_SECONDS)

    def _size(self) -> int:
        try:
            return self._home.data_fs.stat().st_size
        except OSError:
            return 0
