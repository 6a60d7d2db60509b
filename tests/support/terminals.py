"""Command lines on a terminal: a pseudo terminal of a size, in a session of its own."""

from __future__ import annotations

import codecs
import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from tests.support.instance import ROOT

SECONDS = 60.0


class Terminal:
    """A terminal in which a command line runs."""

    def __init__(
        self,
        words: list[object],
        size: tuple[int, int],
        program: tuple[str, ...] = (sys.executable, "-m", "zcasync.cli.main"),
        **variables: str,
    ) -> None:
        self.primary, secondary = pty.openpty()
        self.resize(*size)
        self.settings = termios.tcgetattr(secondary)
        self._secondary = secondary
        # Ctrl-C drops what was written and not read yet, wherever that ends.
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self.output = ""
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "TERM": "xterm", **variables}
        environment = {name: value for name, value in environment.items() if value}
        self.process = subprocess.Popen(
            [*program, *map(str, words)],
            stdin=secondary,
            stdout=secondary,
            stderr=subprocess.PIPE,
            env=environment,
            preexec_fn=_own_terminal,
        )

    def resize(self, columns: int, lines: int) -> None:
        """Give it another size; the kernel tells the processes in it."""
        size = struct.pack("HHHH", lines, columns, 0, 0)
        fcntl.ioctl(self.primary, termios.TIOCSWINSZ, size)

    def type(self, keys: str) -> None:
        os.write(self.primary, keys.encode())

    def wait_for(self, *texts: str) -> str:
        """Read until one of the texts comes; what came before it."""
        until = time.monotonic() + SECONDS
        while not any(text in self.output for text in texts):
            assert time.monotonic() < until, (texts, self.output)
            self._read(0.1)
        found = min(
            (text for text in texts if text in self.output),
            key=lambda text: self.output.index(text),
        )
        before, _, self.output = self.output.partition(found)
        return before

    def _read(self, seconds: float) -> None:
        if select.select([self.primary], [], [], seconds)[0]:
            try:
                self.output += self._decoder.decode(os.read(self.primary, 65536))
            except OSError:  # nobody has it open any more: its process is about to end
                self._wait_for_end(seconds)

    def _wait_for_end(self, seconds: float) -> None:
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(seconds)

    def end(self) -> tuple[int, str, str]:
        """Wait for the end; the exit code, what was not read yet, standard error."""
        until = time.monotonic() + SECONDS
        while self.process.poll() is None:
            assert time.monotonic() < until, self.output
            if self.primary >= 0:
                self._read(0.05)
            else:
                self._wait_for_end(SECONDS)
        while self.primary >= 0 and select.select([self.primary], [], [], 0)[0]:
            before = self.output
            self._read(0)
            if self.output == before:
                break
        assert self.process.stderr is not None
        return self.process.returncode, self.output, self.process.stderr.read().decode()

    def settings_now(self) -> list[Any]:
        return termios.tcgetattr(self._secondary)

    def close(self) -> None:
        """Take the terminal away, as a window that is closed."""
        for one in (self.primary, self._secondary):
            if one >= 0:
                os.close(one)
        self.primary = self._secondary = -1


def _own_terminal() -> None:
    os.setsid()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    ignored = bool(os.environ.get("TEST_NOHUP"))  # whatever the tests themselves were started with
    signal.signal(signal.SIGHUP, signal.SIG_IGN if ignored else signal.SIG_DFL)


@contextmanager
def terminal(
    *words: object, size: tuple[int, int] = (100, 30), **options: Any
) -> Iterator[Terminal]:
    made = Terminal(list(words), size, **options)
    try:
        yield made
    finally:
        made.close()
        made.process.kill()
        made.process.wait()
        assert made.process.stderr is not None
        made.process.stderr.close()
