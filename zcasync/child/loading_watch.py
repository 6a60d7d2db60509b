"""The child's watch over loading: what never ends, or ends the process, is that job's own doing.

Who hangs while it imports or unpickles may hold the interpreter, so the process is ended by a
thread that does not need it, which leaves the Python stack.  While a result is tried, the output
says so: a job whose result ends the process is not begun again.
"""

from __future__ import annotations

import faulthandler
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

from zcasync.child.streams import Streams
from zcasync.job.loading import Stage


class LoadingWatch:
    """Watches the thread that it is made in.

    ``seconds``: so long something may load.  ``streams``: the child's.
    """

    def __init__(self, seconds: float, streams: Streams) -> None:
        self._seconds = seconds
        self._streams = streams
        self._thread = threading.get_ident()
        self._is_watching = False

    def __call__(self, stage: Stage) -> AbstractContextManager[None]:
        """Return a context for something that is loaded; one within another is watched with it."""
        if self._is_watching or threading.get_ident() != self._thread:
            return nullcontext()
        return self._watched() if stage == Stage.CALL else self._announced()

    @contextmanager
    def _watched(self) -> Iterator[None]:
        self._is_watching = True
        faulthandler.dump_traceback_later(self._seconds, exit=True, file=self._streams.stderr.fd)
        try:
            yield
        finally:
            faulthandler.cancel_dump_traceback_later()
            self._is_watching = False

    @contextmanager
    def _announced(self) -> Iterator[None]:
        self._streams.announce(Stage.RESULT)
        try:
            with self._watched():
                yield
        finally:
            self._streams.announce()
