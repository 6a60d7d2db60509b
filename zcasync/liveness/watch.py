"""Liveness: which other engines are dead, by proof on this machine and by silence elsewhere.

No two clocks are compared.  An engine promises to write its ping record again within some seconds;
a watcher counts, on its own monotonic clock, how long the record's serial has not changed.  Time in
which the watcher itself did not look does not count: it may have been frozen, or without a storage.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import psutil

from zcasync.instance.process_identity import ProcessIdentity
from zcasync.workers.worker import Worker

#: A pause between two looks counts for no more than this, seconds.
LONGEST_STEP_SECONDS = 6.0
#: Silence of this many times the promise is death.
MARGIN = 1.25
LEAST_LOOKS = 3


@dataclass
class Silence:
    """What a watcher knows of one engine's record."""

    serial: bytes
    looked: float
    seconds: float = 0.0
    looks: int = 1


class Watch:
    """Watches the engines of other workers.

    ``seconds()`` tells the time, monotonic; ``frozen(identity)``: whether a signal stops it.
    ``is_alone``: this process has the lock of the only home that can reach the database, so
    whatever engine is named there is gone, from before a boot of this machine for instance.
    """

    def __init__(
        self,
        seconds: Callable[[], float] = time.monotonic,
        frozen: Callable[[ProcessIdentity], bool] | None = None,
        is_alone: bool = False,
    ) -> None:
        self._seconds = seconds
        self._is_frozen = frozen or is_frozen
        self._is_alone = is_alone
        self._silences: dict[bytes, Silence] = {}
        #: Engines of this process that did not come to life; their record may be there all the
        #: same, because the commit was in doubt.
        self.stillborn: set[bytes] = set()

    def why_dead(self, worker: Worker) -> str | None:
        """Look at a worker's record: the reason why its engine is dead, or None.

        Call it in a transaction that has seen the newest commits.
        """
        engine = worker._engine
        if engine is None:
            return None
        silent = self._look(engine, worker)
        incarnation = worker.incarnation
        if incarnation is None or incarnation._engine != engine or incarnation.is_over:
            return "no incarnation stands behind it" if silent else None
        alive = incarnation.identity.is_alive()
        if alive is None and self._is_alone:
            return "the lock of the only home that can reach the database is ours"
        if alive is False:
            return f"process {incarnation.identity.pid} of this machine is gone"
        if silent and (alive is None or self._is_frozen(incarnation.identity)):
            seconds = self._silences[engine].seconds
            return f"silent for {seconds:.0f} s; it had promised {worker.ping.promise:g} s"
        return None

    def remaining(self, worker: Worker) -> float:
        """How many more seconds of silence would mean death, as far as this watcher knows."""
        silence = self._silences.get(worker._engine or b"")
        promised = MARGIN * worker.ping.promise
        return promised if silence is None else max(0.0, promised - silence.seconds)

    def _look(self, engine: bytes, worker: Worker) -> bool:
        """Whether it has been silent for longer than promised."""
        worker.ping._p_activate()
        serial = worker.ping._p_serial
        now = self._seconds()
        silence = self._silences.get(engine)
        if silence is None or silence.serial != serial:
            self._silences[engine] = Silence(serial, now)
            return False
        silence.seconds += min(now - silence.looked, LONGEST_STEP_SECONDS)
        silence.looked = now
        silence.looks += 1
        return silence.looks >= LEAST_LOOKS and silence.seconds > MARGIN * worker.ping.promise


def is_frozen(identity: ProcessIdentity) -> bool:
    """Whether a process of this machine is stopped by a signal."""
    try:
        return psutil.Process(identity.pid).status() == psutil.STATUS_STOPPED
    except psutil.NoSuchProcess:
        return False
