"""The terminal of a live view: single keys, its size, and its end."""

from __future__ import annotations

import contextlib
import errno
import os
import select
import signal
import sys
import termios
import tty
from collections.abc import Iterator
from types import FrameType, TracebackType
from typing import Any, Self

from zcasync.cli.errors import ReaderLeft
from zcasync.cli.output import DUMB

#: Wake the view: the terminal has another size; and end it.
RESIZED = (signal.SIGWINCH,)
ENDS = (signal.SIGTERM, signal.SIGHUP)
#: A shell's exit code for a process that ended by a signal is that number and this.
SIGNALLED = 128


def is_live() -> bool:
    """Return whether there is a terminal to read keys from, and to draw on."""
    is_dumb = os.environ.get("TERM", "") in DUMB
    return sys.stdin.isatty() and sys.stdout.isatty() and not is_dumb


@contextlib.contextmanager
def closing_is_leaving() -> Iterator[None]:
    """Raise ReaderLeft in place of the error of a terminal that was closed."""
    try:
        yield
    except OSError as error:
        if error.errno != errno.EIO:
            raise
        raise ReaderLeft from error


class Terminal:
    """Reads single keys from standard input until told to end; used in a ``with`` block."""

    def __init__(self) -> None:
        self._woken, self._waker = os.pipe()
        for one in (self._woken, self._waker):
            os.set_blocking(one, False)
        self._settings: list[Any] = []
        self._handlers: dict[signal.Signals, Any] = {}
        self._former_waker = -1
        #: The exit code of a view that a signal has ended.
        self.ended: int | None = None

    def __enter__(self) -> Self:
        self._settings = termios.tcgetattr(sys.stdin)
        tty.setcbreak(sys.stdin, termios.TCSANOW)
        self._former_waker = signal.set_wakeup_fd(self._waker, warn_on_full_buffer=False)
        for one in (*RESIZED, *ENDS):
            if signal.getsignal(one) != signal.SIG_IGN or one in RESIZED:
                self._handlers[one] = signal.signal(one, self._signalled)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        signal.set_wakeup_fd(self._former_waker)
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        with contextlib.suppress(termios.error):  # it is closed
            termios.tcsetattr(sys.stdin, termios.TCSANOW, self._settings)

    def _signalled(self, number: int, frame: FrameType | None) -> None:
        if number in ENDS:
            self.ended = SIGNALLED + number

    def wake(self) -> None:
        """End a ``wait``; in any thread."""
        with contextlib.suppress(BlockingIOError):  # it is full of them
            os.write(self._waker, b"w")

    def wait(self, seconds: float) -> str:
        """Wait for a key, a ``wake``, or another size; return the keys, '' without any.

        Raises ReaderLeft where the terminal is gone.
        """
        ready, _, _ = select.select([sys.stdin, self._woken], [], [], seconds)
        if self._woken in ready:
            with contextlib.suppress(BlockingIOError):
                os.read(self._woken, 4096)
        if sys.stdin not in ready:
            return ""
        keys = os.read(sys.stdin.fileno(), 100)
        if not keys:
            raise ReaderLeft
        return keys.decode("utf-8", "replace")
