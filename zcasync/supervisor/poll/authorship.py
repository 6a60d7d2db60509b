"""Authorship: an engine notices that somebody else writes the records that only it writes.

A machine that is cloned while it runs has an engine twice, with one incarnation, and no fence is
between the two.  So every pass leaves a mark in the records that it writes, its moment, which the
copy, which has gone on by itself, cannot have.  The first pass that finds another's mark knows that
there is a twin; it finds out before it commits, because the two have met on such a record.

What a commit in doubt may have written counts as this engine's, and so do earlier marks, of its own
and of engines before it, which an undo can bring back.  Others that take a partial out of a claim
list leave its mark.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator
from typing import Any

from zcasync.errors import FencedError
from zcasync.workers.worker import Worker

#: So many of the last marks are known.
MARKS_KNOWN = 1000
#: For the incarnation that a twin has ended.
REASON = "another process writes as this engine: a copy of its machine runs"


class TwinError(FencedError):
    """Another process writes as this engine."""


class Authorship:
    """The marks of one engine in its worker's records."""

    def __init__(self) -> None:
        self._seen: set[float | None] | None = None  # before the first pass: not known
        self._began = time.monotonic()
        self._own: deque[float | None] = deque(maxlen=MARKS_KNOWN)

    def check(self, worker: Worker) -> None:
        """Raise TwinError when a record has a mark that is not of this engine."""
        found = {worker.ping.monotonic, *(one.mark for one in _lists(worker))}
        if self._seen is None:
            self._own.extend(found)  # from before the first pass
        elif not found <= self._seen:
            foreign = found - self._seen - {None, *self._own}
            if any(mark is not None and mark >= self._began for mark in foreign):
                raise TwinError(
                    f"engine {worker.engineUUID} is over ({REASON}; give the copy an instance home "
                    "of its own, without etc/uuid.txt)"
                )
        self._seen = found

    def sign(self, worker: Worker) -> None:
        """Mark what this try of a pass writes."""
        if worker.ping._p_changed:
            self._own.append(worker.ping.monotonic)
        written = [one for one in _lists(worker) if one._p_changed or one._p_jar is None]
        if written:
            self._own.append(time.monotonic())
            for one in written:
                one.mark = self._own[-1]


def _lists(worker: Worker) -> Iterator[Any]:
    yield from worker.thread.lists()
    yield from worker.reactor.lists()
