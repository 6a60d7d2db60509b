"""Watching: the silence of an engine whose process cannot be examined, by this process's clock.

No two clocks are compared.  An engine promises to write its ping record again within some seconds;
a watcher counts, on a monotonic clock of its own, how long the record's serial has not changed.
Time in which the watcher itself took no samples does not count: it may have been frozen, or without
a storage.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace

from zcasync.workers.worker import Worker

#: Silence of more than this multiple of the promise is death ...
PROMISE_FACTOR = 1.25
#: ... seen in at least this number of samples.
LEAST_LOOKS = 3
#: The pause between two samples, seconds.
PAUSE_SECONDS = 1.0
#: A pause between two samples counts for no more than this, seconds.
LONGEST_STEP_SECONDS = 6.0


def promise_of(worker: Worker) -> float:
    """Return the seconds within which a worker's engine is to write its ping again."""
    # A ping that was never written promises nothing yet.
    return float(worker.ping.promise or worker.ping_interval + worker.ping_death_interval)


def limit_of(worker: Worker) -> float:
    """Return the seconds of silence after which a worker's engine is dead."""
    return PROMISE_FACTOR * promise_of(worker)


@dataclass(frozen=True)
class Silence:
    """The observations of a watcher of one engine's ping record.

    ``looks``: the samples since the record's serial was first seen; ``seconds``: for how long it
    has not changed; ``has_changed``: whether it changed at all while it was watched.
    """

    looks: int = 1
    seconds: float = 0.0
    has_changed: bool = False

    def is_deadly(self, limit: float) -> bool:
        """Return whether it has lasted for longer than ``limit`` seconds, in enough samples."""
        return self.looks >= LEAST_LOOKS and self.seconds > limit


@dataclass(frozen=True)
class _Look:
    """The last sample of one engine's ping record."""

    serial: bytes
    at: float
    silence: Silence


class Watch:
    """The watcher of one process, with what else that process knows of the engines.

    ``seconds()`` returns the time, monotonic.  ``is_only_home``: this process has the lock of the
    only home that can reach the database, so an engine that cannot be examined is gone, from
    before a boot of this machine for instance.
    """

    def __init__(
        self, seconds: Callable[[], float] = time.monotonic, is_only_home: bool = False
    ) -> None:
        self._seconds = seconds
        self._last: dict[uuid.UUID, _Look] = {}
        self.is_only_home = is_only_home
        #: Engines of this process that did not begin, though their record may be there because the
        #: commit was in doubt, and those that go on no more and could not say so.
        self.stillborn: set[uuid.UUID] = set()
        #: All engines that this process has begun.
        self.begun: set[uuid.UUID] = set()

    def look(self, worker: Worker) -> Silence | None:
        """Take one more sample of the ping of a worker's engine; None: the record names no engine.

        Call it in a transaction that has seen the newest commits.
        """
        engine = worker.engineUUID
        if engine is None:
            return None
        worker.ping._p_activate()
        serial, now = worker.ping._p_serial, self._seconds()
        last = self._last.get(engine)
        if last is None:
            silence = Silence()
        elif last.serial != serial:
            silence = Silence(has_changed=True)
        else:
            step = min(now - last.at, LONGEST_STEP_SECONDS)
            silence = replace(
                last.silence, looks=last.silence.looks + 1, seconds=last.silence.seconds + step
            )
        self._last[engine] = _Look(serial, now, silence)
        return silence
