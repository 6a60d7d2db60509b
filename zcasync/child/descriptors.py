"""The descriptors that a child needs for itself: out of the way of jobs, and looked at after calls.

A job may close, or put files over, descriptors that it takes for its own.  Those of the
conversation, of the lifeline and of the output get numbers that no job comes upon by itself.  Who
closes all of them has ended the child: it cannot report anything any more.
"""

from __future__ import annotations

import fcntl
import os
import resource
import select
import stat
import time
from collections.abc import Iterable

#: Descriptors are moved to numbers below this one, and below the process's own limit.
NUMBERS = 1024
#: There is room for so many.
ROOM = 64
#: Descriptors that lead elsewhere are found out after so many seconds; closed ones at once.
LOOK_SECONDS = 0.1


def duplicate(fd: int, *, inherited: bool = False) -> int:
    """Return a duplicate of a descriptor with a high number.

    ``inherited``: programmes that jobs start get it too, unless they are given none of ours.
    """
    how = fcntl.F_DUPFD if inherited else fcntl.F_DUPFD_CLOEXEC
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    numbers = NUMBERS if limit == resource.RLIM_INFINITY else min(limit, NUMBERS)
    return fcntl.fcntl(fd, how, max(numbers - ROOM, 3))


def move(fd: int, *, inherited: bool = False) -> int:
    """Give a descriptor a high number; return that.  ``inherited`` is as above.

    The old number leads to nothing from then on, so that nothing else of ours gets it.
    """
    moved = duplicate(fd, inherited=inherited)
    nothing = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    os.dup2(nothing, fd, inheritable=False)
    os.close(nothing)
    return moved


def out_of_the_way(fd: int) -> int:
    """Give a descriptor a high number, and free the old one; return the new one."""
    moved = duplicate(fd)
    os.close(fd)
    return moved


def identity(fd: int) -> tuple[int, int] | None:
    """Return which file a descriptor leads to; None: it is closed."""
    try:
        found = os.fstat(fd)
    except OSError:
        return None
    return found.st_dev, found.st_ino


class OwnDescriptors:
    """The descriptors that this process had before its first job, as far as it cannot lose them.

    Those are pipes, and what its event loops wait with.  A lost connection to a storage is made
    again, and the three that every programme has are not among them.  For one thread.
    """

    def __init__(self) -> None:
        self._poll = select.poll()
        self._found: dict[int, tuple[int, int] | None] = {}
        self._looked_at = 0.0

    def note(self) -> None:
        """Take those that are open now for the child's own."""
        for fd in _open_descriptors():
            if fd > 2 and _is_needed(fd):
                self._found[fd] = identity(fd)
                self._poll.register(fd, 0)

    def problem(self) -> str | None:
        """Return what has become of one of them; None: they are as they were."""
        lost = [fd for fd, event in self._poll.poll(0) if event & select.POLLNVAL]
        now = time.monotonic()
        if not lost and now - self._looked_at < LOOK_SECONDS:
            return None
        self._looked_at = now
        if not lost:
            lost = [fd for fd, found in self._found.items() if identity(fd) != found]
        if not lost:
            return None
        return f"descriptors of its own, {_listed(lost)}, were closed or lead elsewhere"

    def give_up(self, but: Iterable[int] = ()) -> None:
        """Let all of them lead to nothing, in a copy of this process, but for a few."""
        nothing = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
        for fd in self._found.keys() - set(but):
            os.dup2(nothing, fd, inheritable=False)
        os.close(nothing)


def _open_descriptors() -> list[int]:
    return [int(name) for name in os.listdir("/dev/fd")]


def _is_needed(fd: int) -> bool:
    try:
        mode = os.fstat(fd).st_mode
    except OSError:  # the one that the list was read with
        return False
    return stat.S_ISFIFO(mode) or not stat.S_IFMT(mode)  # no type: an event queue of the kernel


def _listed(numbers: list[int]) -> str:
    shown = ", ".join(map(str, sorted(numbers)[:5]))
    return shown if len(numbers) <= 5 else f"{shown} and {len(numbers) - 5} more"
