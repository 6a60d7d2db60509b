"""The deadline of a stop: whatever hangs, the process ends in time, and says what it leaves.

A thread keeps it, because the reactor may be what hangs.  It waits in the system until a stop
begins, so that it costs nothing before.
"""

from __future__ import annotations

import faulthandler
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, TextIO

from twisted.logger import Logger

from zcasync.supervisor import logs

log = Logger()

#: A stop takes no longer than the grace period and so many seconds.
AFTER_GRACE_SECONDS = 10.0
#: Of that the end itself takes so many: to kill what is left, and to say what that is.
LAST_WORDS_SECONDS = 0.5
#: A process whose threads cannot run ends so much later, with exit code 1 and without a word.
LAST_RESORT_SECONDS = 1.0
#: How often the deadline is looked at while a stop goes on.
LOOK_SECONDS = 0.25
#: A look that comes so much later finds a process that was stopped itself, or not scheduled.
FROZEN_SECONDS = 2.0
#: Such a process gets so many seconds to go on, once.
THAWED_SECONDS = 5.0


@dataclass(frozen=True)
class LastActs:
    """The acts at a deadline, called in threads beside a reactor that may hang.

    ``left()`` returns what is left behind, for the log, ``kill()`` kills the processes among that
    and waits for nothing, ``exit_code()`` is what the process then ends with.
    """

    left: Callable[[], Sequence[str]]
    kill: Callable[[], None]
    exit_code: Callable[[], int]


class StopDeadline:
    """Ends this process where a stop takes ``AFTER_GRACE_SECONDS`` longer than its grace period.

    ``grace()`` returns that, in seconds, when the stop begins.  ``end(code)`` ends the process.
    """

    def __init__(
        self, grace: Callable[[], float], acts: LastActs, end: Callable[[int], object] = os._exit
    ) -> None:
        self._grace = grace
        self._acts = acts
        self._end = end
        self._until: float | None = None  # as time.monotonic tells; None: no stop has begun
        self._is_dropped = self._is_stopped = False
        self._was_frozen = False
        self._why = ""
        self._last_resort: TextIO | None = None
        self._read, self._write = -1, -1  # a pipe, while somebody waits at it

    def watch(self) -> None:
        """Begin to wait for a stop."""
        self._read, self._write = os.pipe()
        for fd in (self._read, self._write):
            os.set_blocking(fd, False)
        threading.Thread(target=self._keep, name="stop deadline", daemon=True).start()

    def watch_process(self, signals: Sequence[signal.Signals]) -> None:
        """Do that in a process that has no other end than this stop; call it in its main thread.

        Each of the ``signals`` begins a stop.  They are noted in C code first: the handlers of
        Python come when the main thread turns to them, and it may hang.  Where it keeps the
        interpreter's lock there, so that no other thread runs, ``faulthandler`` ends the process.
        """
        self._last_resort = open(os.devnull, "w")  # noqa: SIM115  open until the end
        self.watch()
        for number in signals:
            before = signal.getsignal(number)
            if callable(before):
                signal.signal(number, partial(self._came, before))
            faulthandler.register(number, file=self._write, all_threads=False, chain=True)

    def _came(self, handler: Callable[[int, Any], Any], number: int, frame: Any) -> None:
        self.begin()
        handler(number, frame)

    def begin(self) -> None:
        """Note that a stop begins now.  Safe to repeat, and in a signal handler."""
        if self._until is None:
            self._set(self._grace())

    def hurry(self, seconds: float) -> None:
        """Note that the grace period ends in so many seconds, if that is earlier."""
        if self.left > seconds + AFTER_GRACE_SECONDS - LAST_WORDS_SECONDS:
            self._set(seconds)

    def _set(self, seconds: float) -> None:
        self._until = time.monotonic() + seconds + AFTER_GRACE_SECONDS - LAST_WORDS_SECONDS
        self._why = (
            f"the stop has not ended within its grace period of {seconds:g} s and "
            f"{AFTER_GRACE_SECONDS:g} s more"
        )
        self._arm_last_resort()
        self._wake()

    def _arm_last_resort(self) -> None:
        """Let C code end the process if our thread does not; it takes this back when it runs.

        Otherwise a process that is stopped itself for a while would have no time to go on.
        """
        if self._last_resort is not None:
            seconds = max(0.0, self.left) + LAST_WORDS_SECONDS + LAST_RESORT_SECONDS
            faulthandler.dump_traceback_later(seconds, exit=True, file=self._last_resort)

    def end_now(self, why: str) -> None:
        """End the process at once, for this reason: what runs is killed, and waits to run again."""
        self._why, self._until = why, time.monotonic()
        self._wake()

    def note_stopped(self) -> None:
        """Note that only the interpreter has to end: it stops our thread before it is done."""
        self._is_stopped = True
        self._arm_last_resort()

    def drop(self) -> None:
        """Let the process go on, however long: the stop has ended."""
        self._is_dropped = True
        self._wake()

    @property
    def left(self) -> float:
        """The seconds until the deadline; infinite before a stop has begun."""
        return float("inf") if self._until is None else self._until - time.monotonic()

    def _wake(self) -> None:
        if self._write >= 0:
            with suppress(BlockingIOError):  # then it has been woken already
                os.write(self._write, b".")

    # in the thread

    def _keep(self) -> None:
        """Wait for a stop, and then for its deadline."""
        poll = select.poll()
        poll.register(self._read, select.POLLIN)
        while not self._is_dropped:
            step = min(LOOK_SECONDS, max(0.0, self.left))
            began = time.monotonic()
            if poll.poll(None if self._until is None else 1000 * step):
                os.read(self._read, 2**16)
                if self._last_resort is not None and not self._is_stopped:
                    faulthandler.cancel_dump_traceback_later()
                if self._until is None:
                    self.begin()
            elif time.monotonic() - began - step > FROZEN_SECONDS and not self._was_frozen:
                self._was_frozen = True
                self._until = max(self._until or 0.0, time.monotonic() + THAWED_SECONDS)
            if self.left <= 0 and not self._is_dropped:
                return self._end_process()
        return None

    def _end_process(self) -> None:
        """Say what is left, kill it, and end; whatever of that fails or hangs."""
        code = 1
        try:
            code = self._acts.exit_code()
            saying = threading.Thread(target=self._say, name="last words", daemon=True)
            saying.start()  # a log can hang, too
            saying.join(LAST_WORDS_SECONDS)
            self._acts.kill()
        finally:
            self._end(code)

    def _say(self) -> None:
        log.error(
            "{why}, so this process ends now; left behind: {left}",
            why=self._why,
            left="; ".join(self._acts.left()) or "nothing that is known",
        )
        logs.end()
        sys.stdout.flush()
        sys.stderr.flush()


#: The signals that stop a supervisor.
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)
