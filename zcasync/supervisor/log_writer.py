"""Writes the log in a thread of its own: whoever logs never waits for a disk, a pipe or a terminal.

What cannot be written now waits, MOST_BYTES of it.  What comes then is dropped, counted, and the
count is a line of the log where the lines would have been, as soon as it can be written again.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress

from twisted.logger import Logger

from zcasync.supervisor.log_outlets import IOutlet

log = Logger()

MOST_BYTES = 2 * 1024 * 1024
#: Handed to the outlet at once.
BATCH_BYTES = 64 * 1024
#: How often it is looked whether a file is still where the log is to be, and tried again to write.
CHECK_SECONDS = 0.5
#: So long an end waits for what is still to be written, by all writers.
END_SECONDS = 1.0


class LogWriter:
    """The lines that wait for one outlet, and the thread that writes them.

    ``dropped(count)`` returns the line that says how many lines are missing.  The thread begins
    with ``start``, so that a process may fork before.
    """

    def __init__(
        self,
        outlet: IOutlet,
        dropped: Callable[[int], str],
        encoding: str = "utf-8",
        errors: str = "backslashreplace",
    ) -> None:
        self._outlet = outlet
        self._dropped = dropped
        self._encoding, self._errors = encoding, errors
        # It can be taken twice: the handler of a signal logs as well.
        self._changed = threading.Condition()
        self._waiting: deque[bytes | int] = deque()  # lines, and how many were dropped there
        self._bytes = 0
        self._thread: threading.Thread | None = None
        self._is_stuck = False  # the last try to write has failed
        self._tries = 0
        self._is_asked = False  # to try, or to reopen, at once
        self._reopens = False
        self._ends_at: float | None = None

    def start(self) -> None:
        """Begin to write.  Safe to repeat."""
        with self._changed:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="log", daemon=True)
                self._thread.start()

    def write(self, text: str) -> None:
        """Have whole lines written; never waits, but after ``end``."""
        data = text.encode(self._encoding, self._errors)
        with self._changed:
            if self._bytes and self._bytes + len(data) > MOST_BYTES:
                self._drop()
            else:
                self._waiting.append(data)
                self._bytes += len(data)
                self._changed.notify_all()
        if self._ends_at is not None:
            self._wait_until(self._ends_at)

    def reopen(self) -> None:
        """Have the outlet opened anew, at once."""
        with self._changed:
            self._reopens = self._is_asked = True
            self._changed.notify_all()

    def end(self, at: float) -> None:
        """Wait until all is written, until ``at`` (monotonic) at most; so does who logs then."""
        with suppress(RuntimeError):  # the interpreter ends, and starts no thread any more
            self.start()
        self._ends_at = at
        self._wait_until(at)

    def _drop(self) -> None:
        last = self._waiting[-1]
        if isinstance(last, int):
            self._waiting[-1] = last + 1
        else:
            self._waiting.append(1)

    def _wait_until(self, at: float) -> None:
        """Wait until all is written or has failed once more, until ``at`` at most."""
        with self._changed:
            tries = self._tries
            self._is_asked = True
            self._changed.notify_all()
            self._changed.wait_for(
                lambda: not self._waiting or (self._is_stuck and self._tries > tries),
                max(0.0, at - time.monotonic()),
            )

    # in its thread

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(self._has_work, CHECK_SECONDS)
                self._is_asked, reopens, self._reopens = False, self._reopens, False
            self._outlet.check(reopen=reopens)
            with self._changed:
                data = self._batch()
            taken = self._outlet.write(data) if data else 0
            with self._changed:
                was_stuck, self._is_stuck = self._is_stuck, taken < len(data)
                self._tries += 1
                self._remove(taken)
                self._changed.notify_all()
            if self._is_stuck and not was_stuck and self._ends_at is None:
                log.warn(  # to the others that there are, and here when it works again
                    "{name} cannot be written: {why}; lines wait for it, and are dropped when they "
                    "are too many",
                    name=self._outlet.name,
                    why=self._outlet.problem,
                )

    def _has_work(self) -> bool:
        return self._is_asked or (bool(self._waiting) and not self._is_stuck)

    def _batch(self) -> bytes:
        """Return what is to be written next; it goes on to wait."""
        found: list[bytes] = []
        size = 0
        for number, one in enumerate(self._waiting):
            if isinstance(one, int):
                if number:
                    break  # its line is made once it is the next one: it may yet grow
                one = self._dropped(one).encode(self._encoding, self._errors)
                self._waiting[0] = one
                self._bytes += len(one)
            found.append(one)
            size += len(one)
            if size >= BATCH_BYTES:
                break
        return b"".join(found)

    def _remove(self, count: int) -> None:
        """Forget so many bytes, which are written."""
        self._bytes -= count
        while count:
            one = self._waiting.popleft()
            assert isinstance(one, bytes)
            if count < len(one):
                self._waiting.appendleft(one[count:])
            count -= min(count, len(one))
