"""The child's news of its wait for the storage: what the supervisor is told, and how often."""

from __future__ import annotations

import time
from collections.abc import Callable

from zcasync.protocol.waits import Wait

#: The tries of one wait are told no more often than this, seconds.
TELL_SECONDS = 1.0


class WaitNews:
    """An observer of a StorageWait; ``send(wait)``, None: it is over, is called in its thread.

    ``seconds``: a monotonic clock.
    """

    def __init__(
        self, send: Callable[[Wait | None], None], seconds: Callable[[], float] = time.monotonic
    ) -> None:
        self._send = send
        self._seconds = seconds
        self._told: float | None = None  # when it was told last; None: of no wait that lasts

    def __call__(self, error: BaseException | None, since: int, tries: int) -> None:
        """Tell of a try, its error and those before, or of an answer."""
        now = self._seconds()
        if error is None:
            self._told = None
            self._send(None)
        elif self._told is None or now - self._told >= TELL_SECONDS:
            self._told = now
            self._send(Wait.of(error, since, tries))
