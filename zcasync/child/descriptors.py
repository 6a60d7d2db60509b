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
import socket
import stat
import time
from collections.abc import Callable, Collection, Iterable

#: Descriptors are moved to numbers below this one, and below the process's own limit.
NUMBERS = 1024
#: There is room for so many.
ROOM = 64
#: The type of event queues of the kernel, which is none.
EVENTS = 0
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
    """The descriptors that this process had before its first job, but for the first three.

    Those are pipes, what its event loops wait with, and connections.  Whoever has one of these may
    close it, or make it again, with another server perhaps; ``in_use()`` returns those to storages
    that the process uses, and would go on to use where a job has closed them.
    For one thread, but for ``lost``.
    """

    def __init__(self, in_use: Callable[[], Collection[int]]) -> None:
        self._in_use = in_use
        self._poll = select.poll()
        self._kept: dict[int, tuple[int, int] | None] = {}
        self._peers: dict[int, str] = {}
        self._looked_at = 0.0

    def note(self) -> None:
        """Take those that are open now for the child's own."""
        for fd in _open_descriptors():
            kind = _kind(fd)
            peer = _peer(fd) if kind == stat.S_IFSOCK else ""
            if peer:
                self._peers[fd] = peer
                self._poll.register(fd, 0)
            elif kind in (stat.S_IFIFO, stat.S_IFSOCK, EVENTS):
                self._kept[fd] = identity(fd)
                self._poll.register(fd, 0)

    def problem(self) -> str | None:
        """Return what has become of one of them; None: nothing that matters."""
        lost = [fd for fd, event in self._poll.poll(0) if event & select.POLLNVAL]
        now = time.monotonic()
        if not lost and now - self._looked_at < LOOK_SECONDS:
            return None
        self._looked_at = now
        missed = [fd for fd in lost if fd in self._peers and self._is_missed(fd)]
        return _told(missed) if missed else self.lost()

    def lost(self) -> str | None:
        """Return the same, but look at no connection; in any thread."""
        return _told([fd for fd, kept in list(self._kept.items()) if identity(fd) != kept])

    def give_up(self, but: Iterable[int] = ()) -> None:
        """Let all of them lead to nothing, in a copy of this process, but for a few."""
        own = {fd for fd, kept in self._kept.items() if identity(fd) == kept}
        own |= {fd for fd, peer in self._peers.items() if _peer(fd) == peer}
        own |= {fd for fd in self._in_use() if _peer(fd)}  # opened since then
        nothing = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
        for fd in own - set(but):
            os.dup2(nothing, fd, inheritable=False)
        os.close(nothing)

    def _is_missed(self, fd: int) -> bool:
        """Return whether a connection was not closed by those whose it is."""
        del self._peers[fd]
        self._poll.unregister(fd)
        in_use = self._in_use()
        for one in set(in_use) - self._peers.keys() - {fd}:  # made again
            self._peers[one] = _peer(one)
            self._poll.register(one, 0)
        return fd in in_use


def _open_descriptors() -> list[int]:
    return [fd for fd in map(int, os.listdir("/dev/fd")) if fd > 2]


def _kind(fd: int) -> int | None:
    """Return the type of what a descriptor leads to; None: it is closed."""
    try:
        return stat.S_IFMT(os.fstat(fd).st_mode)
    except OSError:  # the one that the list was read with
        return None


def _peer(fd: int) -> str:
    """Return the address at the other end of a socket; '' where there is none."""
    if _kind(fd) != stat.S_IFSOCK:
        return ""
    with socket.socket(fileno=os.dup(fd)) as found:
        try:
            return str(found.getpeername() or "")
        except OSError:  # it is not connected
            return ""


def _told(numbers: list[int]) -> str | None:
    if not numbers:
        return None
    shown = ", ".join(map(str, sorted(numbers)[:5]))
    more = f" and {len(numbers) - 5} more" if len(numbers) > 5 else ""
    return f"descriptors of its own, {shown}{more}, were closed or lead elsewhere"
