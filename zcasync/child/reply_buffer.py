"""The reply buffer: the ends of short jobs that follow each other are sent together."""

from __future__ import annotations

import threading
from collections.abc import Callable
from itertools import groupby
from typing import Any

from zcasync.protocol.outcomes import Ended

#: The end of a job that took no longer than this may wait for those of the jobs behind it.
SHORT_MICROSECONDS = 10_000
#: For this time at most.  A supervisor that is notified 20 ms later loses nothing by it: it judges
#: by the records, and has assigned work for longer to the child.
WAIT_SECONDS = 0.02


class ReplyBuffer:
    """A buffer of what the job thread adds; ``send(Ended)`` is called in the reactor's thread."""

    def __init__(self, reactor: Any, send: Callable[[Ended], None]) -> None:
        self._reactor = reactor
        self._send = send
        self._lock = threading.Lock()
        self._waiting: list[Ended] = []
        self._timer: Any = None

    def add(self, ended: Ended, *, is_last: bool) -> None:
        """Add the end of jobs; ``is_last``: the child has nothing more to do."""
        with self._lock:
            self._waiting.append(ended)
            is_first = len(self._waiting) == 1
        if is_last or ended.microseconds > SHORT_MICROSECONDS:
            self._reactor.callFromThread(self.flush)
        elif is_first:
            self._reactor.callFromThread(self._wait)

    def _wait(self) -> None:
        if self._timer is None:
            self._timer = self._reactor.callLater(WAIT_SECONDS, self.flush)

    def flush(self) -> None:
        """Send what waits, in the reactor's thread."""
        timer, self._timer = self._timer, None
        if timer is not None and timer.active():
            timer.cancel()
        with self._lock:
            waiting, self._waiting = self._waiting, []
        for _, alike in groupby(waiting, key=lambda one: (one.ending, one.detail)):
            self._send(_joined(list(alike)))


def _joined(several: list[Ended]) -> Ended:
    """Return one report of several, in which each job took the average time."""
    oids = [oid for one in several for oid in one.oids]
    took = sum(one.microseconds * len(one.oids) for one in several) // max(1, len(oids))
    completions = [completion for one in several for completion in one.completions]
    return Ended(oids, several[0].ending, took, several[0].detail, completions)
