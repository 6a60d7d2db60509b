"""Where log lines go: a file that may be moved away or emptied by others, or a stream."""

from __future__ import annotations

import errno
import io
import os
import select
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol, TextIO

ROTATE_BYTES = 10 * 1024 * 1024
KEEP_FILES = 10
#: What a pipe takes at once that says it takes anything.
PIPE_BYTES = 4096
STALLED_SECONDS = 0.05
#: So long the last words of a process wait for whoever reads them.
PATIENCE_SECONDS = 0.5


class IOutlet(Protocol):
    """Where lines go.  Only one thread at a time calls it.

    ``name``: for people.  ``problem``: why the last write took less than it was given.
    """

    name: str
    problem: str | None

    def write(self, data: bytes) -> int:
        """Write; return how many bytes were taken, fewer where it does not work now."""

    def check(self, *, reopen: bool) -> None:
        """Look whether it still leads to where it should; ``reopen``: open it anew anyway."""


class LogFile:
    """A file, appended to; ten files of 10 MB are kept: NAME, NAME.1 and so on, the oldest last.

    ``open_file(path)`` opens it for appending, or makes a new one, and returns the descriptor; it
    raises OSError.  Others may move, remove or empty the file (logrotate), and commands append.
    """

    problem: str | None = None

    def __init__(self, path: Path, open_file: Callable[[Path], int]) -> None:
        self.name = str(path)
        self._path = path
        self._open_file = open_file
        self._fd = open_file(path)
        self._size = os.fstat(self._fd).st_size

    def check(self, *, reopen: bool) -> None:
        """Open it anew where another file, or none, is at its path now."""
        with suppress(OSError):
            found = os.fstat(self._fd)
            self._size = found.st_size
            if reopen or not self._is_at_its_path(found):
                self._open_again()

    def write(self, data: bytes) -> int:
        """Append; return how many bytes there was room for."""
        if self._size + len(data) > ROTATE_BYTES:
            self._rotate()
        written = 0
        while written < len(data):
            try:
                count = os.write(self._fd, data[written:])
            except OSError as error:
                self.problem = error.strerror
                if error.errno == errno.EFBIG and self._size:  # by a limit of this process
                    self._rotate()
                break
            written += count
            self._size += count
        return written

    def _is_at_its_path(self, found: os.stat_result) -> bool:
        try:
            return os.path.samestat(found, self._path.stat())
        except FileNotFoundError:
            return False

    def _open_again(self) -> None:
        """Open it again; the old one is written to as long as that cannot be."""
        fd = self._open_file(self._path)
        os.close(self._fd)
        self._fd = fd
        self._size = os.fstat(fd).st_size

    def _rotate(self) -> None:
        self._size = 0  # where it cannot be rotated, the next try comes 10 MB later
        with suppress(OSError):
            for number in range(KEEP_FILES - 1, 0, -1):
                with suppress(FileNotFoundError):
                    os.replace(self._numbered(number), self._numbered(number + 1))
            with suppress(FileNotFoundError):  # somebody else has just moved it
                os.replace(self._path, self._numbered(1))
            self._open_again()

    def _numbered(self, number: int) -> str:
        return f"{self._path}.{number}"


class LogStream:
    """A stream that others have opened: a terminal, a pipe, a socket, a file.

    It is left as it is, non-blocking or not, because it is theirs too; so each write waits until it
    takes something.
    """

    problem: str | None = None

    def __init__(self, fd: int, name: str) -> None:
        self.name = name
        self._fd = fd

    @property
    def place(self) -> tuple[int, int]:
        """Where it leads to: its device and inode."""
        found = os.fstat(self._fd)
        return found.st_dev, found.st_ino

    def check(self, *, reopen: bool) -> None:
        """Nothing is known of where it leads."""

    def write(self, data: bytes) -> int:
        """Write all, however long that takes; return how much was taken before an error."""
        written = 0
        while written < len(data):
            wait_until_writable(self._fd)
            try:
                written += os.write(self._fd, data[written : written + PIPE_BYTES])
            except BlockingIOError:
                time.sleep(STALLED_SECONDS)
            except OSError as error:
                self.problem = error.strerror
                break
        return written


class _Patient(io.RawIOBase):
    """A descriptor that holds no writer up and never fails: what it does not take is lost."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def fileno(self) -> int:
        return self._fd

    def isatty(self) -> bool:
        return os.isatty(self._fd)

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        rest = bytes(data)
        while rest and wait_until_writable(self._fd, PATIENCE_SECONDS):
            try:
                rest = rest[os.write(self._fd, rest[:PIPE_BYTES]) :]
            except OSError:
                break
        return len(data)


def patient(stream: TextIO | None) -> TextIO:
    """Return a stream to where this one leads, which waits for its reader shortly and never fails.

    None, and one without a descriptor: to nowhere.
    """
    fd = None
    if stream is not None:
        with suppress(OSError, ValueError):
            fd = stream.fileno()
    raw: Any = _Patient(os.open(os.devnull, os.O_WRONLY) if fd is None else fd)
    encoding, errors = getattr(stream, "encoding", None), getattr(stream, "errors", None)
    return io.TextIOWrapper(raw, encoding or "utf-8", errors or "replace", write_through=True)


def wait_until_writable(fd: int, seconds: float | None = None) -> bool:
    """Wait until a write would not block, or fail; False where that takes longer."""
    poll = select.poll()
    poll.register(fd, select.POLLOUT)
    return bool(poll.poll(None if seconds is None else seconds * 1000))
